"""The hash tiles of a tree whose leaves are added one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from hashpact.log.tiles import HEIGHT, WIDTH, Tile


class TileRows:
    """The hash tiles of a tree as its leaves are added; it holds one tile of each level."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = []
        self._size = 0

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


def first_leaf(tile: Tile, place: int) -> int:
    """The first leaf below one hash of a tile."""
    return (tile.number * WIDTH + place) << (tile.level or 0) * HEIGHT
