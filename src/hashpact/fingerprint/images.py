"""Picture file to RGB pixels, with a bound on what a hostile file can cost in memory and in time.

The recipe, shared by pdq/1 and phash/1 (docs/methods): the first frame, decoded by Pillow, converted by
``convert("RGB")``. So a palette is looked up, CMYK is converted without a colour profile, transparency is
discarded and the colour under it shows. 16-bit grey, which Pillow would clip, keeps its high byte.
EXIF orientation and colour profiles are not applied.

Pillow holds 4 bytes a pixel, which is 200 MB for the largest picture. RGB is made of it in bands, so that
nothing else has that size. What a decoder needs beside it is counted before it starts, and refused above
MAX_MEMORY.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image, UnidentifiedImageError

from hashpact.errors import UnusableContentError
from hashpact.fingerprint.bare import bare
from hashpact.fingerprint.sniff import PICTURE_FORMATS, picture_format

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

_BAND: Final = 1024 * 1024
"""About so many pixels are RGB at the same time."""

# warnings.catch_warnings changes the whole process, so only one thread at a time may be inside.
_opening: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, in the mode of Pillow that its file has."""

    image: Image.Image

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return self.image.size

    def bands(self) -> Iterator[Image.Image]:
        """The picture in RGB, as pictures of its full width that follow each other from top to bottom."""
        width, height = self.image.size
        rows = max(_BAND // width, 1)
        for top in range(0, height, rows):
            yield _rgb(self.image.crop((0, top, width, min(top + rows, height))))


def decode(file: BinaryIO, size: int) -> Picture:
    """The picture in ``file``.

    ``file`` is seekable, ``size`` bytes long, and left open at any position. Width, height and the memory
    that decoding takes are found in headers, and checked before any pixel is decoded.

    Raises UnusableContentError for a format that is not in PICTURE_FORMATS, for a picture outside the limits
    here and in ``bare`` (it names the limit and the number), and for one that is damaged, cut short, or of a
    variant that Pillow cannot read.
    """
    file.seek(0)
    name = picture_format(file.read(64))
    if name is None:
        msg = f"not a picture in one of the formats {', '.join(PICTURE_FORMATS)}"
        raise UnusableContentError(msg, field="content")
    if size > MAX_FILE_BYTES:
        msg = f"a picture file of {size} bytes is over the limit of {MAX_FILE_BYTES} bytes"
        raise UnusableContentError(msg, field="content")
    try:
        copies = size * _COPIES.get(name, 0)
        _check_memory(copies, name)
        shown = bare(file, size, name)
        with _open(shown.file, name) as image:
            _check_size(*image.size)
            pixels = image.width * image.height * _PIXEL.get(name, 4)
            _check_memory(pixels + shown.coefficients + copies, name)
            image.load()
            # Without this note the pixels are the same, and Pillow does not warn that transparency is lost.
            image.info.pop("transparency", None)
            return Picture(image)
    except UnusableContentError:
        raise
    except Exception as exc:  # A hostile file makes Pillow's decoders raise almost anything.
        raise UnusableContentError(_reason(exc, name), field="content") from exc


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


def _check_memory(need: int, name: str) -> None:
    if need > MAX_MEMORY:
        msg = (
            f"decoding this {name} picture takes {need} bytes of memory, over the limit of {MAX_MEMORY} bytes"
        )
        raise UnusableContentError(msg, field="content")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        import numpy as np  # noqa: PLC0415 - late: a decoder needs the memory first

        image = Image.fromarray((np.asarray(image, dtype=np.uint16) >> 8).astype(np.uint8))
    return image.convert("RGB")


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
