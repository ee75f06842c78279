"""The bytes of a segment file, read by docs/formats/segment.md, independently of the kernel."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hashpact.domain.fingerprints import PHASH, Fingerprint

HEADER = struct.Struct("<8sIIIIQQII12xI")
ENTRY = struct.Struct("<24sQQII16x")
MAGIC = b"\x89HPSEG\r\n"
ROUND = 3000
"""Items that are added before each save of a merged index."""
BEHIND = 64
"""So many bytes follow the last section."""


def random_codes(count: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Codes of which some are near one another."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (count, width), dtype=np.uint8)
    codes[count // 2 :: 3] = codes[: len(codes[count // 2 :: 3])]
    codes[::7, 0] ^= 5
    return codes


def phash(number: int) -> Fingerprint:
    """A code of its own for each number below 2^32, half of whose bits are set."""
    half = (number * 0x9E3779B1 % 2**32).to_bytes(4)
    return Fingerprint(PHASH, half + bytes(byte ^ 255 for byte in half))


def random_signatures(count: int, seed: int) -> NDArray[np.uint32]:
    """Signatures of which some are alike."""
    rng = np.random.default_rng(seed)
    signatures = rng.integers(0, 2**32, (count, 128), dtype=np.uint32)
    signatures[count // 2 :: 3] = signatures[: len(signatures[count // 2 :: 3])]
    signatures[::7, :20] ^= 1
    return signatures


def random_parts(count: int, seed: int) -> list[bytes]:
    """Keypoints of entries, 8 to 12 of each, of which some entries are alike."""
    rng = np.random.default_rng(seed)
    units = rng.integers(0, 256, (count, 12, 38), dtype=np.uint8)
    units[count // 2 :: 3] = units[: len(units[count // 2 :: 3])]
    units[::7, :, :4] ^= 1
    return [entry[: 8 + row % 5].tobytes() for row, entry in enumerate(units)]


def random_hashes(count: int, seed: int) -> list[NDArray[np.uint32]]:
    """Texts of 8 to 128 hashes, some of which share many and some all."""
    rng = np.random.default_rng(seed)
    texts = [
        np.unique(rng.integers(0, 20 * count, rng.integers(8, 129), dtype=np.uint32)) for _ in range(count)
    ]
    texts[count // 2 :: 3] = texts[: len(texts[count // 2 :: 3])]
    return texts


def crc32c(data: bytes) -> int:
    """CRC-32C bit by bit, as RFC 3720 defines it; for a few kilobytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True)
class Section:
    """One entry of the table."""

    name: str
    offset: int
    size: int
    value_size: int
    checksum: int


@dataclass(frozen=True)
class SegmentFile:
    """A file's header and table. Every rule of the format is asserted, checksums of sections apart."""

    data: bytes
    kind: int
    width: int
    rows: int
    sections: tuple[Section, ...]

    @classmethod
    def read(cls, path: Path) -> SegmentFile:
        """Read a file that must be right."""
        data = path.read_bytes()
        magic, version, order, kind, width, rows, length, count, table_crc, crc = HEADER.unpack_from(data)
        assert (magic, version, order, length) == (MAGIC, 1, 0x01020304, len(data))
        assert crc == crc32c(data[:60])
        table = data[64 : 64 + 64 * count]
        assert table_crc == crc32c(table)
        sections = []
        end = 64 + len(table)
        for name, offset, size, value_size, checksum in ENTRY.iter_unpack(table):
            assert offset % 64 == 0
            assert 0 <= offset - end < 64
            assert data[end:offset] == bytes(offset - end)
            end = offset + size
            sections.append(Section(name.rstrip(b"\0").decode("ascii"), offset, size, value_size, checksum))
        assert end + BEHIND <= len(data) < end + BEHIND + 64
        assert data[end:] == bytes(len(data) - end)
        return cls(data, kind, width, rows, tuple(sections))

    def content(self, name: str) -> bytes:
        """The bytes of that section."""
        (section,) = (section for section in self.sections if section.name == name)
        return self.data[section.offset : section.offset + section.size]
