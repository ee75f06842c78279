"""How large the pictures in an AVIF file really are: what their AV1 streams say, not the file's header.

A decoder makes pictures of the stream's size before it scales them to that of the header. Sources: ISO
14496-12 (boxes, 8.7.5 chunk offsets, 8.11.3 item locations) and the AV1 Bitstream Specification (5.3 open
bitstream units, 5.5 sequence header).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

_SEQUENCE: Final = 1
"""The type of an open bitstream unit that has the size of the pictures after it."""
_HEADER: Final = 512
"""Bytes that a sequence header has at most, with 32 operating points."""
_CONTAINERS: Final = (b"trak", b"mdia", b"minf", b"stbl")
_IN_FILE, _IN_BOX = 0, 1
"""Where an item's bytes are: in the file, or in the box "idat"."""

Ranges = list[tuple[int, int]]


class TooManyError(Exception):
    """A file has more streams or units than it may have."""


def stream_pixels(file: BinaryIO, size: int, heads: Iterable[tuple[bytes, bytes, int]], most: int) -> int:
    """The pixels of the largest picture in the streams of a file of ``size`` bytes; 0 if there is none.

    ``heads`` has the kind, the content and the place in the file of each box "meta" and "moov". Raises
    TooManyError beyond ``most`` streams and units together; IndexError or ValueError for boxes that cannot
    be read.
    """
    largest, parts = 0, 0
    for kind, data, at in heads:
        streams = _items(data, at, size) if kind == b"meta" else _chunks(data, size)
        for ranges in streams:
            parts += 1 + len(ranges)
            for header in _sequence_headers(_Spans(file, ranges)):
                parts += 1
                if header is not None:
                    width, height = _picture_size(_Bits(header))
                    largest = max(largest, width * height)
                if parts > most:
                    raise TooManyError
            if parts > most:
                raise TooManyError
    return largest


def _boxes(data: bytes, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each box, and where its content begins and ends."""
    while start + 8 <= stop:
        length, kind, head = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[start + 8 : start + 16]), 16
        end = stop if length == 0 else min(start + max(length, head), stop)
        yield kind, start + head, end
        start = end


def _items(data: bytes, at: int, size: int) -> Iterator[Ranges]:
    """Where the bytes of each item of a box "meta" are."""
    boxes = list(_boxes(data, 4, len(data)))  # behind its version and flags
    held = [(at + start, at + stop) for kind, start, stop in boxes if kind == b"idat"]
    for kind, start, stop in boxes:
        if kind == b"iloc":
            yield from _located(_Numbers(data[start:stop]), held, size)


def _located(numbers: _Numbers, held: Ranges, size: int) -> Iterator[Ranges]:
    version = numbers.take(4) >> 24
    sizes = numbers.take(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version > 1 else 2
    for _ in range(numbers.take(wide)):
        numbers.take(wide)
        method = numbers.take(2) & 15 if version else _IN_FILE
        numbers.take(2)
        begin = numbers.take(base)
        found = []
        for _ in range(numbers.take(2)):
            if version:
                numbers.take(index)
            first, count = begin + numbers.take(offset), numbers.take(length)
            found.append((first, first + count if count else size))
        if method == _IN_FILE:
            yield found
        elif method == _IN_BOX:
            for start, stop in held:
                yield [(start + first, min(start + last, stop)) for first, last in found]


def _chunks(data: bytes, size: int) -> Iterator[Ranges]:
    """Where each chunk of a track begins: its frames follow each other."""
    waiting = [(0, len(data))]
    while waiting:
        for kind, start, stop in _boxes(data, *waiting.pop()):
            if kind in _CONTAINERS:
                waiting.append((start, stop))
            elif kind in {b"stco", b"co64"}:
                numbers = _Numbers(data[start + 4 : stop])
                for _ in range(numbers.take(4)):
                    yield [(numbers.take(4 if kind == b"stco" else 8), size)]


def _sequence_headers(stream: _Spans) -> Iterator[bytes | None]:
    """The sequence headers among a stream's units, and None for each other; until one makes no sense."""
    at = 0
    while at < stream.size:
        head = stream.read(at, 10)
        first = head[0]
        if first & 0x80:
            return
        skip = 2 if first & 4 else 1
        if first & 2:
            length, used = _leb128(head[skip:])
            skip += used
        else:
            length = stream.size - at - skip
        yield stream.read(at + skip, min(length, _HEADER)) if first >> 3 & 15 == _SEQUENCE else None
        at += skip + length


def _leb128(data: bytes) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(data[:8]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004 - the bit that says there is more
            return value, place + 1
    return value, len(data[:8])


def _picture_size(bits: _Bits) -> tuple[int, int]:
    """The largest width and height that a sequence header allows."""
    bits.take(4)  # profile, still picture
    if bits.take(1):  # the short header of a still picture
        bits.take(5)
    else:
        delay = 0
        if bits.take(1):  # timing
            bits.take(64)
            if bits.take(1):
                bits.skip_uvlc()
            if bits.take(1):  # decoder model
                delay = bits.take(5) + 1
                bits.take(42)
        shown = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            if bits.take(5) > 7:  # noqa: PLR2004 - the levels above have tiers
                bits.take(1)
            if delay and bits.take(1):
                bits.take(2 * delay + 1)
            if shown and bits.take(1):
                bits.take(4)
    widths, heights = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(widths) + 1, bits.take(heights) + 1


@dataclass(slots=True)
class _Numbers:
    """Whole numbers, one behind the other. Raises IndexError at the end."""

    data: bytes
    at: int = 0

    def take(self, size: int) -> int:
        if self.at + size > len(self.data):
            raise IndexError
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at])


class _Bits:
    """The bits of a header; those behind its end are 0."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return shifted & (1 << count) - 1

    def skip_uvlc(self) -> None:
        zeros = 0
        while self._left > 0 and not self.take(1):
            zeros += 1
        self.take(zeros)


class _Spans:
    """Ranges of a file, read as if one followed the other."""

    def __init__(self, file: BinaryIO, ranges: Ranges) -> None:
        self._file = file
        self._ranges = ranges
        self.size = sum(max(stop - start, 0) for start, stop in ranges)

    def read(self, at: int, count: int) -> bytes:
        """So many bytes, or those that there are; one of zeros behind the end of the file."""
        found = b""
        for start, stop in self._ranges:
            length = max(stop - start, 0)
            if at < length and len(found) < count:
                self._file.seek(start + at)
                found += self._file.read(min(count - len(found), length - at))
                at = length
            at -= length
        return found or b"\0"
