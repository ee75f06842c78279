"""Follower and Checker: what a ruling, a panel or a representative ends is not matched.

Each is looked at in the index, the catalog and the state, over each ledger; a late follower agrees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from builders import Identity, World, check_log, fingerprint, private_part, seeded, submit
from linear import LinearIndex
from memory import MemoryLedger
from noticing import POLICY, ROLES, decision, notice

from hashpact.domain.checks import Check, Match, Query
from hashpact.domain.fingerprints import SHA256, commitment
from hashpact.domain.kinds import AnyBody, Appeal, Contact, Ruling, Withdraw
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Point
from hashpact.domain.kinds.conduct.words import Words
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Log
from hashpact.lookup.catalog import EntryCatalog
from hashpact.service.check import Checker
from hashpact.service.follow import Follower
from hashpact.storage.sqlite import SqliteLedger

UPHELD, REJECTED = AppealOutcome.UPHELD, AppealOutcome.REJECTED


@dataclass
class House:
    """The members of `noticing`, with a follower that is level whenever somebody looks."""

    ledger: Log
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        """Found the log."""
        self.append(self.world.genesis())
        self.append(self.world.by_admins(POLICY))
        for member, roles in ROLES.items():
            self.append(self.world.member(member, frozenset(roles)))
            self.append(self.world.key(Identity.of(member)))
        self.index = LinearIndex()
        self.follower = Follower(self.ledger, self.index, EntryCatalog(self.ledger))
        self.checker = Checker(self.ledger, self.index, self.follower)

    def append(self, leaf: bytes, *private: bytes) -> int:
        """Append a leaf; its index."""
        return self.world.appender(self.ledger).append(None, Submission(leaf, private)).index

    def says(self, member: str, body: AnyBody, *private: bytes) -> int:
        """Append what a member states; its index."""
        return self.append(self.world.leaf(body, Identity.of(member)), *private)

    def revoke(self, member: str, cutoff: int) -> None:
        """The administrators revoke a member's key."""
        self.append(self.world.revoke(Identity.of(member), cutoff))

    def share(self, seed: str, label: str = "hate", member: str = "acme") -> int:
        """Share one fingerprint; the entry."""
        part = private_part(fingerprint(SHA256, seed))
        return self.says(member, submit(commitment(part), labels=(label,)), part)

    def rule(self, appeal: int, outcome: AppealOutcome, by: str, entry: int | None = None) -> int:
        """Rule on an appeal; its index."""
        return self.says(by, Ruling(appeal, outcome, entry, "looked-again"))

    def level(self, follower: Follower) -> None:
        """Bring a follower up to the log's end, and settle it."""
        follower.catch_up()
        while follower.settle():
            pass

    def matches(self, seed: str) -> tuple[Match, ...]:
        """What a check of that fingerprint answers; the index holds its item if, and only if, it matches."""
        self.level(self.follower)
        shared = fingerprint(SHA256, seed)
        found = self.checker.check(Check((Query(shared),))).matches
        late = LinearIndex()
        self.level(Follower(self.ledger, late, EntryCatalog(self.ledger)))
        for index in (self.index, late):
            assert bool(index.search(shared, 0, 9)) == bool(found)
        return found


@pytest.fixture(params=["memory", "sqlite"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """The same over each ledger."""
    in_memory = request.param == "memory"
    house = House(MemoryLedger() if in_memory else SqliteLedger.create(tmp_path / "hashpact.db"))
    yield house
    check_log(house.ledger)
    house.ledger.close()


def test_what_its_contributor_rules_against_is_not_matched(house: House) -> None:
    entry = house.share("mine")
    appeal = house.says("watch", Appeal(entry, None, "mistaken"))
    assert house.matches("mine")  # an appeal alone ends nothing
    ruled = house.rule(appeal, UPHELD, "acme", entry)
    assert not house.matches("mine")
    house.revoke("acme", ruled)  # a thief had ruled
    assert house.matches("mine")


def test_what_a_quorum_of_the_panel_strikes_stays_struck(house: House) -> None:
    entry = house.share("mine")
    appeal = house.says("watch", Appeal(entry, None, "mistaken"))
    house.rule(appeal, REJECTED, "acme")
    first = house.rule(appeal, UPHELD, "panel-a", entry)
    assert house.matches("mine")  # one of two is no quorum
    house.rule(appeal, UPHELD, "panel-b", entry)
    assert not house.matches("mine")
    house.revoke("panel-a", first)
    assert not house.matches("mine")


def test_a_ballot_that_does_not_stand_counts_to_no_quorum(house: House) -> None:
    entry = house.share("mine")
    appeal = house.says("watch", Appeal(entry, None, "mistaken"))
    house.rule(appeal, REJECTED, "acme")
    house.revoke("panel-a", house.rule(appeal, UPHELD, "panel-a", entry))
    house.rule(appeal, UPHELD, "panel-b", entry)
    assert house.matches("mine")


def test_whose_decision_followed_an_entry_disputes_it(house: House) -> None:
    entry = house.share("theirs")
    now = house.world.clock()
    desk = Words(seeded("desk"), address="desk").text()
    point = Contact(Point.NOTICES, now, now + 999, ("vi",), ("always",), None, commitment(desk))
    house.says("bravo", point, desk)
    why = Words(seeded("why"), reference="case 7", explanation="why").text()
    given = house.says("watch", notice("bravo", entry=entry, words=commitment(why)), why)
    decided = house.says("bravo", decision(given))
    appeal = house.says("watch", Appeal(None, decided, "mistaken"))
    (before,) = house.matches("theirs")
    ruled = house.rule(appeal, UPHELD, "bravo", entry)
    (after,) = house.matches("theirs")
    assert (before.disputed_by, after.disputed_by) == (0, 1)
    house.revoke("bravo", ruled)
    assert house.matches("theirs")[0].disputed_by == 0


def test_what_a_representative_withdraws_is_not_matched(house: House) -> None:
    entry = house.share("mine", "minors")
    house.share("other", "minors")
    assert house.matches("mine")
    house.says("voice", Withdraw(entry, "asked"))
    assert not house.matches("mine")
    assert house.matches("other")


def test_what_a_thief_of_a_representatives_key_withdrew_is_matched_again(house: House) -> None:
    entries = [house.share(str(number), "minors", "bravo" if number % 2 else "acme") for number in range(4)]
    kept = house.says("voice", Withdraw(entries[0], "asked"))
    stolen = [house.says("voice", Withdraw(entry, "thief")) for entry in entries[1:]]
    assert [bool(house.matches(str(number))) for number in range(4)] == [False] * 4
    house.revoke("voice", stolen[0])
    assert [bool(house.matches(str(number))) for number in range(4)] == [False, True, True, True]
    assert kept < stolen[0]
