"""Check: the entries near some fingerprints, nearest first. No part of a check is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, TypeAlias

from hashpact.domain.checks import (
    MAX_LIMIT,
    MAX_QUERIES,
    Answer,
    Check,
    Filter,
    Hits,
    Lag,
    Match,
    Query,
    sets_in,
)
from hashpact.domain.fingerprints import Fingerprint, FingerprintType
from hashpact.domain.kinds import unknown_label
from hashpact.domain.matching.agreement import doubted
from hashpact.domain.matching.batches import Batch, BatchAnswer
from hashpact.domain.matching.benign import Benign
from hashpact.domain.ports import Index, Ledger, MatchCounter
from hashpact.errors import InvalidInputError
from hashpact.service.follow import Follower

BUDGET: Final = MAX_QUERIES * (MAX_LIMIT + 24)
"""Items that one check considers at most, an equal share for each query: more than the largest limit."""
_TOGETHER: Final = 8
"""Codes that are looked for at once: until they are done nobody asks whether the caller still waits."""
_ALONE: Final = 4
"""Codes of one check that are looked for one by one: to put them together would cost more than it saves."""
_FEW: Final = 4
"""The nearest items are tried alone if a query may consider so many times more."""
_MOST_EACH: Final = 1024
"""Items that one fingerprint of a batch is considered with at most."""
_MOST_MATCHES: Final = 16 * 1024
"""Matches of one batch: an equal share for each fingerprint, the default limit in the largest batch."""
_STRIDE: Final = 256
"""Fingerprints of a batch that are looked for in one turn: 3 to 10 ms."""
_PIECE: Final = 512
"""Items that are considered in one turn, or those of one fingerprint if they are more: 2 to 5 ms."""
_COUNTED: Final = 64
"""Fingerprints of a batch that are counted together, for the quarantine: fewer than any window has."""
_SHORT: Final = 8
"""Codes of one check that are looked for without waiting for a turn, if they are no sets."""
_PROBED: Final = 33
"""Items that are looked for first, one more than the catalog judges at once: few checks find so many."""


Keep: TypeAlias = Callable[[Sequence[tuple[Query, ...]], int, str], object]
"""Keeps uploads: the queries of each, the position of their answers, and the caller's reference."""


@dataclass(frozen=True, slots=True)
class Checker:
    """Answers checks from an index, and from the follower's catalog for entries and opinions.

    ``lag`` is called with the position of each answer, and returns how old the copy of the log is that it is
    answered from. It raises LaggingError if that is too old. None at the clearinghouse itself, which has no
    copy and takes no references. ``keep`` is given the queries of each upload that is answered, the position
    of the answer and the caller's reference, before it is returned: a mirror's window, if it has one.
    ``counter`` counts the matches of each answer, before they are narrowed by it, and says which entries are
    in quarantine. Both may write to the disk.
    """

    ledger: Ledger
    index: Index
    follower: Follower
    lag: Callable[[int], Lag | None] | None = field(default=None, kw_only=True)
    keep: Keep | None = field(default=None, kw_only=True)
    counter: MatchCounter | None = field(default=None, kw_only=True)
    benign: Benign = field(init=False)

    def __post_init__(self) -> None:
        """Open the negative collection."""
        object.__setattr__(self, "benign", Benign(self.index, self.follower.catalog))

    def check(
        self,
        check: Check,
        wanted: Callable[[], bool] = lambda: True,
        turn: Callable[[], AbstractContextManager[object]] = nullcontext,
        waits: Callable[[], None] = lambda: None,
    ) -> Answer:
        """The nearest matches that the filter keeps, at most one an entry and type, at most ``limit``.

        ``wanted`` is whether the caller still waits; it is asked before every few queries and while entries
        are read. What takes long is done within ``turn``, which may wait until others have had theirs, and
        ``waits`` is called before what may wait for the disk or for another thread. Raises CancelledError if
        nobody waits, UnavailableError if the index has not reached ``min_position``, LaggingError if the copy
        of the log is too old, UnknownLabelError if the filter names a label that the policy does not have,
        and InvalidInputError for a reference at the clearinghouse.
        """
        if check.reference and self.lag is None:
            msg = "a reference is for a mirror, and this is the clearinghouse: leave it out"
            raise InvalidInputError(msg, field="reference")
        writes = self.keep is not None or self.counter is not None
        if writes or check.min_position > self.follower.position or check.filter.labels:
            waits()
        position = self.follower.reach(check.min_position)
        lag = self._lag(position)
        if check.filter.labels:
            self._check_labels(check.filter)
        if _takes_long(check):
            with turn():
                answer = self._answer(check, position, lag, wanted, nullcontext, waits)
        else:
            answer = self._answer(check, position, lag, wanted, turn, waits)
        if self.keep is not None and not check.again:
            self.keep((check.queries,), position, check.reference)
        return answer

    def check_batch(
        self,
        batch: Batch,
        wanted: Callable[[], bool] = lambda: True,
        turn: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> BatchAnswer:
        """The nearest matches of each fingerprint that the filter keeps, at most one an entry.

        ``wanted`` and the errors are those of `check`; there is a ``turn`` for every few fingerprints, and
        for every few items that are near them. In a large batch each has fewer matches than the limit says,
        and is ``truncated`` if there are more.
        """
        position = self.follower.reach(batch.min_position)
        lag = self._lag(position)
        if batch.filter.labels:
            self._check_labels(batch.filter)
        bounds = _Bounds(min(BUDGET // len(batch), _MOST_EACH), min(batch.limit, _MOST_MATCHES // len(batch)))
        matches: list[Match] = []
        truncated: list[int] = []
        for first, packed, some in batch.strides(_STRIDE):
            if not wanted():
                raise CancelledError
            with turn():
                found = self.index.search_packed(packed.type, some, packed.within, bounds.items)
            for piece in _pieces(found):
                with turn():
                    for number, hits in piece:
                        value = some[number * packed.type.size : (number + 1) * packed.type.size]
                        near, more = self._near(Fingerprint(packed.type, value), hits, batch, bounds, wanted)
                        matches += [replace(match, query=first + number) for match in near]
                        if more:
                            truncated.append(first + number)
        if self.keep is not None:
            self.keep(tuple(batch.queries()), position, "")
        kept = self._held(matches, len(batch))
        if batch.filter.without_quarantined:
            counts = Counter(match.query for match in kept)
            kept = [match for match in kept if not match.quarantined]
            left = Counter(match.query for match in kept)
            full = {query for query, count in counts.items() if left[query] < count == bounds.matches}
            truncated = sorted(full.union(truncated))
        texts = self.follower.texts if kept else None
        return BatchAnswer(tuple(kept), position, tuple(truncated), texts, lag)

    def _lag(self, position: int) -> Lag | None:
        return None if self.lag is None else self.lag(position)

    def _held(self, matches: Sequence[Match], checks: int) -> Sequence[Match]:
        """The matches, with those marked whose entries are in quarantine; so many ``checks`` are counted."""
        if self.counter is None:
            return matches
        if checks:
            pairs = {(match.query if checks > 1 else 0, match.entry) for match in matches}
            together: dict[int, list[int]] = {}
            for query, entry in pairs:
                together.setdefault(query // _COUNTED, []).append(entry)
            for number, first in enumerate(range(0, checks, _COUNTED)):
                self.counter.count(together.get(number, ()), min(_COUNTED, checks - first))
        holds = self.counter.holds
        return [replace(match, quarantined=True) if holds(match.entry) else match for match in matches]

    def _near(
        self, query: Fingerprint, hits: Hits, batch: Batch, bounds: _Bounds, wanted: Callable[[], bool]
    ) -> tuple[list[Match], bool]:
        """The matches of one fingerprint of a batch, and whether there may be more that the batch wants."""
        if batch.filter.without_benign:
            hits = self.benign.cut(query, hits)
        found = [(query.type, hits)]
        near, (kept,) = self.follower.catalog.nearest(found, batch.filter, bounds.matches, wanted)
        if not batch.filter.without_benign:
            near = self.benign.marked(near, lambda _: query)
        unseen = hits.truncated or (len(hits) == bounds.items and kept < bounds.matches)
        return near, unseen or bounds.matches < min(kept, batch.limit)

    def _answer(  # noqa: PLR0913, PLR0917  # what is known of the answer, and how it is to be found
        self,
        check: Check,
        position: int,
        lag: Lag | None,
        wanted: Callable[[], bool],
        turn: Callable[[], AbstractContextManager[object]],
        waits: Callable[[], None],
    ) -> Answer:
        """The answer, each match with what speaks against it, or without those that the filter leaves out."""
        asked, narrow = check, check.filter
        while True:
            answer = self._nearest(asked, position, lag, wanted, turn, waits)
            marked = self._held(answer.matches, int(asked is check and not check.again))
            if not marked:
                return answer
            upload = [query.fingerprint for query in check.queries]
            apart = self.follower.catalog.apart(upload, wanted, waits)
            matches = doubted(marked, check.queries, apart)
            if not (narrow.agreeing or narrow.without_quarantined):
                return answer if matches is answer.matches else replace(answer, matches=matches)
            kept = tuple(
                match
                for match in matches
                if not (narrow.agreeing and (match.contradicted is not None or match.unconfirmed))
                and not (narrow.without_quarantined and match.quarantined)
            )
            enough = len(answer.matches) < asked.limit or len(kept) >= check.limit
            if enough or asked.limit == MAX_LIMIT:
                texts = answer.texts if kept else None
                unseen = answer.truncated or not enough
                return replace(answer, matches=kept[: check.limit], truncated=unseen, texts=texts)
            asked = replace(asked, limit=min(_FEW * asked.limit, MAX_LIMIT))

    def _nearest(  # noqa: PLR0913, PLR0917  # as `_answer`
        self,
        check: Check,
        position: int,
        lag: Lag | None,
        wanted: Callable[[], bool],
        turn: Callable[[], AbstractContextManager[object]],
        waits: Callable[[], None],
    ) -> Answer:
        share = BUDGET // len(check.queries)
        wide = check.limit * _FEW > share
        numbers = range(len(check.queries))
        limit = share if wide else check.limit
        first = limit if turn is nullcontext else min(limit, _PROBED)  # within a turn it may take long
        found = self._search(check, numbers, first, wanted, waits)
        many = (
            [number for number, (_, hits) in enumerate(found) if len(hits) == first] if first < limit else ()
        )
        if many:
            waits()
            for number, more in zip(many, self._search(check, many, limit, wanted, waits), strict=True):
                found[number] = more
        truncated = near = False
        for _, hits in found:
            truncated, near = truncated or hits.truncated, near or bool(hits.items)
        if not near:
            return Answer((), position, truncated, lag=lag)
        nearest = self.follower.catalog.nearest_at_once(found, check.filter, check.limit)
        if nearest is None:
            waits()
            nearest = self.follower.catalog.nearest(found, check.filter, check.limit, wanted)
        matches, kept = nearest
        if not wide:
            # Most filters keep most entries, so few queries need more than their nearest items.
            short = [
                number
                for number, (_, hits) in enumerate(found)
                if len(hits) == check.limit and kept[number] < check.limit
            ]
            if short:
                with turn():
                    again = self._search(check, short, share, wanted, waits)
                    for number, more in zip(short, again, strict=True):
                        found[number] = more
                    matches, kept = self.follower.catalog.nearest(found, check.filter, check.limit, wanted)
        truncated = any(hits.truncated for _, hits in found) or any(
            len(hits) == share and count < check.limit for (_, hits), count in zip(found, kept, strict=True)
        )
        if not check.filter.without_benign:
            matches = self.benign.marked(matches, lambda number: check.queries[number].fingerprint, waits)
        texts = self.follower.texts if matches else None
        return Answer(tuple(matches), position, truncated, texts, lag=lag)

    def _search(
        self,
        check: Check,
        numbers: Sequence[int],
        limit: int,
        wanted: Callable[[], bool],
        waits: Callable[[], None],
    ) -> list[tuple[FingerprintType, Hits]]:
        """What each query of these numbers finds, without what the filter has as benign."""
        found = self._found(check, numbers, limit, wanted)
        if not check.filter.without_benign:
            return found
        asked = (check.queries[number].fingerprint for number in numbers)
        return [
            (kind, self.benign.cut(query, hits, waits))
            for query, (kind, hits) in zip(asked, found, strict=True)
        ]

    def _found(
        self, check: Check, numbers: Sequence[int], limit: int, wanted: Callable[[], bool]
    ) -> list[tuple[FingerprintType, Hits]]:
        """What each query of these numbers finds, in their order; those alike are looked for together."""
        queries = check.queries
        if len(numbers) <= _ALONE:
            if not wanted():
                raise CancelledError
            few = []
            for number in numbers:
                query, fingerprint = queries[number], queries[number].fingerprint
                few.append((fingerprint.type, self.index.search(fingerprint, _threshold(query), limit)))
            return few
        alike: dict[tuple[str, float], list[int]] = {}
        for number in numbers:
            query = queries[number]
            alike.setdefault((query.fingerprint.type.name, _threshold(query)), []).append(number)
        found: dict[int, Hits] = {}
        for (_, threshold), some in alike.items():
            together = 1 if queries[some[0]].fingerprint.type.is_set else _TOGETHER
            for first in range(0, len(some), together):
                if not wanted():
                    raise CancelledError
                batch = some[first : first + together]
                fingerprints = [queries[number].fingerprint for number in batch]
                found.update(zip(batch, self.index.search_all(fingerprints, threshold, limit), strict=True))
        return [(queries[number].fingerprint.type, found[number]) for number in numbers]

    def _check_labels(self, narrow: Filter) -> None:
        """Refuse a label that no entry can have: it would silently keep nothing."""
        with self.ledger.snapshot() as view:
            charter = view.charter()
        known = () if charter is None else charter.labels
        unknown = sorted(narrow.labels.difference(known))
        if unknown:
            raise unknown_label(unknown[0], known)


class _Bounds(NamedTuple):
    """How many items a fingerprint of a batch is considered with, and how many matches it has."""

    items: int
    matches: int


def _threshold(query: Query) -> float:
    """The threshold of a query. The index checks one that was asked for, once for all that have it."""
    return query.within() if query.threshold is None else query.threshold


def _pieces(found: Mapping[int, Hits]) -> Iterator[list[tuple[int, Hits]]]:
    """What fingerprints have found, a few items at a time."""
    piece, items = [], 0
    for number, hits in found.items():
        piece.append((number, hits))
        items += len(hits)
        if items >= _PIECE:
            yield piece
            piece, items = [], 0
    if piece:
        yield piece


def _takes_long(check: Check) -> bool:
    """Whether a check is more than a few codes."""
    return len(check.queries) > _SHORT or sets_in(check.queries) > 0
