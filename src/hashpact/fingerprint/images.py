"""Picture file to RGB pixels, with a bound on what a hostile file can cost in memory and in time.

The recipe, shared by pdq/1 and phash/1 (docs/methods): the first frame, decoded by Pillow, converted by
``convert("RGB")``. So a palette is looked up, CMYK is converted without a colour profile, transparency is
discarded and the colour under it shows. 16-bit grey, which Pillow would clip, keeps its high byte.
EXIF orientation and colour profiles are not applied, only reported: views heed them. HEIC and JPEG XL are
decoded `apart`, upright as their own formats say.

Pillow holds 4 bytes a pixel, which is 200 MB for the largest picture. RGB is made of it in bands, so that
nothing else has that size. What a decoder needs beside it is counted before it starts, and refused above
MAX_MEMORY.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from PIL import Image, ImageChops, UnidentifiedImageError

from hashpact.errors import UnusableContentError
from hashpact.fingerprint.bare import Bare, bare
from hashpact.fingerprint.sniff import EXTRAS, PICTURE_FORMATS, picture_format, unread_format
from hashpact.fingerprint.views.counting import frames_in_gif

MAX_PIXELS: Final = 8192 * 6144
"""The largest picture that is decoded, in pixels (width times height): a camera's 50 megapixels."""

MAX_MEMORY: Final = 7 * MAX_PIXELS
"""The most bytes that decoding takes: those of the largest picture in a progressive JPEG.

With halved colour (4:2:0) it has 3 bytes of coefficients a pixel. With full colour (4:4:4) it has 6, and with
four colours 8, so that it can have 35 or 29 million pixels.
"""

MIN_SIDE: Final = 16
"""The least width and height, in pixels: PDQ keeps 16 x 16 frequencies, a smaller picture has fewer."""

MAX_FILE_BYTES: Final = 256 * 1024 * 1024
"""The largest picture file, in bytes: Pillow reads WebP and AVIF files into memory whole."""

_PIXEL: Final = {"WEBP": 18, "AVIF": 24}
"""Bytes a pixel that decoding takes at most; 4 in the other formats.

libwebp keeps two canvases of 4 bytes, and Pillow a copy and the picture; a lossless file has tables as well
(17.8 were measured). Of AVIF there are the planes (8 bytes with 12 bits and transparency), twice if they are
tiles, a copy in 8 bits, and the picture (11 were measured with 8 bits).
"""

_COPIES: Final = {"WEBP": 3, "AVIF": 3}
"""How often the file itself is in memory: as read, in the decoder, and as metadata if it is nothing else.

In the other formats it is read in small pieces.
"""

WHITE: Final = 255
BLACK: Final = 0

_BAND: Final = 256 * 1024
"""About so many pixels are RGB at the same time: a megabyte, which stays in a processor's cache."""

_WITH_ALPHA: Final = ("RGBA", "LA", "PA", "RGBa", "La")

_MOVING: Final = ("AVIF", "GIF", "WEBP")
"""The formats of which a frame in the middle is looked at, as of animated PNG."""

_ORIENTATION: Final = 0x0112
"""The number of its tag in EXIF."""

_FRAME_PIXELS: Final = 8 * 1024 * 1024
"""The most pixels of all frames that are decoded to reach one in the middle."""

# warnings.catch_warnings changes the whole process, so only one thread at a time may be inside.
_opening: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, in the mode of Pillow that its file has.

    ``orientation`` is that of EXIF, 1 to 8. ``profile`` is an ICC profile, if the file has one of ordinary
    size. ``transparency`` is Pillow's note of which colours are transparent, where the mode does not show it.
    ``moving`` is whether the file may have other frames. Transparency is discarded, unless there is a grey
    ``background`` to look at the picture over.
    """

    image: Image.Image
    orientation: int = 1
    profile: bytes | None = None
    transparency: bytes | int | tuple[int, ...] | None = None
    moving: bool = False
    background: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return self.image.size

    @property
    def transparent(self) -> bool:
        """Whether a part of it may be transparent."""
        return self.transparency is not None or self.image.mode in _WITH_ALPHA

    def over(self, background: int) -> Picture:
        """What is seen of it over a grey ``background``."""
        return replace(self, background=background)

    def bands(self, step: int = 1) -> Iterator[Image.Image]:
        """The picture in RGB, as pictures of its full width that follow each other from top to bottom.

        Their heights are multiples of ``step``, but for the last one's.
        """
        width, height = self.image.size
        rows = max(_BAND // width // step, 1) * step
        for top in range(0, height, rows):
            band = self.image.crop((0, top, width, min(top + rows, height)))
            yield _rgb(band) if self.background is None else self._composed(band, self.background)

    def _composed(self, band: Image.Image, background: int) -> Image.Image:
        if self.transparency is not None:
            band.info["transparency"] = self.transparency
        above = band.convert("RGBA")
        below = Image.new("RGBA", above.size, (background, background, background, 255))
        return Image.alpha_composite(below, above).convert("RGB")


def decode(file: BinaryIO, size: int) -> Picture:
    """The picture in ``file``.

    ``file`` is seekable, ``size`` bytes long, and left open at any position. Width, height and the memory
    that decoding takes are found in headers, and checked before any pixel is decoded.

    Raises UnusableContentError for a format that is not in PICTURE_FORMATS, for a picture outside the limits
    here and in ``bare`` (it names the limit and the number), and for one that is damaged, cut short, or of a
    variant that Pillow cannot read.
    """
    name = _name(file, size)
    with _damage(name):
        if name in EXTRAS:
            picture = _decoded_apart(file, name)
            assert picture is not None  # noqa: S101 - there always is the one that viewers show
            return picture
        _check_memory(size * _COPIES.get(name, 0), name)
        shown = bare(file, size, name)
        picture = _decoded(shown.file, shown, size, name)
        if shown.longer is not None:
            # libjpeg takes missing pixels for grey. If any are missing, it takes the bytes that follow for
            # them.
            _check_memory(2 * picture.image.width * picture.image.height * 4 + shown.coefficients, name)
            other = _decoded(shown.longer, shown, size, name)
            if ImageChops.difference(picture.image, other.image).getbbox() is not None:
                msg = "the image file is truncated"
                raise OSError(msg)
        return picture


def other_frame(file: BinaryIO, size: int) -> Picture | None:
    """What an animation shows, if its first picture may not be it: a frame in the middle, by its number.

    Of an animated PNG whose first picture is not a frame it is the first frame. None if there is none that
    can be read at a bounded cost: the picture itself could be, so that this is no reason to refuse it.
    """
    name = _name(file, size)
    with suppress(UnusableContentError), _damage(name):
        if name in EXTRAS:
            return _decoded_apart(file, name, middle=True)
        shown = bare(file, size, name)
        if shown.moving is not None:
            return _decoded(shown.moving, shown, size, name)
        if shown.frames is not None or name in _MOVING:
            counted = frames_in_gif(file) if name == "GIF" else None
            frames_of = shown.frames or shown.file
            frames_of.seek(0)
            with _open(frames_of, name) as image:
                reach = _FRAME_PIXELS // (image.width * image.height)
                frames = getattr(image, "n_frames", 1) if counted is None else counted
                number = min(frames // 2, reach)
                if number:
                    image.seek(number)
                    image.load()
                    return Picture(image.copy())
    return None


def _name(file: BinaryIO, size: int) -> str:
    file.seek(0)
    head = file.read(64)
    name = picture_format(head)
    if name is None:
        seems = unread_format(head, "")
        msg = f"not a picture in one of the formats {', '.join(PICTURE_FORMATS)}"
        msg += "" if seems is None else f", but seems to be {seems}"
        raise UnusableContentError(msg, field="content")
    if size > MAX_FILE_BYTES:
        msg = f"a picture file of {size} bytes is over the limit of {MAX_FILE_BYTES} bytes"
        raise UnusableContentError(msg, field="content")
    return name


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into UnusableContentError."""
    try:
        yield
    except UnusableContentError:
        raise
    except Exception as exc:  # A hostile file makes Pillow's decoders raise almost anything.
        raise UnusableContentError(_reason(exc, name), field="content") from exc


def _decoded(file: BinaryIO, shown: Bare, size: int, name: str) -> Picture:
    with _open(file, name) as image:
        _check_size(*image.size)
        pixels = max(image.width * image.height, shown.pixels) * _PIXEL.get(name, 4)
        _check_memory(pixels + shown.coefficients + size * _COPIES.get(name, 0), name)
        image.load()
        # Without this note the pixels are the same, and Pillow does not warn that transparency is lost.
        transparency = image.info.pop("transparency", None)
        if shown.orientation is None:
            orientation, profile = image.getexif().get(_ORIENTATION, 1), image.info.get("icc_profile")
        else:
            orientation, profile = shown.orientation, shown.profile
        moving = shown.moving is not None or shown.frames is not None or name in _MOVING
        return Picture(image, orientation, profile, transparency, moving)


def _open(file: BinaryIO, name: str) -> Image.Image:
    # Pillow warns of large pictures, which are refused below by number, and of harmless metadata.
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(file, formats=(name,))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnusableContentError(_too_large(width * height), field="content")
    if min(width, height) < MIN_SIDE:
        msg = f"a picture of {width} x {height} pixels is under the least size of {MIN_SIDE} x {MIN_SIDE}"
        raise UnusableContentError(msg, field="content")


def _decoded_apart(file: BinaryIO, name: str, *, middle: bool = False) -> Picture | None:
    """A picture in one of the EXTRAS, or that in the middle of its file, if it has another one."""
    from hashpact.fingerprint.reading import apart  # few pictures need it

    found = apart.decoded(file, name, apart.Bounds(MAX_PIXELS, MAX_MEMORY, _check_size), middle=middle)
    return None if found is None else Picture(found.image, profile=found.profile, moving=found.frames > 1)


def _check_memory(need: int, name: str) -> None:
    if need > MAX_MEMORY:
        msg = (
            f"decoding this {name} picture takes {need} bytes of memory, over the limit of {MAX_MEMORY} bytes"
        )
        raise UnusableContentError(msg, field="content")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        import numpy as np  # late: a decoder needs the memory first

        image = Image.fromarray((np.asarray(image, dtype=np.uint16) >> 8).astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")


def _too_large(pixels: int) -> str:
    return f"a picture of {pixels} pixels is over the limit of {MAX_PIXELS} pixels"


def _reason(exc: Exception, name: str) -> str:
    """One line for the caller. Pillow itself refuses a very large picture, but names its own limit."""
    if isinstance(exc, Image.DecompressionBombError):
        number = re.search(r"\((\d+) pixels\)", str(exc))
        if number is not None and int(number[1]) > MAX_PIXELS:
            return _too_large(int(number[1]))
    if isinstance(exc, UnidentifiedImageError):
        return f"a damaged {name} picture: its header cannot be read"
    if isinstance(exc, MemoryError):
        return f"not enough memory to decode this {name} picture"
    what = " ".join(str(exc).split())[:160] or type(exc).__name__
    return f"a damaged {name} picture: {what}"
