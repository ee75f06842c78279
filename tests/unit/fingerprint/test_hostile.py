"""Files made to do harm.

Whatever is in them, the answer is fingerprints or UnusableContentError, at a bounded cost.
"""

from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from hashpact.domain.fingerprints import PDQ
from hashpact.errors import UnusableContentError
from hashpact.fingerprint import images
from hashpact.fingerprint.content import fingerprints_of

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "tests/vectors/images"
SAMPLES = ["alpha.png", "animated.gif", "baseline.jpg", "progressive.jpg", "cmyk.jpg", "palette.bmp"]
SAMPLES += ["lossless.webp", "lossy.webp", "turned.avif"]


def tried(path: Path, content: bytes) -> bool:
    """Tell whether a file with that content gets a pdq/1: if not, it is refused or not known for a picture.

    Any other exception fails the test.
    """
    path.write_bytes(content)
    try:
        made = fingerprints_of(path)
    except UnusableContentError:
        return False
    return made.fingerprints[0].type is PDQ


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *more: bytes) -> bytes:
    """A valid black-and-white PNG, all black, with more chunks before its pixels."""
    packer = zlib.compressobj()
    row = bytes(1 + (width + 7) // 8)
    pixels = b"".join(packer.compress(row * 100) for _ in range(height // 100))
    pixels += packer.compress(row * (height % 100)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_picture_cut_short_is_refused(name: str, tmp_path: Path) -> None:
    whole = (IMAGES / name).read_bytes()
    assert tried(tmp_path / name, whole)
    # Signatures need up to 30 bytes; before that the file is not known for a picture.
    lengths = [30, 33, 40, 64, 100, *range(200, len(whole), max(1, len(whole) // 40))]
    survived = [length for length in lengths if tried(tmp_path / name, whole[:length])]
    # A whole first frame is read even if the second is cut; the last bytes of a JPEG or PNG may be missing.
    least = {"animated.gif": 0.4, "lossy.webp": 0.9}.get(name, 0.97)
    assert [length for length in survived if length < least * len(whole)] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_a_picture_with_bytes_changed_is_read_or_refused(name: str, tmp_path: Path) -> None:
    whole = (IMAGES / name).read_bytes()
    chance = random.Random(name)
    for _ in range(60):
        changed = bytearray(whole)
        # Half of the changes in the header, where sizes and offsets are.
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(12, chance.choice((200, len(whole))))] = chance.randrange(256)
        tried(tmp_path / name, bytes(changed))


def test_noise_behind_a_signature_is_refused(tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(10):
        for name in SAMPLES:
            signature = (IMAGES / name).read_bytes()[: chance.choice((32, 48))]
            read = tried(tmp_path / "noise", signature + chance.randbytes(chance.randrange(2000)))
            # VP8 has a meaning for any bits, so noise behind its header is a picture of noise.
            assert not read or name == "lossy.webp"


def test_noise_has_exact_fingerprints_only(tmp_path: Path) -> None:
    chance = random.Random(6)
    for _ in range(50):
        (tmp_path / "noise").write_bytes(chance.randbytes(1 + chance.randrange(500)) + b"\xff")
        assert len(fingerprints_of(tmp_path / "noise").fingerprints) == 2


def test_many_pixels_are_refused_naming_number_and_limit(tmp_path: Path) -> None:
    for width, height in ((7095, 7095), (10_000, 10_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)):
        bomb = png(16, 16).replace(struct.pack(">II", 16, 16), struct.pack(">II", width, height))
        # The checksum of the changed header.
        bomb = bomb[:29] + struct.pack(">I", zlib.crc32(bomb[12:29])) + bomb[33:]
        (tmp_path / "bomb.png").write_bytes(bomb)
        message = rf"bomb\.png': a picture of {width * height} pixels is over the limit of 50331648 pixels"
        with pytest.raises(UnusableContentError, match=message):
            fingerprints_of(tmp_path / "bomb.png")


def test_a_picture_at_the_limit_is_decoded() -> None:
    content = png(8192, 6144)
    assert images.decode(io.BytesIO(content), len(content)).size == (8192, 6144)


def test_a_large_picture_file_is_refused_unread() -> None:
    class Unread(io.BytesIO):
        """Fails if more than a signature is read."""

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 <= size <= 64
            return super().read(size)

    head = (IMAGES / "lossy.webp").read_bytes()[:64]
    with pytest.raises(UnusableContentError, match="of 268435457 bytes is over the limit of 268435456 bytes"):
        images.decode(Unread(head), 268435457)


def test_a_file_of_which_pillow_makes_copies_is_refused_unread() -> None:
    head = (IMAGES / "lossy.webp").read_bytes()
    said = "decoding this WEBP picture takes 360000000 bytes of memory, over the limit of 352321536 bytes"
    with pytest.raises(UnusableContentError, match=said):
        images.decode(io.BytesIO(head), 120_000_000)


MEASURE = """
import re, sys
from pathlib import Path
from hashpact.errors import UnusableContentError
from hashpact.fingerprint import images, perceptual
from hashpact.fingerprint.content import fingerprints_of
def peak():
    # Not getrusage: a child inherits the peak of the process that started it.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
fingerprints_of(sys.argv[1])
before = peak()
for path in sys.argv[2:]:
    try:
        made = fingerprints_of(path)
        print(len(made.fingerprints))
    except UnusableContentError as exc:
        print(exc.message)
print((peak() - before) // 1024)
"""


def test_bombs_cost_little_memory(tmp_path: Path) -> None:
    # A valid PNG of 400 megapixels in 50 kB; one with 40 MB in a text chunk; 40 MB of text; 40 MB of NUL.
    (tmp_path / "pixels.png").write_bytes(png(20_000, 20_000))
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(40_000_000), 1))
    (tmp_path / "text.png").write_bytes(png(64, 64, text))
    with (tmp_path / "long.txt").open("wb") as file:
        for _ in range(40):
            file.write(b"a long, long text. \n" * 50_000)
    with (tmp_path / "video").open("wb") as file:
        file.write(b"\0")
        file.truncate(40_000_000)
    assert (tmp_path / "pixels.png").stat().st_size < 100_000

    paths = [str(tmp_path / name) for name in ("pixels.png", "text.png", "long.txt", "video")]
    command = [sys.executable, "-c", MEASURE, str(IMAGES / "rgb.png"), *paths]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    pixels, in_chunk, long, video, megabytes = run.stdout.splitlines()

    assert "a picture of 400000000 pixels is over the limit of 50331648 pixels" in pixels
    # The text is no pixel, and never inflated.
    assert in_chunk == "2"
    assert "a text of 40000000 bytes is over the limit of 1048576 bytes" in long
    assert video == "2"
    assert int(megabytes) < 16
    assert run.stderr == ""
