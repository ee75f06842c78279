"""The sizes of the pictures in AVIF files, by their streams."""

from __future__ import annotations

import contextlib
import io
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hashpact.errors import UnusableContentError
from hashpact.fingerprint import bare as bare_module
from hashpact.fingerprint.bare import bare
from hashpact.fingerprint.reading.avif import TooManyError, stream_pixels

MOST = 1000


def drawn(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    chance = np.random.default_rng(size)
    return Image.fromarray(chance.integers(0, 256, (size[1], size[0], 3), np.uint8)).convert(mode)


def encoded(size: tuple[int, int], mode: str = "RGB", frames: int = 1) -> bytes:
    """An AVIF file of that size."""
    file = io.BytesIO()
    more: dict[str, Any] = (
        {"save_all": True, "append_images": [drawn(size, mode)] * (frames - 1)} if frames > 1 else {}
    )
    drawn(size, mode).save(file, "AVIF", speed=10, **more)
    return file.getvalue()


def pixels(data: bytes) -> int:
    return bare(io.BytesIO(data), len(data), "AVIF").pixels


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("size", [(16, 16), (64, 48), (333, 77), (1, 900)])
def test_an_ordinary_file_has_pictures_of_its_own_size(size: tuple[int, int], mode: str) -> None:
    assert pixels(encoded(size, mode)) == size[0] * size[1]


def test_an_animation_has_them_too() -> None:
    assert pixels(encoded((100, 80), frames=3)) == 8000
    assert pixels(encoded((100, 80), "RGBA", frames=3)) == 8000


def test_45_the_header_does_not_matter() -> None:
    size = struct.pack(">II", 333, 77)
    for frames in (1, 3):
        data = encoded((333, 77), frames=frames)
        assert size in data
        assert pixels(data.replace(size, struct.pack(">II", 16, 16))) == 333 * 77


@dataclass(slots=True)
class Bits:
    """Writes bits."""

    text: str = ""

    def put(self, value: int, count: int) -> None:
        """Write a number of so many bits."""
        assert 0 <= value < 1 << count
        self.text += f"{value:0{count}b}"

    def to_bytes(self) -> bytes:
        """All of them, with zeros up to a whole byte."""
        padded = self.text + "0" * (-len(self.text) % 8)
        return int(padded, 2).to_bytes(len(padded) // 8)


@dataclass(slots=True)
class Draw:
    """Draws numbers of so many bits."""

    data: st.DataObject
    put: Bits = field(default_factory=Bits)

    def any(self, count: int) -> int:
        """Draw a number, and write it."""
        value = self.data.draw(st.integers(0, (1 << count) - 1))
        self.put.put(value, count)
        return value


def header(data: st.DataObject, width: int, height: int) -> bytes:
    """Any sequence header of that size: 5.5.1 to 5.5.4 of the specification, up to the size."""
    draw = Draw(data)
    draw.any(4)
    if draw.any(1):
        draw.any(5)
    else:
        delay = 0
        if draw.any(1):
            draw.any(64)
            if draw.any(1):
                zeros = data.draw(st.integers(0, 31))
                draw.put.put(1, zeros + 1)
                if zeros:
                    draw.any(zeros)
            if draw.any(1):
                delay = draw.any(5) + 1
                draw.any(32)
                draw.any(10)
        shown = draw.any(1)
        for _ in range(draw.any(5) + 1):
            draw.any(12)
            if draw.any(5) > 7:
                draw.any(1)
            if delay and draw.any(1):
                draw.any(delay)
                draw.any(delay)
                draw.any(1)
            if shown and draw.any(1):
                draw.any(4)
    draw.put.put(0xFF, 8)  # sixteen bits for each side
    draw.put.put(width - 1, 16)
    draw.put.put(height - 1, 16)
    return draw.put.to_bytes()


def unit(kind: int, content: bytes, *, sized: bool = True, extended: bool = False) -> bytes:
    """An open bitstream unit."""
    head = bytes([kind << 3 | (4 if extended else 0) | (2 if sized else 0)]) + (b"\x08" if extended else b"")
    assert len(content) < 1 << 14
    length = bytes([len(content) & 0x7F | 0x80, len(content) >> 7]) if sized else b""
    return head + length + content


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def largest(stream: bytes, heads: list[tuple[bytes, bytes, int]] | None = None, most: int = MOST) -> int:
    """The pixels that are found in a stream, which is all of a file, by default in one item."""
    iloc = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, 0, len(stream))
    there = heads or [(b"meta", bytes(4) + box(b"iloc", iloc), 0)]
    return stream_pixels(io.BytesIO(stream), len(stream), there, most)


@given(st.data(), st.integers(1, 65536), st.integers(1, 65536))
def test_every_form_of_a_sequence_header_is_read(data: st.DataObject, width: int, height: int) -> None:
    sized, extended = data.draw(st.booleans()), data.draw(st.booleans())
    found = header(data, width, height)
    stream = unit(2, b"") + unit(5, b"metadata") + unit(1, found, sized=sized, extended=extended)
    assert largest(stream) == width * height


@given(st.data())
@settings(max_examples=30)  # every form of a header has a test above
def test_the_largest_of_several_counts(data: st.DataObject) -> None:
    stream = b"".join(unit(1, header(data, size, size)) + unit(6, b"frame") for size in (16, 4000, 20))
    assert largest(stream + b"\xff garbage") == 4000 * 4000
    assert largest(b"\xff" + stream) == 0


@given(st.data())
def test_items_may_be_anywhere_and_in_pieces(data: st.DataObject) -> None:
    stream = unit(1, header(data, 500, 300))
    half = len(stream) // 2
    pieces = stream[half:] + b"between" + stream[:half]  # the second piece comes first in the file
    iloc = struct.pack(">IBBHHHQH", 0, 0x88, 0x80, 1, 1, 0, 5, 2)
    placed = struct.pack(">QQQQ", len(stream) - half + 7, half, 0, len(stream) - half)
    assert largest(b"12345" + pieces, [(b"meta", bytes(4) + box(b"iloc", iloc + placed), 0)]) == 150_000
    wide = struct.pack(">IBBIIHHHIII", 2 << 24, 0x44, 0x04, 1, 1, 1, 0, 1, 9, 0, len(stream))
    inside = bytes(4) + box(b"iloc", wide) + box(b"idat", stream)
    assert largest(bytes(100) + inside, [(b"meta", inside, 100)]) == 150_000
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", box(b"co64", struct.pack(">IIQ", 0, 1, 9))))))
    assert largest(bytes(9) + stream, [(b"moov", track, 0)]) == 150_000


def test_there_is_a_limit_on_what_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooManyError):
        largest(unit(2, b"") * (MOST + 1))
    assert largest(unit(2, b"") * (MOST - 10)) == 0
    chunks = struct.pack(">II", 0, MOST) + struct.pack(">I", 0) * MOST
    track = box(b"stbl", box(b"stco", chunks))
    with pytest.raises(TooManyError):
        largest(b"\xff" * 9, [(b"moov", track, 0)])
    monkeypatch.setattr(bare_module, "MAX_PARTS", 2)
    with pytest.raises(UnusableContentError, match="limit of 2 units of its streams"):
        pixels(encoded((64, 48)))


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_boxes_that_end_too_early_are_no_boxes(cut: int) -> None:
    data = encoded((64, 48))
    at = data.index(b"iloc") + 4
    broken = data[:at] + bytes([data[at]]) + b"\xff" * (cut + 3) + data[at + cut + 4 :]
    with contextlib.suppress(IndexError, UnusableContentError):
        assert pixels(broken) in {0, 64 * 48}
