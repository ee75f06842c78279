"""Search among MinHash signatures by their estimated Jaccard similarity."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashpact.domain.errors import InvalidInputError
from hashpact.lookup._kernel import MinHashStore
from hashpact.lookup.shapes import (
    StoreStats,
    check_length,
    check_limit,
    check_threads,
    checked_ids,
    checked_rows,
)

VALUES: Final = 128

Similar: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.float64]]


class MinHashIndex:
    """Signatures of 128 x uint32 (``minhash/1``), each with a unique id, found by their similarity.

    The similarity of two signatures is the share of their 128 values that are equal. A hit is never below the
    threshold; a signature of true similarity s is found with the probability that ``recall`` gives.

    Threads and visibility: as in HammingIndex.
    """

    def __init__(self) -> None:
        self._store = MinHashStore()

    @classmethod
    def build(cls, signatures: NDArray[np.uint32], ids: Iterable[int] | NDArray[np.integer]) -> MinHashIndex:
        """An index of ``signatures`` uint32[n, 128] under ``ids`` uint64[n]. Raises as HammingIndex does."""
        index = cls()
        index.add(signatures, ids)
        return index

    @staticmethod
    def recall(similarity: float) -> float:
        """The chance that a pair is found: 1 - (1 - s^4)^64, the curve of 64 bands of 4 values.

        Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3rd ed., section 3.4.2. It takes the bands
        for independent; two of ours share at most one value.
        """
        return 1 - (1 - similarity**4) ** 64

    def add(self, signatures: NDArray[np.uint32], ids: Iterable[int] | NDArray[np.integer]) -> None:
        """Make ``signatures`` uint32[n, 128] findable under ``ids`` uint64[n]: all of them, or none."""
        rows = checked_rows(signatures, np.uint32, VALUES, "signatures")
        numbers = checked_ids(ids)
        check_length(numbers, rows, "signatures")
        self._store.add(numbers, rows.view(np.uint8))

    def remove(self, ids: Iterable[int] | NDArray[np.integer]) -> int:
        """Make these ids unfindable, passing over those that are not there. How many were there."""
        return self._store.remove(checked_ids(ids))

    def known(self, ids: Iterable[int] | NDArray[np.integer]) -> int | None:
        """One of these ids that is in the index, or None."""
        return self._store.known(checked_ids(ids))

    def search(
        self, signature: NDArray[np.uint32], min_similarity: float, limit: int | None = None
    ) -> list[tuple[int, float]]:
        """The ``(id, similarity)`` of the signatures at least that similar, or of the ``limit`` most similar.

        Most similar first; equal similarities in the order of ids.
        """
        row = checked_rows(np.reshape(signature, (1, -1)), np.uint32, VALUES, "signature")
        check_limit(limit)
        hits = self._store.search(row.tobytes(), _radius(min_similarity), limit)
        return [(number, 1 - distance / VALUES) for number, distance in hits]

    def search_batch(
        self,
        signatures: NDArray[np.uint32],
        min_similarity: float,
        threads: int = 1,
        limit: int | None = None,
    ) -> Similar:
        """Many searches in one call, by up to ``threads`` threads, for ``signatures`` uint32[m, 128].

        Returns ``(offsets int64[m+1], ids uint64[k], similarities float64[k])``, laid out as in HammingIndex.
        """
        rows = checked_rows(signatures, np.uint32, VALUES, "signatures")
        check_limit(limit)
        check_threads(threads)
        radius = _radius(min_similarity)
        offsets, ids, distances = self._store.search_batch(rows.view(np.uint8), radius, threads, limit)
        return offsets, ids, 1 - distances / VALUES

    def stats(self) -> StoreStats:
        """What the index holds; its bands count as chunks."""
        return self._store.stats()

    def __len__(self) -> int:
        """How many signatures can be found."""
        return len(self._store)


def _radius(min_similarity: float) -> int:
    """How many values may differ. A multiple of 1/128 is a float, so that the bound is exact."""
    if not 0 <= min_similarity <= 1:
        msg = f"min_similarity must be from 0 to 1, not {min_similarity}"
        raise InvalidInputError(msg, field="min_similarity")
    return VALUES - math.ceil(min_similarity * VALUES)
