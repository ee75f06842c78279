"""RGB pixels to perceptual fingerprints: pdq/1 and phash/1.

The recipes are in docs/methods/pdq-1.md and phash-1.md. The hashing libraries are imported when first
used: together with scipy they would cost every command a good part of a second.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from hashpact.domain.errors import InvalidInputError
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint
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
    return Fingerprint(PDQ, np.packbits(bits.astype(np.bool_)).tobytes(), int(quality))


def phash(rgb: npt.NDArray[np.uint8]) -> Fingerprint:
    """The phash/1 fingerprint of pixels shaped (height, width, 3), uint8, RGB.

    Its bytes are those of imagehash's own hex string. Raises InvalidInputError for another shape, dtype
    or a side under MIN_SIDE, UnusableFingerprintError for a picture with too little structure.
    """
    import imagehash  # noqa: PLC0415 - late

    _check(rgb)
    bits = imagehash.phash(Image.fromarray(rgb), hash_size=8).hash
    return Fingerprint(PHASH, np.packbits(bits).tobytes())


def _check(rgb: npt.NDArray[np.uint8]) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or min(rgb.shape[:2]) < MIN_SIDE:  # noqa: PLR2004 - three colours, three axes
        msg = (
            f"pixels must be uint8 shaped (height, width, 3), at least {MIN_SIDE} x {MIN_SIDE}; "
            f"these are {rgb.dtype} shaped {rgb.shape}"
        )
        raise InvalidInputError(msg, field="pixels")
