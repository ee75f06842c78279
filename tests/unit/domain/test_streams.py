"""Random streams over all kinds: every ledger, the replay and an oracle agree on what they add up to."""

from __future__ import annotations

import copy
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from builders import check_log, check_state
from memory import MemoryLedger
from streams import EXAMPLES, MEMBERS, Step, Stream, draw, ordinary, spoken

from hashpact.domain import keys, standing, statements
from hashpact.domain.kinds import (
    ADMIN,
    KINDS,
    GiveOpinion,
    KeyEnrol,
    KeyRevoke,
    KeyRotate,
    Policy,
    Submit,
    Void,
    Withdraw,
)
from hashpact.domain.kinds.conduct.appeals import Appeal, Ruling
from hashpact.domain.kinds.conduct.spelling import AppealOutcome
from hashpact.domain.messages import Submission
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import Stance
from hashpact.domain.statements import Statement
from hashpact.errors import ClockSkewError, HashpactError
from hashpact.service.append import Appender
from hashpact.storage.sqlite import SqliteLedger


def verdict_of(appender: Appender, submission: Submission) -> int | type[HashpactError]:
    """The index that a statement is appended at, or stands at already; else the class of the refusal.

    ClockSkewError is the appender's own: a fold has no clock, and says nothing of it.
    """
    try:
        return appender.append(None, submission).index
    except HashpactError as error:
        return type(error)


def compare_ledgers(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        stream, folded = Stream(), Replay()
        ledgers = (MemoryLedger(), SqliteLedger.create(Path(directory) / "hashpact.db"))
        for ledger in ledgers:
            stack.callback(ledger.close)
        appenders = [stream.world.appender(ledger) for ledger in ledgers]
        for submission in stream.founding():
            folded.apply(submission.statement)
            for appender in appenders:
                appender.append(None, submission)
        for step in steps:
            submission = stream.next(step, folded.state)
            before, size = copy.deepcopy(folded.state), folded.size
            verdict, another = (verdict_of(appender, submission) for appender in appenders)
            assert verdict == another
            if verdict == size:
                folded.apply(submission.statement)
            elif not isinstance(verdict, int) and verdict is not ClockSkewError:
                folded.apply(submission.statement)
                assert type(folded.faults.pop().error) is verdict
                folded.size = size
            assert folded.faults == []
            assert folded.size > size or folded.state == before
            assert [ledger.head().size for ledger in ledgers] == [folded.size, folded.size]
        for ledger in ledgers:
            check_state(ledger, folded.state)
            assert check_log(ledger).state == folded.state


APPEALS = [
    [("submit", 0, 0), ("appeal", 0, 1), ("ruling", 0, 0)],
    [("submit", 0, 0), ("appeal", 0, 1), ("ruling", 0, 0), ("withdraw", 0, 0)],
    [("submit", 0, 0), ("withdraw", 0, 0), ("appeal", 0, 1), ("ruling", 0, 0)],
]
"""Streams in which rulings end entries, or come too late to do so."""


@EXAMPLES
def test_tables_memory_and_replay_reach_the_same_state(examples: int) -> None:
    draw(examples, compare_ledgers)


@EXAMPLES
def test_what_stands_is_what_the_leaves_say(examples: int) -> None:
    """The standing that is derived from records is the one that follows from the statements alone."""
    draw(examples, lambda steps: compare_standing(spoken(steps)[1]))


def test_streams_have_statements_of_both_sorts_and_undo_things() -> None:
    """The two tests above would pass on streams that are all wrong; these are not."""
    kinds, wrong, fallen = set(), 0, 0
    for number in range(16):
        stream, folded = Stream(), Replay()
        leaves = [submission.statement for submission in stream.founding()]
        for leaf in leaves:
            folded.apply(leaf)
        for turn in range(120):
            leaves.append(stream.next(ordinary(number, turn), folded.state).statement)
            folded.apply(leaves[-1])
        faults = {fault.index for fault in folded.faults}
        kinds |= {
            statements.parse(leaf).statement.body.kind
            for index, leaf in enumerate(leaves)
            if index not in faults
        }
        wrong += len(faults)
        entries = folded.state.entries.values()
        fallen += sum(not standing.stands(folded.state, entry.key, entry.index) for entry in entries)
        compare_standing(leaves)
    assert kinds == KINDS.keys()
    assert 400 < wrong < 1600
    assert fallen > 5


def test_no_stream_takes_an_endorsement_or_dispute_back_by_a_mere_seen() -> None:
    """Rule 12 from outside: the state before each `seen` that was taken. Most steps are opinions here."""
    refused = taken_back = 0
    for number in range(24):
        stream, folded = Stream(), Replay()
        for submission in stream.founding():
            folded.apply(submission.statement)
        for turn in range(80):
            kind, way, drawn = ordinary(number, turn)
            if turn % 4:
                newest = 16 * max(0, len(folded.state.entries) - 1)
                kind, drawn = "opinion", newest + drawn % 16
            submission = stream.next((kind, way, drawn), folded.state)
            one = statements.parse(submission.statement).statement
            if not (isinstance(one.body, GiveOpinion) and one.body.stance is Stance.SEEN):
                folded.apply(submission.statement)
                continue
            said = any(
                given.member == one.member and given.stance is not Stance.SEEN
                for given in standing.opinions(folded.state, one.body.entry)
            )
            folded.apply(submission.statement)
            if folded.faults and folded.faults[-1].index == folded.size - 1:
                refused += "--replace" in str(folded.faults[-1].error)
            else:
                assert one.body.replace or not said
                taken_back += said
    assert refused > 3
    assert taken_back > 3


@dataclass(frozen=True)
class Oracle:
    """Standing by its definition: every question goes back to the statements, and nothing is remembered."""

    said: dict[int, Statement]

    def stands(self, index: int) -> bool:
        """Whether that statement stands."""
        statement = self.said[index]
        if statement.member == ADMIN:
            return True
        enrolment = next(at for at, one in self.said.items() if brings(one, statement.key))
        if not self.stands(enrolment):
            return False
        ends = [at for at, one in self.said.items() if ends_key(one, statement.key)]
        if not ends:
            return True
        end = self.said[ends[-1]]
        assert isinstance(end.body, KeyRevoke)
        if index < end.body.cutoff:
            return True
        return end.key != statement.key and not self.stands(ends[-1])

    def entry_stands(self, index: int) -> bool:
        """Whether that entry is to be matched."""
        return self.stands(index) and not self._voided(index) and not self._withdrawn(index)

    def _voided(self, entry: int) -> bool:
        """Whether the administrators or a quorum of the panel have struck that entry."""
        return any(
            (isinstance(one.body, Void) and one.body.entry == entry)
            or (upholds(one, entry) and one.member != self._owner(one) and self._quorum(at, one))
            for at, one in self.said.items()
        )

    def _withdrawn(self, entry: int) -> bool:
        """Whether the last withdrawal of that entry stands: a ruling is one, if none stood before it."""
        last = None
        for at, one in self.said.items():
            own = one.member == self.said[entry].member
            ruled = own and upholds(one, entry) and one.member == self._owner(one)
            if (isinstance(one.body, Withdraw) and one.body.entry == entry) or (
                ruled and not self._before(at)._withdrawn(entry)
            ):
                last = at
        return last is not None and self.stands(last)

    def _owner(self, ruling: Statement) -> str:
        """The member whose entry or decision the appeal is about."""
        assert isinstance(ruling.body, Ruling)
        appeal = self.said[ruling.body.appeal].body
        assert isinstance(appeal, Appeal)
        subject = appeal.decision if appeal.entry is None else appeal.entry
        assert subject is not None
        return self.said[subject].member

    def _quorum(self, index: int, ruling: Statement) -> bool:
        """Whether that ruling is the last that a quorum of the panel in force needed."""
        assert isinstance(ruling.body, Ruling)
        before = self._before(index)
        policy = [one.body for one in before.said.values() if isinstance(one.body, Policy)][-1]
        upheld = {
            one.member
            for at, one in before.said.items()
            if isinstance(one.body, Ruling)
            and (one.body.appeal, one.body.outcome) == (ruling.body.appeal, AppealOutcome.UPHELD)
            and before.stands(at)
        }
        return len((upheld | {ruling.member}) & set(policy.panel)) >= (policy.quorum or len(MEMBERS) + 1)

    def _before(self, index: int) -> Oracle:
        return Oracle({at: one for at, one in self.said.items() if at < index})

    def opinions(self, entry: int) -> list[tuple[str, int]]:
        """Members and indexes of the opinions that count: a ruling on a decision is one of the entry, too."""
        newest = {
            one.member: at
            for at, one in self.said.items()
            if (isinstance(one.body, GiveOpinion) and one.body.entry == entry)
            or (upholds(one, entry) and one.member == self._owner(one) != self.said[entry].member)
        }
        return sorted((member, at) for member, at in newest.items() if self.stands(at))


def upholds(statement: Statement, entry: int) -> bool:
    """Whether it is a ruling against that entry."""
    return isinstance(statement.body, Ruling) and statement.body.entry == entry


def brings(statement: Statement, key: bytes) -> bool:
    body = statement.body
    return isinstance(body, KeyEnrol | KeyRotate) and keys.key_id(body.public) == key


def ends_key(statement: Statement, key: bytes) -> bool:
    return isinstance(statement.body, KeyRevoke) and statement.body.target == key


def compare_standing(leaves: list[bytes]) -> None:
    folded = replay(leaves)
    wrong = {fault.index for fault in folded.faults}
    oracle = Oracle(
        {index: statements.parse(leaf).statement for index, leaf in enumerate(leaves) if index not in wrong}
    )
    for index, statement in oracle.said.items():
        if statement.member != ADMIN:
            assert standing.stands(folded.state, statement.key, index) == oracle.stands(index)
        if isinstance(statement.body, Submit):
            entry = folded.state.entries[index]
            assert standing.entry_stands(folded.state, entry) == oracle.entry_stands(index)
            given = [(opinion.member, opinion.index) for opinion in standing.opinions(folded.state, index)]
            assert given == oracle.opinions(index)
    for member in folded.state.members:
        assert standing.settled(folded.state.keys(member)) == ()


@pytest.mark.parametrize("steps", APPEALS)
def test_an_entry_falls_by_a_ruling(steps: list[Step]) -> None:
    compare_standing(spoken(steps)[1])
