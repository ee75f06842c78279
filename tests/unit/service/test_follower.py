"""Follow: an index that is as the log says, whoever brings it there and however often."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import pytest
from builders import Identity, World, check_log, fingerprint
from linear import LinearIndex
from memory import MemoryLedger

from hashpact.domain import statements
from hashpact.domain.fingerprints import MINHASH, PDQ, SHA256, Fingerprint
from hashpact.domain.kinds import Policy, Withdraw
from hashpact.domain.rules.replay import replay
from hashpact.domain.state import Leaf
from hashpact.errors import UnavailableError
from hashpact.log import tree
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Reason
from hashpact.service.append import Appender
from hashpact.service.follow import Follower, entry_of, item_ids

NCII = Reason(frozenset({"ncii"}))


@pytest.fixture
def ledger(world: World) -> Iterator[MemoryLedger]:
    """A founded log with two members, checked when the test is over."""
    ledger = MemoryLedger()
    world.found(ledger, "acme", "bravo")
    yield ledger
    check_log(ledger)


@pytest.fixture
def appender(world: World, ledger: MemoryLedger) -> Appender:
    """Its writer."""
    return world.appender(ledger)


def found(index: LinearIndex, shared: Fingerprint) -> list[int]:
    """The items that are the fingerprint itself."""
    return [hit.item for hit in index.search(shared, 1 if shared.type is MINHASH else 0, 1000)]


def test_item_ids_and_entries_are_each_others_inverse() -> None:
    for entry in (0, 1, 7, 2**56 - 1):
        ids = item_ids(entry)
        assert len(ids) == 256
        assert {entry_of(item) for item in ids} == {entry}
    assert item_ids(6).start == item_ids(5).stop == 6 * 256
    assert item_ids(2**56 - 1).stop == 2**64


def test_entries_are_added_and_withdrawals_removed(
    world: World, ledger: MemoryLedger, appender: Appender
) -> None:
    index = LinearIndex()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    assert follower.position == 0
    assert follower.catch_up() == 6
    assert len(index) == 0
    shared = [fingerprint(kind, "a") for kind in (PDQ, MINHASH, SHA256)]
    entry = appender.append("acme", world.author("acme").submit(shared, NCII)).index
    assert follower.catch_up() == follower.position == 7
    for number, one in enumerate(shared):
        assert found(index, one) == [entry * 256 + number]
    appender.append("acme", world.author("acme").withdraw(entry, "mistake"))
    assert len(index) == 3
    assert follower.catch_up() == 8
    assert len(index) == 0


def test_an_entry_of_256_items_comes_and_goes_whole(
    world: World, ledger: MemoryLedger, appender: Appender
) -> None:
    index = LinearIndex()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    author = world.author("acme")
    many = [fingerprint(SHA256, str(number)) for number in range(256)]
    appender.append("acme", author.submit(many, NCII))
    appender.append("acme", author.submit(many[:1], NCII))
    follower.catch_up()
    assert len(index) == 257
    assert found(index, many[255]) == [6 * 256 + 255]
    appender.append("acme", author.withdraw(6, "mistake"))
    follower.catch_up()
    assert [entry_of(item) for item in found(index, many[0])] == [7]
    assert len(index) == 1


def test_what_is_shared_and_withdrawn_between_two_looks_is_never_left_behind(
    world: World, ledger: MemoryLedger, appender: Appender
) -> None:
    appender.append("acme", world.author("acme").submit([fingerprint(PDQ, "a")], NCII))
    appender.append("acme", world.author("acme").withdraw(6, "mistake"))
    index = LinearIndex()
    assert Follower(ledger, index, EntryCatalog(ledger)).catch_up() == 8
    assert len(index) == 0


def test_catching_up_twice_changes_nothing(world: World, ledger: MemoryLedger, appender: Appender) -> None:
    appender.append("acme", world.author("acme").submit([fingerprint(PDQ, "a")], NCII))
    index = LinearIndex()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    assert [follower.catch_up() for _ in range(3)] == [7, 7, 7]
    assert len(index) == 1


def test_two_followers_at_different_times_hold_the_same(
    world: World, ledger: MemoryLedger, appender: Appender
) -> None:
    early, late = LinearIndex(), LinearIndex()
    follower = Follower(ledger, early, EntryCatalog(ledger))
    author = world.author("acme")
    shared = [fingerprint(PDQ, str(number)) for number in range(6)]
    for number, one in enumerate(shared):
        entry = appender.append("acme", author.submit([one], NCII)).index
        if number != 3:
            follower.catch_up()
        if number % 2:
            appender.append("acme", author.withdraw(entry, "mistake"))
    follower.catch_up()
    assert Follower(ledger, late, EntryCatalog(ledger)).catch_up() == follower.position == ledger.head().size
    assert len(early) == 3
    assert [found(early, one) for one in shared] == [found(late, one) for one in shared]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_log_may_be_followed_in_steps(
    world: World, ledger: MemoryLedger, appender: Appender, most: int
) -> None:
    author = world.author("acme")
    shared = [fingerprint(PDQ, str(number)) for number in range(4)]
    entries = [appender.append("acme", author.submit([one], NCII)).index for one in shared]
    appender.append("acme", author.withdraw(entries[1], "mistake"))
    index = LinearIndex()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    positions = []
    while follower.position < ledger.head().size:
        positions.append(follower.catch_up(most))
    assert positions == [*range(most, ledger.head().size, most), ledger.head().size]
    assert [len(found(index, one)) for one in shared] == [1, 0, 1, 1]


def test_reach_catches_up_only_as_far_as_it_must(
    world: World, ledger: MemoryLedger, appender: Appender
) -> None:
    index = LinearIndex()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    assert follower.reach(0) == 0
    assert follower.reach(6) == 6
    receipt = appender.append("acme", world.author("acme").submit([fingerprint(PDQ, "a")], NCII))
    assert follower.reach(6) == 6
    assert follower.reach(receipt.index + 1) == 7
    assert len(index) == 1
    with pytest.raises(UnavailableError, match="reached position 7, not 8 yet"):
        follower.reach(8)


class Failing(LinearIndex):
    """An index that fails once, after so many calls of add."""

    calls_left = 2

    def add(self, items: Iterable[tuple[int, Fingerprint]], *, benign: bool = False) -> None:
        """Add, or fail."""
        self.calls_left -= 1
        if self.calls_left == -1:
            raise MemoryError
        super().add(items, benign=benign)


def test_a_follower_goes_on_after_an_error(world: World, ledger: MemoryLedger, appender: Appender) -> None:
    for number in range(4):
        appender.append("acme", world.author("acme").submit([fingerprint(PDQ, str(number))], NCII))
    appender.append("acme", world.author("acme").withdraw(6, "mistake"))
    index = Failing()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    with pytest.raises(MemoryError):
        follower.catch_up()
    assert (len(index), follower.position) == (2, 0)
    assert follower.catch_up() == 11
    assert [len(found(index, fingerprint(PDQ, str(number)))) for number in range(4)] == [0, 1, 1, 1]


class Flaky(MemoryLedger):
    """A ledger whose private parts cannot be read to their end once."""

    fails = False

    def private(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """Fail after the last, once."""
        yield from super().private(start, stop)
        if self.fails:
            self.fails = False
            raise OSError(24, "Too many open files")


def test_what_was_added_before_an_error_is_not_added_again_by_the_append_itself(world: World) -> None:
    ledger, index = Flaky(), LinearIndex()
    world.found(ledger, "acme", "bravo")
    follower = Follower(ledger, index, EntryCatalog(ledger))
    follower.catch_up()
    shared = [fingerprint(PDQ, str(number)) for number in range(2)]
    taken = []
    for one in shared:
        submission = world.author("acme").submit([one], NCII)
        leaf = world.appender(ledger).append("acme", submission)
        taken.append((leaf, statements.parse(leaf.data).statement.body, [one]))
    ledger.fails = True
    with pytest.raises(OSError, match="open files"):
        follower.catch_up()
    assert (len(index), follower.position) == (2, 6)
    follower.take(taken)
    assert (len(index), follower.position, follower.catch_up()) == (2, 8, 8)
    follower.take(taken)  # as when another thread was quicker
    assert (len(index), follower.position) == (2, 8)
    assert [len(found(index, one)) for one in shared] == [1, 1]


def test_an_append_is_taken_in_after_what_others_have_appended(
    world: World, ledger: MemoryLedger, appender: Appender
) -> None:
    index, plain = LinearIndex(), LinearIndex()
    follower = Follower(ledger, index, EntryCatalog(ledger))
    author = world.author("acme")
    others = appender.append("acme", author.submit([fingerprint(PDQ, "others")], NCII))
    mine = appender.append("acme", author.submit([fingerprint(PDQ, "mine")], NCII))
    gone = appender.append("acme", author.withdraw(others.index, "mistake"))
    bodies = [statements.parse(leaf.data).statement.body for leaf in (mine, gone)]
    follower.take([(mine, bodies[0], [fingerprint(PDQ, "mine")]), (gone, bodies[1], [])])
    assert follower.position == gone.index + 1
    Follower(ledger, plain, EntryCatalog(ledger)).catch_up()
    assert len(index) == len(plain) == 1
    assert found(index, fingerprint(PDQ, "mine")) == [mine.index * 256]


class Dishonest(MemoryLedger):
    """A ledger whose operator can put any bytes into the log."""

    def slip_in(self, data: bytes) -> None:
        """Append a leaf past every rule; it gets no records, as in a follower's own fold."""
        digest, head = tree.leaf_hash(data), self.head()
        nodes = tree.completed(head.size, head.edge, digest)
        request = data[:16].ljust(16, b"\0") + head.size.to_bytes(8)
        with self.begin() as transaction:
            transaction.append(Leaf(head.size, data, digest, nodes, "?", request, 0), (), ())


def test_a_withdrawal_that_breaks_a_rule_removes_nothing(world: World) -> None:
    ledger, index = Dishonest(), LinearIndex()
    world.found(ledger, "acme", "bravo")
    world.appender(ledger).append("acme", world.author("acme").submit([fingerprint(PDQ, "a")], NCII))
    forged = [
        world.leaf(Withdraw(6, "mistake"), Identity.of("bravo")),
        world.leaf(Withdraw(2, "mistake"), Identity.of("acme")),
        b"malformed\nkind withdraw\nentry 6\n\n",
    ]
    for data in forged:
        ledger.slip_in(data)
    follower = Follower(ledger, index, EntryCatalog(ledger))
    assert follower.catch_up() == 10
    assert found(index, fingerprint(PDQ, "a")) == [6 * 256]
    folded = replay(leaf.data for leaf in ledger.leaves(0, 10))
    assert [fault.index for fault in folded.faults] == [7, 8, 9]


def test_the_document_that_explains_the_labels_is_the_policys(world: World, ledger: MemoryLedger) -> None:
    administrators = world.administrators(ledger)
    follower = Follower(ledger, LinearIndex(), EntryCatalog(ledger))
    document = b"what the labels mean"
    digest = hashlib.sha256(document).digest()
    seen = [follower.texts]
    for policy, enclosed in (
        (Policy(2, ("ncii",), texts_document=digest), [document]),
        (Policy(3, ("ncii",)), []),
    ):
        administrators.say(policy, documents=enclosed)
        seen.append(follower.texts)
        follower.catch_up()
        seen += [follower.texts, Follower(ledger, LinearIndex(), EntryCatalog(ledger)).texts]
    assert seen == [None, None, digest, digest, digest, None, None]
