"""Tiles: the tree and its leaves as static files, byte for byte as C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

A hash tile holds up to 256 hashes of one level of the tree, eight levels above those of the tile level below;
an entry tile holds the bytes of up to 256 leaves. A partial tile has fewer, and its path ends with its width.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from hashpact.errors import InvalidInputError, MalformedError
from hashpact.log.lines import HASH_SIZE, MAX_INTEGER
from hashpact.log.proofs import Node

WIDTH: Final = 256
"""Hashes or leaves of a full tile."""
HEIGHT: Final = 8
"""Levels of the tree from one tile level to the next."""
ENTRIES: Final = "entries"
CHECKPOINT: Final = "checkpoint"
"""Where the newest published checkpoint is."""
GENESIS: Final = "genesis"
"""Where the bytes of leaf 0 are, by whose SHA-256 the log is recognised. As the next two, not C2SP's."""
LOG_KEYS: Final = "log-keys"
"""Where the verifier keys of the log are that are in force, one a line."""
POLICY: Final = "policy"
"""Where the log's witness policy is, as C2SP tlog-policy has it."""
MAX_ENTRY: Final = 2**16 - 1
"""Bytes that a leaf in an entry tile may have."""

_PATH: Final = re.compile(
    "tile/(?P<level>entries|[0-7])/(?P<number>(x[0-9]{3}/){0,5}[0-9]{3})([.]p/(?P<width>[1-9][0-9]{0,2}))?"
)
_LENGTH: Final = 2


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile: its level (None holds leaves, 0 their hashes), its number in the level, its width."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it is served, below the log's prefix: ``tile/0/x001/x234/067.p/12``."""
        digits = str(self.number)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
        number = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        level = ENTRIES if self.level is None else self.level
        return f"tile/{level}/{number}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @property
    def stop(self) -> int:
        """The index after the last leaf that it spans: the smallest tree that has it is of that size."""
        return (self.number * WIDTH + self.width) << (self.level or 0) * HEIGHT


def parse_path(path: str) -> Tile:
    """The tile that is served at ``path``. Raises InvalidInputError unless it is the one path of a tile."""
    found = _PATH.fullmatch(path)
    if found is not None:
        level = None if found["level"] == ENTRIES else int(found["level"])
        number = int(found["number"].replace("x", "").replace("/", ""))
        tile = Tile(level, number, int(found["width"] or WIDTH))
        # Zeros in front of a number, and a full tile with its width, are other spellings.
        if tile.path == path and tile.width <= WIDTH and tile.stop <= MAX_INTEGER:
            return tile
    msg = "not the path of a tile"
    raise InvalidInputError(msg, field="path")


def document_path(digest: bytes) -> str:
    """Where a document that is for everybody is served, by its SHA-256. It is no part of C2SP's layout."""
    return f"documents/{digest.hex()}"


def tiles(size: int, since: int = 0) -> Iterator[Tile]:
    """The hash tiles of a tree of ``size``, level by level, that a tree of size ``since`` did not have.

    A partial tile that has grown wider, or full, counts as another tile.
    """
    for level in count():
        width, before = size >> level * HEIGHT, since >> level * HEIGHT
        if width == 0:
            return
        yield from _row(level, width, before)


def entries(size: int, since: int = 0) -> Iterator[Tile]:
    """The entry tiles of a tree of ``size`` that a tree of size ``since`` did not have."""
    return _row(None, size, since)


def hashes(tile: Tile, node: Node) -> bytes:
    """The bytes of a hash tile."""
    if tile.level is None:
        msg = "an entry tile has no hashes"
        raise InvalidInputError(msg, field="level")
    start = tile.number * WIDTH
    return b"".join(node(tile.level * HEIGHT, start + place) for place in range(tile.width))


def parse_hashes(tile: Tile, data: bytes) -> tuple[bytes, ...]:
    """The hashes in a hash tile. Raises MalformedError unless there are exactly as many as it is wide."""
    if len(data) != tile.width * HASH_SIZE:
        msg = f"{tile.path}: want {tile.width * HASH_SIZE} bytes, not {len(data)}"
        raise MalformedError(msg, field="tile")
    return tuple(data[start : start + HASH_SIZE] for start in range(0, len(data), HASH_SIZE))


def encode_entries(leaves: Iterable[bytes]) -> bytes:
    """The bytes of an entry tile: each leaf behind its length in two bytes, big-endian.

    Raises MalformedError for a leaf of 64 KiB or more.
    """
    parts = []
    for leaf in leaves:
        if len(leaf) > MAX_ENTRY:
            msg = f"a leaf of {len(leaf)} bytes does not fit into a tile"
            raise MalformedError(msg, field="tile")
        parts += [len(leaf).to_bytes(_LENGTH), leaf]
    return b"".join(parts)


def parse_entries(tile: Tile, data: bytes) -> tuple[bytes, ...]:
    """The leaves in an entry tile. Raises MalformedError unless there are exactly as many as it is wide."""
    leaves: list[bytes] = []
    start = 0
    while start < len(data) and len(leaves) < tile.width:
        stop = start + _LENGTH + int.from_bytes(data[start : start + _LENGTH])
        if stop > len(data):
            break
        leaves.append(data[start + _LENGTH : stop])
        start = stop
    if start != len(data) or len(leaves) != tile.width:
        msg = f"{tile.path}: want {tile.width} leaves that fill it, each behind its length"
        raise MalformedError(msg, field="tile")
    return tuple(leaves)


def _row(level: int | None, width: int, before: int) -> Iterator[Tile]:
    """The tiles of one level, ``width`` hashes wide, that the level did not have when it was narrower."""
    if width > before:
        for number in range(before // WIDTH, -(-width // WIDTH)):
            yield Tile(level, number, min(WIDTH, width - number * WIDTH))
