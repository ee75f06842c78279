"""Columns: what a catalog knows of the entries, and the hits that it judges, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashpact.domain.checks import Filter, Hits, Match, Transform
from hashpact.domain.fingerprints import TYPES, FingerprintType
from hashpact.domain.kinds import MAX_ITEMS

NAMES: Final = tuple(sorted(TYPES))
"""The fingerprint types by number, in the order of their names."""

Numbers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Place: TypeAlias = tuple[int, int, int]
"""An entry, the number of the query that has found it, and where in its hits."""


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

    def where(self, kept: Mask | Numbers) -> Self:
        """Some of the hits, in the same order or another."""
        entry, query, type_, place = (one[kept] for one in (self.entry, self.query, self.type, self.place))
        return type(self)(entry, query, type_, place, self.remoteness[kept])


def places(found: Sequence[tuple[FingerprintType, Hits]]) -> list[Place]:
    """The hits of all queries of a check, one after the other, without arrays."""
    hits_of = enumerate(hits.items for _, hits in found)
    return [(item // MAX_ITEMS, query, at) for query, items in hits_of for at, item in enumerate(items)]


def nearness(near: Place, found: Sequence[tuple[FingerprintType, Hits]]) -> tuple[Any, ...]:
    """The order of hits: the nearest first; then by entry, type and query, and as they were found."""
    entry, query, place = near
    kind, hits = found[query]
    return kind.remoteness(hits.scores[place]), entry, kind.name, query, place
