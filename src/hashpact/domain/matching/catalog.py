"""The port of a catalog: what checks need to know of the entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from hashpact.domain.checks import Filter, Hits, Match
from hashpact.domain.fingerprints import Fingerprint, FingerprintType
from hashpact.domain.state import MatchTerms


class Catalog(Protocol):
    """What checks need to know of a ledger's entries, kept where it costs little to ask.

    The follower reports each statement that changes an entry; until then the answer may be the one from
    before. Any thread may call it. It has read the ledger ``reads`` times so far; what it reads may be ahead
    of the follower.
    """

    reads: int

    def nearest(
        self,
        found: Sequence[tuple[FingerprintType, Hits]],
        narrow: Filter,
        limit: int,
        wanted: Callable[[], bool] = lambda: True,
    ) -> tuple[list[Match], list[int]]:
        """The nearest ``limit`` entries that stand and that the filter keeps, at most once for each type.

        ``found`` are each query's type and hits, of all queries of a check. Nearest is by the share of the
        type's ceiling that a hit is away, then by entry and type. Returns also, for each query, how many
        such entries it has found; beyond the limit it may be any number above. ``wanted`` is whether the
        caller still waits; raises CancelledError if not.
        """
        ...

    def nearest_at_once(
        self, found: Sequence[tuple[FingerprintType, Hits]], narrow: Filter, limit: int
    ) -> tuple[list[Match], list[int]] | None:
        """As `nearest`, or None if that would wait for a disk or another thread, or take long."""
        ...

    def rule(self, terms: MatchTerms) -> None:
        """A policy with these terms is in force: its ceilings hold from now on, of every entry."""
        ...

    def first_benign(self, hits: Hits, waits: Callable[[], None] = lambda: None) -> int | None:
        """Which of the hits, at least one, is the first of a benign entry that stands and nobody disputes.

        ``waits`` is called before what may wait for the disk or for another thread.
        """
        ...

    def apart(
        self,
        upload: Sequence[Fingerprint],
        wanted: Callable[[], bool] = lambda: True,
        waits: Callable[[], None] = lambda: None,
    ) -> Callable[[int], int | None]:
        """What says of an entry in how many bits any of its pdq/1 and any of the upload's differ at least.

        None if either has none. ``waits`` is as above, and called if it takes long as well. What is returned
        raises CancelledError once the caller is gone, as ``wanted`` says.
        """
        ...

    def forget(self, entry: int) -> None:
        """A statement has changed the entry, or the opinions on it."""
        ...

    def weigh(self, member: str, index: int) -> int | None:
        """Take in what stands of what a member's keys have signed, after one was revoked at ``index``.

        Returns the lowest index from which on that may have changed for the follower, None if nothing has.
        """
        ...
