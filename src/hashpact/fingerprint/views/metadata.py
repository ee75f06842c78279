"""What viewers heed of a picture's metadata: the orientation of EXIF, and the colour profile.

Both are found by hand and with limits, before Pillow sees the file. What is damaged counts as absent.
"""

from __future__ import annotations

import zlib
from typing import Final, Literal, cast

MAX_PROFILE: Final = 4 * 1024 * 1024
"""The largest colour profile that is read, in bytes; a larger one is passed over. Those of printers have 2
MiB."""

_TAG_ORIENTATION: Final = 0x0112
_MAX_TAGS: Final = 512
"""The most entries of an EXIF directory that are looked at."""


def orientation_in(exif: bytes) -> int:
    """The orientation in the first directory of EXIF data, 1 to 8; 1 if there is none that can be read."""
    order = {b"II": "little", b"MM": "big"}.get(exif[:2])
    if order is None:
        return 1

    def number(at: int, size: int) -> int:
        return int.from_bytes(exif[at : at + size], cast("Literal['little', 'big']", order))

    first = number(4, 4)
    for entry in range(min(number(first, 2), _MAX_TAGS)):
        at = first + 2 + 12 * entry
        if number(at, 2) == _TAG_ORIENTATION and len(exif) >= at + 12:
            found = number(at + 8, 2)
            return found if 1 <= found <= 8 else 1  # noqa: PLR2004 - as many positions as there are
    return 1


def profile_of_parts(parts: list[bytes]) -> bytes | None:
    """The profile of a JPEG from its parts, each behind its number and how many there are (ICC.1, B.4)."""
    if not parts or sum(map(len, parts)) > MAX_PROFILE:
        return None
    return b"".join(part[2:] for part in sorted(parts, key=lambda part: part[:1]))


def profile_in_chunk(chunk: bytes) -> bytes | None:
    """The profile in the data of an iCCP chunk of a PNG: behind a name, a NUL and the method, which is 0."""
    _, _, packed = chunk.partition(b"\0")
    try:
        profile = zlib.decompressobj().decompress(packed[1:], MAX_PROFILE + 1)
    except zlib.error:
        return None
    return profile if 0 < len(profile) <= MAX_PROFILE else None
