"""The oracle: the Index port in obvious Python, one comparison after the other."""

from __future__ import annotations

import struct
import threading
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from cells import found

from hashpact.domain.checks import Hit, Hits
from hashpact.domain.fingerprints import Fingerprint, FingerprintType, Measure
from hashpact.errors import InvalidInputError

MAX_ID: Final = 2**64 - 1
VALUE_BYTES: Final = 4
MOST_COMMON: Final = 8
"""The commonness of a hash that is in so many texts, as a power of two, or in more."""
RANGE: Final = 3
"""A hash weighs at least this part of a rare one, as a power of four."""
FEWEST_HASHES: Final = 8
FEWEST_COMMON: Final = 4
SAMPLE: Final = 8192
"""A query with so many hashes is a sample of a longer text."""


class LinearIndex:
    """An index that compares the query with every item; ``hashpact.domain.ports.Index`` is its contract.

    Its recall is 1 for every measure, which makes it what other indexes are tested against, and its search
    takes time in proportion to its size.
    """

    def __init__(self) -> None:
        self._items: dict[int, Fingerprint] = {}
        self._benign: dict[int, Fingerprint] = {}
        self._lock = threading.Lock()

    def add(self, items: Iterable[tuple[int, Fingerprint]], *, benign: bool = False) -> None:
        """Make the items findable: all of them, or none. Those that are benign by `search_benign` alone."""
        new: dict[int, Fingerprint] = {}
        with self._lock:
            for item, fingerprint in items:
                if not 0 <= item <= MAX_ID:
                    msg = f"an id is a whole number from 0 to 2^64 - 1, not {item}"
                    raise InvalidInputError(msg, field="ids")
                if item in new or item in self._items or item in self._benign:
                    msg = f"id {item} is in the index already"
                    raise ValueError(msg)
                new[item] = fingerprint
            (self._benign if benign else self._items).update(new)

    def remove(self, items: Iterable[int]) -> None:
        """Make the items unfindable. An id that is not there is passed over."""
        with self._lock:
            for item in items:
                self._items.pop(item, None)
                self._benign.pop(item, None)

    def holds(self, items: Iterable[int]) -> bool:
        """Whether any of these can be found."""
        return any(item in self._items or item in self._benign for item in items)

    def search(self, query: Fingerprint, threshold: float, limit: int) -> Hits:
        """The nearest items of the query's type within ``threshold``, at most ``limit`` of them."""
        return self._nearest(self._items, query, threshold, limit)

    def search_benign(self, query: Fingerprint, threshold: float, limit: int) -> Hits:
        """As ``search``, of the negative collection."""
        return self._nearest(self._benign, query, threshold, limit)

    def _nearest(
        self, among: dict[int, Fingerprint], query: Fingerprint, threshold: float, limit: int
    ) -> Hits:
        if query.type.measure is not Measure.EQUALITY:
            query.type.threshold(threshold)
        if limit < 1:
            msg = f"limit must be at least 1, not {limit}"
            raise InvalidInputError(msg, field="limit")
        with self._lock:
            items = list(among.items())
        items = [(item, fingerprint) for item, fingerprint in items if fingerprint.type == query.type]
        if query.type.measure is Measure.CONTAINMENT:
            scores = contained(query.value, {item: fingerprint.value for item, fingerprint in items})
        else:
            scores = {item: _score(query, fingerprint) for item, fingerprint in items}
        hits = [
            Hit(item, score)
            for item, score in scores.items()
            if _within(query.type.measure, score, threshold)
        ]
        sign = -1 if query.type.measure.larger_is_nearer else 1
        nearest = sorted(hits, key=lambda hit: (sign * hit.score, hit.item))[:limit]
        ids = array("Q", (hit.item for hit in nearest))
        return Hits(memoryview(ids), memoryview(array("d", (hit.score for hit in nearest))))

    def search_packed(
        self, kind: FingerprintType, values: bytes, threshold: float, limit: int
    ) -> dict[int, Hits]:
        """What ``search`` finds for each value, of those with hits."""
        size = kind.size
        each = [Fingerprint(kind, values[at : at + size]) for at in range(0, len(values), size)]
        every = {number: self.search(query, threshold, limit) for number, query in enumerate(each)}
        return {number: hits for number, hits in every.items() if hits}

    def search_all(self, queries: Sequence[Fingerprint], threshold: float, limit: int) -> list[Hits]:
        """What ``search`` finds for each."""
        return [self.search(query, threshold, limit) for query in queries]

    def __len__(self) -> int:
        """How many items can be found."""
        return len(self._items) + len(self._benign)


def contained(text: bytes, others: dict[int, bytes]) -> dict[int, float]:
    """The share of each of the other texts that the text contains, as docs/methods/winnow-1.md defines it.

    Those with too few hashes in common are left out.
    """
    values = {item: struct.unpack(f">{len(value) // 4}I", value) for item, value in others.items()}
    texts_with = Counter(hash_ for value in set(values.values()) for hash_ in value)
    commonness = {hash_: min(count.bit_length() - 1, MOST_COMMON) for hash_, count in texts_with.items()}
    query = struct.unpack(f">{len(text) // 4}I", text)
    largest = query[-1] if len(query) == SAMPLE else 2**32 - 1
    asked, found = set(query), {}
    for item, value in values.items():
        sample = [hash_ for hash_ in value if hash_ <= largest]
        inside = asked.intersection(sample)
        if len(sample) >= FEWEST_HASHES and len(inside) >= FEWEST_COMMON:
            common = sorted(commonness[hash_] for hash_ in sample)
            own = common[1 + len(common) // 10]
            weights = [4.0 ** -min(max(each - own, 0), RANGE) for each in range(MOST_COMMON + 1)]
            share = sum(weights[commonness[hash_]] for hash_ in inside)
            found[item] = share / sum(weights[each] for each in common)
    return found


def _score(query: Fingerprint, other: Fingerprint) -> float:
    match query.type.measure:
        case Measure.HAMMING:
            return (int.from_bytes(query.value) ^ int.from_bytes(other.value)).bit_count()
        case Measure.JACCARD:
            starts = range(0, query.type.size, VALUE_BYTES)
            pairs = ((query.value[i : i + VALUE_BYTES], other.value[i : i + VALUE_BYTES]) for i in starts)
            return sum(a == b for a, b in pairs) / len(starts)
        case Measure.POINTS:
            return _points(query.value, other.value)
        case _:
            return float(query.value != other.value)


@cache
def _points(query: bytes, other: bytes) -> float:
    return float(max((placed.points for _, placed in found(query, {0: other}, 2)), default=0))


def _within(measure: Measure, score: float, threshold: float) -> bool:
    match measure:
        case Measure.HAMMING:
            return score <= threshold
        case Measure.JACCARD | Measure.CONTAINMENT | Measure.POINTS:
            return score >= threshold
        case Measure.EQUALITY:
            return score == 0
