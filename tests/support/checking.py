"""A clearinghouse without a network, as a check sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from builders import World, fingerprint
from linear import LinearIndex
from memory import MemoryLedger

from hashpact.domain.checks import Answer, Check, Filter, Hits, Query
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.state import Stance
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
    """A clearinghouse with four members and an index, as a check sees it."""

    world: World = field(default_factory=World)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    index: LinearIndex = field(default_factory=LinearIndex)
    follower: Follower = field(init=False)
    checker: Checker = field(init=False)

    def __post_init__(self) -> None:
        """Found the log."""
        self.world.found(self.ledger, *MEMBERS)
        self.follower = Follower(self.ledger, self.index, EntryCatalog(self.ledger))
        self.checker = Checker(self.ledger, self.index, self.follower)

    def share(self, *shared: Fingerprint, by: str = "acme", label: str = "ncii", **reason: object) -> int:
        """Submit; the entry's index."""
        why = Reason(frozenset({label}), **reason)  # type: ignore[arg-type]  # each test passes the right type
        submission = self.world.author(by).submit(shared, why)
        return self.world.appender(self.ledger).append(by, submission).index

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
