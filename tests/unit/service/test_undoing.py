"""Follower, Checker and Reader: what does not stand is not matched, and what stands again is again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from builders import NOW, YEAR, Identity, World, check_log, fingerprint
from linear import LinearIndex
from memory import MemoryLedger

from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import SHA256
from hashpact.domain.kinds import Void
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Log, Snapshot
from hashpact.domain.state import Stance
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Author, Reason
from hashpact.service.check import Checker
from hashpact.service.follow import Follower
from hashpact.service.read import Reader
from hashpact.storage.sqlite import SqliteLedger

NCII = Reason(frozenset({"ncii"}))
ACME, SECOND, BRAVO = Identity.of("acme"), Identity.of("acme", "2"), Identity.of("bravo")


@dataclass
class House:
    """A log of two members, and a follower that is level with it whenever somebody checks."""

    ledger: Log
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        """Found the log; the first member has a second key."""
        self.world.found(self.ledger, "acme", "bravo")
        self.append(self.world.key(SECOND))
        self.index = LinearIndex()
        self.follower = Follower(self.ledger, self.index, EntryCatalog(self.ledger))
        self.checker = Checker(self.ledger, self.index, self.follower)

    def append(self, *leaves: bytes) -> int:
        """Append leaves; the index of the last."""
        appender = self.world.appender(self.ledger)
        return [appender.append(None, Submission(leaf)).index for leaf in leaves][-1]

    def share(self, seed: str, member: str = "acme") -> int:
        """Submit one fingerprint; the entry."""
        submission = self.author(member).submit([fingerprint(SHA256, seed)], NCII)
        return self.world.appender(self.ledger).append(member, submission).index

    def author(self, member: str) -> Author:
        """The member with its first key."""
        return self.world.author(member)

    def say(self, submission: Submission) -> int:
        """Append what a member says."""
        return self.world.appender(self.ledger).append(None, submission).index

    def found(self, *seeds: str) -> list[bool]:
        """Whether each fingerprint matches, and has its items in the index too."""
        self.follower.catch_up()
        while self.follower.settle():
            pass
        matched = []
        for seed in seeds:
            shared = fingerprint(SHA256, seed)
            answer = self.checker.check(Check((Query(shared),)))
            assert bool(self.index.search(shared, 0, 9)) == bool(answer.matches)
            matched.append(bool(answer.matches))
        return matched


@pytest.fixture(params=["memory", "sqlite"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """The same over each ledger."""
    in_memory = request.param == "memory"
    house = House(MemoryLedger() if in_memory else SqliteLedger.create(tmp_path / "hashpact.db"))
    yield house
    check_log(house.ledger)
    house.ledger.close()


def test_what_a_revoked_key_submitted_is_not_matched(house: House) -> None:
    house.share("before")
    first = house.share("after")
    assert house.found("before", "after") == [True, True]
    assert Reader(house.ledger).entry(first).stands
    house.append(house.world.revoke(ACME, first))
    assert house.found("before", "after") == [True, False]
    assert not Reader(house.ledger).entry(first).stands
    house.append(house.world.revoke(ACME, first + 1))
    assert house.found("before", "after") == [True, True]


def test_what_a_thief_withdrew_is_matched_again(house: House) -> None:
    entry = house.share("mine")
    at = house.say(house.author("acme").withdraw(entry, "thief"))
    assert house.found("mine") == [False]
    house.append(house.world.revoke(ACME, at, SECOND))
    assert house.found("mine") == [True]
    house.append(house.world.revoke(SECOND, at))  # the revoking key was the thief's
    assert house.found("mine") == [False]


def test_a_follower_that_comes_late_holds_the_same(house: House) -> None:
    entry = house.share("kept")
    house.share("gone")
    at = house.say(house.author("acme").withdraw(entry, "thief"))
    house.append(house.world.revoke(ACME, entry + 1))
    assert house.found("kept", "gone") == [True, False]
    late = LinearIndex()
    follower = Follower(house.ledger, late, EntryCatalog(house.ledger))
    assert follower.catch_up() == at + 2
    while follower.settle():
        pass
    assert len(late) == len(house.index) == 1


def test_what_stands_again_is_matched_though_a_check_saw_the_ledger_before_the_follower(
    house: House,
) -> None:
    """After a restart nothing is known of the key, until a check comes near an entry of it."""
    house.share("before", "bravo")
    first = house.share("after", "bravo")
    house.append(house.world.revoke(BRAVO, first))
    assert house.found("before", "after") == [True, False]
    house.follower = Follower(house.ledger, house.index, EntryCatalog(house.ledger), house.follower.position)
    house.checker = Checker(house.ledger, house.index, house.follower)
    house.append(house.world.revoke(BRAVO, first + 1))
    assert house.checker.check(Check((Query(fingerprint(SHA256, "before")),))).matches
    assert house.found("before", "after") == [True, True]


def test_what_administrators_void_is_not_matched(house: House) -> None:
    entry = house.share("mine")
    assert house.found("mine") == [True]
    house.append(house.world.by_admins(Void(entry, "court")))
    assert house.found("mine") == [False]


def test_what_a_replacement_submitted_falls_with_it(house: House) -> None:
    third = Identity.of("acme", "3")
    at = house.append(house.world.rotate(ACME, third))
    key, clock, entropy = third.key, house.world.clock, house.world.entropy
    thief = Author(house.world.origin, "acme", key, third.private, clock, entropy)
    house.say(thief.submit([fingerprint(SHA256, "planted")], NCII))
    assert house.found("planted") == [True]
    house.append(house.world.revoke(ACME, at))
    assert house.found("planted") == [False]


def test_opinions_that_do_not_stand_are_not_counted(house: House) -> None:
    entry = house.share("theirs", "bravo")
    house.say(house.author("acme").opinion(entry, Stance.DISPUTE))
    house.follower.catch_up()
    query = Check((Query(fingerprint(SHA256, "theirs")),))
    assert house.checker.check(query).matches[0].disputed_by == 1
    house.append(house.world.revoke(ACME, entry + 1))
    house.follower.catch_up()
    assert house.checker.check(query).matches[0].disputed_by == 0
    assert Reader(house.ledger).entry(entry).opinions == ()


def test_the_entries_of_a_member_come_in_pages(house: House) -> None:
    entries = [house.share(str(number)) for number in range(5)]
    house.share("theirs", "bravo")
    with house.ledger.snapshot() as view:
        pages = [view.entries("acme", after, 2) for after in (-1, entries[1], entries[3], entries[4])]
        assert [[entry.index for entry in page] for page in pages] == [
            entries[:2],
            entries[2:4],
            entries[4:],
            [],
        ]
        assert view.entries("nobody", -1, 9) == ()


class Racing(MemoryLedger):
    """A ledger to which something is appended just before the next snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self.before_snapshot: Callable[[], object] = lambda: None

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """What is committed, with what comes in between."""
        between, self.before_snapshot = self.before_snapshot, lambda: None
        between()
        with super().snapshot() as view:
            yield view


def test_an_entry_that_comes_while_a_follower_settles_is_added_once() -> None:
    ledger = Racing()
    house = House(ledger)
    first = house.share("first")
    house.append(house.world.revoke(ACME, first + 1))
    second = Author(
        house.world.origin, "acme", SECOND.key, SECOND.private, house.world.clock, house.world.entropy
    )
    ledger.before_snapshot = lambda: house.say(second.submit([fingerprint(SHA256, "late")], NCII))
    assert house.follower.catch_up() == first + 2
    assert house.found("first", "late") == [True, True]
    assert len(house.index) == 2


def test_an_expired_keys_entries_stay(house: House) -> None:
    house.share("old")
    house.world.clock.now = NOW + 2 * YEAR
    assert house.found("old") == [True]
