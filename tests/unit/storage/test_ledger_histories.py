"""Any history of appends, one after another or all at once, leaves each ledger with what it should have."""

from __future__ import annotations

import itertools
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaves import leaf_after
from memory import MemoryLedger

from hashpact.domain.keys import NamedKey
from hashpact.domain.ports import Ledger, Snapshot, Transaction
from hashpact.domain.state import (
    Basis,
    Charter,
    Entry,
    Filing,
    Head,
    Key,
    Leaf,
    Member,
    Opinion,
    RecentTimes,
    Record,
    Role,
    SignerTime,
    Stance,
    State,
    Use,
)
from hashpact.storage.sqlite import SqliteLedger

LONG = 120.0

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
WORD = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=6)
WORDS = st.lists(WORD, max_size=3).map(tuple)
NUMBER = st.integers(-(2**63), 2**63 - 1)
MEMBERS = st.sampled_from(["a", "b", "Ä", "zz"])
HASHES = st.binary(min_size=32, max_size=32)
ENTRIES = st.integers(0, 4)
IDS = st.sampled_from([bytes([n]) * 32 for n in range(4)])
KINDS = st.sampled_from(["notice", "appeal"])
ABOUT = st.sampled_from(["4", "Ä"])
RECORD: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        Charter,
        TEXT,
        st.lists(st.builds(NamedKey, WORD, HASHES), max_size=2).map(tuple),
        NUMBER,
        st.lists(HASHES, max_size=2).map(tuple),
        NUMBER,
        WORDS,
        st.none() | NUMBER,
        NUMBER,
        st.booleans(),
    ),
    st.builds(Member, MEMBERS, st.frozensets(st.sampled_from(Role)), NUMBER, st.none() | NUMBER),
    st.builds(
        Key,
        id=IDS,
        member=MEMBERS,
        name=TEXT,
        public=HASHES,
        expires=NUMBER,
        enrolled_index=ENTRIES,
        use=st.sampled_from(Use),
        valid_from=NUMBER,
        enrolled_by=st.none() | IDS,
        rotated_index=st.none() | NUMBER,
        retires=st.none() | NUMBER,
        suspended_index=st.none() | NUMBER,
        revoked_index=st.none() | NUMBER,
        revoked_by=st.none() | IDS,
        cutoff=st.none() | NUMBER,
    ),
    st.builds(
        Entry,
        index=ENTRIES,
        member=MEMBERS,
        labels=WORDS,
        basis=st.sampled_from(Basis),
        authority=st.none() | TEXT,
        article=st.none() | TEXT,
        jurisdictions=WORDS,
        removed_at=NUMBER,
        shared_at=NUMBER,
        items=NUMBER,
        key=IDS,
        withdrawn_index=st.none() | NUMBER,
        withdrawn_reason=st.none() | TEXT,
        withdrawn_by=st.none() | IDS,
        voided_index=st.none() | NUMBER,
        voided_reason=st.none() | TEXT,
    ),
    st.builds(Opinion, ENTRIES, MEMBERS, st.sampled_from(Stance), NUMBER, IDS, st.none() | TEXT),
    st.builds(Filing, ENTRIES, KINDS, ABOUT, MEMBERS, IDS, NUMBER, st.binary(max_size=9)),
    st.builds(
        RecentTimes, st.lists(st.builds(SignerTime, MEMBERS, NUMBER), min_size=1, max_size=3).map(tuple)
    ),
)
APPEND = st.tuples(st.binary(max_size=40), MEMBERS, st.lists(st.binary(max_size=9), max_size=3))
BLOCK = st.tuples(st.booleans(), st.lists(st.tuples(APPEND, st.lists(RECORD, max_size=5)), max_size=3))


def in_order(records: list[Record], last: int) -> list[Record]:
    """The records without filings up to the last index: they come in the order of the log."""
    kept: list[Record] = []
    for record in records:
        if isinstance(record, Filing):
            if record.index <= last:
                continue
            last = record.index
        kept.append(record)
    return kept


class AbandonedError(Exception):
    """Ends a block of a random history without a commit."""


def compare(view: Snapshot, state: State, leaves: list[Leaf]) -> None:
    assert view.charter() == state.charter()
    assert view.charters() == state.charters()
    assert view.times() == state.times()
    assert view.waiting(2) == state.waiting(2)
    for member_id in ["a", "b", "Ä", "zz"]:
        assert view.member(member_id) == state.member(member_id)
        assert view.keys(member_id) == state.keys(member_id)
    assert view.members("", 9) == tuple(state.members[member_id] for member_id in sorted(state.members))
    for number in range(5):
        assert view.key(bytes([number]) * 32) == state.key(bytes([number]) * 32)
        assert view.entry(number) == state.entry(number)
        assert view.opinions(number) == state.opinions(number)
        assert view.filing(number) == state.filing(number)
    for kind, about in itertools.product(("notice", "appeal"), ("4", "Ä")):
        assert view.filings(kind, about) == state.filings(kind, about)
        for member_id in ["a", "b", "Ä", "zz"]:
            assert view.newest(kind, about, member_id) == state.newest(kind, about, member_id)
    filed = [state.filed[index] for index in sorted(state.filed)]
    for after in (-1, 1):
        assert (
            view.filed(("notice", "appeal"), after, 3) == tuple(one for one in filed if one.index > after)[:3]
        )
    for leaf in leaves:
        assert view.request(leaf.member, leaf.request) == leaf.index


@settings(derandomize=True, database=None, deadline=None, max_examples=50)
@given(st.lists(BLOCK, max_size=5))
def test_any_history_leaves_what_state_has(
    history: list[tuple[bool, list[tuple[tuple[bytes, str, list[bytes]], list[Record]]]]],
) -> None:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        ledgers: list[Ledger] = [MemoryLedger(), SqliteLedger.create(Path(directory) / "hashpact.db")]
        for ledger in ledgers:
            stack.callback(ledger.close)
        state, head = State(), Head(0, ())
        leaves: list[Leaf] = []
        private: list[tuple[int, tuple[bytes, ...]]] = []
        for committed, appends in history:
            after, staged, last = head, [], max(state.filed, default=-1)
            for (data, member, parts), made in appends:
                records = in_order(made, last)
                last = max((one.index for one in records if isinstance(one, Filing)), default=last)
                leaf = leaf_after(after, data, member, b"%d" % after.size, len(data))
                after = after.after(leaf)
                staged.append((leaf, parts, records))
            for ledger in ledgers:
                with suppress(AbandonedError), ledger.begin() as transaction:
                    append_all(transaction, staged)
                    if not committed:
                        raise AbandonedError
            if committed:
                head = after
                for leaf, parts, records in staged:
                    leaves.append(leaf)
                    private += [(leaf.index, tuple(parts))] if parts else []
                    for record in records:
                        state.put(record)
        for ledger in ledgers:
            assert ledger.head() == head
            assert list(ledger.leaves(0, 99)) == leaves
            assert list(ledger.private(0, 99)) == private
            with ledger.snapshot() as view:
                compare(view, state, leaves)


def append_all(transaction: Transaction, staged: list[tuple[Leaf, list[bytes], list[Record]]]) -> None:
    for leaf, parts, records in staged:
        transaction.append(leaf, parts, records)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_readers_and_writers_in_many_threads(kind: str, tmp_path: Path) -> None:
    ledger: Ledger = (
        MemoryLedger(LONG) if kind == "memory" else SqliteLedger.create(tmp_path / "hashpact.db", LONG)
    )
    writers, each = 3, 30
    done = threading.Event()

    def write(name: str) -> None:
        for number in range(each):
            with ledger.begin() as transaction:
                leaf = leaf_after(ledger.head(), f"{name} {number}".encode(), name)
                entry = Entry(leaf.index, name, (), Basis.GUIDELINE, None, None, (), 0, 0, 2, bytes(32))
                charter = Charter("log.example", (), 1, (), leaf.index)
                member = Member("last", frozenset(), leaf.index)
                transaction.append(leaf, [leaf.data, b"2"], [entry, charter, member])

    def read() -> int:
        """Check that whatever is seen at one instant is of one size of the log."""
        rounds = 0
        while not done.is_set() or not rounds:
            head = ledger.head()
            leaves = list(ledger.leaves(0, head.size))
            assert [leaf.index for leaf in leaves] == list(range(head.size))
            assert reduce(Head.after, leaves, Head(0, ())) == head
            assert [parts for _, parts in ledger.private(0, head.size)] == [(v.data, b"2") for v in leaves]
            with ledger.snapshot() as view:
                charter, last = view.charter(), view.member("last")
                if charter is not None:
                    assert last == Member("last", frozenset(), charter.policy_version)
                    assert charter.policy_version >= head.size - 1
                    assert view.entry(charter.policy_version) is not None
                    assert view.entry(charter.policy_version + 1) is None
            rounds += 1
        return rounds

    with ThreadPoolExecutor(8) as pool:
        reading = [pool.submit(read) for _ in range(4)]
        try:
            for writing in [pool.submit(write, f"member-{number}") for number in range(writers)]:
                writing.result(LONG)
        finally:
            done.set()
        assert all(future.result(LONG) for future in reading)
    head = Head(0, ())
    for leaf in ledger.leaves(0, 1000):
        assert leaf == leaf_after(head, leaf.data, leaf.member)
        head = head.after(leaf)
    assert head == ledger.head()
    assert head.size == writers * each
    ledger.close()
