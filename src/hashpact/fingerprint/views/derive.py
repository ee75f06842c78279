"""The views of a picture, as the queries of a check.

All come from one decoding, at a size of about a megapixel. Which views find what, and what each costs, is in
docs/methods/views.md. A view has pdq/1 where detail decides and phash/1 where tolerance does, within less
than the type's own threshold, so that many views find no more by chance than one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

import numpy as np
from PIL import Image

from hashpact import _kernel
from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint, FingerprintType
from hashpact.domain.matching.views import PictureView, Texture
from hashpact.errors import UnusableFingerprintError
from hashpact.fingerprint.perceptual import (
    MOST_DOUBTFUL,
    Reduced,
    held,
    is_distinctive,
    made_small,
    phash_codes,
    transformed,
)
from hashpact.fingerprint.views.panels import boxes
from hashpact.fingerprint.views.shown import Seen

MIN_QUALITY: Final = 20
"""The least quality of a query. One for sharing needs 50, because it is compared with every upload."""

_ALIKE: Final = 2
"""Codes that differ in no more bits find the same."""

_WITHIN: Final = {PDQ: 31, PHASH: 8}
_TURNED: Final = 16
"""How near a match must be; that of a pdq/1 in another position nearer. There are seven of those, and looking
for one within 16 bits costs a tenth of looking for it within 31. Few different distances, because those alike
are looked for together."""

_CERTAIN: Final = 60
"""A picture of that quality also has a pdq/1 in the clearinghouse, if it is there, so that its other
positions need no phash/1."""

_PADS: Final = (0.026, 0.055)
"""What is added at each side, as a share of it: what crops of 5 and 10 % have taken away."""

_TILTS: Final = (-2, 2)
"""By how many degrees a picture is rotated. What was rotated by 1 to 3 is then within phash's tolerance."""

_MARGIN: Final = 0.06
"""How much is reflected at each side before a picture is rotated, so that no corner is empty."""

_THUMB: Final = 256
"""The longer side of the picture that is padded and tilted: phash looks at 32 x 32 pixels of it."""

_DETECTED: Final = 512
"""The longer side of the picture in which panels are looked for."""

_TONES: Final = 1
"""A tone is a grey and so many above and below it, of 255."""

_SHARP: Final = 40
"""The least quality of a picture of text: its edges are sharp."""

_TEXT_LIKE: Final = 0.6
"""A picture of which so much has one of two tones is text-like. Screenshots of posts, chats and comments have
0.7 and more, nine in ten photographs under 0.35."""


class Views:
    """Collects the queries of a picture: of each view, those that find more than the ones before."""

    def __init__(self) -> None:
        self.queries: list[Query] = []

    def add(self, kind: FingerprintType, code: bytes, view: PictureView, texture: Texture) -> None:
        """One more, unless another one finds the same or the code is one that cannot be looked for."""
        within = _TURNED if kind is PDQ and view is PictureView.TURNED else _WITHIN[kind]
        for other in self.queries:
            apart = int.from_bytes(other.fingerprint.value) ^ int.from_bytes(code)
            if other.fingerprint.type is kind and apart.bit_count() <= _ALIKE and _reach(other) >= within:
                return
        try:
            fingerprint = Fingerprint(kind, code)
        except UnusableFingerprintError:
            return
        self.queries.append(Query(fingerprint, within, view, texture))

    def add_image(self, image: Image.Image, view: PictureView) -> None:
        """Both codes of an image in RGB."""
        made = _kernel.Pdq(*image.size)
        made.add(held(image))
        codes, quality, doubtful = made.finish()
        texture = texture_of(image, quality)
        if _is_usable(quality, doubtful):
            self.add(PDQ, codes[0], view, texture)
        half = image.reduce(2) if max(image.size) > _DETECTED else image
        self.add_phash(half, view, texture)

    def add_phash(self, image: Image.Image, view: PictureView, texture: Texture) -> None:
        """The code of phash of an image."""
        frequencies = transformed(made_small(image.convert("L")))
        if is_distinctive(frequencies):
            self.add(PHASH, phash_codes(frequencies)[0], view, texture)


def derived(seen: Seen, of: Reduced, wanted: Collection[PictureView]) -> tuple[Query, ...]:
    """The queries of those ``wanted`` views of a picture, in the order of `PictureView`.

    ``of`` is what its recipes are made from.
    """
    making = _Making(seen, of)
    for view in PictureView:
        if view in wanted:
            making.add(view)
    return tuple(making.views.queries)


class _Making:
    """The views of one picture, one after the other."""

    def __init__(self, seen: Seen, of: Reduced) -> None:
        self.views = Views()
        self._seen, self._of = seen, of
        self._texture = texture_of(seen.stored, of.quality)
        # What a viewer shows, from which the other views are made.
        self._base = seen.shown or seen.stored
        frequencies = transformed(of.small)
        self._phash = phash_codes(frequencies) if is_distinctive(frequencies) else []
        self._thumb = self._base.convert("L")
        self._thumb.thumbnail((_THUMB, _THUMB), Image.Resampling.BOX)

    def add(self, view: PictureView) -> None:
        """Add the queries of a view."""
        match view:
            case PictureView.WHOLE:
                self._add_codes(slice(1), view)
            case PictureView.TURNED:
                self._add_codes(slice(1, None), view, only_pdq=self._of.quality >= _CERTAIN)
            case PictureView.PADDED:
                self._add_thumbs((_padded(self._thumb, pad) for pad in _PADS), view)
            case PictureView.TILTED:
                self._add_thumbs((_tilted(self._thumb, angle) for angle in _TILTS), view)
            case _:
                for image in self._images(view):
                    self.views.add_image(image, view)

    def _images(self, view: PictureView) -> Iterator[Image.Image]:
        if view is PictureView.PART:
            yield from parts(self._base)
            return
        seen = self._seen
        found = {
            PictureView.SHOWN: seen.shown,
            PictureView.BLACK: seen.black,
            PictureView.FRAME: seen.frame,
        }[view]
        if found is not None:
            yield found

    def _add_codes(self, which: slice, view: PictureView, *, only_pdq: bool = False) -> None:
        if _is_usable(self._of.quality, self._of.doubtful):
            for code in self._of.codes[which]:
                self.views.add(PDQ, code, view, self._texture)
        for code in () if only_pdq else self._phash[which]:
            self.views.add(PHASH, code, view, self._texture)

    def _add_thumbs(self, images: Iterable[Image.Image], view: PictureView) -> None:
        for image in images:
            self.views.add_phash(image, view, self._texture)


def _is_usable(quality: int, doubtful: int) -> bool:
    """Whether a code of PDQ can find anything."""
    return quality >= MIN_QUALITY and doubtful <= MOST_DOUBTFUL


def parts(image: Image.Image) -> Iterator[Image.Image]:
    """What somebody may have framed in a picture, as pictures of their own."""
    factor = 2 if max(image.size) > _DETECTED else 1
    for box in boxes(image.reduce(factor) if factor > 1 else image):
        right, bottom = min(box.right * factor, image.width), min(box.bottom * factor, image.height)
        yield image.crop((box.left * factor, box.top * factor, right, bottom))


def texture_of(image: Image.Image, quality: int) -> Texture:
    """The texture of a picture whose pdq/1 has that ``quality``."""
    grey = image.convert("L")
    grey.thumbnail((_THUMB, _THUMB), Image.Resampling.BOX)
    counts = np.convolve(grey.histogram(), np.ones(2 * _TONES + 1), "same")
    most = int(counts.argmax())
    covered = counts[most]
    counts[max(0, most - 2 * _TONES) : most + 2 * _TONES + 1] = 0
    covered += counts.max()
    if quality >= _SHARP and covered > _TEXT_LIKE * grey.width * grey.height:
        return Texture.TEXT_LIKE
    return Texture.FAINT if quality < (PDQ.min_quality or 0) else Texture.ORDINARY


def _tilted(image: Image.Image, angle: float) -> Image.Image:
    """The image rotated by that angle, in its own size."""
    across, down = round(_MARGIN * image.width), round(_MARGIN * image.height)
    turned = _padded(image, _MARGIN).rotate(angle, Image.Resampling.BICUBIC)
    return turned.crop((across, down, across + image.width, down + image.height))


def _padded(image: Image.Image, share: float) -> Image.Image:
    """The image with its edges reflected."""
    across, down = round(share * image.width), round(share * image.height)
    return Image.fromarray(np.pad(np.asarray(image), ((down, down), (across, across)), "symmetric"))


def _reach(query: Query) -> float:
    return query.fingerprint.type.threshold(query.threshold)
