"""Number 45 of the hostile inputs: pictures that cost far more memory or time than their bytes suggest.

Memory is asserted and time is not: what bounds it are numbers, of pixels, scans and parts.
"""

from __future__ import annotations

import io
import json
import platform
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pdqhash  # type: ignore[import-untyped]  # it carries no types
import pillow_heif
import pylibjxl
import pytest
from commands import Done, apart, process
from PIL import Image

IMAGES = Path(__file__).resolve().parents[1] / "vectors" / "images"
LARGEST = (8192, 6144)

MOST = 400e6 / 2**20
"""The most memory of a command, in MiB."""

LITTLE = 128
"""The most memory of one that decodes no large picture, in MiB."""


def made(path: Path, run: Callable[..., Done] = process) -> dict[str, dict[str, Any]]:
    """What `hashpact fingerprint` says of a file that it accepts, by type, within the memory.

    A forked command has in memory what the one that it is forked from has imported, which may be too much.
    """
    done = run("fingerprint", "--json", path)
    assert done.status == 0, done.err
    assert done.peak < MOST
    return {each["type"]: each for each in done.lines[0]["fingerprints"]}


@pytest.fixture(scope="module")
def drawn() -> Image.Image:
    """The largest picture: shapes as large as a photograph has, and noise over them."""
    chance = np.random.RandomState(45)
    shapes = Image.fromarray(chance.randint(0, 256, (12, 16, 3)).astype(np.uint8))
    large = np.array(shapes.resize(LARGEST, Image.Resampling.BICUBIC))
    large[::3] ^= chance.randint(0, 8, large.shape[1:]).astype(np.uint8)
    return Image.fromarray(large)


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="a compiler may fuse the reference's sums")
def test_45_the_largest_picture_has_the_reference_s_code_within_the_memory(
    drawn: Image.Image, tmp_path: Path
) -> None:
    drawn.save(tmp_path / "rgb.png", compress_level=1)
    found = made(tmp_path / "rgb.png")["pdq/1"]
    bits, quality = pdqhash.compute(np.asarray(drawn))
    assert found["value"] == np.packbits(bits.astype(np.bool_)).tobytes().hex()
    assert found["quality"] == quality


def some(names: Iterable[str], *always: str) -> list[Any]:
    """The names, those that take long and are much like the others in the long campaign alone."""
    return [pytest.param(name, marks=() if name in always else pytest.mark.slow) for name in names]


WRITERS: dict[str, Callable[[Image.Image, Path], None]] = {
    "deep.png": lambda drawn, path: Image.fromarray(
        np.asarray(drawn.convert("L")).astype(np.uint16) * 257
    ).save(path, compress_level=0),
    "alpha.png": lambda drawn, path: drawn.convert("RGBA").save(path, compress_level=1),
    "rgb.bmp": lambda drawn, path: drawn.save(path),
    "palette.gif": lambda drawn, path: drawn.convert("L").save(path),
    "baseline.jpg": lambda drawn, path: drawn.save(path, quality=80),
    "full-colour.jpg": lambda drawn, path: drawn.save(path, quality=80, subsampling=0),
    "progressive.jpg": lambda drawn, path: drawn.save(path, quality=80, progressive=True),
}


@pytest.mark.parametrize("name", some(WRITERS, "deep.png", "rgb.bmp", "baseline.jpg"))
def test_45_the_largest_picture_is_accepted_within_the_memory(
    name: str, drawn: Image.Image, tmp_path: Path
) -> None:
    WRITERS[name](drawn, tmp_path / name)
    assert list(made(tmp_path / name)) == ["pdq/1", "phash/1", "sha256/1", "md5/1"]


@pytest.mark.parametrize("size", [(3_125_000, 16), pytest.param((16, 3_125_000), marks=pytest.mark.slow)])
def test_45_fifty_million_pixels_are_accepted_in_any_shape(
    size: tuple[int, int], drawn: Image.Image, tmp_path: Path
) -> None:
    drawn.resize(size, Image.Resampling.NEAREST).save(tmp_path / "thin.png", compress_level=1)
    assert "sha256/1" in made(tmp_path / "thin.png")


def enlarged(name: str, path: Path, mode: str, options: dict[str, Any]) -> None:
    """A small picture, with the header of the largest that the format can have."""
    chance = np.random.RandomState(1)
    small = Image.fromarray(chance.randint(0, 256, (64, 64, 3)).astype(np.uint8))
    small.convert(mode).save(path, **options)
    data = path.read_bytes()
    width, height = LARGEST
    replaced = {
        "jpg": (struct.pack(">HH", 64, 64), struct.pack(">HH", height, width)),
        "webp": (struct.pack("<HH", 64, 64), struct.pack("<HH", width, height)),
        "avif": (
            b"ispe\0\0\0\0" + struct.pack(">II", 64, 64),
            b"ispe\0\0\0\0" + struct.pack(">II", width, height),
        ),
    }[name.rpartition(".")[2]]
    assert data.count(replaced[0]) == 1
    path.write_bytes(data.replace(*replaced))


@pytest.mark.parametrize(
    ("name", "mode", "options", "need"),
    [
        ("full-colour.jpg", "RGB", {"progressive": True, "subsampling": 0}, 503316480),
        ("four-colours.jpg", "CMYK", {"progressive": True}, 603979776),
        ("lossy.webp", "RGB", {}, 905969664),
        ("small.avif", "RGB", {}, 1207959552),
    ],
)
def test_45_a_decoder_that_needs_more_is_refused_by_its_header(
    name: str, mode: str, options: dict[str, Any], need: int, tmp_path: Path
) -> None:
    enlarged(name, tmp_path / name, mode, options)
    done = apart("fingerprint", tmp_path / name)
    said = done.error
    assert need <= int(said.partition(" picture takes ")[2].split()[0]) < need + 100_000
    assert said.endswith("over the limit of 352321536 bytes")
    assert done.peak < LITTLE


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("frames", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_45_a_stream_that_is_larger_than_its_header_is_refused_before_it_is_decoded(
    mode: str, frames: int, tmp_path: Path
) -> None:
    size, said = (5000, 3000), (64, 64)
    flat = Image.new(mode, size, (9, 99, 200, 120)[: len(mode)])
    more: dict[str, Any] = {"save_all": True, "append_images": [flat]} if frames > 1 else {}
    flat.save(tmp_path / "true.avif", speed=10, **more)
    data = (tmp_path / "true.avif").read_bytes()
    for form in (">II", ">HH"):
        data = data.replace(struct.pack(form, *size), struct.pack(form, *said))
    fixed, wrong = (struct.pack(">II", *(side << 16 for side in sides)) for sides in (size, said))
    (tmp_path / "false.avif").write_bytes(data.replace(fixed, wrong))
    with Image.open(tmp_path / "false.avif") as image:
        assert image.size == said
    for name in ("true.avif", "false.avif"):
        done = apart("fingerprint", tmp_path / name)
        need = int(done.error.partition(" picture takes ")[2].split()[0])
        assert 0 <= need - 24 * size[0] * size[1] < 100_000
        assert done.error.endswith("over the limit of 352321536 bytes")
        assert done.peak < LITTLE


def jxl_header(width: int, height: int) -> bytes:
    """A JPEG XL codestream that ends behind its size and its metadata, all default (ISO/IEC 18181-1, D.2)."""
    bits = 0b0 | 0b11 << 1 | (height - 1) << 3 | 0b000 << 33 | 0b11 << 36 | (width - 1) << 38 | 0b1 << 68
    return b"\xff\x0a" + bits.to_bytes(16, "little")


def heic_header(width: int, height: int) -> bytes:
    """A small HEIC file, the header of which has that size."""
    made = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64))).save(made)
    small, large = (b"ispe\0\0\0\0" + struct.pack(">II", *size) for size in ((64, 64), (width, height)))
    assert made.getvalue().count(small) == 1
    return made.getvalue().replace(small, large)


@pytest.mark.parametrize("header", [heic_header, jxl_header])
def test_45_a_header_says_how_large_a_picture_decoded_apart_is(
    header: Callable[[int, int], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "large"
    path.write_bytes(header(20_000, 20_000))
    done = apart("fingerprint", path)
    assert done.error.endswith("a picture of 400000000 pixels is over the limit of 50331648 pixels")
    assert done.peak < LITTLE
    path.write_bytes(header(*LARGEST))  # as large as may be, and nothing behind it
    done = apart("fingerprint", path)
    assert "a damaged" in done.error
    assert done.peak < LITTLE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["large.heic", "large.jxl"])
def test_45_the_largest_picture_decoded_apart_is_accepted_within_the_memory(
    name: str, drawn: Image.Image, tmp_path: Path
) -> None:
    if name == "large.heic":
        pillow_heif.from_pillow(drawn).save(tmp_path / name, quality=20, tile_size=512)
    else:
        (tmp_path / name).write_bytes(pylibjxl.encode(np.asarray(drawn), effort=1, distance=2.0))
    done = process("fingerprint", "--json", tmp_path / name)
    assert done.status == 0, done.err
    assert done.peak < MOST
    assert "pdq/1" in {each["type"] for each in done.lines[0]["fingerprints"]}


@pytest.mark.slow
def test_45_a_lossless_picture_that_takes_more_memory_is_refused(drawn: Image.Image, tmp_path: Path) -> None:
    for width, height, fits in ((4800, 3600, True), (6000, 4000, False)):
        data = pylibjxl.encode(np.asarray(drawn.resize((width, height))), effort=1, lossless=True)
        (tmp_path / "lossless.jxl").write_bytes(data)
        done = apart("fingerprint", tmp_path / "lossless.jxl")
        assert done.peak < MOST
        assert done.status == 0 if fits else "or because it takes too much memory" in done.error


def scans(count: int) -> bytes:
    """A progressive JPEG of ten scans, the last of which stands there again and again."""
    whole = (IMAGES / "progressive.jpg").read_bytes()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * (count - whole.count(b"\xff\xda")) + whole[-2:]


def test_45_the_scans_of_a_jpeg_have_a_limit(tmp_path: Path) -> None:
    (tmp_path / "many.jpg").write_bytes(scans(100))
    assert "pdq/1" in made(tmp_path / "many.jpg", apart)
    for count in (101, 20_000):
        (tmp_path / "more.jpg").write_bytes(scans(count))
        done = apart("fingerprint", tmp_path / "more.jpg")
        assert done.error.endswith("a picture with more than the limit of 100 scans")
        assert done.peak < LITTLE


def segment(marker: int, data: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


LETTERS = zlib.compress(("\U0001f600" + "a" * 1_048_000).encode(), 9)


def text(number: int) -> bytes:
    """A text of nearly a million characters for a PNG, which take 4 bytes each once they are read."""
    return chunk(b"iTXt", b"%d\0\1\0\0\0" % number + LETTERS)


DRESSED: dict[str, Callable[[bytes], bytes]] = {
    # Above all scans that are none: in a thumbnail, and behind the end.
    "baseline.jpg": lambda bare: (
        bare[:2]
        + segment(0xE1, b"Exif\0\0" + b"\xff\xda" * 30_000) * 1000
        + segment(0xFE, bytes(65_000)) * 1000
        + bare[2:]
        + b"\xff\xda" * 1000
    ),
    "cmyk.jpg": lambda bare: bare[:2] + segment(0xE2, b"MPF\0" + bytes(65_000)) * 1500 + bare[2:],
    "rgb.png": lambda bare: (
        bare[:33] + b"".join(map(text, range(100))) + chunk(b"prVt", bytes(4000)) * 30_000 + bare[33:]
    ),
    "animated.gif": lambda bare: (
        bare[: 13 + 768] + b"!\xfe" + (b"\xff" + bytes(255)) * 60_000 + b"\0" + bare[13 + 768 :]
    ),
}


@pytest.mark.parametrize("name", DRESSED)
def test_45_metadata_takes_no_memory_and_changes_no_fingerprint(name: str, tmp_path: Path) -> None:
    bare = (IMAGES / name).read_bytes()
    (tmp_path / name).write_bytes(DRESSED[name](bare))
    done = apart("fingerprint", "--json", tmp_path / name)
    assert done.status == 0, done.err
    assert done.peak < LITTLE
    expected = made(IMAGES / name, apart)
    for each in done.lines[0]["fingerprints"][:2]:
        assert each == expected[each["type"]], json.dumps(each)
