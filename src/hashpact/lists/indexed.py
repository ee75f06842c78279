"""A list with its index in memory."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, Self, TypeAlias

import numpy as np

from hashpact.domain.checks import Match, Query
from hashpact.domain.fingerprints import TYPES, FingerprintType
from hashpact.errors import ConfigError, UnavailableError
from hashpact.lists import index_file
from hashpact.lists.blocks import ROWS, SHIFT, Block, Kept
from hashpact.lists.index_file import IndexedBlocks, Places
from hashpact.lists.table import RowTable
from hashpact.lookup.native import NativeIndex
from hashpact.lookup.shapes import Ids

INDEX_SUFFIX: Final = ".index"
_AT_HAND: Final = 64
"""Opened blocks that are kept, for the keys and labels of matches."""
_AT_ONCE: Final = 64 << 20
"""Bytes of values that are indexed together."""
_WORTH: Final = 1 << 16
"""New values after which an index is saved again: indexing them takes a second."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how many blocks are indexed, and of how many."""


def _unwatched(_done: int, _total: int, /) -> None:
    """No-op progress callback."""


@dataclass(slots=True, eq=False)
class OpenList:
    """A list with its index in memory."""

    name: str
    table: RowTable
    file: int
    version: int
    generation: int
    index: NativeIndex
    types: frozenset[FingerprintType]
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _block: Callable[[int], Block] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Keep some blocks at hand."""
        self._block = lru_cache(_AT_HAND)(self.table.block)

    def is_current(self, file: int) -> bool:
        """Whether the file, with the number of its inode, is still what was read."""
        with self._lock, self.table.sound():
            return self.file == file and self.version == self.table.version()

    @classmethod
    def read(cls, name: str, table: RowTable, file: int, progress: Progress = _unwatched) -> Self:
        """The list in a file, with the index that was saved beside it and what has changed since.

        The index is saved again if that was much. Raises CorruptError if the file is damaged, or a block that
        is read was altered.
        """
        with table.sound(), table.reading():
            version, generation = table.version(), table.generation()
            index = _indexed(table, index_path(table.path), progress)
        types = frozenset(TYPES[kind] for kind, (items, _, _) in index.sizes().items() if items)
        return cls(name, table, file, version, generation, index, types)

    def search(self, queries: Sequence[Query], limit: int) -> list[Match]:
        """The rows near the queries: of each row and type the nearest.

        Raises UnavailableError if the list was written anew since it was read, and CorruptError.
        """
        best: dict[tuple[int, str], tuple[float, int]] = {}  # by row and type
        for number, query in enumerate(queries):
            kind = query.fingerprint.type
            if kind in self.types:
                for item, score in self.index.search(query.fingerprint, query.within(), limit):
                    row = (int(item) >> SHIFT, kind.name)
                    if row not in best or kind.remoteness(score) < kind.remoteness(best[row][0]):
                        best[row] = (score, number)
        if not best:
            return []
        with self._held():
            return [self._match(row, *found) for row, found in best.items()]

    def counts(self) -> dict[FingerprintType, int]:
        """How many values of each type can be found."""
        sizes = self.index.sizes()
        return {kind: sizes[kind.name][0] for kind in self.types}

    def row(self, place: int) -> Kept | None:
        """The row at a place; None if nothing is there any more. Raises UnavailableError, CorruptError."""
        with self._held():
            if self.table.one("SELECT 1 FROM row WHERE place = ?", (place,)) is None:
                return None
            return self._block(place // ROWS).rows()[place % ROWS]

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """One thread reads, of one state of the file, in which rows stand where the index has them."""
        with self._lock, self.table.sound(), self.table.reading():
            if self.table.generation() != self.generation:
                msg = f"the list {self.name} was written anew while it was read; try again"
                raise UnavailableError(msg)
            yield

    def _match(self, row: tuple[int, str], score: float, number: int) -> Match:
        place, name = row
        block, at = self._block(place // ROWS), place % ROWS
        return Match(
            place,
            name,
            TYPES[name].measure,
            score,
            block.labels[at],
            "",
            (),
            "",
            0,
            0,
            int(block.updated[at]),
            query=number,
            source=self.name,
            key=block.keys[at],
        )


def index_path(file: Path) -> Path:
    """Where the index of the list in a file is saved."""
    return file.with_suffix(INDEX_SUFFIX)


def _indexed(table: RowTable, path: Path, progress: Progress) -> NativeIndex:
    numbers, dead = table.numbers(), table.dead()
    index, reflected = index_file.load(path, table.sealer) or (NativeIndex(), IndexedBlocks())
    if not _is_of(reflected, table, numbers, dead):
        index, reflected = NativeIndex(), IndexedBlocks()
    changed = _remove(index, table, reflected, dead)
    added = numbers[reflected.blocks :]
    waiting = _Waiting(index)
    for done, number in enumerate(added, 1):
        for kind, values, ids in _items(table.block(number), number, dead, live=True):
            changed += len(ids)
            waiting.add(kind, values, ids)
        progress(done, len(added))
    waiting.flush()
    if changed >= _WORTH:
        now = IndexedBlocks(len(numbers), numbers[-1], table.nonce(numbers[-1]), dead)
        with contextlib.suppress(ConfigError):  # the index is at hand, and made again next time
            index_file.save(path, table.path, table.sealer, index, now)
    return index


def _is_of(reflected: IndexedBlocks, table: RowTable, numbers: Sequence[int], dead: Places) -> bool:
    """Whether an index reflects an earlier state of a list with these blocks and dead places, or this one."""
    if not reflected.blocks:
        return True
    return (
        numbers[reflected.blocks - 1 : reflected.blocks] == [reflected.through]
        and table.nonce(reflected.through) == reflected.nonce
        and bool(np.isin(reflected.dead, dead).all())
    )


def _remove(index: NativeIndex, table: RowTable, reflected: IndexedBlocks, dead: Places) -> int:
    """Remove from an index the values of places that have died since; how many there were."""
    died = np.setdiff1d(dead, reflected.dead, assume_unique=True)
    died, count = died[died // ROWS <= reflected.through], 0
    for number in np.unique(died // ROWS).tolist():
        for _, _, ids in _items(table.block(number), number, died, live=False):
            index.remove(ids.tolist())
            count += len(ids)
    return count


def _items(
    block: Block, number: int, dead: Places, *, live: bool
) -> Iterator[tuple[FingerprintType, bytes, Ids]]:
    """Of each type in a block the values and ids that are live, or those in dead places."""
    for kind, column in block.columns.items():
        places = number * ROWS + column.rows.astype(np.int64)
        wanted = np.isin(places, dead, invert=live)
        if wanted.any():
            ids = ((places << SHIFT) + column.ordinals)[wanted].astype(np.uint64)
            values = np.frombuffer(column.values, np.uint8).reshape(-1, kind.size)
            yield kind, values[wanted].tobytes(), ids


class _Waiting:
    """Values that wait to be indexed together, which takes less time and memory than block by block."""

    def __init__(self, index: NativeIndex) -> None:
        self._index = index
        self._items: dict[FingerprintType, tuple[list[bytes], list[Ids]]] = {}
        self._bytes = 0

    def add(self, kind: FingerprintType, values: bytes, ids: Ids) -> None:
        """Index the values, now or later."""
        some, numbers = self._items.setdefault(kind, ([], []))
        some.append(values)
        numbers.append(ids)
        self._bytes += len(values)
        if self._bytes >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Index what waits."""
        for kind, (values, ids) in self._items.items():
            self._index.add_packed(kind, b"".join(values), np.concatenate(ids))
        self._items, self._bytes = {}, 0
