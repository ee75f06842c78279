"""The frames of an animated PNG, and the first one if the file begins with a picture which is none of them.

Viewers that know animations show the frames, others the picture, so the two may be unlike.
"""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO, Final

CHUNK: Final = 12
"""The bytes of a chunk beside its data: length, name and checksum."""

_MOST: Final = 16 * 1024 * 1024
"""The most bytes of the frame, which is held in memory."""

_MOST_CHUNKS: Final = 4096

_OF_FRAMES: Final = (b"fcTL", b"IDAT", b"fdAT")


def shown_frame(file: BinaryIO, head: bytes, at: int, size: int) -> BinaryIO | None:
    """The frame as a PNG of its own: behind ``head``, which ends where the pixels begin.

    ``at`` is where the first picture ends. The data of frames has the form of IDAT behind a number of 4 bytes
    (PNG, third edition, 11.3.2.6), so its chunks are made anew. None if there is no frame that covers the
    picture, or if it is over the limits.
    """
    found: list[bytes] = []
    held = 0
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        length, kind = int.from_bytes(file.read(4)), file.read(4)
        if kind == b"fcTL":
            if found:
                break
            # Its size, behind a number, is that of the picture in IHDR.
            if file.read(length)[4:12] != head[16:24]:
                return None
        elif kind == b"fdAT":
            held += length
            if held > _MOST:
                return None
            found.append(made_chunk(b"IDAT", file.read(length)[4:]))
        at += CHUNK + length
        if at >= size:
            break
    return io.BytesIO(head + b"".join(found)) if found else None


def animation(file: BinaryIO, at: int, size: int) -> tuple[bytes, list[tuple[int, int]]] | None:
    """What a decoder needs of the frames: the chunk that counts them, and the ranges of the others.

    ``at`` is where the first chunk of frames or pixels begins, and ``size`` is the file's. Frames that are
    there count, up to _MOST_CHUNKS, whatever their number in the file. None if there is but one.
    """
    ranges: list[tuple[int, int]] = []
    frames = 0
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        length, kind = int.from_bytes(file.read(4)), file.read(4)
        after = at + CHUNK + length
        if after > size:
            break
        frames += kind == b"fcTL"
        if kind in _OF_FRAMES:
            if ranges and ranges[-1][1] == at:
                ranges[-1] = (ranges[-1][0], after)
            else:
                ranges.append((at, after))
        at = after
    if frames < 2:  # noqa: PLR2004 - one frame does not move
        return None
    return made_chunk(b"acTL", frames.to_bytes(4) + bytes(4)), ranges


def made_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
