"""A clearinghouse without a network, as a check sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from builders import LABELS, Identity, World, fingerprint
from linear import LinearIndex
from memory import MemoryLedger

from hashpact.domain.checks import Answer, Check, Filter, Hits, Query
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.kinds import Policy, Void
from hashpact.domain.messages import Submission
from hashpact.domain.state import MatchTerms, Stance
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Reason
from hashpact.service.check import Checker
from hashpact.service.follow import Follower

BASE = fingerprint(PDQ, "base")
MEMBERS = ("acme", "bravo", "carol", "delta")


class Stubborn(LinearIndex):
    """An index that forgets nothing, and keeps count of how much it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def remove(self, items: Iterable[int]) -> None:
        """Nothing."""

    def search(self, query: Fingerprint, threshold: float, limit: int) -> Hits:
        """Search as ever."""
        self.asked.append(limit)
        return super().search(query, threshold, limit)


@dataclass(slots=True)
class House:
    """A clearinghouse with four members and an index, as a check sees it.

    ``refuses``: entries near something benign are refused, as a server does.
    """

    world: World = field(default_factory=World)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    index: LinearIndex = field(default_factory=LinearIndex)
    founded: bool = False
    refuses: bool = False
    follower: Follower = field(init=False)
    checker: Checker = field(init=False)

    def __post_init__(self) -> None:
        """Found the log, unless it is founded."""
        if not self.founded:
            self.world.found(self.ledger, *MEMBERS)
        self.follower = Follower(self.ledger, self.index, EntryCatalog(self.ledger))
        self.checker = Checker(self.ledger, self.index, self.follower)

    def share(self, *shared: Fingerprint, by: str = "acme", label: str = "ncii", **reason: object) -> int:
        """Submit; the entry's index."""
        why = Reason(frozenset({label}), **reason)  # type: ignore[arg-type]  # each test passes the right type
        submission = self.world.author(by).submit(shared, why)
        appender = self.world.appender(self.ledger)
        if self.refuses:
            self.follower.catch_up()
            appender = replace(appender, refuse=self.checker.benign.refuse)
        return appender.append(by, submission).index

    def decree(self, **matching: object) -> MatchTerms:
        """Make another policy with these terms about matches; they."""
        with self.ledger.snapshot() as view:
            charter = view.charter()
        assert charter is not None
        body = Policy(charter.policy_version + 1, LABELS, **matching)  # type: ignore[arg-type]  # as in `share`
        self._by_admins(self.world.by_admins(body))
        return body.matching

    def strike(self, entry: int) -> None:
        """Have the administrators void an entry."""
        self._by_admins(self.world.by_admins(Void(entry, "mistake")))

    def revoke(self, member: str, cutoff: int) -> None:
        """Have the administrators revoke a member's key from an index on."""
        self._by_admins(self.world.revoke(Identity.of(member), cutoff))

    def _by_admins(self, statement: bytes) -> None:
        self.world.appender(self.ledger).append(None, Submission(statement, ()))

    def say(self, entry: int, stance: Stance, *by: str) -> None:
        """Give opinions."""
        for member in by:
            self.world.appender(self.ledger).append(member, self.world.author(member).opinion(entry, stance))

    def withdraw(self, entry: int, by: str = "acme") -> None:
        """Withdraw an entry."""
        self.world.appender(self.ledger).append(by, self.world.author(by).withdraw(entry, "mistake"))

    def ask(self, *queries: Query | Fingerprint, narrow: Filter | None = None, limit: int = 20) -> Answer:
        """Check at the newest position."""
        asked = tuple(query if isinstance(query, Query) else Query(query) for query in queries)
        size = self.ledger.head().size
        return self.checker.check(Check(asked, narrow or Filter(), limit, min_position=size))

    def entries(
        self, *queries: Query | Fingerprint, narrow: Filter | None = None, limit: int = 20
    ) -> list[int]:
        """The entries that match, nearest first."""
        return [match.entry for match in self.ask(*queries, narrow=narrow, limit=limit).matches]
