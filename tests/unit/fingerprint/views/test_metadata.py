"""Orientation and profile, as files have them and as hostile files have them."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from hashpact.fingerprint import images
from hashpact.fingerprint.views.metadata import (
    MAX_PROFILE,
    orientation_in,
    profile_in_chunk,
    profile_of_parts,
)

IMAGES = Path(__file__).parents[3] / "vectors/images"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def decoded(data: bytes) -> images.Picture:
    """The picture in a file of these bytes."""
    return images.decode(io.BytesIO(data), len(data))


def written(kind: str, **options: object) -> bytes:
    """A small picture as a file."""
    file = io.BytesIO()
    with Image.open(IMAGES / "rgb.png") as picture:
        picture.convert("RGB").save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_read_from_every_format(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description in front of it"
    exif[0x0112] = orientation
    assert decoded(written(kind, exif=exif)).orientation == orientation


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_profile_is_read_from_every_format(kind: str) -> None:
    assert decoded(written(kind, icc_profile=SRGB)).profile == SRGB
    assert decoded(written(kind)).profile is None


def test_a_profile_in_many_parts_is_joined_in_their_order() -> None:
    profile = bytes(range(256)) * 1200
    assert decoded(written("JPEG", icc_profile=profile)).profile == profile
    assert profile_of_parts([b"\2\2b", b"\1\2a"]) == b"ab"


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order: str) -> None:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    assert orientation_in(mark + struct.pack(f"{order}I", 8) + directory) == 6
    assert orientation_in(mark + struct.pack(f"{order}I", 8) + directory[:9]) == 1
    assert orientation_in(mark + struct.pack(f"{order}I", 9000) + directory) == 1


@given(st.binary(max_size=200))
def test_whatever_is_in_exif_there_is_an_orientation(data: bytes) -> None:
    for mark in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        assert 1 <= orientation_in(mark + data) <= 8


def test_large_and_damaged_profiles_are_passed_over() -> None:
    assert profile_in_chunk(b"name\0\0" + zlib.compress(SRGB)) == SRGB
    assert profile_in_chunk(b"name\0\0" + zlib.compress(bytes(MAX_PROFILE + 1))) is None
    assert profile_in_chunk(b"name\0\0not deflated") is None
    assert profile_in_chunk(b"") is None
    assert profile_of_parts([b"\1\1" + bytes(MAX_PROFILE)]) is None
    assert profile_of_parts([]) is None


def test_more_profile_than_is_held_is_passed_over() -> None:
    bare = written("JPEG")
    # 64 KiB each, and more of them than are held.
    part = b"\xff\xe2\xff\xffICC_PROFILE\0\1\1" + bytes(65_519)
    many = bare[:2] + part * 400 + bare[2:]
    assert decoded(many).profile is None
