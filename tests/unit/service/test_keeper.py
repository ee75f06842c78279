"""Keep: what is saved is what the log was at its position, or nothing is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest
from builders import World, check_log, fingerprint
from linear import LinearIndex
from memory import MemoryLedger

from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.errors import CorruptError, UnavailableError
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Reason
from hashpact.service.follow import Follower, IndexSaver, check_reflects

NCII = Reason(frozenset({"ncii"}))


class Broken(LinearIndex):
    """An index that takes a number of entries, and then no more until it is mended."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def add(self, items: Iterable[tuple[int, Fingerprint]]) -> None:
        """Add, or fail."""
        if self.room == 0:
            msg = "no room"
            raise UnavailableError(msg)
        self.room -= 1
        super().add(items)


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
    (leaf,) = ledger.leaves(position - 1, position)
    return leaf.root


def test_only_an_index_that_has_moved_is_saved(world: World, ledger: MemoryLedger) -> None:
    index, disk = LinearIndex(), Disk()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    keeper = IndexSaver(follower, ledger, index.__len__, disk.write)
    assert (keeper.behind, keeper.save()) == (0, 0)
    share(world, ledger, "a", "b")
    follower.catch_up()
    assert keeper.behind == 8
    assert keeper.save() == keeper.save() == 8
    share(world, ledger, "c")
    assert keeper.behind == 0
    follower.catch_up()
    assert keeper.save() == 9
    assert disk.saved == [(2, 8, root(ledger, 8)), (3, 9, root(ledger, 9))]


def test_what_could_not_be_saved_is_saved_later(ledger: MemoryLedger) -> None:
    index, disk = LinearIndex(), Disk(full=True)
    follower = Follower(ledger, index, EntryCatalog(ledger))
    keeper = IndexSaver(follower, ledger, index.__len__, disk.write)
    follower.catch_up()
    with pytest.raises(OSError, match="No space"):
        keeper.save()
    assert keeper.behind == 6
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
