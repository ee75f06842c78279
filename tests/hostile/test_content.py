"""Number 39 of the hostile inputs: files that are made to hurt whoever opens them."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from commands import apart

from hashpact.demo import pictures


def png(path: Path, side: int) -> Path:
    """A whole PNG of side x side pixels, one bit each."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    row = bytes(1 + (side + 7) // 8)
    data = b"".join([packer.compress(row * 100) for _ in range(max(side // 100, 1))]) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
    return path


def hostile(name: str, directory: Path) -> Path:
    """A file that nothing can be made of."""
    path = directory / name
    match name:
        case "huge.txt":
            path.write_bytes(b"a line of an endless text\n" * 4_000_000)
        case "pixel.png":
            png(path, 1)
        case "huge.png":
            png(path, 30_000)
        case "empty.jpg":
            path.touch()
        case "directory":
            path.mkdir()
        case "short.txt":
            path.write_text("ngắn quá", "utf-8")
        case "cut.jpg":
            whole = pictures.write_original(pictures.draw("town", 1), directory / "whole.jpg").read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
        case "pipe":
            os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("huge.txt", "a text of 104000000 bytes is over the limit"),
        ("pixel.png", "1 x 1 pixels is under the least size"),
        ("huge.png", "900000000 pixels is over the limit"),
        ("empty.jpg", "the file is empty"),
        ("directory", "Is a directory"),
        ("missing.jpg", "No such file or directory"),
        ("cut.jpg", "damaged JPEG"),
        ("pipe", "not a regular file"),
    ],
)
def test_39_a_file_of_which_nothing_can_be_made_is_told_in_bounded_memory(
    name: str, said: str, tmp_path: Path
) -> None:
    done = apart("fingerprint", hostile(name, tmp_path))
    assert said in done.error
    assert repr(str(tmp_path / name)) in done.error
    assert done.peak < 256


def test_39_a_short_text_has_exact_fingerprints_and_names_the_type_refused(
    tmp_path: Path,
) -> None:
    done = apart("fingerprint", hostile("short.txt", tmp_path))
    assert done.status == 0
    assert [line.split(": ")[1].split()[0] for line in done.out.splitlines()] == ["sha256/1", "md5/1"]
    assert "refused minhash/1: a text with 4 distinct shingles is too short" in done.err
    assert done.peak < 256
