"""RGB pixels to perceptual fingerprints: pdq/1 and phash/1.

The recipes are in docs/methods/pdq-1.md and phash-1.md. The hashing libraries are imported when first
used: together with scipy they would cost every command a good part of a second.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import numpy.typing as npt
from PIL import Image

from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint
from hashpact.errors import InvalidInputError, UnusableFingerprintError
from hashpact.fingerprint.images import MIN_SIDE


def pdq(rgb: npt.NDArray[np.uint8]) -> Fingerprint:
    """The pdq/1 fingerprint, with its quality, of pixels shaped (height, width, 3), uint8, RGB.

    Computed at full resolution; takes up to 25 bytes of memory a pixel. Raises InvalidInputError for
    another shape, dtype or a side under MIN_SIDE, UnusableFingerprintError for a picture with too little
    structure.
    """
    import pdqhash  # type: ignore[import-untyped]  # noqa: PLC0415 - late, and it carries no types

    _check(rgb)
    # pdqhash reads the rows in C order whatever the strides say.
    bits, quality = pdqhash.compute(np.ascontiguousarray(rgb))
    return _pdq(bits, quality)


def pdq_variants(rgb: npt.NDArray[np.uint8]) -> tuple[Fingerprint, ...]:
    """The pdq/1 fingerprints of the picture, equal to ``pdq(rgb)``, and of its rotations and mirror images.

    In this order: as it is; rotated by 90, 180 and 270 degrees counterclockwise; upside down; mirrored left
    to right; mirrored at the diagonal from top left; mirrored at the other diagonal. All come from one
    transform, so that those after the first are some bits off what the turned pixels would give: how many is
    in docs/methods/pdq-1.md. They are for checking, never to be shared.

    Raises as ``pdq`` does. Of the others, one that is refused is left out.
    """
    import pdqhash  # noqa: PLC0415 - late, as above

    _check(rgb)
    (first, *others), quality = pdqhash.compute_dihedral(np.ascontiguousarray(rgb))
    found = [_pdq(first, quality)]
    for bits in others:
        with suppress(UnusableFingerprintError):
            found.append(_pdq(bits, quality))
    return tuple(found)


def phash(rgb: npt.NDArray[np.uint8]) -> Fingerprint:
    """The phash/1 fingerprint of pixels shaped (height, width, 3), uint8, RGB.

    Its bytes are those of imagehash's own hex string. Raises InvalidInputError for another shape, dtype
    or a side under MIN_SIDE, UnusableFingerprintError for a picture with too little structure.
    """
    import imagehash  # noqa: PLC0415 - late

    _check(rgb)
    bits = imagehash.phash(Image.fromarray(rgb), hash_size=8).hash
    return Fingerprint(PHASH, np.packbits(bits).tobytes())


def _pdq(bits: npt.NDArray[np.int64], quality: int) -> Fingerprint:
    return Fingerprint(PDQ, np.packbits(bits.astype(np.bool_)).tobytes(), int(quality))


def _check(rgb: npt.NDArray[np.uint8]) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or min(rgb.shape[:2]) < MIN_SIDE:  # noqa: PLR2004 - three colours, three axes
        msg = (
            f"pixels must be uint8 shaped (height, width, 3), at least {MIN_SIDE} x {MIN_SIDE}; "
            f"these are {rgb.dtype} shaped {rgb.shape}"
        )
        raise InvalidInputError(msg, field="pixels")
