"""How many frames a GIF has, as far as counting them has a bound."""

from __future__ import annotations

from typing import BinaryIO, Final

_MOST_BLOCKS: Final = 65_536
"""How many blocks are looked at. An encoder writes 255 bytes a block, so these are 16 MiB; a file may have as
many of one byte, each of which is to be read by itself."""


def frames_in_gif(file: BinaryIO) -> int:
    """The frames within the first blocks of a GIF (its specification is GIF89a, appendix A); at least 1.

    Damage ends the count.
    """
    file.seek(0)
    head = file.read(13)
    if len(head) == 13 and head[10] & 0x80:  # noqa: PLR2004 - header and screen
        file.read(3 << (head[10] & 7) + 1)
    frames = blocks = 0
    while blocks < _MOST_BLOCKS:
        kind = file.read(1)
        if kind == b",":
            frames += 1
            place = file.read(9)
            if len(place) == 9 and place[8] & 0x80:  # noqa: PLR2004 - where it is, and its colours
                file.read(3 << (place[8] & 7) + 1)
            file.read(1)
        elif kind == b"!":
            file.read(1)
        else:
            break
        while (length := int.from_bytes(file.read(1))) and blocks < _MOST_BLOCKS:
            file.read(length)
            blocks += 1
        blocks += 1
    return max(frames, 1)
