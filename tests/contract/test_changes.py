"""Changes: pages from any position, laid over the state there, are the state at the end.

The state comes from `independent`, which follows docs/formats/statement.md and shares no code with hashpact.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from builders import seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from independent import Log, report
from memory import MemoryLedger
from streams import Step, Stream

from hashpact.domain import statements
from hashpact.domain.kinds import GiveOpinion, Void, Withdraw
from hashpact.domain.messages import ChangedEntries, ChangesRequest, EntryDetail
from hashpact.domain.ports import Ledger
from hashpact.domain.rules.replay import Replay
from hashpact.errors import HashpactError
from hashpact.service import read
from hashpact.service.read import Reader
from hashpact.storage.sqlite import SqliteLedger

Known: TypeAlias = dict[str, dict[str, Any]]
"""What is known of the entries, by log index."""

KINDS = ("submit", "submit", "submit", "withdraw", "opinion", "opinion", "void", "key-rotate", "key-enrol")
UNDOING = (*KINDS, "key-revoke", "key-revoke", "ruling", "member-enrol", "policy")
STEPS = st.lists(st.tuples(st.sampled_from(UNDOING), st.integers(6, 29), st.integers(0, 2**24)), max_size=40)
"""Statements that mostly keep the rules, and many revocations among them."""


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Ledger]:
    """Makes empty ledgers."""

    def made() -> Ledger:
        if request.param == "memory":
            return MemoryLedger()
        return SqliteLedger.create(Path(tmp_path_factory.mktemp("ledger")) / "hashpact.db")

    return made


def summary(detail: EntryDetail) -> dict[str, Any]:
    """What a page says of an entry."""
    entry = detail.entry
    return {
        "member": entry.member,
        "stands": detail.stands,
        "voided": None if entry.voided_index is None else [entry.voided_index, entry.voided_reason],
        "opinions": {
            given.member: [given.index, given.stance.value, given.reason] for given in detail.opinions
        },
    }


def state(log: Log) -> Known:
    """The same by the oracle, which has withdrawals only where they stand."""
    entries: Known = report(log)["entries"]
    return {
        index: {name: value for name, value in entry.items() if name != "withdrawn"}
        for index, entry in entries.items()
    }


class Growing:
    """A ledger that grows by a stream, with the oracle beside it."""

    def __init__(self, ledger: Ledger) -> None:
        self._stream, self._folded = Stream(), Replay()
        self._appender = self._stream.world.appender(ledger)
        self.log = Log()
        for submission in self._stream.founding():
            self._append(submission)

    def grow(self, step: Step) -> bool:
        """Append the statement of a step; False if it is refused."""
        submission = self._stream.next(step, self._folded.state)
        try:
            return self._append(submission)
        except HashpactError:
            return False

    def _append(self, submission: Any) -> bool:  # noqa: ANN401 - as the stream makes it
        if self._appender.append(None, submission).index < self._folded.size:
            return False  # an earlier one, byte for byte
        self._folded.apply(submission.statement)
        assert self._folded.faults == []
        assert self.log.add(submission.statement) is None
        return True


def lay(known: Known, page: ChangedEntries) -> None:
    """Lay a page over what is known."""
    indexes = [detail.entry.index for detail in page.entries]
    assert len(set(indexes)) == len(indexes)
    known.update((str(detail.entry.index), summary(detail)) for detail in page.entries)


@settings(max_examples=15)
@given(steps=STEPS, size=st.integers(1, 4), rows=st.sampled_from([1, 2, 2048]))
def test_pages_from_any_position_are_the_difference_to_the_end(
    make: Callable[[], Ledger], steps: list[Step], size: int, rows: int
) -> None:
    with closing(make()) as ledger, pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "_ROWS_OF_PAGE", rows)
        growing, states = Growing(ledger), {}
        for step in steps:
            states[len(growing.log.leaves)] = state(growing.log)
            growing.grow(step)
        end, reader = state(growing.log), Reader(ledger)
        for since, known in [(0, {}), *states.items(), (len(growing.log.leaves), end)]:
            found, given, page = dict(known), set[str](), None
            asked = ChangesRequest(since, size=size)
            while page is None or not page.last:
                page = reader.changes(asked)
                assert page.position == len(growing.log.leaves)
                assert len(page.entries) <= size
                lay(found, page)
                given |= {str(detail.entry.index) for detail in page.entries}
                asked = page.following(asked)
            assert found == end
            kinds = {statements.kind_of(leaf) for leaf in growing.log.leaves[since:]}
            if "key-revoke" not in kinds and "ruling" not in kinds:
                named = [statements.parse(leaf).statement.body for leaf in growing.log.leaves[since:]]
                touched = {
                    body.entry if isinstance(body, GiveOpinion | Withdraw | Void) else since + at
                    for at, body in enumerate(named)
                }
                assert {int(index) for index in given} == {one for one in touched if str(one) in end}


@settings(max_examples=15)
@given(steps=STEPS, size=st.integers(1, 3))
def test_pages_that_are_read_while_the_log_grows_lead_to_the_end(
    make: Callable[[], Ledger], steps: list[Step], size: int
) -> None:
    with closing(make()) as ledger:
        growing, reader, known = Growing(ledger), Reader(ledger), Known()
        asked = ChangesRequest(size=size)
        for step in steps:
            page = reader.changes(asked)
            lay(known, page)
            asked = page.following(asked)
            growing.grow(step)
        while True:
            page = reader.changes(asked)
            lay(known, page)
            asked = page.following(asked)
            if page.last:
                break
        assert known == state(growing.log)


def test_revocations_of_the_streams_undo_and_restore() -> None:
    """The tests above would pass on streams in which no revocation changes an entry; in these some do."""
    fallen, risen = 0, 0
    for number in range(12):
        growing = Growing(MemoryLedger())
        for turn in range(40):
            drawn = int.from_bytes(seeded(f"changes {number} {turn}", 4))
            before, kind = state(growing.log), UNDOING[drawn % len(UNDOING)]
            if growing.grow((kind, 29, drawn // 64 % 2**24)) and kind == "key-revoke":
                after = state(growing.log)
                fallen += sum(one["stands"] and not after[index]["stands"] for index, one in before.items())
                risen += sum(after[index]["stands"] and not one["stands"] for index, one in before.items())
    assert fallen > 5
    assert risen > 0
