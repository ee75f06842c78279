"""Exact range search among binary codes by their Hamming distance."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from hashpact._kernel import HammingStore
from hashpact.errors import InvalidInputError
from hashpact.lookup.saved import SavedIndex
from hashpact.lookup.shapes import (
    Batch,
    StoreStats,
    check_length,
    check_limit,
    check_threads,
    checked_ids,
    checked_rows,
)

WORD: Final = 8
MAX_WIDTH: Final = 512


class HammingIndex(SavedIndex):
    """The codes of one width, each with a unique id, found by their Hamming distance.

    A code has ``width`` bytes, a multiple of 8 up to 512. Every code within the distance is found, whatever
    the distance; the index is laid out for searches at ``radius`` bits (by default an eighth of the bits
    less one: 31 for 256 bits, 7 for 64).

    Any number of threads may search while others add and remove. A search does not hold the GIL, and waits
    neither for a writer nor for a merge; it finds what was added before it began.
    """

    _store: HammingStore

    def __init__(self, width: int, radius: int | None = None) -> None:
        if not WORD <= width <= MAX_WIDTH or width % WORD:
            msg = f"a code has {WORD} to {MAX_WIDTH} bytes, a multiple of {WORD}, not {width}"
            raise InvalidInputError(msg, field="width")
        self.width = width
        self._store = HammingStore(width, width - 1 if radius is None else self._checked(radius))

    @classmethod
    def build(cls, codes: NDArray[np.uint8], ids: Iterable[int] | NDArray[np.integer]) -> HammingIndex:
        """An index of ``codes`` uint8[n, width] under ``ids`` uint64[n].

        Raises InvalidInputError for arrays of another form, ValueError for an id given twice.
        """
        index = cls(np.shape(codes)[-1] if np.ndim(codes) else 0)
        index.add(codes, ids)
        return index

    @classmethod
    def over(cls, store: HammingStore) -> Self:
        """An index over an existing store."""
        index = cls.__new__(cls)
        index._store = store  # noqa: SLF001  # its own
        index.width = store.width
        return index

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The index that ``save`` wrote, mapped into memory: processes that open it share its memory.

        The index can be changed like any other; the file is never changed. Its header is checked now, its
        contents only by ``verify``: until then a search in a damaged file may answer wrongly or raise
        CorruptError, but not crash. While it is open, the file may be replaced or removed, but not
        shortened in place. Raises OSError if it cannot be read, CorruptError if ``save`` did not write it.
        """
        return cls.over(HammingStore.open([(os.fspath(path), None)], None))

    def add(self, codes: NDArray[np.uint8], ids: Iterable[int] | NDArray[np.integer]) -> None:
        """Make ``codes`` uint8[n, width] findable under ``ids`` uint64[n]: all of them, or none.

        Raises ValueError if an id is there already or is given twice, InvalidInputError as in ``build``.
        """
        rows = checked_rows(codes, np.uint8, self.width, "codes")
        numbers = checked_ids(ids)
        check_length(numbers, rows, "codes")
        self._store.add(numbers, rows)

    def remove(self, ids: Iterable[int] | NDArray[np.integer]) -> int:
        """Make these ids unfindable, passing over those that are not there. Returns how many were removed."""
        return self._store.remove(checked_ids(ids))

    def known(self, ids: Iterable[int] | NDArray[np.integer]) -> int | None:
        """One of these ids that is in the index, or None."""
        return self._store.known(checked_ids(ids))

    def search(self, code: bytes, max_distance: int, limit: int | None = None) -> list[tuple[int, int]]:
        """The ``(id, distance)`` of every code within ``max_distance`` bits, or of the ``limit`` nearest.

        Nearest first; equal distances in the order of ids.
        """
        if len(code) != self.width:
            msg = f"a code of this index has {self.width} bytes, not {len(code)}"
            raise InvalidInputError(msg, field="code")
        check_limit(limit)
        return self._store.search(bytes(code), self._checked(max_distance), limit)

    def search_batch(
        self, codes: NDArray[np.uint8], max_distance: int, threads: int = 1, limit: int | None = None
    ) -> Batch:
        """Many searches in one call, by up to ``threads`` threads, for ``codes`` uint8[m, width].

        Returns ``(offsets int64[m+1], ids uint64[k], distances uint16[k])``: the hits of code i, in the
        order of ``search``, are at offsets[i] to offsets[i+1].
        """
        rows = checked_rows(codes, np.uint8, self.width, "codes")
        check_limit(limit)
        check_threads(threads)
        return self._store.search_batch(rows, self._checked(max_distance), threads, limit)

    def stats(self) -> StoreStats:
        """What the index holds."""
        return self._store.stats()

    def __len__(self) -> int:
        """How many codes can be found."""
        return len(self._store)

    def _checked(self, distance: int) -> int:
        if not 0 <= distance <= self.width * 8:
            msg = f"max_distance must be from 0 to {self.width * 8}, not {distance}"
            raise InvalidInputError(msg, field="max_distance")
        return distance
