"""The views of a picture, as the queries of a check.

All come from one decoding, at a size of about a megapixel. Which views find what, and what each costs, is in
docs/methods/views.md. A view has pdq/1 where detail decides and phash/1 where tolerance does, within less than the
type's own threshold, so that many views find no more by chance than one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import numpy as np
from PIL import Image

from hashpact import _kernel
from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint, FingerprintType
from hashpact.domain.views import View
from hashpact.errors import UnusableFingerprintError
from hashpact.fingerprint.images import Picture
from hashpact.fingerprint.perceptual import Reduced, phash_codes, transformed
from hashpact.fingerprint.views import shown
from hashpact.fingerprint.views.panels import boxes

MIN_QUALITY: Final = 20
"""The least quality of a query. One for sharing needs 50, because it is compared with every upload."""

_ALIKE: Final = 2
"""Codes that differ in no more bits find the same."""

_WITHIN: Final = {
    PDQ: {View.TURNED: 16, View.PART: 24},
    PHASH: {View.WHOLE: 10, View.PART: 8, View.PADDED: 8},
}
"""How near a match of a view must be, where that is not the type's default."""

_PADS: Final = (0.026, 0.055)
"""What is added at each side, as a share of it: what crops of 5 and 10 % have taken away."""

_TILTS: Final = (-1.5, 1.5)
"""By how many degrees a picture is rotated."""

_THUMB: Final = 256
"""The longer side of the picture that is padded and tilted: phash looks at 32 x 32 pixels of it."""

_DETECTED: Final = 512
"""The longer side of the picture in which panels are looked for."""

_TONES: Final = 1
_TEXT_LIKE: Final = 0.5
"""A picture of which so much has one tone is text-like: another text in the same layout is near it."""


class Views:
    """Collects the queries of a picture: of each view, those that find more than the ones before."""

    def __init__(self) -> None:
        self.queries: list[Query] = []

    def add(self, kind: FingerprintType, code: bytes, view: View, *, text_like: bool) -> None:
        """One more, unless another one finds the same or the code is one that cannot be looked for."""
        within = _WITHIN[kind].get(view, int(kind.default))
        for other in self.queries:
            apart = int.from_bytes(other.fingerprint.value) ^ int.from_bytes(code)
            if other.fingerprint.type is kind and apart.bit_count() <= _ALIKE and _reach(other) >= within:
                return
        try:
            fingerprint = Fingerprint(kind, code)
        except UnusableFingerprintError:
            return
        self.queries.append(Query(fingerprint, within, view, text_like))

    def add_image(self, image: Image.Image, view: View) -> None:
        """Both codes of an image in RGB."""
        text_like = is_text_like(image)
        made = _kernel.Pdq(*image.size)
        made.add(np.asarray(image))
        codes, quality, _ = made.finish()
        if quality >= MIN_QUALITY:
            self.add(PDQ, codes[0], view, text_like=text_like)
        half = image.reduce(2) if max(image.size) > _DETECTED else image
        self.add_phash(half, view, text_like=text_like)

    def add_phash(self, image: Image.Image, view: View, *, text_like: bool) -> None:
        """The code of phash of an image."""
        self.add(PHASH, phash_codes(transformed(image.convert("L")))[0], view, text_like=text_like)


def derived(
    picture: Picture, of: Reduced, other: Picture | None, wanted: Collection[View]
) -> tuple[Query, ...]:
    """The queries of those ``wanted`` views of a picture: ``of`` is what its recipes are made from.

    ``other`` is another frame, of an animation. The content itself comes first.
    """
    views = Views()
    plain = shown.shown(Picture(picture.image), shown.WHITE)
    text_like = is_text_like(plain)
    frequencies = phash_codes(transformed(of.grey))
    if View.WHOLE in wanted:
        if of.quality >= MIN_QUALITY:
            views.add(PDQ, of.codes[0], View.WHOLE, text_like=text_like)
        views.add(PHASH, frequencies[0], View.WHOLE, text_like=text_like)
    base = plain
    if picture.orientation != 1 or picture.profile is not None or picture.transparent:
        base = shown.shown(picture, shown.WHITE)
        if View.SHOWN in wanted:
            views.add_image(base, View.SHOWN)
        if View.BLACK in wanted and picture.transparent:
            views.add_image(shown.shown(picture, shown.BLACK), View.BLACK)
    if View.FRAME in wanted and other is not None:
        views.add_image(shown.shown(other, shown.WHITE), View.FRAME)
    if View.PART in wanted:
        for part in parts(base):
            views.add_image(part, View.PART)
    if View.TURNED in wanted:
        for code, other_code in zip(of.codes[1:], frequencies[1:], strict=True):
            if of.quality >= MIN_QUALITY:
                views.add(PDQ, code, View.TURNED, text_like=text_like)
            views.add(PHASH, other_code, View.TURNED, text_like=text_like)
    thumb = base.convert("L")
    thumb.thumbnail((_THUMB, _THUMB), Image.Resampling.BOX)
    if View.PADDED in wanted:
        for pad in _PADS:
            views.add_phash(_padded(thumb, pad), View.PADDED, text_like=text_like)
    if View.TILTED in wanted:
        for angle in _TILTS:
            views.add_phash(thumb.rotate(angle, Image.Resampling.BICUBIC), View.TILTED, text_like=text_like)
    return tuple(views.queries)


def parts(image: Image.Image) -> Iterator[Image.Image]:
    """What somebody may have framed in a picture, as pictures of their own."""
    factor = 2 if max(image.size) > _DETECTED else 1
    for box in boxes(image.reduce(factor) if factor > 1 else image):
        right, bottom = min(box.right * factor, image.width), min(box.bottom * factor, image.height)
        yield image.crop((box.left * factor, box.top * factor, right, bottom))


def is_text_like(image: Image.Image) -> bool:
    """Whether most of a picture has one tone, as pictures of text have."""
    grey = image.convert("L")
    grey.thumbnail((_THUMB, _THUMB), Image.Resampling.BOX)
    counts = np.convolve(grey.histogram(), np.ones(2 * _TONES + 1), "same")
    return bool(counts.max() > _TEXT_LIKE * grey.width * grey.height)


def _padded(image: Image.Image, share: float) -> Image.Image:
    """The image with its edges reflected."""
    across, down = round(share * image.width), round(share * image.height)
    return Image.fromarray(np.pad(np.asarray(image), ((down, down), (across, across)), "symmetric"))


def _reach(query: Query) -> float:
    return query.fingerprint.type.threshold(query.threshold)
