"""What Pillow is shown of a picture file: all of its pixels, and nothing else."""

from __future__ import annotations

import io
import re
import struct
from functools import partial
from pathlib import Path

import pytest

from hashpact.errors import UnusableContentError
from hashpact.fingerprint import bare, images
from hashpact.fingerprint.sniff import picture_format

IMAGES = Path(__file__).parents[2] / "vectors/images"
JPEG = (IMAGES / "baseline.jpg").read_bytes()
PNG = (IMAGES / "rgb.png").read_bytes()
GIF = (IMAGES / "animated.gif").read_bytes()
WEBP = (IMAGES / "lossy.webp").read_bytes()
AVIF = (IMAGES / "turned.avif").read_bytes()
BMP = (IMAGES / "palette.bmp").read_bytes()
RUNS = BMP[:30] + struct.pack("<I", 1) + BMP[34:]


@pytest.mark.parametrize("path", sorted(IMAGES.iterdir()), ids=lambda path: path.name)
def test_what_is_shown_can_be_read_like_any_file(path: Path) -> None:
    data = path.read_bytes()
    name = picture_format(data)
    assert name is not None
    shown = bare.bare(io.BytesIO(data), len(data), name).file
    whole = shown.read()
    assert 0 < len(whole) <= len(data)
    # Any way of reading gives the same bytes, wherever the parts meet.
    for size in (1, 7, 1000):
        assert shown.seek(0) == 0
        assert b"".join(iter(partial(shown.read, size), b"")) == whole
    assert shown.tell() == shown.seek(0, io.SEEK_END) == len(whole)
    shown.seek(-5, io.SEEK_CUR)
    assert shown.read(100) == whole[-5:]
    shown.seek(len(whole) + 5)
    assert shown.read(1) == b""


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (JPEG[:2] + b"\xff\xe1\0\2" * 65_536 + JPEG[2:], "65536 segments"),
        (JPEG[:2] + b"\xff\xdb\xff\xff".ljust(65_537, b"\0") * 17 + JPEG[2:], "1048576 bytes of tables"),
        (PNG[:33] + (struct.pack(">I", 0) + b"teXt" + bytes(4)) * 65_536 + PNG[33:], "65536 chunks"),
        (PNG[:33] + b"\0\x10\0\0PLTE" + bytes(2**20 + 4) + PNG[33:], "1048576 bytes of tables"),
        (GIF[:781] + b"!\xfe" + b"\1a" * 65_536 + b"\0" + GIF[781:], "65536 blocks"),
        (GIF[:781] + bytes(65_537) + GIF[781:], "65536 blocks"),
        (WEBP + (b"abcd" + bytes(4)) * 65_536, "65536 chunks"),
        (RUNS + bytes(2**24), "16777216 bytes of run lengths"),
        (AVIF + struct.pack(">I", 2**18) + b"free" + bytes(2**18 - 8), "262144 bytes of boxes"),
        (AVIF + struct.pack(">IIQ", 1, 0, 2**18) + bytes(2**18 - 16), "262144 bytes of boxes"),
    ],
)  # fmt: skip
def test_what_makes_a_file_dear_has_a_limit(data: bytes, limit: str) -> None:
    with pytest.raises(UnusableContentError, match=f"^a picture with more than the limit of {limit}$"):
        images.decode(io.BytesIO(data), len(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (JPEG[:2] + b"\xff\xdb\0\1" + JPEG[2:], "a damaged JPEG picture: a segment without its length"),
        (JPEG[:100], "a damaged JPEG picture: no scan"),
        (JPEG[:2] + b"\xff\xd9" + JPEG[2:], "a damaged JPEG picture: no scan"),
        (PNG[:33] + b"\0\0\0\0IEND", "a damaged PNG picture: no chunk of pixels"),
        (GIF[:781] + b";", "a damaged GIF picture: no frame"),
        (GIF[:781], "a damaged GIF picture: no frame"),
    ],
)  # fmt: skip
def test_a_file_in_which_no_pixels_are_found_is_damaged(data: bytes, reason: str) -> None:
    with pytest.raises(UnusableContentError, match=f"^{re.escape(reason)}$"):
        images.decode(io.BytesIO(data), len(data))


def test_a_sampling_factor_of_nothing_is_damage() -> None:
    progressive = (IMAGES / "progressive.jpg").read_bytes()
    frame = progressive.index(b"\xff\xc2")
    data = progressive[: frame + 11] + b"\0" + progressive[frame + 12 :]
    with pytest.raises(UnusableContentError, match="a sampling factor of 0"):
        images.decode(io.BytesIO(data), len(data))


@pytest.mark.parametrize(
    ("name", "bytes_a_pixel"), [("baseline.jpg", 0), ("progressive.jpg", 3), ("cmyk.jpg", 0)]
)
def test_coefficients_are_kept_of_a_jpeg_with_many_scans(name: str, bytes_a_pixel: int) -> None:
    data = (IMAGES / name).read_bytes()
    shown = bare.bare(io.BytesIO(data), len(data), "JPEG")
    assert shown.coefficients == bytes_a_pixel * 128 * 96


def test_markers_are_found_wherever_blocks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    progressive = (IMAGES / "progressive.jpg").read_bytes()
    expected = list(bare._segments(io.BytesIO(progressive)))
    assert [marker for marker, _, _ in expected].count(0xDA) == 10
    for size in (2, 3, 16, 1001):
        monkeypatch.setattr(bare, "_BLOCK", size)
        assert list(bare._segments(io.BytesIO(progressive))) == expected
    # Fill bytes, restarts and zeros are no segments.
    monkeypatch.setattr(bare, "_BLOCK", 5)
    odd = b"\xff\xd8ab\xff\xff\xff\xe1\0\3x\xff\0\xff\xd3\xff\x01c\xff\xfe\0\2\xff\xd9\xff\xda"
    assert [marker for marker, _, _ in bare._segments(io.BytesIO(odd))] == [0xE1, 0x01, 0xFE, 0xD9]
