"""Search among MinHash signatures by their estimated Jaccard similarity."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashpact._kernel import MinHashStore
from hashpact.errors import InvalidInputError
from hashpact.lookup.saved import SavedIndex
from hashpact.lookup.shapes import (
    StoreStats,
    check_length,
    check_limit,
    check_threads,
    checked_ids,
    checked_rows,
)

VALUES: Final = 128

LOWEST: Final = 0.50
"""The similarity to which ``recall`` applies. A search for a lower one reads every band and finds fewer."""

BAND_VALUES: Final = 4
"""Values in a band; docs/decisions/minhash.md explains why four."""

MAX_BANDS: Final = 256

_UINT32: Final = np.dtype(np.uint32)
_SHAPE: Final = (VALUES,)

Similar: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.float64]]


class MinHashIndex(SavedIndex):
    """Signatures of 128 x uint32 (``minhash/1``), each with a unique id, found by their similarity.

    The similarity of two signatures is the share of their 128 values that are equal. A hit is never below the
    threshold. A signature exactly as similar as the threshold is found with the probability ``recall``, a
    more similar one with a higher probability (see the method of that name). More recall takes more memory
    and time.

    Threads and visibility: as in HammingIndex.
    """

    _store: MinHashStore

    def __init__(self, recall: float = 0.99) -> None:
        self._store = MinHashStore(bands_for(recall), BAND_VALUES)

    @classmethod
    def build(cls, signatures: NDArray[np.uint32], ids: Iterable[int] | NDArray[np.integer]) -> MinHashIndex:
        """An index of ``signatures`` uint32[n, 128] under ``ids`` uint64[n]. Raises as HammingIndex does."""
        index = cls()
        index.add(signatures, ids)
        return index

    @classmethod
    def over(cls, store: MinHashStore) -> Self:
        """An index over an existing store."""
        index = cls.__new__(cls)
        index._store = store  # noqa: SLF001 - its own
        return index

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The index that ``save`` wrote; as `HammingIndex.open`."""
        return cls.over(MinHashStore.open([(os.fspath(path), None)], None))

    def recall(self, similarity: float, min_similarity: float = LOWEST) -> float:
        """The chance that a search for ``min_similarity`` finds a signature that similar: 1 - (1 - s^r)^n.

        That is the curve of n bands of r values (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3rd
        ed., section 3.4.2), and n the number of bands that such a search reads. docs/methods/minhash-1.md
        compares it with measurements.
        """
        values = self._store.values
        share = _worth(LOWEST, values) / _worth(max(min_similarity, LOWEST), values)
        bands = math.ceil(self._store.bands * share)
        return 1.0 - (1.0 - similarity**values) ** bands

    def add(self, signatures: NDArray[np.uint32], ids: Iterable[int] | NDArray[np.integer]) -> None:
        """Make ``signatures`` uint32[n, 128] findable under ``ids`` uint64[n]: all of them, or none."""
        rows = checked_rows(signatures, np.uint32, VALUES, "signatures")
        numbers = checked_ids(ids)
        check_length(numbers, rows, "signatures")
        self._store.add(numbers, rows.view(np.uint8))

    def remove(self, ids: Iterable[int] | NDArray[np.integer]) -> int:
        """Make these ids unfindable, passing over those that are not there. Returns how many were removed."""
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
        check_limit(limit)
        return self._store.search(_record(signature), _radius(min_similarity), limit)

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
        return self._store.search_batch(rows.view(np.uint8), _radius(min_similarity), threads, limit)

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


def _record(signature: object) -> bytes:
    """The bytes of uint32[128]. Raises InvalidInputError for anything else."""
    # A comparison with a dtype, not a type: that one takes a tenth of the time of a search.
    if isinstance(signature, np.ndarray) and signature.dtype == _UINT32 and signature.shape == _SHAPE:
        return signature.tobytes()
    return checked_rows(np.reshape(signature, (1, -1)), np.uint32, VALUES, "signature").tobytes()  # type: ignore[call-overload]  # anything


def bands_for(recall: float) -> int:
    """How many bands have that recall at the similarity LOWEST: ln(1 - recall) / ln(1 - LOWEST^r), or more.

    Raises InvalidInputError unless the recall is above 0 and MAX_BANDS bands are enough for it.
    """
    bands = math.ceil(-math.log1p(-recall) / _worth(LOWEST, BAND_VALUES)) if 0 < recall < 1 else 0
    if not 0 < bands <= MAX_BANDS:
        msg = f"recall must be above 0 and below 1, and possible with {MAX_BANDS} bands; {recall} is not"
        raise InvalidInputError(msg, field="recall")
    return bands


def _worth(similarity: float, values: int) -> float:
    """The logarithm of the chance that a band misses a signature that similar, negated."""
    return -math.log1p(-min(similarity**values, 0.999999))
