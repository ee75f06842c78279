"""The hash tiles of a tree as its leaves are added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Self

from hashpact.log.tiles import HEIGHT, WIDTH, Tile

_SIZE = 32


class TileRows:
    """The hash tiles that are not full yet: one of each level, of less than 256 hashes."""

    def __init__(self, size: int = 0, levels: Sequence[Sequence[bytes]] = ()) -> None:
        self._levels = [list(row) for row in levels]
        self._size = size

    def add(self, nodes: Sequence[bytes]) -> Iterator[tuple[Tile, Sequence[bytes]]]:
        """Add a leaf: its hash, and the roots of the subtrees of 2, 4 ... leaves that it ends.

        Gives the tiles that become full.
        """
        self._size += 1
        for level in count():
            if self._size % (1 << level * HEIGHT):
                return
            if level == len(self._levels):
                self._levels.append([])
            row = self._levels[level]
            row.append(nodes[level * HEIGHT])
            if len(row) == WIDTH:
                yield Tile(level, (self._size >> level * HEIGHT) // WIDTH - 1), tuple(row)
                row.clear()

    def partial(self) -> Iterator[tuple[Tile, Sequence[bytes]]]:
        """The tiles that are not full yet."""
        for level, row in enumerate(self._levels):
            if row:
                yield Tile(level, (self._size >> level * HEIGHT) // WIDTH, len(row)), tuple(row)

    def saved(self) -> bytes:
        """The hashes of each level, behind how many they are in one byte."""
        return b"".join(bytes([len(row)]) + b"".join(row) for row in self._levels)

    @classmethod
    def of(cls, size: int, data: bytes) -> Self:
        """The rows that were saved at that size. Raises ValueError unless they are of such a tree."""
        levels: list[list[bytes]] = []
        at = 0
        while at < len(data):
            stop = at + 1 + data[at] * _SIZE
            row = data[at + 1 : stop]
            levels.append([row[place : place + _SIZE] for place in range(0, len(row), _SIZE)])
            at = stop
        wanted = [(size >> level * HEIGHT) % WIDTH for level in range(len(levels))]
        if at != len(data) or [len(row) for row in levels] != wanted or size >> len(levels) * HEIGHT:
            msg = f"not the rows of a tree of {size} leaves"
            raise ValueError(msg)
        return cls(size, levels)


def first_leaf(tile: Tile, place: int) -> int:
    """The first leaf below one hash of a tile."""
    return (tile.number * WIDTH + place) << (tile.level or 0) * HEIGHT
