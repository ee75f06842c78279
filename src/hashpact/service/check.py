"""Check: the entries near some fingerprints, nearest first. No part of a check is stored."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Final

from hashpact.domain.checks import MAX_LIMIT, MAX_QUERIES, Answer, Check, Filter, Match, Query
from hashpact.domain.fingerprints import TYPES, Measure
from hashpact.domain.kinds import unknown_label
from hashpact.domain.ports import Index, Ledger
from hashpact.service.follow import Follower

BUDGET: Final = MAX_QUERIES * (MAX_LIMIT + 24)
"""Items that one check considers at most, an equal share for each query: more than the largest limit."""


@dataclass(frozen=True, slots=True)
class Checker:
    """Answers checks from an index, and from the follower's catalog for entries and opinions."""

    ledger: Ledger
    index: Index
    follower: Follower

    def check(self, check: Check, wanted: Callable[[], bool] = lambda: True) -> Answer:
        """The nearest matches that the filter keeps, at most one an entry and type, at most ``limit``.

        ``wanted`` is whether the caller still waits; it is asked before each query. Raises CancelledError if
        not, UnavailableError if the index has not reached ``min_position``, and UnknownLabelError if the
        filter names a label that the policy does not have.
        """
        position = self.follower.reach(check.min_position)
        self._check_labels(check.filter)
        best: dict[tuple[int, str], Match] = {}
        truncated = False
        for query in check.queries:
            if not wanted():
                raise CancelledError
            matches, whole = self._matches(query, check)
            truncated = truncated or not whole
            for match in matches:
                known = best.get((match.entry, match.type))
                if known is None or _remoteness(match) < _remoteness(known):
                    best[match.entry, match.type] = match
        nearest = sorted(best.values(), key=lambda match: (_remoteness(match), match.entry, match.type))
        return Answer(tuple(nearest[: check.limit]), position, truncated)

    def _matches(self, query: Query, check: Check) -> tuple[list[Match], bool]:
        """The nearest entries of one query, and whether these are all, or as many as the limit.

        Most filters keep most entries, so the nearest items are tried alone first.
        """
        kind = query.fingerprint.type
        threshold = kind.threshold(query.threshold)
        kept: list[Match] = []
        for wanted in (check.limit, BUDGET // len(check.queries)):
            hits = self.index.search(query.fingerprint, threshold, wanted)
            kept = self.follower.catalog.matches(kind, hits, check.filter, check.limit)
            if len(kept) == check.limit or len(hits) < wanted:
                return kept, True
        return kept, False

    def _check_labels(self, narrow: Filter) -> None:
        """Refuse a label that no entry can have: it would silently keep nothing."""
        if not narrow.labels:
            return
        with self.ledger.snapshot() as view:
            charter = view.charter()
        known = () if charter is None else charter.labels
        unknown = sorted(narrow.labels.difference(known))
        if unknown:
            raise unknown_label(unknown[0], known)


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
