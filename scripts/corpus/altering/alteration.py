"""An alteration: how a person or a machine makes a copy of a picture, and as which file it is uploaded."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from corpus.seeds import Random, generator
from PIL import Image

Picture: TypeAlias = Image.Image
Change: TypeAlias = Callable[[Picture, Random], Picture]
Encode: TypeAlias = Callable[[Picture, Random], bytes]

QUALITY: Final = 85
"""Of the JPEG file that a copy is uploaded as, unless the alteration is another encoding."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """One row of the recall table.

    ``row`` is the row of the floors that it counts for, "" if it has no floor. ``copy`` makes the uploaded
    file of an RGB picture, ``shared`` the file that was shared before.
    """

    name: str
    row: str
    copy: Encode
    shared: Encode

    def pair(self, picture: Picture, name: str) -> tuple[bytes, bytes]:
        """The shared file and its altered copy; the same for the same picture and name."""
        return (
            self.shared(picture, generator("shared", self.name, name)),
            self.copy(picture, generator("copy", self.name, name)),
        )


def written(picture: Picture, kind: str, **options: object) -> bytes:
    """The picture as a file of Pillow's format ``kind``."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def original(picture: Picture, _random: Random) -> bytes:
    """The file that is shared: a JPEG as a camera or an editor writes it."""
    return written(picture, "JPEG", quality=95)


def uploaded(change: Change, quality: int = QUALITY) -> Encode:
    """The changed picture as the JPEG file of a platform."""

    def encode(picture: Picture, random: Random) -> bytes:
        return written(change(picture, random).convert("RGB"), "JPEG", quality=quality)

    return encode


def changed(name: str, row: str, change: Change) -> Alteration:
    """An alteration of pixels."""
    return Alteration(name, row, uploaded(change), original)


def encoded(name: str, row: str, encode: Encode) -> Alteration:
    """An alteration that is a way to write the file."""
    return Alteration(name, row, encode, original)


def scaled(picture: Picture, factor: float) -> Picture:
    """The picture in another size, at least 16 pixels a side."""
    width, height = (max(16, round(side * factor)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def colour(random: Random) -> tuple[int, int, int]:
    """Any colour, as people choose them: saturated as well as pale."""
    red, green, blue = random.integers(0, 256, 3).tolist()
    return red, green, blue
