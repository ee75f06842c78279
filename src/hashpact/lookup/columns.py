"""Columns: what a catalog knows of the entries, and the hits that it judges, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashpact.domain.checks import Filter, Hits, Match, Transform
from hashpact.domain.fingerprints import PDQ, TYPES, Fingerprint, FingerprintType, parse_private
from hashpact.domain.kinds import MAX_ITEMS
from hashpact.domain.ports import Ledger

NAMES: Final = tuple(sorted(TYPES))
"""The fingerprint types by number, in the order of their names."""

Numbers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Codes: TypeAlias = NDArray[np.uint64]
"""Some pdq/1, each in a column of four words."""
Place: TypeAlias = tuple[int, int, int]
"""An entry, the number of the query that has found it, and where in its hits."""


KEPT: Final = 65536
"""Entries of which codes are kept, a quarter of a kilobyte each, and benign ones that are remembered."""

_WORDS: Final = 4
_COMPARED: Final = 1 << 15
"""Pairs of words that are compared before it takes long, for one answer: about 0.2 ms."""


@dataclass(frozen=True, slots=True)
class EntryTerms:
    """What entries have in common, as few different ones as there are."""

    member: str
    labels: tuple[str, ...]
    basis: str
    jurisdictions: tuple[str, ...]
    voided: bool

    def kept(self, narrow: Filter) -> bool:
        """Whether a filter keeps entries with these terms, by anything but their opinions."""
        return (
            not self.voided
            and (not narrow.labels or not narrow.labels.isdisjoint(self.labels))
            and (not narrow.bases or self.basis in narrow.bases)
            and (not narrow.jurisdictions or not narrow.jurisdictions.isdisjoint(self.jurisdictions))
        )


class EntryFacts(NamedTuple):
    """What a match says of its entry."""

    terms: EntryTerms
    endorsed: int
    disputed: int
    shared_at: int
    disowned: bool

    def match(self, near: Place, found: Sequence[tuple[FingerprintType, Hits]]) -> Match:
        """The match that a hit is of the entry; ``found`` is what each query of the check has found."""
        entry, query, place = near
        kind, hits = found[query]
        terms = self.terms
        return Match(
            entry=entry,
            type=kind.name,
            measure=kind.measure,
            score=float(hits.scores[place]),
            labels=terms.labels,
            basis=terms.basis,
            jurisdictions=terms.jurisdictions,
            member=terms.member,
            endorsed_by=self.endorsed,
            disputed_by=self.disputed,
            shared_at=self.shared_at,
            disowned=self.disowned,
            query=query,
            transform=None if hits.places is None else Transform(*hits.places[place]),
        )


class EntryColumns:
    """What is known of the entries, by their log index; 41 bytes each.

    ``terms`` is a number of `EntryTerms`, 0 for an entry that is not known. ``key`` and ``withdrawn_by`` are
    numbers of keys. ``counted`` is when the opinions were counted, 0 if there are none.
    """

    def __init__(self, length: int) -> None:
        self.terms = np.zeros(length, np.int32)
        self.key = np.zeros(length, np.int32)
        self.withdrawn_by = np.zeros(length, np.int32)
        self.withdrawn_index = np.zeros(length, np.int64)
        self.shared_at = np.zeros(length, np.int64)
        self.counted = np.zeros(length, np.int32)
        self.endorsed = np.zeros(length, np.int32)
        self.disputed = np.zeros(length, np.int32)
        self.disowned = np.zeros(length, bool)

    def __len__(self) -> int:
        return len(self.terms)

    def said(self, entries: Numbers) -> tuple[NDArray[Any], ...]:
        """What makes up the `EntryFacts` of entries, as they are now; of each the number of its terms."""
        columns = (self.terms, self.endorsed, self.disputed, self.shared_at, self.disowned)
        return tuple(column[entries] for column in columns)

    def hold(self, entry: int) -> None:
        """Make room for the entries up to this one."""
        if entry < len(self):
            return
        longer = EntryColumns(max(entry + 1, 2 * len(self)))
        for name, column in vars(self).items():
            getattr(longer, name)[: len(self)] = column
        vars(self).update(vars(longer))


@dataclass(frozen=True, slots=True)
class NearHits:
    """The hits of all queries of a check, one after the other: arrays of one length.

    ``query`` is a query's number and ``type`` that of its fingerprint's type; ``place`` is the hit's number
    among those of its query; ``remoteness`` is how far away a hit is, from 0 (the same) to 1 (the type's
    ceiling).
    """

    entry: Numbers
    query: Numbers
    type: Numbers
    place: Numbers
    remoteness: NDArray[np.float64]

    @classmethod
    def of(cls, found: Sequence[tuple[FingerprintType, Hits]]) -> Self:
        """What the queries of a check have found, each with its type."""
        lengths = [len(hits) for _, hits in found]
        items = [np.asarray(hits.items, np.uint64) for _, hits in found]
        scores = [np.asarray(hits.scores, np.float64) for _, hits in found]
        far = [kind.remoteness(score) for (kind, _), score in zip(found, scores, strict=True)]
        return cls(
            (np.concatenate(items) // np.uint64(MAX_ITEMS)).astype(np.int64),
            np.repeat(np.arange(len(found)), lengths),
            np.repeat([NAMES.index(kind.name) for kind, _ in found], lengths),
            np.concatenate([np.arange(length) for length in lengths]),
            np.concatenate(far),
        )

    @classmethod
    def joined(cls, some: Sequence[Self]) -> Self:
        """Several, at least one, after each other."""
        each = ((one.entry, one.query, one.type, one.place, one.remoteness) for one in some)
        return cls(*map(np.concatenate, zip(*each, strict=True)))

    def pieces(self, size: int) -> list[Self]:
        """The hits, so many at a time: at least one piece."""
        starts = range(0, max(1, len(self.entry)), size)
        return [self.where(slice(start, start + size)) for start in starts]

    def where(self, kept: Mask | Numbers | slice) -> Self:
        """Some of the hits, in the same order or another."""
        entry, query, type_, place = (one[kept] for one in (self.entry, self.query, self.type, self.place))
        return type(self)(entry, query, type_, place, self.remoteness[kept])

    def nearest(self, queries: int, limit: int) -> tuple[Numbers, list[int]]:
        """Which hits are the nearest of each entry and type, up to the limit; how many each query is near."""
        counts = np.bincount(self.query, minlength=queries).tolist()
        for query, count in enumerate(counts):
            if count >= limit:  # several items may be of one entry
                counts[query] = len(np.unique(self.entry[self.query == query]))
        order = np.lexsort((self.type, self.entry, self.remoteness))
        _, firsts = np.unique(self.entry[order] * len(NAMES) + self.type[order], return_index=True)
        return order[np.sort(firsts)[:limit]], counts


def places(found: Sequence[tuple[FingerprintType, Hits]]) -> list[Place]:
    """The hits of all queries of a check, one after the other, without arrays."""
    hits_of = enumerate(hits.items for _, hits in found)
    return [(item // MAX_ITEMS, query, at) for query, items in hits_of for at, item in enumerate(items)]


def nearness(near: Place, found: Sequence[tuple[FingerprintType, Hits]]) -> tuple[Any, ...]:
    """The order of hits: the nearest first; then by entry, type and query, and as they were found."""
    entry, query, place = near
    kind, hits = found[query]
    return kind.remoteness(hits.scores[place]), entry, kind.name, query, place


def codes(fingerprints: Iterable[Fingerprint]) -> Codes:
    """The pdq/1 among fingerprints."""
    values = b"".join(one.value for one in fingerprints if one.type.name == PDQ.name)
    return np.ascontiguousarray(np.frombuffer(values, np.uint64).reshape(-1, _WORDS).T)


def fewest_apart(one: Codes, other: Codes) -> int | None:
    """In how many bits any of some codes and any of others differ at least; None if there are none."""
    if not one.size or not other.size:
        return None
    return int(np.bitwise_count(one[:, :, None] ^ other[:, None]).sum(axis=0, dtype=np.uint16).min())


class EntryCodes:
    """The pdq/1 of entries, kept of those that were asked for lately. They never change."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._kept: dict[int, Codes] = {}

    def of(self, entry: int, waits: Callable[[], None] = lambda: None) -> Codes:
        """Those of an entry; ``waits`` is called before the ledger is read."""
        found = self._kept.get(entry)
        if found is None:
            waits()
            parts = next((parts for _, parts in self._ledger.private(entry, entry + 1)), ())
            if len(self._kept) >= KEPT:
                self._kept.clear()
            found = self._kept[entry] = codes(parse_private(part).fingerprint for part in parts)
        return found

    def apart(
        self, upload: Sequence[Fingerprint], wanted: Callable[[], bool], waits: Callable[[], None]
    ) -> Callable[[int], int | None]:
        """As `hashpact.domain.matching.catalog.Catalog.apart`."""
        asked: Codes | None = None
        compared = 0

        def bits(entry: int) -> int | None:
            nonlocal asked, compared
            if asked is None:  # most answers ask of no entry
                asked = codes(upload)
            if not asked.size:
                return None
            if not wanted():
                raise CancelledError
            known = self.of(entry, waits)
            compared += len(asked.T) * known.size
            if compared > _COMPARED:
                waits()
            return fewest_apart(asked, known)

        return bits
