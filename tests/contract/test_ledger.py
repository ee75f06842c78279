"""What domain/ports.py promises of a Ledger, asked of each one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TypeAlias

import pytest
from leaves import leaf_after
from memory import MemoryLedger

from hashpact.domain.keys import NamedKey
from hashpact.domain.ports import Ledger, Snapshot
from hashpact.domain.state import (
    Basis,
    Charter,
    Entry,
    Head,
    Key,
    Leaf,
    Member,
    Opinion,
    Record,
    Role,
    Stance,
    Use,
)
from hashpact.errors import CorruptError, RequestReusedError, UnavailableError
from hashpact.storage.sqlite import SqliteLedger

OpenLedger: TypeAlias = Callable[[float], Ledger]

LONG, SHORT = 30.0, 0.05

ADMIN = NamedKey("admin/one", b"\x01" * 32)
CHARTER = Charter("log.example", (ADMIN, NamedKey("admin/two", b"\x02" * 32)), 2, (b"\x03" * 32,))
CHARTER = replace(CHARTER, allowed=(("parts/1", "ncii"),), private_quota=9, quotas=(("acme", 2**40),))
CHARTER = replace(CHARTER, rates=(("check", 9), ("submit", 2**40)), rates_of=(("acme", ("submit", 1)),))
MEMBER = Member("acme-video", frozenset({Role.CHECK, Role.CONTRIBUTE}), 3)
KEY = Key(b"\x11" * 32, "acme-video", "acme-video/first", b"\x12" * 32, 1_800_000_000, 4)
ENTRY = Entry(5, MEMBER.id, ("ncii", "minor"), Basis.GUIDELINE, None, None, ("VN", "DE"), 1, 2, 256, KEY.id)
OPINION = Opinion(5, "beta-photo", Stance.ENDORSE, 6, KEY.id, "news-report")
RECORDS: tuple[Record, ...] = (CHARTER, MEMBER, KEY, ENTRY, OPINION)


@pytest.fixture(params=["memory", "sqlite"])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenLedger]:
    """Make an empty ledger whose writers wait that many seconds; each is closed after the test."""
    with ExitStack() as stack:

        def open_one(wait: float) -> Ledger:
            ledger: Ledger = (
                MemoryLedger(wait)
                if request.param == "memory"
                else SqliteLedger.create(tmp_path / "hashpact.db", wait)
            )
            stack.callback(ledger.close)
            return ledger

        yield open_one


@pytest.fixture
def ledger(open_ledger: OpenLedger) -> Ledger:
    """An empty ledger."""
    return open_ledger(LONG)


def append(
    ledger: Ledger, data: bytes, private: Sequence[bytes] = (), records: Sequence[Record] = ()
) -> Leaf:
    """Append one leaf in a transaction of its own."""
    with ledger.begin() as transaction:
        leaf = leaf_after(ledger.head(), data)
        transaction.append(leaf, private, records)
    return leaf


def append_many(ledger: Ledger, count: int, parts: Callable[[int], Sequence[bytes]]) -> list[Leaf]:
    """Append ``count`` leaves in one transaction."""
    leaves, head = [], ledger.head()
    with ledger.begin() as transaction:
        for index in range(head.size, head.size + count):
            leaf = leaf_after(head, b"leaf %d" % index)
            transaction.append(leaf, parts(index), ())
            head = head.after(leaf)
            leaves.append(leaf)
    return leaves


def abandon(
    ledger: Ledger, staged: Sequence[tuple[Leaf, Sequence[Record]]], error: type[BaseException]
) -> None:
    """Append in a block that ends with ``error``."""
    with ledger.begin() as transaction:
        for leaf, records in staged:
            transaction.append(leaf, [b"abandoned"], records)
        raise error


def seen(view: Snapshot) -> tuple[object, ...]:
    """Every answer of a view on what RECORDS hold."""
    return (
        view.charter(),
        view.member(MEMBER.id),
        view.key(KEY.id),
        view.entry(ENTRY.index),
        view.opinions(ENTRY.index),
        view.members("", 10),
        view.keys(MEMBER.id),
    )


def everything(ledger: Ledger) -> tuple[object, ...]:
    """All that a reader of the ledger can see of RECORDS, of the log and of the requests in it."""
    leaves = list(ledger.leaves(0, 1000))
    with ledger.snapshot() as view:
        requests = [view.request(leaf.member, leaf.request) for leaf in leaves]
        return ledger.head(), leaves, list(ledger.private(0, 1000)), requests, seen(view)


NOTHING = (None, None, None, None, (), (), ())
ALL = (CHARTER, MEMBER, KEY, ENTRY, (OPINION,), (MEMBER,), (KEY,))


def test_a_new_ledger_is_empty(ledger: Ledger) -> None:
    assert everything(ledger) == (Head(0, ()), [], [], [], NOTHING)


def test_what_is_appended_is_there_after_the_block(ledger: Ledger) -> None:
    first = append(ledger, b"one", [b"p0", b"p1"], RECORDS)
    second = append(ledger, b"two")
    head, parts = Head(0, ()).after(first).after(second), [(0, (b"p0", b"p1"))]
    assert everything(ledger) == (head, [first, second], parts, [0, 1], ALL)


def test_only_the_transaction_sees_what_it_has_staged(ledger: Ledger) -> None:
    before = everything(ledger)
    leaf = leaf_after(ledger.head(), b"one")
    with ledger.begin() as transaction:
        transaction.append(leaf, [b"p"], RECORDS)
        assert everything(ledger) == before
        with ledger.snapshot() as view:
            assert view.request(leaf.member, leaf.request) is None
        assert transaction.charter() == CHARTER
        assert transaction.member(MEMBER.id) == MEMBER
        assert transaction.key(KEY.id) == KEY
        assert transaction.entry(ENTRY.index) == ENTRY
        assert transaction.opinions(ENTRY.index) == (OPINION,)
        assert transaction.request(leaf.member, leaf.request) == 0
    assert everything(ledger) != before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_in_the_block_undoes_all_of_it(ledger: Ledger, error: type[BaseException]) -> None:
    append(ledger, b"one", [b"p"], RECORDS)
    before = everything(ledger)
    undone = leaf_after(ledger.head(), b"two")
    changed: list[Record] = [
        Charter("other", (ADMIN,), 1, ()),
        Member(MEMBER.id, frozenset(), 9),
        Key(KEY.id, MEMBER.id, "other", b"\x55" * 32, 7, 9),
        Entry(5, "other", (), Basis.LAW, "ministry", "art-8", (), 0, 0, 1, b"k", 9, "by-mistake", b"w"),
        Opinion(5, "beta-photo", Stance.DISPUTE, 9, KEY.id),
        Opinion(5, "gamma-text", Stance.SEEN, 9, KEY.id),
        Member("new", frozenset(), 9),
    ]
    with pytest.raises(error):
        abandon(ledger, [(undone, changed)], error)
    assert everything(ledger) == before
    with ledger.snapshot() as view:
        assert view.request(undone.member, undone.request) is None
        assert view.member("new") is None
    append(ledger, b"two")  # the place, the request id and the lock are free
    assert ledger.head().size == 2


def test_an_exception_after_several_appends_undoes_each(ledger: Ledger) -> None:
    first = leaf_after(Head(0, ()), b"one")
    second = leaf_after(Head(0, ()).after(first), b"two")
    with pytest.raises(ZeroDivisionError):
        abandon(ledger, [(first, [MEMBER]), (second, [KEY])], ZeroDivisionError)
    assert everything(ledger) == (Head(0, ()), [], [], [], NOTHING)


def test_several_appends_of_one_block_keep_their_order(ledger: Ledger) -> None:
    leaves = append_many(ledger, 5, lambda index: [b"%d" % index])
    assert list(ledger.leaves(0, 5)) == leaves
    assert [leaf.index for leaf in leaves] == [0, 1, 2, 3, 4]
    assert list(ledger.private(0, 5)) == [(index, (b"%d" % index,)) for index in range(5)]
    assert ledger.head() == reduce(Head.after, leaves, Head(0, ()))


def test_a_block_that_appends_nothing_changes_nothing(ledger: Ledger) -> None:
    append(ledger, b"one", [b"p"], RECORDS)
    before = everything(ledger)
    with ledger.begin() as transaction:
        assert transaction.member(MEMBER.id) == MEMBER
    assert everything(ledger) == before


def test_a_snapshot_does_not_see_later_commits(ledger: Ledger) -> None:
    append(ledger, b"one", [], [MEMBER])
    with ledger.snapshot() as view:
        later = append(ledger, b"two", [], RECORDS)
        append(ledger, b"three", [], [Member(MEMBER.id, frozenset(), 9), replace(OPINION, member="z")])
        assert seen(view) == (None, MEMBER, None, None, (), (MEMBER,), ())
        assert view.request(later.member, later.request) is None
    with ledger.snapshot() as view:
        assert view.member(MEMBER.id) == Member(MEMBER.id, frozenset(), 9)
        assert view.request(later.member, later.request) == 1


def test_snapshots_of_different_sizes_stand_side_by_side(ledger: Ledger) -> None:
    with ExitStack() as stack:
        views = []
        for index in range(4):
            append(ledger, b"leaf %d" % index, [], [Member("m", frozenset(), index)])
            views.append(stack.enter_context(ledger.snapshot()))
        assert [view.member("m") for view in views] == [Member("m", frozenset(), i) for i in range(4)]


@pytest.mark.parametrize("index", [0, 1, 3, 2**40])
def test_a_leaf_that_does_not_follow_is_refused(ledger: Ledger, index: int) -> None:
    append_many(ledger, 2, lambda _: ())
    before = everything(ledger)
    wrong = replace(leaf_after(ledger.head(), b"elsewhere"), index=index)
    with ledger.begin() as transaction, pytest.raises(CorruptError) as caught:
        transaction.append(wrong, [b"p"], RECORDS)
    assert caught.value.details["index"] == str(index)
    assert everything(ledger) == before


def test_a_request_id_is_used_once_by_a_member(ledger: Ledger) -> None:
    used = append(ledger, b"one").request
    with pytest.raises(RequestReusedError), ledger.begin() as transaction:
        transaction.append(leaf_after(ledger.head(), b"two", request=used), [], [])
    assert ledger.head().size == 1
    with ledger.begin() as transaction:
        transaction.append(leaf_after(ledger.head(), b"two", "beta-photo", used), [], [])
    with ledger.snapshot() as view:
        assert view.request("acme-video", used) == 0
        assert view.request("beta-photo", used) == 1
        assert view.request("acme-video", used[:-1]) is None
        assert view.request("gamma-text", used) is None


def test_a_refused_append_leaves_nothing_and_the_others_go_on(ledger: Ledger) -> None:
    with ledger.begin() as transaction:
        first = leaf_after(Head(0, ()), b"one")
        transaction.append(first, [b"p"], [MEMBER])
        head = Head(0, ()).after(first)
        with pytest.raises(RequestReusedError):
            transaction.append(leaf_after(head, b"two", request=first.request), [b"q"], [ENTRY])
        assert transaction.entry(ENTRY.index) is None
        last = leaf_after(head, b"three")
        transaction.append(last, [b"r"], [KEY])
    assert list(ledger.leaves(0, 9)) == [first, last]
    assert list(ledger.private(0, 9)) == [(0, (b"p",)), (1, (b"r",))]
    with ledger.snapshot() as view:
        assert seen(view) == (None, MEMBER, KEY, None, (), (MEMBER,), (KEY,))


def test_a_record_replaces_the_one_with_its_identity(ledger: Ledger) -> None:
    append(ledger, b"one", [], RECORDS)
    newer = (
        replace(CHARTER, admins=(ADMIN,), labels=("ncii", "terror"), key_delay=60, single_admin=True),
        Member(MEMBER.id, frozenset({Role.CHECK}), 7, 8),
        replace(KEY, use=Use.RECOVERY, enrolled_by=b"e" * 32, retires=9, revoked_by=b"r" * 32, cutoff=5),
        replace(
            ENTRY, basis=Basis.LAW, withdrawn_index=8, withdrawn_reason="by-mistake", withdrawn_by=KEY.id
        ),
        Opinion(5, "beta-photo", Stance.DISPUTE, 9, KEY.id),
    )
    append(ledger, b"two", [], newer)
    with ledger.snapshot() as view:
        assert seen(view) == (*newer[:4], newer[4:], newer[1:2], newer[2:3])


def test_opinions_come_in_the_order_of_members_and_of_one_entry(ledger: Ledger) -> None:
    members = ["zeta", "alpha", "m10", "m9", "beta-photo"]
    mine = [Opinion(5, member, Stance.SEEN, at, KEY.id) for at, member in enumerate(members)]
    append(ledger, b"one", [], [*mine, Opinion(6, "alpha", Stance.DISPUTE, 9, KEY.id)])
    with ledger.snapshot() as view:
        assert [opinion.member for opinion in view.opinions(5)] == sorted(members)
        assert view.opinions(6) == (Opinion(6, "alpha", Stance.DISPUTE, 9, KEY.id),)
        assert view.opinions(7) == ()


def test_members_come_page_by_page(ledger: Ledger) -> None:
    ids = [f"member-{number}" for number in range(12)]
    append(ledger, b"one", [], [Member(member_id, frozenset(), 1) for member_id in reversed(ids)])
    with ledger.snapshot() as view:
        pages, after = [], ""
        while page := view.members(after, 5):
            pages.append([member.id for member in page])
            after = page[-1].id
        in_order = sorted(ids)
        assert pages == [in_order[:5], in_order[5:10], in_order[10:]]
        assert view.members("", 0) == ()
        assert [member.id for member in view.members("member-4x", 1)] == ["member-5"]


def test_keys_come_in_the_order_of_enrolment(ledger: Ledger) -> None:
    keys = [Key(bytes([9 - at]) * 32, MEMBER.id, f"k{at}", b"\x20" * 32, 1, at) for at in range(3)]
    other = Key(b"\x77" * 32, "beta-photo", "k", b"\x21" * 32, 1, 1)
    append(ledger, b"one", [], [keys[2], keys[0], other, keys[1]])
    with ledger.snapshot() as view:
        assert view.keys(MEMBER.id) == tuple(keys)
        assert view.keys("beta-photo") == (other,)
        assert view.keys("nobody") == ()


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 150), (0, 0), (7, 7), (0, 1), (149, 150), (63, 65), (10, 140), (140, 999), (150, 160), (9, 3)],
)
def test_ranges_are_half_open_and_end_with_the_log(ledger: Ledger, start: int, stop: int) -> None:
    leaves = append_many(ledger, 150, lambda index: [b"p%d" % index])
    assert list(ledger.leaves(start, stop)) == leaves[start:stop]
    assert [index for index, _ in ledger.private(start, stop)] == [leaf.index for leaf in leaves[start:stop]]


def test_private_parts_keep_item_order_and_skip_leaves_without_any(ledger: Ledger) -> None:
    parts = [b"part %d" % number for number in range(256)]
    append_many(ledger, 14, lambda index: parts if index % 2 else ())
    assert list(ledger.private(0, 14)) == [(index, tuple(parts)) for index in range(1, 14, 2)]
    assert list(ledger.private(3, 6)) == [(3, tuple(parts)), (5, tuple(parts))]


def test_an_iteration_ends_where_the_log_ended_when_it_began(ledger: Ledger) -> None:
    append_many(ledger, 2, lambda _: [b"p"])
    leaves, private = ledger.leaves(0, 99), ledger.private(0, 99)
    next(leaves)
    next(private)
    append(ledger, b"later", [b"p"])
    assert [leaf.index for leaf in leaves] == [1]
    assert [index for index, _ in private] == [1]


def test_an_iteration_left_half_way_does_not_stop_the_writer(ledger: Ledger) -> None:
    append_many(ledger, 100, lambda _: [b"p"])
    leaves, private = ledger.leaves(0, 100), ledger.private(0, 100)
    next(leaves)
    next(private)
    append(ledger, b"another")
    assert ledger.head().size == 101


@pytest.mark.parametrize("data", [b"\x00", b"\xff\xfe\x00\r\n", bytes(range(256)) * 128], ids=len)
def test_bytes_come_back_exactly(ledger: Ledger, data: bytes) -> None:
    leaf = append(ledger, data, [data, b"", data[:8192]])
    assert list(ledger.leaves(0, 1)) == [leaf]
    assert list(ledger.private(0, 1)) == [(0, (data, b"", data[:8192]))]


def test_a_second_writer_waits_for_the_first(ledger: Ledger) -> None:
    order: list[str] = []
    first_is_in = threading.Event()

    def second() -> None:
        first_is_in.wait(LONG)
        with ledger.begin() as transaction:
            order.append("second")
            transaction.append(leaf_after(ledger.head(), b"two"), [], [])

    with ThreadPoolExecutor(1) as pool:
        with ledger.begin() as transaction:
            waiting = pool.submit(second)
            first_is_in.set()
            transaction.append(leaf_after(ledger.head(), b"one"), [], [])
            assert not waiting.done()
            order.append("first")
        waiting.result(LONG)
    assert order == ["first", "second"]
    assert [leaf.data for leaf in ledger.leaves(0, 2)] == [b"one", b"two"]


def test_a_second_writer_gives_up_after_its_wait(open_ledger: OpenLedger) -> None:
    ledger = open_ledger(SHORT)

    def second() -> None:
        with ledger.begin():
            pass

    with ThreadPoolExecutor(1) as pool:
        with ledger.begin() as transaction:
            with pytest.raises(UnavailableError):
                pool.submit(second).result(LONG)
            transaction.append(leaf_after(ledger.head(), b"one"), [], [])
        pool.submit(second).result(LONG)
    assert ledger.head().size == 1
