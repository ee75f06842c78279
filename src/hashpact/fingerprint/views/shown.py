"""A picture as a viewer shows it, at the size that views are made from."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageCms, ImageStat

from hashpact.fingerprint.images import BLACK, WHITE, Picture

LONG: Final = 1024
"""The longer side of the picture that views are made from, in pixels, unless the picture itself is
smaller."""

_VISIBLE: Final = 6.0
"""By how much a profile must change colours on average, of 255, to be applied."""

_TRANSPOSES: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What puts a picture of each orientation upright (CIPA DC-008, orientation)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture as it is stored, and what viewers show of it if that is something else. All are small RGB.

    ``black`` is the picture over black, if any of it may be transparent, and ``frame`` another one of an
    animation.
    """

    stored: Image.Image
    shown: Image.Image | None
    black: Image.Image | None
    frame: Image.Image | None


def seen(picture: Picture, other: Picture | None) -> Seen:
    """What there is to see of a picture, and of another frame."""
    plain = picture.orientation == 1 and picture.profile is None and not picture.transparent
    return Seen(
        reduced(picture),
        None if plain else shown(_on_white(picture)),
        shown(picture.over(BLACK)) if picture.transparent else None,
        None if other is None else shown(_on_white(other)),
    )


def _on_white(picture: Picture) -> Picture:
    return picture.over(WHITE) if picture.transparent else picture


def shown(picture: Picture, longest: int = LONG) -> Image.Image:
    """The picture in RGB with its orientation and its profile applied, as large as `reduced` makes it."""
    small = _coloured(reduced(picture, longest), picture.profile)
    turn = _TRANSPOSES.get(picture.orientation)
    return small if turn is None else small.transpose(turn)


def reduced(picture: Picture, most: int = LONG) -> Image.Image:
    """The picture in RGB, with a longer side of ``most`` pixels; each is the average of its share."""
    width, height = picture.size
    factor = max(1, max(width, height) // most)
    small = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    top = 0
    for band in picture.bands(factor):
        part = band.reduce(factor) if factor > 1 else band
        small.paste(part, (0, top))
        top += part.height
    longest = max(small.size)
    if longest <= most:
        return small
    size = (max(1, small.width * most // longest), max(1, small.height * most // longest))
    return small.resize(size, Image.Resampling.BOX)


def _coloured(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image in sRGB; the same object if the profile cannot be read or changes little."""
    if profile is None:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = {"RGB": "RGB", "GRAY": "L"}.get(source.profile.xcolor_space.strip())
        if mode is None:  # of printing inks: a decoder has converted them already
            return image
        given = image.convert(mode)
        made = ImageCms.profileToProfile(given, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if made is None or max(ImageStat.Stat(ImageChops.difference(image, made)).mean) < _VISIBLE:
        return image
    return made
