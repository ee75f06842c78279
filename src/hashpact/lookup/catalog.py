"""Catalog: what checks need to know of the entries, in memory.

An entry is read from the ledger when a check first comes near it; after that a check of it asks the ledger
for nothing, and costs the same whatever has happened to its keys and opinions. The follower forgets an entry
when a statement changes it, and sets a key's limit anew when one is revoked: one number, however many
statements the key has signed.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hashpact.domain.checks import Filter, Hits, Match
from hashpact.domain.fingerprints import TYPES, Fingerprint, FingerprintType
from hashpact.domain.kinds import MAX_ITEMS
from hashpact.domain.ports import Ledger, Snapshot
from hashpact.domain.state import Basis, Entry, Key, MatchTerms, Stance
from hashpact.lookup.columns import (
    KEPT,
    NAMES,
    EntryCodes,
    EntryColumns,
    EntryFacts,
    EntryTerms,
    Mask,
    NearHits,
    Numbers,
    Place,
    nearness,
    places,
)

_NEVER: Final = int(np.iinfo(np.int64).max)
"""The index of a statement that there is not, and the limit of a key all of whose statements stand."""

_AT_ONCE: Final = 32
"""Entries that are read from the ledger while other checks wait: 0.5 ms."""

_HITS: Final = 1024
"""Hits that are judged while other checks wait: 0.1 ms."""

_SOON: Final = 0.0005
"""Seconds that a short check waits for that: to hand it to another thread would take as long."""

_PIECE: Final = 8
"""Matches that are made before it is asked again whether they are wanted: about 40 us."""

FEW: Final = 32
"""Up to this many hits are judged one by one: arrays pay off only beyond about forty."""

_UNDISPUTED: Final = Filter(without_disputed=True)


class EntryCatalog:
    """The entries, keys and opinions that checks have come near.

    ``hashpact.domain.matching.catalog.Catalog`` is its contract.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._columns = EntryColumns(1024)
        self._terms: list[EntryTerms | None] = [None]
        self._term_numbers: dict[EntryTerms, int] = {}
        self._key_numbers: dict[bytes, int] = {}
        self._read_at: list[int] = []
        self._stand_below = np.zeros(64, np.int64)
        self._counting = 1
        self._rules = MatchTerms()
        self._ceilings = np.full((1, len(NAMES)), np.inf)
        self.codes = EntryCodes(ledger)
        self._harmless: dict[int, bool] = {}
        self.reads = 0

    def nearest(
        self,
        found: Sequence[tuple[FingerprintType, Hits]],
        narrow: Filter,
        limit: int,
        wanted: Callable[[], bool] = lambda: True,
    ) -> tuple[list[Match], list[int]]:
        """The nearest entries that stand and that the filter keeps, and how many each query is near."""
        if sum(len(hits) for _, hits in found) <= FEW:
            few = places(found)
            if any(entry >= len(self._columns) for entry, _, _ in few):
                few = [one for one in few if one[0] < self._ledger.head().size]
            with self._lock:
                self._learn_all(few)
                return self._nearest_of_few(few, found, narrow, limit)
        near = NearHits.of(found)
        if near.entry.max(initial=0) >= len(self._columns):
            near = near.where(near.entry < self._ledger.head().size)
        judged = [self._judged(some, narrow, wanted) for some in near.pieces(_HITS)]
        kept = NearHits.joined([some for some, _ in judged])
        chosen, counts = kept.nearest(len(found), limit)
        said = (
            np.concatenate(column)[chosen].tolist()
            for column in zip(*(one for _, one in judged), strict=True)
        )
        return list(_matches(kept.where(chosen), self._facts_of(*said), found, wanted)), counts

    def nearest_at_once(
        self, found: Sequence[tuple[FingerprintType, Hits]], narrow: Filter, limit: int
    ) -> tuple[list[Match], list[int]] | None:
        """As `nearest`, or None if an entry is to be read, or another thread is at work."""
        if sum(len(hits) for _, hits in found) > FEW or not self._lock.acquire(timeout=_SOON):
            return None
        try:
            near = places(found)
            known = all(self._knows(entry) for entry, _, _ in near)
            return self._nearest_of_few(near, found, narrow, limit) if known else None
        finally:
            self._lock.release()

    def forget(self, entry: int) -> None:
        """A statement has changed the entry, or the opinions on it."""
        with self._lock:
            self._harmless.pop(entry, None)
            if entry < len(self._columns):
                self._columns.terms[entry] = 0

    def rule(self, terms: MatchTerms) -> None:
        """A policy is in force: its ceilings hold from now on, of every entry."""
        with self._lock:
            if terms.ceilings != self._rules.ceilings:
                self._rules = terms
                self._ceilings = np.array([self._within(one) for one in self._terms])

    def first_benign(self, hits: Hits, waits: Callable[[], None] = lambda: None) -> int | None:
        """Which of the hits, at least one, is the first of a benign entry that stands and nobody disputes.

        ``waits`` is called before what may wait for the disk or for another thread.
        """
        for place, item in enumerate(hits.items):  # nearly always the first
            entry = item // MAX_ITEMS
            harmless = self._harmless.get(entry)
            if harmless is None:
                waits()
                harmless = self._judge_benign(entry)
            if harmless:
                return place
        return None

    def apart(
        self,
        upload: Sequence[Fingerprint],
        wanted: Callable[[], bool] = lambda: True,
        waits: Callable[[], None] = lambda: None,
    ) -> Callable[[int], int | None]:
        """What says in how many bits an entry and an upload differ at least."""
        return self.codes.apart(upload, wanted, waits)

    def weigh(self, member: str, index: int) -> int | None:
        """Take in what stands of what a member's keys have signed, after one was revoked at ``index``."""
        with self._lock, self._ledger.snapshot() as view:
            self.reads += 1
            changed = []
            for key in view.keys(member):
                number, new = self._key_numbers.get(key.id), _stand_below(key)
                if number is None:
                    changed.append(min(new, key.enrolled_index))
                    continue
                before = int(self._stand_below[number])
                if self._read_at[number] > index:  # a check came near it once the ledger had the revocation
                    changed.append(min(new, key.enrolled_index))
                elif new != before:
                    changed.append(min(new, before))
                self._stand_below[number], self._read_at[number] = new, 0
            if changed:
                self._counting += 1
                self._harmless.clear()
            return min(changed, default=None)

    def _unknown(self, entries: Numbers) -> Mask:
        """Which entries are to be read: those not known, and those whose opinions may stand or fall since."""
        counted = self._columns.counted[entries]
        unknown: Mask = (self._columns.terms[entries] == 0) | (counted != 0) & (counted != self._counting)
        return unknown

    def _judged(
        self, near: NearHits, narrow: Filter, wanted: Callable[[], bool]
    ) -> tuple[NearHits, tuple[NDArray[Any], ...]]:
        """Those of some hits that are kept, and what is said of their entries, as of one moment."""
        absent = np.zeros(len(near.entry), bool)
        while wanted():
            with self._lock:
                self._columns.hold(int(near.entry.max(initial=0)))
                unknown = self._unknown(near.entry) & ~absent
                if not unknown.any():
                    kept = near.where(self._kept(near, narrow))
                    return kept, self._columns.said(kept.entry)
                absent |= np.isin(near.entry, self._learn_some(near.entry[unknown]))
        raise CancelledError

    def _learn_some(self, entries: Numbers) -> list[int]:
        """Read a few of the entries; those that there are not."""
        with self._ledger.snapshot() as view:
            return [one for one in np.unique(entries)[:_AT_ONCE].tolist() if not self._learn(view, one)]

    def _kept(self, near: NearHits, narrow: Filter) -> Mask:
        """Which hits are of entries that stand and that the filter keeps."""
        columns = self._columns
        within = near.remoteness <= self._ceilings[columns.terms[near.entry], near.type]
        kept: Mask = within & self._standing(near.entry) & self._wanted(near.entry, narrow)
        if narrow.by_opinions:
            kept &= columns.endorsed[near.entry] >= narrow.min_endorsed_by
            if narrow.without_disputed:
                kept &= columns.disputed[near.entry] == 0
            if narrow.without_disowned:
                kept &= ~columns.disowned[near.entry]
        return kept

    def _nearest_of_few(
        self,
        near: Sequence[Place],
        found: Sequence[tuple[FingerprintType, Hits]],
        narrow: Filter,
        limit: int,
    ) -> tuple[list[Match], list[int]]:
        """As `nearest`, without arrays, of entries that are known."""
        counts = [0] * len(found)
        if len(near) == 1:  # as most checks that match
            ((entry, query, _),) = near
            if not (self._keeps(entry, narrow) and self._is_within(near[0], found)):
                return [], counts
            counts[query] = 1
            return [self._facts(entry).match(near[0], found)], counts
        best: dict[tuple[int, str], Place] = {}
        entries: list[set[int]] = [set() for _ in found]
        kept = [one for one in near if self._keeps(one[0], narrow) and self._is_within(one, found)]
        for entry, query, _ in kept:
            counts[query] += 1
            entries[query].add(entry)
        for one in sorted(kept, key=lambda one: nearness(one, found)) if len(kept) > 1 else kept:
            best.setdefault((one[0], found[one[1]][0].name), one)
        matches = [self._facts(one[0]).match(one, found) for one in itertools.islice(best.values(), limit)]
        return matches, [
            count if count < limit else len(some) for count, some in zip(counts, entries, strict=True)
        ]

    def _learn_all(self, near: Sequence[Place]) -> None:
        """Read those entries that are not known."""
        unknown = {entry for entry, _, _ in near if not self._knows(entry)}
        if unknown:
            self._columns.hold(max(unknown))
            with self._ledger.snapshot() as view:
                for entry in unknown:
                    self._learn(view, entry)

    def _knows(self, entry: int) -> bool:
        columns = self._columns
        known = entry < len(columns) and columns.terms[entry] != 0
        return known and columns.counted[entry] in {0, self._counting}

    def _keeps(self, entry: int, narrow: Filter) -> bool:
        """Whether an entry stands, and the filter keeps it."""
        columns, terms = self._columns, self._terms[self._columns.terms[entry]]
        return bool(
            terms is not None
            and entry < self._stand_below[columns.key[entry]]
            and not columns.withdrawn_index[entry] < self._stand_below[columns.withdrawn_by[entry]]
            and terms.kept(narrow)
            and columns.endorsed[entry] >= narrow.min_endorsed_by
            and not (narrow.without_disputed and columns.disputed[entry])
            and not (narrow.without_disowned and columns.disowned[entry])
        )

    def _is_within(self, near: Place, found: Sequence[tuple[FingerprintType, Hits]]) -> bool:
        """Whether a hit is within the ceilings of its entry's labels."""
        if not self._rules.ceilings:
            return True
        entry, query, place = near
        kind, hits = found[query]
        ceiling = self._ceilings[self._columns.terms[entry], NAMES.index(kind.name)]
        return bool(kind.remoteness(hits.scores[place]) <= ceiling)

    def _judge_benign(self, entry: int) -> bool:
        """Whether an entry of the negative collection counts: any dispute is enough against it."""
        with self._lock:
            self._learn_all([(entry, 0, 0)])
            terms = self._terms[self._columns.terms[entry]]
            known = terms is not None and terms.basis == Basis.BENIGN.value
            if len(self._harmless) >= KEPT:
                self._harmless.clear()
            harmless = self._harmless[entry] = known and self._keeps(entry, _UNDISPUTED)
            return harmless

    def _standing(self, entries: Numbers) -> Mask:
        """Which entries stand, as `standing.entry_stands` has it, apart from voided ones."""
        columns = self._columns
        stands = entries < self._stand_below[columns.key[entries]]
        withdrawn = columns.withdrawn_index[entries] < self._stand_below[columns.withdrawn_by[entries]]
        found: Mask = stands & ~withdrawn
        return found

    def _wanted(self, entries: Numbers, narrow: Filter) -> Mask:
        """Which entries have terms that the filter keeps."""
        different, at = np.unique(self._columns.terms[entries], return_inverse=True)
        each = (self._terms[number] for number in different.tolist())
        wanted: Mask = np.array([one is not None and one.kept(narrow) for one in each], bool)[at]
        return wanted

    def _facts(self, entry: int) -> EntryFacts:
        columns = self._columns
        return EntryFacts(
            self._known(columns.terms[entry]),
            int(columns.endorsed[entry]),
            int(columns.disputed[entry]),
            int(columns.shared_at[entry]),
            bool(columns.disowned[entry]),
        )

    def _facts_of(self, terms: list[int], *said: list[Any]) -> Iterator[EntryFacts]:
        """The facts of entries; their terms never change."""
        return map(EntryFacts, map(self._known, terms), *said)

    def _known(self, number: int) -> EntryTerms:
        terms = self._terms[number]
        assert terms is not None  # noqa: S101 - only known entries are kept
        return terms

    def _learn(self, view: Snapshot, index: int) -> bool:
        """Read an entry and its opinions; False if there is no such entry."""
        self.reads += 1
        entry = view.entry(index)
        if entry is None:
            return False
        columns, withdrawn = self._columns, entry.withdrawn_by
        columns.key[index] = self._key(view, entry.key)
        columns.withdrawn_by[index] = 0 if withdrawn is None else self._key(view, withdrawn)
        columns.withdrawn_index[index] = _NEVER if entry.withdrawn_index is None else entry.withdrawn_index
        columns.shared_at[index] = entry.shared_at
        columns.terms[index] = self._term(entry)
        given = view.opinions(index)
        numbers = [self._key(view, one.key) for one in given]
        ends = self._stand_below[numbers]
        stances = [one.stance for one, end in zip(given, ends, strict=True) if one.index < end]
        columns.endorsed[index] = stances.count(Stance.ENDORSE)
        columns.disputed[index] = stances.count(Stance.DISPUTE)
        columns.disowned[index] = Stance.DISOWN in stances
        columns.counted[index] = self._counting if given else 0
        return True

    def _term(self, entry: Entry) -> int:
        voided = entry.voided_index is not None
        terms = EntryTerms(entry.member, entry.labels, entry.basis.value, entry.jurisdictions, voided)
        number = self._term_numbers.setdefault(terms, len(self._terms))
        if number == len(self._terms):
            self._terms.append(terms)
            if number == len(self._ceilings):
                self._ceilings = np.concatenate([self._ceilings, np.full_like(self._ceilings, np.inf)])
            self._ceilings[number] = self._within(terms)
        return number

    def _within(self, terms: EntryTerms | None) -> list[float]:
        """How far away a hit of each type may be, of entries with these terms."""
        labels = () if terms is None else terms.labels
        most = ((TYPES[name], self._rules.ceiling(labels, name)) for name in NAMES)
        return [np.inf if bits is None else kind.remoteness(float(bits)) for kind, bits in most]

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
            self._read_at.append(self._ledger.head().size)
        return number


def _matches(
    best: NearHits,
    facts: Iterable[EntryFacts],
    found: Sequence[tuple[FingerprintType, Hits]],
    wanted: Callable[[], bool],
) -> Iterator[Match]:
    """The matches of hits, each with the facts of its entry."""
    hits = zip(best.entry.tolist(), best.query.tolist(), best.place.tolist(), strict=True)
    for number, (hit, fact) in enumerate(zip(hits, facts, strict=True)):
        if number % _PIECE == 0 and not wanted():
            raise CancelledError
        yield fact.match(hit, found)


def _stand_below(key: Key) -> int:
    return _NEVER if key.stands_below is None else key.stands_below
