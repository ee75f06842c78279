"""The Index port over the native kernel."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from hashpact.domain.checks import Hit
from hashpact.domain.fingerprints import TYPES, Fingerprint, FingerprintType, Measure
from hashpact.lookup.exact import ExactIndex
from hashpact.lookup.hamming import HammingIndex
from hashpact.lookup.minhash import VALUES, MinHashIndex
from hashpact.lookup.shapes import check_limit, checked_ids


class NativeIndex:
    """An index over every fingerprint type; ``hashpact.domain.ports.Index`` is its contract.

    Hamming distance and equality are exact; for MinHash the recall is ``MinHashIndex.recall``. Several
    threads may also add and remove: they take turns.
    """

    def __init__(self) -> None:
        self._parts = {name: _part(kind) for name, kind in TYPES.items()}
        self._writing = threading.Lock()

    def add(self, items: Iterable[tuple[int, Fingerprint]]) -> None:
        """Make the items findable: all of them, or none.

        Raises ValueError if an id is there already or is given twice, InvalidInputError if one is not below
        2^64.
        """
        by_type: dict[str, tuple[list[int], list[bytes]]] = {}
        ids: list[int] = []
        for item, fingerprint in items:
            some_ids, values = by_type.setdefault(fingerprint.type.name, ([], []))
            some_ids.append(item)
            values.append(fingerprint.value)
            ids.append(item)
        checked_ids(ids)
        with self._writing:
            self._refuse_known(ids)
            for name, (some_ids, values) in by_type.items():
                self._parts[name].add(values, some_ids)

    def remove(self, items: Iterable[int]) -> None:
        """Make the items unfindable. An id that is not there is passed over."""
        ids = checked_ids(items).tolist()
        with self._writing:
            for part in self._parts.values():
                part.remove(ids)

    def search(self, query: Fingerprint, threshold: float, limit: int) -> list[Hit]:
        """The nearest items of the query's type within ``threshold``, at most ``limit`` of them."""
        if query.type.measure is not Measure.EQUALITY:
            query.type.threshold(threshold)
        check_limit(limit)
        return self._parts[query.type.name].search(query.value, threshold, limit)

    def __len__(self) -> int:
        """How many items can be found."""
        return sum(len(part) for part in self._parts.values())

    def _refuse_known(self, ids: list[int]) -> None:
        if len(set(ids)) != len(ids):
            msg = "an id is given twice"
            raise ValueError(msg)
        for part in self._parts.values():
            known = part.known(ids)
            if known is not None:
                msg = f"id {known} is in the index already"
                raise ValueError(msg)


class _Part(Protocol):
    """The index of one type."""

    def add(self, values: Sequence[bytes], ids: Sequence[int]) -> None: ...

    def remove(self, ids: Sequence[int]) -> int: ...

    def known(self, ids: Sequence[int]) -> int | None: ...

    def search(self, value: bytes, threshold: float, limit: int) -> list[Hit]: ...

    def __len__(self) -> int: ...


def _part(kind: FingerprintType) -> _Part:
    match kind.measure:
        case Measure.HAMMING:
            return _HammingPart(kind.size)
        case Measure.JACCARD:
            return _MinHashPart()
        case Measure.EQUALITY:
            return _ExactPart()


class _HammingPart:
    def __init__(self, width: int) -> None:
        self._index = HammingIndex(width)

    def add(self, values: Sequence[bytes], ids: Sequence[int]) -> None:
        rows = np.frombuffer(b"".join(values), dtype=np.uint8).reshape(-1, self._index.width)
        self._index.add(rows, ids)

    def remove(self, ids: Sequence[int]) -> int:
        return self._index.remove(ids)

    def known(self, ids: Sequence[int]) -> int | None:
        return self._index.known(ids)

    def search(self, value: bytes, threshold: float, limit: int) -> list[Hit]:
        return [Hit(*hit) for hit in self._index.search(value, int(threshold), limit)]

    def __len__(self) -> int:
        return len(self._index)


class _MinHashPart:
    def __init__(self) -> None:
        self._index = MinHashIndex()

    def add(self, values: Sequence[bytes], ids: Sequence[int]) -> None:
        # A fingerprint's values are big-endian, the index's in the machine's order.
        rows = np.frombuffer(b"".join(values), dtype=">u4").astype(np.uint32).reshape(-1, VALUES)
        self._index.add(rows, ids)

    def remove(self, ids: Sequence[int]) -> int:
        return self._index.remove(ids)

    def known(self, ids: Sequence[int]) -> int | None:
        return self._index.known(ids)

    def search(self, value: bytes, threshold: float, limit: int) -> list[Hit]:
        signature = np.frombuffer(value, dtype=">u4").astype(np.uint32)
        return [Hit(*hit) for hit in self._index.search(signature, threshold, limit)]

    def __len__(self) -> int:
        return len(self._index)


class _ExactPart:
    def __init__(self) -> None:
        self._index = ExactIndex()

    def add(self, values: Sequence[bytes], ids: Sequence[int]) -> None:
        self._index.add(values, ids)

    def remove(self, ids: Sequence[int]) -> int:
        return self._index.remove(ids)

    def known(self, ids: Sequence[int]) -> int | None:
        return self._index.known(ids)

    def search(self, value: bytes, threshold: float, limit: int) -> list[Hit]:  # noqa: ARG002 - equality ignores it
        return [Hit(item, 0) for item in self._index.search(value, limit)]

    def __len__(self) -> int:
        return len(self._index)
