"""Pictures to perceptual fingerprints: pdq/1 and phash/1.

The recipes are in docs/methods/pdq-1.md and phash-1.md. imagehash is imported when first used: together with
scipy it would cost every command a good part of a second.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image

from hashpact import _kernel
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint
from hashpact.errors import UnusableFingerprintError
from hashpact.fingerprint.images import Picture


@dataclass(frozen=True, slots=True)
class Reduced:
    """What is left of a picture once it has been read: a quarter of its memory.

    ``codes`` are of PDQ, in the order of ``pdq_variants``, and have one ``quality``. ``grey`` is the picture
    in Pillow's mode L.
    """

    codes: tuple[bytes, ...]
    quality: int
    grey: Image.Image


def reduced(picture: Picture) -> Reduced:
    """All that the recipes need of ``picture``, from one pass over its bands."""
    width, height = picture.size
    made = _kernel.Pdq(width, height)
    grey = Image.new("L", (width, height))
    top = 0
    for band in picture.bands():
        made.add(np.asarray(band))
        grey.paste(band.convert("L"), (0, top))
        top += band.height
    codes, quality = made.finish()
    return Reduced(tuple(codes), quality, grey)


def pdq(of: Reduced) -> Fingerprint:
    """The pdq/1 fingerprint, with its quality: of the full resolution, equal to the reference's to the bit.

    Raises UnusableFingerprintError for a picture with too little structure.
    """
    return Fingerprint(PDQ, of.codes[0], of.quality)


def pdq_variants(of: Reduced) -> tuple[Fingerprint, ...]:
    """The pdq/1 fingerprints of a picture, equal to ``pdq(of)``, and of its rotations and mirror images.

    In this order: as it is; rotated by 90, 180 and 270 degrees counterclockwise; upside down; mirrored left
    to right; mirrored at the diagonal from top left; mirrored at the other diagonal. All come from one
    transform, so that those after the first are some bits off what the turned pixels would give: how many is
    in docs/methods/pdq-1.md. They are for checking, never to be shared.

    Raises as ``pdq`` does. Of the others, one that is refused is left out.
    """
    found = [pdq(of)]
    for code in of.codes[1:]:
        with suppress(UnusableFingerprintError):
            found.append(Fingerprint(PDQ, code, of.quality))
    return tuple(found)


def phash(of: Reduced) -> Fingerprint:
    """The phash/1 fingerprint. Its bytes are those of imagehash's own hex string.

    Raises UnusableFingerprintError for a picture with too little structure.
    """
    import imagehash  # noqa: PLC0415 - late

    bits = imagehash.phash(of.grey, hash_size=8).hash
    return Fingerprint(PHASH, np.packbits(bits).tobytes())
