"""Check: the entries near some fingerprints, nearest first. No part of a check is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hashpact.domain import standing
from hashpact.domain.checks import Answer, Check, Filter, Hit, Match, Query
from hashpact.domain.fingerprints import TYPES, FingerprintType, Measure
from hashpact.domain.kinds import unknown_label
from hashpact.domain.ports import Index, Ledger
from hashpact.domain.state import Entry, Stance, View
from hashpact.service.follow import Follower, entry_of

_WIDEN: Final = 8
"""The factor by which the search widens when the filter has left too few hits."""


@dataclass(frozen=True, slots=True)
class Checker:
    """Answers checks from an index, and from the ledger for entries and opinions."""

    ledger: Ledger
    index: Index
    follower: Follower

    def check(self, check: Check) -> Answer:
        """The nearest matches that the filter keeps, at most one an entry and type, at most ``limit``.

        Raises UnavailableError if the index has not reached ``min_position``, UnknownLabelError if the filter
        names a label that the policy does not have.
        """
        position = self.follower.reach(check.min_position)
        best: dict[tuple[int, str], Match] = {}
        with self.ledger.snapshot() as view:
            _check_labels(view, check.filter)
            for query in check.queries:
                for match in self._matches(view, query, check):
                    known = best.get((match.entry, match.type))
                    if known is None or _remoteness(match) < _remoteness(known):
                        best[match.entry, match.type] = match
        nearest = sorted(best.values(), key=lambda match: (_remoteness(match), match.entry, match.type))
        return Answer(tuple(nearest[: check.limit]), position)

    def _matches(self, view: View, query: Query, check: Check) -> list[Match]:
        """The nearest entries of one query; the search widens until the filter has kept enough hits."""
        kind = query.fingerprint.type
        threshold = kind.threshold(query.threshold)
        wanted = check.limit
        while True:
            hits = self.index.search(query.fingerprint, threshold, wanted)
            kept = list(_kept(view, kind, hits, check.filter))
            if len(kept) >= check.limit or len(hits) < wanted:
                return kept[: check.limit]
            wanted *= _WIDEN


def _check_labels(view: View, narrow: Filter) -> None:
    """Refuse a label that no entry can have: it would silently keep nothing."""
    charter = view.charter()
    known = () if charter is None else charter.labels
    unknown = sorted(narrow.labels.difference(known))
    if unknown:
        raise unknown_label(unknown[0], known)


def _kept(view: View, kind: FingerprintType, hits: list[Hit], narrow: Filter) -> Iterator[Match]:
    seen: set[int] = set()
    for hit in hits:
        index = entry_of(hit.item)
        if index in seen:
            continue
        seen.add(index)
        entry = view.entry(index)
        if entry is None or not standing.entry_stands(view, entry):
            continue
        opinions = tuple(standing.opinions(view, index))
        endorsed = sum(opinion.stance is Stance.ENDORSE for opinion in opinions)
        disputed = sum(opinion.stance is Stance.DISPUTE for opinion in opinions)
        if _keeps(narrow, entry, endorsed, disputed):
            yield Match(
                entry=index,
                type=kind.name,
                measure=kind.measure,
                score=hit.score,
                labels=entry.labels,
                basis=entry.basis.value,
                jurisdictions=entry.jurisdictions,
                member=entry.member,
                endorsed_by=endorsed,
                disputed_by=disputed,
                shared_at=entry.shared_at,
            )


def _keeps(narrow: Filter, entry: Entry, endorsed: int, disputed: int) -> bool:
    return (
        (not narrow.labels or not narrow.labels.isdisjoint(entry.labels))
        and (not narrow.bases or entry.basis.value in narrow.bases)
        and (not narrow.jurisdictions or not narrow.jurisdictions.isdisjoint(entry.jurisdictions))
        and endorsed >= narrow.min_endorsed_by
        and not (narrow.without_disputed and disputed)
    )


def _remoteness(match: Match) -> float:
    """How far a match is from its query, from 0 (the same) to 1 (the type's ceiling), for any type."""
    ceiling = TYPES[match.type].ceiling
    match match.measure:
        case Measure.HAMMING:
            return match.score / ceiling
        case Measure.JACCARD:
            return (1 - match.score) / (1 - ceiling)
        case Measure.EQUALITY:
            return 0
