"""Adopting: an index that was taken over holds what the follower's own would hold."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from builders import Identity, World, check_log, fingerprint
from memory import MemoryIndexes, MemoryLedger

from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import SHA256
from hashpact.domain.messages import Submission
from hashpact.errors import ConflictError, CorruptError, InvalidInputError
from hashpact.lookup.catalog import EntryCatalog
from hashpact.lookup.directory import MANIFEST, IndexDirectory, IndexFiles
from hashpact.lookup.native import NativeIndex
from hashpact.member.author import Author, Reason
from hashpact.service.check import Checker
from hashpact.service.follow import Follower, IndexSaver
from hashpact.serving.adopting import Adopter

NCII = Reason(frozenset({"ncii"}))


@dataclass
class Side:
    """A process of the home: an index, and what keeps it level."""

    ledger: MemoryLedger
    index: NativeIndex = field(default_factory=NativeIndex)

    def __post_init__(self) -> None:
        """It has read nothing yet."""
        self.follower = Follower(self.ledger, self.index, EntryCatalog(self.ledger))
        self.checker = Checker(self.ledger, self.index, self.follower)

    def level(self) -> None:
        """Follow the log to its end, and what revocations have changed."""
        self.follower.catch_up()
        while self.follower.settle():
            pass

    def found(self, seeds: range) -> list[list[int]]:
        """The entries that each fingerprint matches."""
        answers = (
            self.checker.check(Check((Query(fingerprint(SHA256, str(seed))),), limit=9)) for seed in seeds
        )
        return [[match.entry for match in answer.matches] for answer in answers]


@dataclass
class House:
    """A log; a side that saves, one that adopts, and one that does neither. ``keys`` are the member's."""

    path: Path
    world: World = field(default_factory=World)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    keys: list[Identity] = field(default_factory=lambda: [Identity.of("acme")])

    def __post_init__(self) -> None:
        """Found the log."""
        self.world.found(self.ledger, "acme", "bravo")
        self.keeper, self.worker, self.plain = (Side(self.ledger) for _ in range(3))
        self.directory = IndexDirectory(self.path / "segments", MemoryIndexes())
        self.saver = IndexSaver(
            self.keeper.follower, self.ledger, self.keeper.index.freeze, self.directory.save
        )
        self.adopter = Adopter(
            self.ledger,
            IndexFiles(self.directory.path, self.directory._register),
            self.worker.index,
            self.worker.follower,
            None,
        )

    def append(self, leaf: bytes) -> int:
        """Append a leaf; its index."""
        return self.world.appender(self.ledger).append(None, Submission(leaf)).index

    @property
    def author(self) -> Author:
        """The member with its newest key."""
        who = self.keys[-1]
        return Author(self.world.origin, "acme", who.key, who.private, self.world.clock, self.world.entropy)

    def share(self, seed: int) -> int:
        """Submit one fingerprint; the entry."""
        submission = self.author.submit([fingerprint(SHA256, str(seed))], NCII)
        return self.world.appender(self.ledger).append("acme", submission).index

    def withdraw(self, entry: int) -> int:
        """Withdraw an entry; the index of that."""
        said = self.author.withdraw(entry, "mistake")
        return self.world.appender(self.ledger).append("acme", said).index

    def revoke(self, key: Identity, cutoff: int) -> None:
        """Revoke a key; a new one takes the place of the newest."""
        if key is self.keys[-1]:
            self.keys.append(Identity.of("acme", str(len(self.keys) + 1)))
            self.append(self.world.key(self.keys[-1]))
        self.append(self.world.revoke(key, cutoff))

    def save(self) -> None:
        """Save what the log has now."""
        self.keeper.level()
        self.saver.save()

    def adopt(self) -> int | None:
        """Take over what was saved; the position."""
        return self.adopter.adopt(lambda: True)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house whose log is whole in the end."""
    house = House(tmp_path)
    yield house
    check_log(house.ledger)
    house.directory.close()


def test_nothing_is_taken_over_before_anything_was_saved_nor_twice(house: House) -> None:
    house.share(0)
    house.worker.level()
    assert house.adopt() is None
    house.save()
    assert house.adopt() == 7
    assert house.adopt() is None
    assert house.worker.found(range(1)) == [[6]]


def test_what_came_after_the_save_is_replayed(house: House) -> None:
    first = house.share(0)
    second = house.share(1)
    house.save()
    house.withdraw(first)
    third = house.share(2)
    house.worker.level()
    assert house.adopt() is not None
    assert house.worker.found(range(3)) == [[], [second], [third]]
    assert house.worker.follower.position == house.ledger.head().size


def test_an_index_that_is_ahead_waits_until_the_follower_is_there(house: House) -> None:
    house.worker.level()
    house.share(0)
    house.save()
    assert house.adopt() is None
    assert house.worker.follower.position == 6
    house.worker.level()
    assert house.adopt() == 7


def test_appends_go_on_in_the_index_that_was_taken_over(house: House) -> None:
    house.share(0)
    house.save()
    house.worker.level()
    assert house.adopt() == 7
    entry = house.share(1)
    house.worker.level()
    assert house.worker.found(range(2)) == [[6], [entry]]
    house.withdraw(6)
    house.worker.level()
    assert house.worker.found(range(2)) == [[], [entry]]
    assert len(house.worker.index) == 1


def test_one_that_is_not_wanted_any_more_changes_nothing(house: House) -> None:
    house.share(0)
    house.save()
    house.worker.level()
    assert house.adopter.adopt(lambda: False) is None
    assert house.worker.found(range(1)) == [[6]]
    assert house.adopt() == 7


def test_damaged_files_are_refused_and_the_index_stays(house: House) -> None:
    house.share(0)
    house.save()
    house.worker.level()
    (segment,) = house.directory.path.glob("sha256*.segment")
    segment.write_bytes(segment.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptError, match="is not the file that was saved"):
        house.adopt()
    (house.directory.path / MANIFEST).write_text("junk")
    with pytest.raises(CorruptError, match="manifest"):
        house.adopt()
    assert house.worker.found(range(1)) == [[6]]


@pytest.mark.parametrize("seed", range(12))
def test_any_history_leaves_the_same_whoever_holds_it(house: House, seed: int) -> None:
    random_ = random.Random(seed)
    shared: dict[int, int] = {}
    withdrawals: list[int] = []
    adopted = 0
    for _ in range(60):
        match random_.choice(("share", "share", "share", "withdraw", "revoke", "save", "adopt", "level")):
            case "share":
                shared[house.share(len(shared))] = len(shared)
            case "withdraw" if shared:
                with contextlib.suppress(ConflictError):  # it does not stand any more
                    withdrawals.append(house.withdraw(random_.choice(sorted(shared))))
            case "revoke" if shared:
                cutoff = random_.choice([*shared, *withdrawals]) + random_.randrange(2)
                with contextlib.suppress(InvalidInputError):  # the key is younger
                    house.revoke(random_.choice(house.keys), cutoff)
            case "save":
                house.save()
            case "adopt":
                house.worker.follower.catch_up()
                adopted += house.adopt() is not None
            case "level":
                house.worker.level()
    house.save()
    house.worker.level()
    adopted += house.adopt() is not None
    house.worker.level()
    house.plain.level()
    every = range(len(shared))
    assert house.worker.found(every) == house.plain.found(every) == house.keeper.found(every)
    assert len(house.worker.index) == len(house.plain.index)
    assert adopted
