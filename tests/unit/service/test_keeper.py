"""Keep: what is saved is what the log was at its position, or nothing is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest
from builders import World, check_log, fingerprint
from linear import LinearIndex
from memory import MemoryLedger

from hashpact.domain.fingerprints import PDQ, SHA256, Fingerprint
from hashpact.errors import CorruptError, UnavailableError
from hashpact.log import tree
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Reason
from hashpact.service.follow import Compactor, Follower, IndexSaver, check_reflects

NCII = Reason(frozenset({"ncii"}))


class Broken(LinearIndex):
    """An index that takes a number of entries, and then no more until it is mended."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def add(self, items: Iterable[tuple[int, Fingerprint]], *, benign: bool = False) -> None:
        """Add, or fail."""
        if self.room == 0:
            msg = "no room"
            raise UnavailableError(msg)
        self.room -= 1
        super().add(items, benign=benign)


@dataclass(slots=True)
class Disk:
    """What was saved: items, position and root of each time."""

    saved: list[tuple[int, int, bytes]] = field(default_factory=list)
    full: bool = False

    def write(self, items: int, position: int, root: bytes) -> None:
        """Save, or fail."""
        if self.full:
            raise OSError(28, "No space left on device")
        self.saved.append((items, position, root))


@pytest.fixture
def ledger(world: World) -> Iterator[MemoryLedger]:
    """A log of six leaves, checked when the test is over."""
    ledger = MemoryLedger()
    world.found(ledger, "acme", "bravo")
    yield ledger
    check_log(ledger)


def share(world: World, ledger: MemoryLedger, *names: str) -> None:
    """Append an entry of one item each."""
    for name in names:
        submission = world.author("acme").submit([fingerprint(PDQ, name)], NCII)
        world.appender(ledger).append("acme", submission)


def root(ledger: MemoryLedger, position: int) -> bytes:
    return tree.root(ledger.tree.edge(position))


def test_only_an_index_that_has_moved_is_saved(world: World, ledger: MemoryLedger) -> None:
    index, disk = LinearIndex(), Disk()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    keeper = IndexSaver(follower, ledger, index.__len__, disk.write)
    assert (keeper.behind, keeper.save()) == (0, 0)
    share(world, ledger, "a", "b")
    follower.catch_up()
    assert keeper.behind == 8 * 3 + 2  # leaves and items
    assert keeper.save() == keeper.save() == 8
    share(world, ledger, "c")
    assert keeper.behind == 0
    follower.catch_up()
    assert keeper.save() == 9
    assert disk.saved == [(2, 8, root(ledger, 8)), (3, 9, root(ledger, 9))]


def test_an_index_is_as_far_behind_as_it_has_items_to_replay(world: World, ledger: MemoryLedger) -> None:
    """An entry may have 256 of them: what a start must replay does not follow from the number of leaves."""
    index, disk = LinearIndex(), Disk()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    keeper = IndexSaver(follower, ledger, index.__len__, disk.write)
    follower.catch_up()
    keeper.save()
    many = [fingerprint(SHA256, str(number)) for number in range(256)]
    world.appender(ledger).append("acme", world.author("acme").submit(many, NCII))
    follower.catch_up()
    assert keeper.behind == 256 + 3
    world.appender(ledger).append("acme", world.author("acme").withdraw(6, "mistake"))
    follower.catch_up()
    assert keeper.behind == 256 + 3 + 3 + 15
    keeper.save()
    assert keeper.behind == 0


def test_an_index_that_has_not_moved_is_saved_again_if_asked(world: World, ledger: MemoryLedger) -> None:
    """Its segments may have been merged since."""
    index, disk = LinearIndex(), Disk()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    keeper = IndexSaver(follower, ledger, index.__len__, disk.write)
    assert keeper.save(again=True) == 0
    assert disk.saved == []  # of an empty log there is nothing to save
    share(world, ledger, "a")
    follower.catch_up()
    assert keeper.save() == keeper.save(again=True) == 7
    assert disk.saved == [(1, 7, root(ledger, 7))] * 2


@dataclass(slots=True)
class Merging:
    """An index whose merges take so many steps, of a second each, and what was asked of it."""

    steps: int
    time: float = 0.0
    asked: list[tuple[int, float]] = field(default_factory=list)

    def merge(self, beside: int, most_bytes: float) -> Iterator[None]:
        """Merge in steps, while the clock runs."""
        self.asked.append((beside, most_bytes))
        for _ in range(self.steps):
            yield
            self.time += 1

    def now(self) -> float:
        """The seconds so far."""
        return self.time


def test_an_index_is_merged_when_little_is_added_and_then_rests(world: World, ledger: MemoryLedger) -> None:
    index, merging = LinearIndex(), Merging(2)
    follower = Follower(ledger, index, EntryCatalog(ledger))
    compactor = Compactor(follower, merging.merge, merging.now)
    follower.catch_up()
    assert len(list(compactor.when_calm())) == 2
    assert merging.asked == [(2048, math.inf)]
    merging.time += 197
    assert list(compactor.when_calm()) == []
    merging.time += 1
    for _ in range(4):
        many = [fingerprint(SHA256, str(number)) for number in range(256)]
        world.appender(ledger).append("acme", world.author("acme").submit(many, NCII))
    follower.catch_up()
    assert list(compactor.when_calm()) == []  # much came since the last look
    assert len(list(compactor.when_calm())) == 2


def test_a_merge_that_had_nothing_to_do_is_tried_again_at_the_next_look(ledger: MemoryLedger) -> None:
    index, merging = LinearIndex(), Merging(0)
    compactor = Compactor(Follower(ledger, index, EntryCatalog(ledger)), merging.merge, merging.now)
    assert [list(compactor.when_calm()) for _ in range(3)] == [[], [], []]
    assert len(merging.asked) == 3


def test_a_stop_waits_for_a_merge_of_bounded_size_and_time(ledger: MemoryLedger) -> None:
    index = LinearIndex()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    quick, slow = Merging(2), Merging(1000)
    assert len(list(Compactor(follower, quick.merge, quick.now).at_stop())) == 2
    assert quick.asked == [(0, 256 << 20)]
    assert len(list(Compactor(follower, slow.merge, slow.now).at_stop())) == slow.time == 3


def test_what_could_not_be_saved_is_saved_later(ledger: MemoryLedger) -> None:
    index, disk = LinearIndex(), Disk(full=True)
    follower = Follower(ledger, index, EntryCatalog(ledger))
    keeper = IndexSaver(follower, ledger, index.__len__, disk.write)
    follower.catch_up()
    with pytest.raises(OSError, match="No space"):
        keeper.save()
    assert keeper.behind == 6 * 3
    disk.full = False
    assert keeper.save() == 6


def test_an_index_between_two_positions_is_not_saved(world: World, ledger: MemoryLedger) -> None:
    """It holds an entry that a start from its position would add again."""
    index, disk = Broken(1), Disk()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    keeper = IndexSaver(follower, ledger, index.__len__, disk.write)
    follower.catch_up()
    share(world, ledger, "a", "b")
    with pytest.raises(UnavailableError, match="no room"):
        follower.catch_up()
    with pytest.raises(UnavailableError, match="between the positions 6 and 7"), follower.paused():
        pass
    index.room = 1
    follower.catch_up()
    assert keeper.save() == 8
    assert disk.saved == [(2, 8, root(ledger, 8))]


def test_a_follower_goes_on_from_where_the_index_was_saved(world: World, ledger: MemoryLedger) -> None:
    share(world, ledger, "a", "b")
    index = LinearIndex()
    Follower(ledger, index, EntryCatalog(ledger)).catch_up()
    share(world, ledger, "c")
    world.appender(ledger).append("acme", world.author("acme").withdraw(6, "mistake"))
    follower = Follower(ledger, index, EntryCatalog(ledger), 8)
    assert follower.position == 8
    assert follower.catch_up() == 10
    fresh = LinearIndex()
    Follower(ledger, fresh, EntryCatalog(ledger)).catch_up()
    assert len(index) == len(fresh) == 2
    assert len(index.search(fingerprint(PDQ, "a"), 0, 5)) == 0


def test_an_index_of_another_log_is_refused(world: World, ledger: MemoryLedger) -> None:
    share(world, ledger, "a")
    check_reflects(ledger, 7, root(ledger, 7))
    for position, other in ((6, root(ledger, 7)), (7, bytes(32)), (8, root(ledger, 7)), (0, root(ledger, 7))):
        with pytest.raises(CorruptError, match=f"position {position} of another log"):
            check_reflects(ledger, position, other)
