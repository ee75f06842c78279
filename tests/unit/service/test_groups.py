"""Calls that wait share a transaction and a checkpoint; each fails alone, and none waits for witnesses."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import grouping
import pytest
from builders import Identity, World, check_log, fingerprint, private_part, sign, submit
from linear import LinearIndex
from waits import wait_until

from hashpact.domain.fingerprints import PDQ, commitment
from hashpact.domain.messages import Submission
from hashpact.domain.state import Receipt
from hashpact.errors import (
    BadSignatureError,
    CommitFailedError,
    RequestReusedError,
    UnknownLabelError,
)
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Reason
from hashpact.service.append import Appender, Group, Intake, Pause, Unit, no_pause, opened
from hashpact.service.follow import Follower
from hashpact.service.sign import Cosigners
from hashpact.storage.sqlite import SqliteLedger

NCII = Reason(frozenset({"ncii"}))
FOUNDED = 4
LONG = 120.0


@pytest.fixture
def ledger(world: World, tmp_path: Path) -> Iterator[SqliteLedger]:
    """A founded log with one member, checked when the test is over."""
    with closing(SqliteLedger.create(tmp_path / "hashpact.db")) as made:
        world.found(made, "acme")
        yield made
        check_log(made)


def submission(world: World, name: str, label: str = "ncii") -> Submission:
    return world.author("acme").submit([fingerprint(PDQ, name)], Reason(frozenset({label})))


def unsigned(whole: Submission) -> Submission:
    """The same with a signature that does not verify."""
    statement = bytearray(whole.statement)
    statement[-20] ^= 1
    return replace(whole, statement=bytes(statement))


def kinds(group: Group) -> list[list[int] | type[Exception]]:
    """The indexes of each unit, or the type of its error."""
    return [
        type(one) if isinstance(one, Exception) else [leaf.index for leaf in one] for one in group.outcomes
    ]


def test_each_unit_of_a_group_fails_alone_with_its_own_error(world: World, ledger: SqliteLedger) -> None:
    one, two, three = (submission(world, name) for name in "abc")
    used = replace(submission(world, "d"), statement=one.statement, private=one.private)
    units = [[one], [unsigned(two)], [submission(world, "e", "nonsense")], [three], [used]]
    group = world.appender(ledger).append_group([opened("acme", unit) for unit in units])
    assert kinds(group) == [[4], BadSignatureError, UnknownLabelError, [5], [4]]
    assert [leaf.data for leaf, _ in group.added] == [one.statement, three.statement]
    assert [leaf.data for leaf in ledger.leaves(4, 99)] == [one.statement, three.statement]


def test_a_unit_of_several_statements_is_in_the_log_whole_or_not(world: World, ledger: SqliteLedger) -> None:
    first, last = submission(world, "a"), submission(world, "d")
    halves = [submission(world, "b"), unsigned(submission(world, "c"))]
    units = [[first], halves, [last, halves[0]]]
    group = world.appender(ledger).append_group([opened("acme", unit) for unit in units])
    assert kinds(group) == [[4], BadSignatureError, [5, 6]]
    assert ledger.head().size == 7


def test_a_request_that_another_unit_of_the_group_has_used_is_refused(
    world: World, ledger: SqliteLedger
) -> None:
    acme, parts = Identity.of("acme"), [private_part(fingerprint(PDQ, name)) for name in "ab"]
    made = [world.statement(submit(commitment(part)), acme, request=bytes(16)) for part in parts]
    signed = [Submission(sign(one, acme), [part]) for one, part in zip(made, parts, strict=True)]
    group = world.appender(ledger).append_group([opened("acme", [one]) for one in signed])
    assert kinds(group) == [[4], RequestReusedError]


@dataclass(frozen=True)
class Gate(Appender):
    """An appender that lets a group through when a test says so, and notes how many units each has."""

    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    sizes: list[int] = field(default_factory=list)
    broken: list[Exception] = field(default_factory=list)

    def append_group(self, units: Sequence[Unit], pause: Pause = no_pause) -> Group:
        """Append when it may."""
        self.sizes.append(len(units))
        self.entered.release()
        assert self.go.acquire(timeout=LONG)
        for error in self.broken:
            raise error
        return Appender.append_group(self, units, pause)


class Calls:
    """An intake whose groups wait at a gate, and calls of it in threads of their own."""

    def __init__(self, world: World, ledger: SqliteLedger, cosigners: Cosigners | None = None) -> None:
        self.gate = Gate(ledger, world.clock)
        self.faults: list[Exception] = []
        self.index = LinearIndex()
        self.follower = Follower(ledger, self.index, EntryCatalog(ledger))
        self.follower.catch_up()
        guard = world.guard(ledger, cosigners)
        guard.sign()
        self.intake = Intake(self.gate, self.follower, guard, self.faults.append)
        self.pool = ThreadPoolExecutor(16)

    def begin(self, *made: Submission) -> list[Future[Receipt]]:
        """Append each in a thread."""
        return [self.pool.submit(self.intake.append, "acme", one) for one in made]

    def one_at_work(self, *waiting: Submission) -> list[Future[Receipt]]:
        """Begin these once the group before them is at the gate; they have joined the next one then."""
        assert self.gate.entered.acquire(timeout=LONG)
        begun = self.begin(*waiting)
        wait_until(lambda: len(self.intake._waiting) == len(waiting))
        return begun


def test_calls_that_wait_share_a_commit_and_a_checkpoint(world: World, ledger: SqliteLedger) -> None:
    calls = Calls(world, ledger)
    made = [submission(world, f"{number}") for number in range(9)]
    (first,) = calls.begin(made[0])
    others = calls.one_at_work(*made[1:], unsigned(submission(world, "x")))
    calls.gate.go.release()
    assert first.result(LONG).tree_size == FOUNDED + 1
    calls.gate.go.release()
    *good, bad = others
    receipts = [one.result(LONG) for one in good]
    with pytest.raises(BadSignatureError):
        bad.result(LONG)
    assert calls.gate.sizes == [1, 9]
    assert {receipt.tree_size for receipt in receipts} == {FOUNDED + 9}
    assert len({receipt.checkpoint for receipt in receipts}) == 1
    assert [one.size for one in ledger.checkpoints.since(0)] == [FOUNDED, FOUNDED + 1, FOUNDED + 9]
    for statement, receipt in zip(made[1:], receipts, strict=True):
        world.pinned.check_receipt(statement.statement, receipt)
    assert calls.follower.position == ledger.head().size
    assert len(calls.index) == 9
    assert calls.faults == []


def test_whoever_leads_a_group_pauses_between_its_calls(world: World, ledger: SqliteLedger) -> None:
    calls = Calls(world, ledger)
    (first,) = calls.begin(submission(world, "a"))
    led: list[str] = []
    assert calls.gate.entered.acquire(timeout=LONG)
    lead = calls.pool.submit(calls.intake.append, "acme", submission(world, "b"), lambda: led.append("lead"))
    wait_until(lambda: len(calls.intake._waiting) == 1)
    before = len(led)  # while it read its own
    others = calls.begin(*(submission(world, name) for name in "cd"))
    wait_until(lambda: len(calls.intake._waiting) == 3)
    for _ in range(2):
        calls.gate.go.release()
    for one in (first, lead, *others):
        one.result(LONG)
    assert before == 2
    assert len(led) == before + 3 + 1 + 3  # before each call, before the index, before each receipt


def test_the_same_statement_twice_in_a_group_is_one_leaf(world: World, ledger: SqliteLedger) -> None:
    calls = Calls(world, ledger)
    one = submission(world, "a")
    (first,) = calls.begin(submission(world, "b"))
    twice = calls.one_at_work(one, one)
    for _ in range(2):
        calls.gate.go.release()
    first.result(LONG)
    assert len({call.result(LONG) for call in twice}) == 1
    assert ledger.head().size == FOUNDED + 2


def test_a_commit_that_fails_reaches_every_call_of_its_group(world: World, ledger: SqliteLedger) -> None:
    calls = Calls(world, ledger)
    (first,) = calls.begin(submission(world, "a"))
    group = calls.one_at_work(submission(world, "b"), submission(world, "c"))
    calls.gate.go.release()
    first.result(LONG)
    assert calls.gate.entered.acquire(timeout=LONG)
    calls.gate.broken.append(CommitFailedError("the disk is full"))
    calls.gate.go.release()
    for call in group:
        with pytest.raises(CommitFailedError):
            call.result(LONG)
    assert calls.faults == calls.gate.broken * 2
    assert ledger.head().size == FOUNDED + 1


class Slow:
    """Witnesses that cosign when a test says so."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Semaphore(0), threading.Semaphore(10)

    def cosign(self, note: bytes, size: int, consistency: Callable[[int], tuple[bytes, ...]]) -> bytes:  # noqa: ARG002  # of the protocol
        """The note as it is."""
        self.asked.release()
        assert self.go.acquire(timeout=LONG)
        return note


def test_a_group_is_committed_while_the_one_before_waits_for_witnesses(
    world: World, ledger: SqliteLedger
) -> None:
    slow = Slow()
    calls = Calls(world, ledger, slow)
    while slow.go.acquire(blocking=False):
        pass
    while slow.asked.acquire(blocking=False):
        pass
    known = submission(world, "a")
    calls.gate.go.release()
    (first,) = calls.begin(known)
    assert slow.asked.acquire(timeout=LONG)
    calls.gate.go.release()
    (second,) = calls.begin(submission(world, "b"))
    wait_until(lambda: ledger.head().size == FOUNDED + 2)
    assert not first.done()
    assert not second.done()
    slow.go.release()
    assert first.result(LONG).tree_size == FOUNDED + 1
    # The second still waits; a retry of the first does not, because its checkpoint is kept already.
    calls.gate.go.release()
    (again,) = calls.begin(known)
    assert again.result(LONG) == first.result(LONG)
    assert not second.done()
    slow.go.release()
    assert second.result(LONG).tree_size == FOUNDED + 2


@pytest.mark.parametrize("at", [1, 3, 5])
def test_29_a_kill_in_the_middle_of_a_group_leaves_nothing_of_it(
    world: World, tmp_path: Path, at: int
) -> None:
    path = tmp_path / "hashpact.db"
    with closing(SqliteLedger.create(path)) as ledger:
        world.found(ledger, "acme")
        before = list(ledger.leaves(0, 99))
    command = [sys.executable, grouping.__file__, str(path), "5", str(at)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False, env=grouping.ENVIRON)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "killed\n"), killed.stderr
    with closing(SqliteLedger.open(path)) as ledger:
        assert list(ledger.leaves(0, 99)) == before
        assert list(ledger.private(0, 99)) == []
        check_log(ledger)
        again = subprocess.run(
            [*command[:-1], "99"], capture_output=True, text=True, check=False, env=grouping.ENVIRON
        )
        assert again.stdout == "appended 5\n", again.stderr
        made = [one.statement for one in grouping.submissions(World(), 5)]
        assert [leaf.data for leaf in ledger.leaves(FOUNDED, 99)] == made
        check_log(ledger)
