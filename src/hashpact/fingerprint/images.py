"""Picture file to RGB pixels, with a bound on what a hostile file can cost.

The recipe, shared by pdq/1 and phash/1 (docs/methods): the first frame, decoded by Pillow, converted by
``convert("RGB")``. So a palette is looked up, CMYK is converted without a colour profile, transparency is
discarded and the colour under it shows. 16-bit grey, which Pillow would clip, keeps its high byte.
EXIF orientation and colour profiles are not applied.
"""

from __future__ import annotations

import re
import threading
import warnings
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from hashpact.errors import UnusableContentError
from hashpact.fingerprint.sniff import PICTURE_FORMATS, picture_format

MAX_PIXELS: Final = 50_000_000
"""The largest picture that is decoded, in pixels (width times height)."""

MIN_SIDE: Final = 16
"""The least width and height, in pixels: PDQ keeps 16 x 16 frequencies, a smaller picture has fewer."""

MAX_FILE_BYTES: Final = 256 * 1024 * 1024
"""The largest picture file, in bytes: Pillow reads WebP and AVIF files into memory whole."""

# warnings.catch_warnings changes the whole process, so only one thread at a time may be inside.
_opening: Final = threading.Lock()


def decode(file: BinaryIO, size: int) -> npt.NDArray[np.uint8]:
    """The pixels of the picture in ``file``: shape (height, width, 3), uint8, RGB, perhaps read-only.

    ``file`` is seekable, ``size`` bytes long, and left open at any position. Width and height are read
    from the header and checked before any pixel is decoded.

    Raises UnusableContentError for a format that is not in PICTURE_FORMATS, for a picture outside the
    limits (it names the limit and the number), and for one that is damaged, cut short, or of a variant
    that Pillow cannot read.
    """
    file.seek(0)
    name = picture_format(file.read(64))
    if name is None:
        msg = f"not a picture in one of the formats {', '.join(PICTURE_FORMATS)}"
        raise UnusableContentError(msg, field="content")
    if size > MAX_FILE_BYTES:
        msg = f"a picture file of {size} bytes is over the limit of {MAX_FILE_BYTES} bytes"
        raise UnusableContentError(msg, field="content")
    file.seek(0)
    try:
        with _open(file, name) as image:
            _check_size(*image.size)
            image.load()
            return _rgb(image)
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


def _rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image, dtype=np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    # Without this note of it the pixels are the same, and Pillow does not warn that transparency is lost.
    image.info.pop("transparency", None)
    return np.asarray(image.convert("RGB"))


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
