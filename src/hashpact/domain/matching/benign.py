"""Benign: what of the negative collection is as near to a query as the entries are that it has found.

The negative collection has fingerprints of content that is known to be harmless, such as a blank form that
many people fill in. It is searched only for queries that have found something, and no farther than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hashpact.domain.checks import Hits, Match, NearBenign
from hashpact.domain.fingerprints import TYPES, Fingerprint
from hashpact.domain.kinds import MAX_ITEMS
from hashpact.domain.matching.catalog import Catalog
from hashpact.domain.ports import Index
from hashpact.errors import ConflictError

_FIRST: Final = 4
"""Items that are looked at first: nearly always the nearest one counts."""
_GROWTH: Final = 16
_SHORT: Final = 1024
"""Items that are looked at before it takes long."""
_MOST: Final = 16384
"""Items that are looked at: beyond so many that do not count, nothing is held to be benign."""


@dataclass(frozen=True, slots=True)
class Benign:
    """The negative collection of an index; the catalog knows which of its entries count."""

    index: Index
    catalog: Catalog

    def near(
        self, query: Fingerprint, within: float, waits: Callable[[], None] = lambda: None
    ) -> NearBenign | None:
        """The nearest benign item within a threshold whose entry stands, and which nobody disputes."""
        limit = _FIRST
        while limit <= _MOST:
            if limit > _SHORT:
                waits()
            hits = self.index.search_benign(query, within, limit)
            if not hits:
                return None
            place = self.catalog.first_benign(hits, waits)
            if place is not None:
                return NearBenign(hits.items[place] // MAX_ITEMS, float(hits.scores[place]))
            if len(hits) < limit:
                return None
            limit *= _GROWTH
        return None

    def cut(self, query: Fingerprint, hits: Hits, waits: Callable[[], None] = lambda: None) -> Hits:
        """Those of a query's hits that nothing benign is as near as."""
        found = self.near(query, hits.scores[-1], waits) if hits else None
        if found is None:
            return hits
        far = query.type.remoteness(found.score)
        scores = hits.scores
        return hits[: next(n for n, score in enumerate(scores) if query.type.remoteness(score) >= far)]

    def marked(
        self,
        matches: Iterable[Match],
        query: Callable[[int], Fingerprint],
        waits: Callable[[], None] = lambda: None,
    ) -> list[Match]:
        """Matches of one answer, each with what is benign and no farther from its query than its entry is.

        They were just made for this answer, and are marked as they are.
        """
        given = list(matches)
        if len(given) == 1:  # as most checks that match
            (match,) = given
            found = self.near(query(match.query), match.score, waits)
            if found is not None:
                _mark(match, found)
            return given
        asked = {match.query: query(match.query) for match in given}
        furthest: dict[int, float] = {}
        for match in given:  # of a query, those of one type come nearest first
            furthest[match.query] = match.score
        near = {number: self.near(one, furthest[number], waits) for number, one in asked.items()}
        for match in given:
            found, kind = near[match.query], TYPES[match.type]
            if found is not None and kind.remoteness(found.score) <= kind.remoteness(match.score):
                _mark(match, found)
        return given

    def refuse(self, shared: Sequence[Fingerprint]) -> None:
        """Raise ConflictError if an entry's fingerprint is within its type's threshold of a benign one."""
        for number, one in enumerate(shared):
            found = self.near(one, one.type.default_for(one.value))
            if found is not None:
                msg = (
                    f"fingerprint {number} ({one.type.name}) is near entry {found.entry}, which is stated to "
                    "be benign; share the entry without it, or dispute that one if it is wrong"
                )
                raise ConflictError(msg, entry=str(found.entry))


def _mark(match: Match, found: NearBenign) -> None:
    """Mark a match that nobody else has yet: a changed copy would cost as much as the search has."""
    object.__setattr__(match, "benign", found)
