"""Catalog: what checks need to know of the entries, in memory.

An entry is read from the ledger when a check first comes near it; after that a check of it asks the ledger
for nothing, and costs the same whatever has happened to its keys and opinions. The follower forgets an entry
when a statement changes it, and sets a key's limit anew when one is revoked: one number, however many
statements the key has signed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hashpact.domain.checks import Filter, Hits, Match
from hashpact.domain.fingerprints import FingerprintType
from hashpact.domain.kinds import MAX_ITEMS
from hashpact.domain.ports import Ledger, Snapshot
from hashpact.domain.state import Entry, Key, Stance

_NEVER: Final = int(np.iinfo(np.int64).max)
"""The index of a statement that there is not, and the limit of a key all of whose statements stand."""

_ROW: Final = np.dtype(
    [
        ("terms", np.int32),
        ("key", np.uint32),
        ("withdrawn_by", np.uint32),
        ("counted", np.int32),
        ("endorsed", np.uint32),
        ("disputed", np.uint32),
        ("withdrawn_at", np.int64),
        ("shared_at", np.int64),
    ]
)
"""One entry. ``terms`` is a number of `_Terms`, 0 for an entry that is not known. ``key`` and
``withdrawn_by`` are numbers of keys. ``counted`` is when its opinions were counted, 0 if it has none."""

_AT_ONCE: Final = 256
"""Entries that are read from the ledger while other checks wait."""

Rows = NDArray[Any]
"""A structured array of `_ROW`."""


@dataclass(frozen=True, slots=True)
class _Terms:
    """What entries have in common, as few different ones as there are."""

    member: str
    labels: tuple[str, ...]
    basis: str
    jurisdictions: tuple[str, ...]
    voided: bool

    def kept(self, narrow: Filter) -> bool:
        return (
            not self.voided
            and (not narrow.labels or not narrow.labels.isdisjoint(self.labels))
            and (not narrow.bases or self.basis in narrow.bases)
            and (not narrow.jurisdictions or not narrow.jurisdictions.isdisjoint(self.jurisdictions))
        )


class EntryCatalog:
    """The entries, keys and opinions that checks have come near.

    ``hashpact.domain.ports.Catalog`` is its contract. Takes 40 bytes for each leaf of the log, once its
    entries are known.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._table: Rows = np.zeros(1024, _ROW)
        self._terms: list[_Terms | None] = [None]
        self._term_numbers: dict[_Terms, int] = {}
        self._key_numbers: dict[bytes, int] = {}
        self._stand_below = np.zeros(64, np.int64)
        self._counting = 1

    def matches(self, kind: FingerprintType, hits: Hits, narrow: Filter, limit: int) -> list[Match]:
        """The first ``limit`` entries among the hits that stand and that the filter keeps, each once."""
        entries = (np.asarray(hits.items) // np.uint64(MAX_ITEMS)).astype(np.int64)
        scores = np.asarray(hits.scores)
        if entries.max(initial=0) >= len(self._table):
            real = entries < self._ledger.head().size
            entries, scores = entries[real], scores[real]
        absent = np.zeros(len(entries), bool)
        while True:
            with self._lock:
                unknown = (self._rows(entries)["terms"] == 0) & ~absent
                if not unknown.any():
                    return self._matches(kind, entries, scores, narrow, limit)
                some = np.unique(entries[unknown])[:_AT_ONCE].tolist()
                with self._ledger.snapshot() as view:
                    missing = [index for index in some if not self._learn(view, index)]
            absent |= np.isin(entries, missing)

    def forget(self, entry: int) -> None:
        """A statement has changed the entry, or the opinions on it."""
        with self._lock:
            if entry < len(self._table):
                self._table["terms"][entry] = 0

    def weigh(self, member: str) -> int | None:
        """Take in what stands of what a member's keys have signed, after one was revoked."""
        with self._lock, self._ledger.snapshot() as view:
            changed = []
            for key in view.keys(member):
                number, new = self._key_numbers.get(key.id), _stand_below(key)
                if number is None:
                    changed.append(min(new, key.enrolled_at))
                elif new != self._stand_below[number]:
                    changed.append(min(new, int(self._stand_below[number])))
                    self._stand_below[number] = new
            if changed:
                self._counting += 1
            return min(changed, default=None)

    def _rows(self, entries: NDArray[np.int64]) -> Rows:
        """The rows of these entries; grows the table to hold them."""
        highest = int(entries.max(initial=0))
        if highest >= len(self._table):
            grown = np.zeros(max(2 * len(self._table), highest + 1), _ROW)
            grown[: len(self._table)] = self._table
            self._table = grown
        rows: Rows = self._table[entries]
        return rows

    def _matches(
        self,
        kind: FingerprintType,
        entries: NDArray[np.int64],
        scores: NDArray[Any],
        narrow: Filter,
        limit: int,
    ) -> list[Match]:
        rows = self._rows(entries)
        kept = self._standing(entries, rows) & self._wanted(rows["terms"], narrow)
        if narrow.min_endorsed_by or narrow.without_disputed:
            rows = self._counted(entries, rows, kept)
            kept &= rows["endorsed"] >= narrow.min_endorsed_by
            if narrow.without_disputed:
                kept &= rows["disputed"] == 0
        places: dict[int, int] = {}
        for place in np.flatnonzero(kept).tolist():
            places.setdefault(int(entries[place]), place)
            if len(places) == limit:
                break
        nearest = np.fromiter(places.values(), np.int64, len(places))
        rows = self._counted(entries[nearest], rows[nearest], np.ones(len(nearest), bool))
        return [
            self._match(kind, entry, scores[place].item(), row)
            for (entry, place), row in zip(places.items(), rows, strict=True)
        ]

    def _standing(self, entries: NDArray[np.int64], rows: Rows) -> NDArray[np.bool_]:
        """Which entries stand, as `standing.entry_stands` has it, apart from voided ones."""
        stands = entries < self._stand_below[rows["key"]]
        withdrawn = rows["withdrawn_at"] < self._stand_below[rows["withdrawn_by"]]
        found: NDArray[np.bool_] = stands & ~withdrawn & (rows["terms"] != 0)
        return found

    def _wanted(self, terms: NDArray[np.int32], narrow: Filter) -> NDArray[np.bool_]:
        """Which terms the filter keeps."""
        different, places = np.unique(terms, return_inverse=True)
        each = [self._terms[number] for number in different.tolist()]
        kept = [one is not None and one.kept(narrow) for one in each]
        wanted: NDArray[np.bool_] = np.array(kept, bool)[places]
        return wanted

    def _counted(self, entries: NDArray[np.int64], rows: Rows, of: NDArray[np.bool_]) -> Rows:
        """The rows, with the opinions of those asked for counted as they stand now."""
        stale = of & (rows["counted"] != 0) & (rows["counted"] != self._counting)
        if not stale.any():
            return rows
        with self._ledger.snapshot() as view:
            for index in np.unique(entries[stale]).tolist():
                self._count(view, index)
        return self._rows(entries)

    def _match(self, kind: FingerprintType, entry: int, score: float, row: Any) -> Match:  # noqa: ANN401 - a numpy row
        terms = self._terms[row["terms"]]
        assert terms is not None  # noqa: S101 - only known entries are kept
        return Match(
            entry=entry,
            type=kind.name,
            measure=kind.measure,
            score=score,
            labels=terms.labels,
            basis=terms.basis,
            jurisdictions=terms.jurisdictions,
            member=terms.member,
            endorsed_by=int(row["endorsed"]),
            disputed_by=int(row["disputed"]),
            shared_at=int(row["shared_at"]),
        )

    def _learn(self, view: Snapshot, index: int) -> bool:
        """Read an entry and its opinions; False if there is no such entry."""
        entry = view.entry(index)
        if entry is None:
            return False
        withdrawn = entry.withdrawn_at is not None and entry.withdrawn_by is not None
        row = self._table[index]
        row["key"] = self._key(view, entry.key)
        row["withdrawn_by"] = self._key(view, entry.withdrawn_by) if entry.withdrawn_by is not None else 0
        row["withdrawn_at"] = entry.withdrawn_at if withdrawn else _NEVER
        row["shared_at"] = entry.shared_at
        row["terms"] = self._term(entry)
        self._count(view, index)
        return True

    def _count(self, view: Snapshot, index: int) -> None:
        """Count the opinions on an entry that stand."""
        given = view.opinions(index)
        stances = [one.stance for one in given if one.index < self._stand_below[self._key(view, one.key)]]
        row = self._table[index]
        row["endorsed"] = stances.count(Stance.ENDORSE)
        row["disputed"] = stances.count(Stance.DISPUTE)
        row["counted"] = self._counting if given else 0

    def _term(self, entry: Entry) -> int:
        voided = entry.voided_at is not None
        terms = _Terms(entry.member, entry.labels, entry.basis.value, entry.jurisdictions, voided)
        number = self._term_numbers.setdefault(terms, len(self._terms))
        if number == len(self._terms):
            self._terms.append(terms)
        return number

    def _key(self, view: Snapshot, key_id: bytes) -> int:
        """The number of a key, of which nothing stands if the ledger does not know it."""
        number = self._key_numbers.get(key_id)
        if number is None:
            number = self._key_numbers[key_id] = len(self._key_numbers)
            if number == len(self._stand_below):
                self._stand_below = np.concatenate([self._stand_below, np.zeros_like(self._stand_below)])
            key = view.key(key_id)
            if key is not None:
                self._stand_below[number] = _stand_below(key)
        return number


def _stand_below(key: Key) -> int:
    return _NEVER if key.stands_below is None else key.stands_below
