"""Search among the keypoints of pictures: which entries are a part of an upload, or the other way round."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from hashpact._kernel import PartsStore
from hashpact.domain.fingerprints import PARTS
from hashpact.errors import InvalidInputError
from hashpact.lookup.saved import SavedIndex
from hashpact.lookup.shapes import StoreStats, check_limit, checked_ids

UNIT: Final = PARTS.size
"""Bytes of a keypoint, as docs/methods/parts-1.md has them."""

_MOST_SHARED: Final = 128


class Found(NamedTuple):
    """Arrays of one length: ids uint64, points uint16 and transforms float64[n, 4]; and whether it is all.

    A transform is scale, rotation in degrees, x and y, as `hashpact.domain.checks.Transform` has them.
    ``truncated``: the search compared as much as it may, so that there may be more.
    """

    ids: NDArray[np.uint64]
    points: NDArray[np.uint16]
    transforms: NDArray[np.float64]
    truncated: bool


class PartsIndex(SavedIndex):
    """The keypoints of entries (``parts/1``), each entry with a unique id.

    An entry is found if enough of its keypoints agree with those of the query on one similarity transform.
    The index compares 64 bits of descriptors within the nearest visual words, so that some pairs of keypoints
    are not seen: docs/methods/parts-1.md has how many, and what a search costs at most.

    Threads and visibility: as in HammingIndex.
    """

    _store: PartsStore

    def __init__(self) -> None:
        self._store = PartsStore()

    @classmethod
    def over(cls, store: PartsStore) -> Self:
        """An index over an existing store."""
        index = cls.__new__(cls)
        index._store = store  # noqa: SLF001 - its own
        return index

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The index that ``save`` wrote; as `HammingIndex.open`."""
        return cls.over(PartsStore.open([(os.fspath(path), None)], None))

    def add(self, values: Sequence[bytes], ids: Iterable[int] | NDArray[np.integer]) -> None:
        """Make entries with these keypoints findable under ``ids``: all of them, or none."""
        numbers = checked_ids(ids)
        if len(numbers) != len(values):
            msg = f"{len(numbers)} ids for {len(values)} values"
            raise InvalidInputError(msg, field="ids")
        for value in values:
            if len(value) % UNIT or len(value) > _MOST_SHARED * UNIT:
                msg = f"an entry has at most {_MOST_SHARED} keypoints of {UNIT} bytes, not {len(value)} bytes"
                raise InvalidInputError(msg, field="values")
        counts = np.array([len(value) // UNIT for value in values], np.uint32)
        self._store.add(numbers, counts, np.frombuffer(b"".join(values), np.uint8).reshape(-1, UNIT))

    def remove(self, ids: Iterable[int] | NDArray[np.integer]) -> int:
        """Make these ids unfindable, passing over those that are not there. Returns how many were removed."""
        return self._store.remove(checked_ids(ids))

    def known(self, ids: Iterable[int] | NDArray[np.integer]) -> int | None:
        """One of these ids that is in the index, or None."""
        return self._store.known(checked_ids(ids))

    def search(self, value: bytes, min_points: int, limit: int | None = None) -> Found:
        """The entries for which at least ``min_points`` keypoints of ``value`` agree, at most ``limit``.

        Most points first; equal ones in the order of ids. Raises InvalidInputError for a value that is no
        parts/1 to check with, and for less than two points.
        """
        check_limit(limit)
        if len(value) % UNIT or len(value) > PARTS.count[1] * UNIT:
            msg = f"a query has at most {PARTS.count[1]} keypoints of {UNIT} bytes, not {len(value)} bytes"
            raise InvalidInputError(msg, field="value")
        if min_points < 2:  # noqa: PLR2004 - two points define a transform
            msg = f"min_points must be at least 2, not {min_points}"
            raise InvalidInputError(msg, field="min_points")
        ids, points, transforms, truncated = self._store.search(value, min_points, limit)
        return Found(ids, points, transforms.reshape(-1, 4), truncated)

    def stats(self) -> StoreStats:
        """What the index holds; the cells that have keypoints count as chunks."""
        return self._store.stats()

    def __len__(self) -> int:
        """How many entries can be found."""
        return len(self._store)
