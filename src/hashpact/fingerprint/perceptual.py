"""Pictures to perceptual fingerprints: pdq/1 and phash/1.

The recipes are in docs/methods/pdq-1.md and phash-1.md. imagehash is imported when first used: together with
scipy it would cost every command a good part of a second.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from PIL import Image

from hashpact import _kernel
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint
from hashpact.errors import UnusableFingerprintError
from hashpact.fingerprint.images import Picture


def pdq(picture: Picture) -> Fingerprint:
    """The pdq/1 fingerprint of ``picture``, with its quality.

    Computed at full resolution, in memory for a small part of it, and equal to the reference's to the bit.
    Raises UnusableFingerprintError for a picture with too little structure.
    """
    (first, *_), quality = _pdq_codes(picture)
    return Fingerprint(PDQ, first, quality)


def pdq_variants(picture: Picture) -> tuple[Fingerprint, ...]:
    """The pdq/1 fingerprints of ``picture``, equal to ``pdq(picture)``, and of it turned and mirrored.

    In this order: as it is; rotated by 90, 180 and 270 degrees counterclockwise; upside down; mirrored left
    to right; mirrored at the diagonal from top left; mirrored at the other diagonal. All come from one
    transform, so that those after the first are some bits off what the turned pixels would give: how many is
    in docs/methods/pdq-1.md. They are for checking, never to be shared.

    Raises as ``pdq`` does. Of the others, one that is refused is left out.
    """
    (first, *others), quality = _pdq_codes(picture)
    found = [Fingerprint(PDQ, first, quality)]
    for code in others:
        with suppress(UnusableFingerprintError):
            found.append(Fingerprint(PDQ, code, quality))
    return tuple(found)


def phash(picture: Picture) -> Fingerprint:
    """The phash/1 fingerprint of ``picture``; its bytes are those of imagehash's own hex string.

    Raises UnusableFingerprintError for a picture with too little structure.
    """
    import imagehash  # noqa: PLC0415 - late

    bits = imagehash.phash(_grey(picture), hash_size=8).hash
    return Fingerprint(PHASH, np.packbits(bits).tobytes())


def _pdq_codes(picture: Picture) -> tuple[list[bytes], int]:
    pdq = _kernel.Pdq(*picture.size)
    for band in picture.bands():
        pdq.add(np.asarray(band))
    return pdq.finish()


def _grey(picture: Picture) -> Image.Image:
    """The picture in grey: a quarter of the memory of RGB."""
    grey = Image.new("L", picture.size)
    top = 0
    for band in picture.bands():
        grey.paste(band.convert("L"), (0, top))
        top += band.height
    return grey
