"""41 to 43: what one member does costs others nothing. Work is counted; test_cost_campaign.py times it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from builders import Identity, World, check_log, fingerprint, near
from linear import LinearIndex
from memory import MemoryLedger

from hashpact.domain.checks import Answer, Check, Filter, Hits, Query
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.kinds import GiveOpinion
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Snapshot
from hashpact.domain.state import Stance
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Reason
from hashpact.service.check import Checker
from hashpact.service.follow import Follower

ACME = Identity.of("acme")
CENTRE = fingerprint(PDQ, "centre")
NCII = Reason(frozenset({"ncii"}))
CROWD = 300
GIVING = ("bravo", "carol", "delta")
"""Members that give opinions."""


class CountingView:
    """A snapshot that counts what is read of it."""

    def __init__(self, view: Snapshot, reads: dict[str, int]) -> None:
        self._view = view
        self._reads = reads

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method
        self._reads[name] = self._reads.get(name, 0) + 1
        return getattr(self._view, name)


class CountingLedger(MemoryLedger):
    """A ledger that counts the reads of its state."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: dict[str, int] = {}

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A view that counts."""
        with super().snapshot() as view:
            yield CountingView(view, self.reads)


class CountingIndex(LinearIndex):
    """An index that counts its searches and removals."""

    def __init__(self) -> None:
        super().__init__()
        self.searches = self.removals = 0

    def search(self, query: Fingerprint, threshold: float, limit: int) -> Hits:
        """Search as ever."""
        self.searches += 1
        return super().search(query, threshold, limit)

    def remove(self, items: Iterable[int]) -> None:
        """Remove as ever."""
        self.removals += 1
        super().remove(items)


@dataclass(slots=True)
class House:
    """A log with a crowd of near-identical entries of acme."""

    world: World = field(default_factory=World)
    ledger: CountingLedger = field(default_factory=CountingLedger)
    index: CountingIndex = field(default_factory=CountingIndex)
    follower: Follower = field(init=False)
    checker: Checker = field(init=False)
    crowd: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Found the log."""
        self.world.found(self.ledger, "acme", *GIVING)
        self.follower = Follower(self.ledger, self.index, EntryCatalog(self.ledger))
        self.checker = Checker(self.ledger, self.index, self.follower)
        author = self.world.author("acme")
        submissions = [author.submit([near(CENTRE, number % 12)], NCII) for number in range(CROWD)]
        leaves = self.world.appender(self.ledger).append_all("acme", submissions)
        self.crowd = [leaf.index for leaf in leaves]
        self.follower.catch_up()

    def append(self, *leaves: bytes) -> None:
        """Append leaves, and follow them."""
        self.world.appender(self.ledger).append_all(None, [Submission(leaf) for leaf in leaves])
        self.follower.catch_up()

    def ask(self, queries: int = 1, narrow: Filter | None = None, limit: int = 1000) -> Answer:
        """Check codes in the crowd; what is read and searched is counted anew."""
        self.ledger.reads.clear()
        self.index.searches = 0
        asked = tuple(Query(near(CENTRE, number % 12)) for number in range(queries))
        return self.checker.check(Check(asked, narrow or Filter(), limit))


@pytest.fixture
def house() -> Iterator[House]:
    """The log, checked when the test is over."""
    house = House()
    yield house
    check_log(house.ledger)


def test_41_a_check_in_a_crowd_reads_each_entry_once_and_only_the_first_time(house: House) -> None:
    nothing = Filter(bases=frozenset({"law"}))
    assert house.ask(64, nothing).matches == ()
    assert house.ledger.reads["entry"] == CROWD
    assert house.index.searches == 64
    assert house.ask(64, nothing).matches == ()
    assert house.ledger.reads == {}
    house.ask(64, nothing, limit=1)
    assert house.index.searches == 128  # each query at most twice
    assert house.ledger.reads == {}


def test_41_reading_entries_stops_when_the_caller_has_left(house: House) -> None:
    calls = 0

    def wanted() -> bool:
        nonlocal calls
        calls += 1
        return calls < 3  # before the query, before the first entries are read, and not again

    with pytest.raises(CancelledError):
        house.checker.check(Check((Query(CENTRE),), limit=1000), wanted)
    assert 0 < house.ledger.reads["entry"] < CROWD


def test_42_a_check_reads_nothing_of_the_history_of_keys_and_opinions(house: House) -> None:
    for member in GIVING:
        key = Identity.of(member)
        for number in range(30):
            new = Identity.of(member, f"r{number}")
            house.append(house.world.rotate(key, new))
            stance = Stance.ENDORSE if number % 2 else Stance.DISPUTE
            house.append(house.world.leaf(GiveOpinion(house.crowd[number % 20], stance), new))
            key = new
    answer = house.ask(64)
    assert house.ledger.reads["entry"] == house.ledger.reads["opinions"] == CROWD
    assert house.ledger.reads["key"] <= 1 + 30 * len(GIVING)
    assert sum(match.endorsed_by + match.disputed_by for match in answer.matches) == 20 * len(GIVING)
    assert house.ask(64).matches == answer.matches
    assert house.ledger.reads == {}
    house.append(house.world.revoke(Identity.of("delta"), house.ledger.head().size - 60))
    answer = house.ask(64)
    assert sum(match.endorsed_by + match.disputed_by for match in answer.matches) == 20 * (len(GIVING) - 1)
    assert house.ledger.reads["entry"] == house.ledger.reads["opinions"] == 20


def test_43_a_revocation_is_seen_at_once_and_settled_in_small_steps(house: House) -> None:
    house.ask()
    house.ledger.reads.clear()
    house.append(house.world.revoke(ACME, house.crowd[100]))
    assert house.index.removals == 0
    assert house.ledger.reads == {"keys": 1}
    assert len(house.ask().matches) == 100
    steps, follower = 0, house.follower
    before = house.index.removals
    while follower.settle():
        assert house.index.removals - before <= 64
        before = house.index.removals
        steps += 1
    assert steps > 3
    assert len(house.index) == 100
    assert house.index.removals == CROWD - 100
    house.append(house.world.revoke(ACME, house.crowd[-1] + 1))
    while follower.settle():
        pass
    assert len(house.index) == len(house.ask().matches) == CROWD
    assert house.index.removals == CROWD - 100


def test_43_many_revocations_are_settled_together(house: House) -> None:
    house.ask()
    for cutoff in range(house.crowd[100], house.crowd[200]):
        house.append(house.world.revoke(ACME, cutoff))
    steps = 0
    while house.follower.settle():
        steps += 1
    assert steps < 10
    assert len(house.index) == len(house.ask().matches) == 199


def test_43_a_revocation_that_voids_nothing_settles_nothing(house: House) -> None:
    house.ask()
    house.append(house.world.revoke(ACME, house.ledger.head().size))
    assert not house.follower.unsettled
    assert len(house.ask().matches) == CROWD
