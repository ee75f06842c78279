"""Append: a signed statement becomes a leaf of the log, once.

`Appender` decides and writes. `Intake` does what a caller waits for: it appends, brings the index level, has
a checkpoint signed and returns the receipt. The ledger has one writer, so calls that come while it writes
form a group: one transaction, in which each fails alone. Groups share checkpoints.
docs/decisions/group-commit.md explains why.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from hashpact.domain import rules, statements
from hashpact.domain.fingerprints import Fingerprint, commitment, parse_private
from hashpact.domain.kinds import ADMIN, AnyBody, Submit, moment
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Clock, Ledger, Transaction
from hashpact.domain.state import Charter, Head, Leaf, Receipt, RecentTimes
from hashpact.domain.statements import SignedStatement, Statement
from hashpact.errors import (
    ClockSkewError,
    CommitFailedError,
    CorruptError,
    InvalidInputError,
    MalformedError,
    NotPermittedError,
    RequestReusedError,
    UnavailableError,
    is_fault,
)
from hashpact.log import tree
from hashpact.log.lines import MAX_INTEGER
from hashpact.service.follow import Follower
from hashpact.service.sign import SigningGuard

MAX_SKEW: Final = 600
"""Seconds by which a statement's time may differ from the server's clock."""
MAX_AGE: Final = 7 * 24 * 3600
"""Seconds that administrators may take, on several machines, to sign one statement."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A submission after the checks that do not need the log: its statement, and its fingerprints."""

    signed: SignedStatement
    private: tuple[bytes, ...]
    fingerprints: tuple[Fingerprint, ...]


Unit: TypeAlias = Sequence[Opened]
"""Statements that are appended together: all of them, or none."""


@dataclass(frozen=True, slots=True)
class Group:
    """What became of several units: the leaves of each, or its error; and all that is new in the log."""

    outcomes: list[list[Leaf] | Exception]
    added: list[tuple[Leaf, Opened]]


@dataclass(frozen=True, slots=True)
class Appender:
    """The only writer of the log. ``clock`` may raise UnavailableError, and then nothing is appended."""

    ledger: Ledger
    clock: Clock

    def append(self, caller: str | None, submission: Submission) -> Leaf:
        """Append one statement and return its leaf; the same bytes again return the same leaf.

        ``caller`` is the member that the channel authenticates; None is the operator at the home itself,
        without a channel. Raises the HashpactError of the first check that fails; then nothing has changed:
        format, caller, private parts, replay, the server's clock, the statement's time, rules
        (`rules.decide`).
        """
        (leaf,) = self.append_all(caller, [submission])
        return leaf

    def append_all(self, caller: str | None, submissions: Sequence[Submission]) -> list[Leaf]:
        """Append several statements in one transaction: all of them, or none."""
        (outcome,) = self.append_group([opened(caller, submissions)]).outcomes
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def append_group(self, units: Sequence[Unit]) -> Group:
        """Append the units in one transaction, in their order; one that is refused leaves nothing behind.

        Raises what ends the transaction for all of them: UnavailableError if it cannot begin,
        CommitFailedError.
        """
        group = Group([], [])
        with self.ledger.begin() as transaction:
            staging = _Staging(self, transaction, self.ledger.head())
            for unit in units:
                before, known = staging.head, len(group.added)
                try:
                    with transaction.savepoint():
                        leaves = [staging.leaf_of(one, group.added) for one in unit]
                except CommitFailedError:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, it is the error of this unit
                    staging.head = before
                    del group.added[known:]
                    group.outcomes.append(error)
                else:
                    group.outcomes.append(leaves)
        return group

    def check_time(self, statement: Statement, times: RecentTimes) -> None:
        """Raise ClockSkewError for a time that is off, UnavailableError if the server's own seems to be."""
        now, allowed = self.clock(), MAX_AGE if statement.member == ADMIN else MAX_SKEW
        # After a mend the log's moment is another, and the mend must not be refused for what it mends.
        behind = moment.of_log(statement.body.counted(times, statement.time)) - now
        if behind > MAX_SKEW:
            msg = (
                f"the server's clock is {behind} s behind what most of the log's last signers have stated; "
                "set the machine's clock, or if theirs were wrong, have a clock-mend statement signed"
            )
            raise UnavailableError(msg, server_time=str(now))
        if not now - allowed <= statement.time <= now + MAX_SKEW:
            msg = (
                f"the statement's time is off the server's clock: at most {MAX_SKEW} s ahead "
                f"and {allowed} s behind are taken; set the clock and sign again"
            )
            raise ClockSkewError(msg, server_time=str(now))


@dataclass(slots=True)
class _Staging:
    """A transaction, and the head after what is staged in it."""

    appender: Appender
    transaction: Transaction
    head: Head

    def leaf_of(self, opened: Opened, added: list[tuple[Leaf, Opened]]) -> Leaf:
        """The leaf of a statement: staged now, and then ``added``, unless the log has it already."""
        statement = opened.signed.statement
        earlier = self.transaction.request(statement.member, statement.request)
        if earlier is None:
            leaf = self._stage(opened)
            added.append((leaf, opened))
        else:
            leaf = self._known(earlier, added)
            _check_replay(leaf, opened.signed)
        return leaf

    def _stage(self, opened: Opened) -> Leaf:
        signed, head = opened.signed, self.head
        statement = signed.statement
        self.appender.check_time(statement, self.transaction.times())
        _check_allowed(self.transaction.charter(), statement.body, opened.fingerprints)
        records = rules.decide(self.transaction, head.size, signed)
        hash_ = tree.leaf_hash(signed.data)
        leaf = Leaf(
            index=head.size,
            data=signed.data,
            hash=hash_,
            nodes=tree.completed(head.size, head.edge, hash_),
            member=statement.member,
            request=statement.request,
            time=statement.time,
        )
        self.transaction.append(leaf, opened.private, records)
        self.head = head.after(leaf)
        return leaf

    def _known(self, index: int, added: Sequence[tuple[Leaf, Opened]]) -> Leaf:
        if added and index >= added[0][0].index:
            return added[index - added[0][0].index][0]
        leaf = next(self.appender.ledger.leaves(index, index + 1), None)
        if leaf is None:
            msg = f"the log has no leaf {index}, which its index of requests names"
            raise CorruptError(msg)
        return leaf


def _check_replay(leaf: Leaf, signed: SignedStatement) -> None:
    if leaf.data != signed.data:
        msg = "this request id was used for another statement; nothing has changed"
        raise RequestReusedError(msg)


def _check_allowed(charter: Charter | None, body: AnyBody, fingerprints: Sequence[Fingerprint]) -> None:
    """Refuse a fingerprint of an opt-in type under a label for which the policy does not allow it.

    The log does not show the type, so that this is the server's to enforce, and no rule of the fold.
    """
    if not isinstance(body, Submit) or charter is None:
        return
    for name in {one.type.name for one in fingerprints if one.type.opt_in}:
        wrong = [label for label in body.labels if (name, label) not in charter.allowed]
        if wrong:
            msg = f"the policy does not allow {name} under the label {wrong[0]!r}; share the entry without it"
            raise NotPermittedError(msg)


def opened(caller: str | None, submissions: Sequence[Submission]) -> Unit:
    """The parsed statements, after the checks that do not need the log; raises as `Appender.append`."""
    return [_open(caller, submission) for submission in submissions]


def _open(caller: str | None, submission: Submission) -> Opened:
    signed = statements.parse(submission.statement)
    member = signed.statement.member
    if caller is not None and member != caller:
        msg = f"the statement is by {member!r}, the channel is of {caller!r}"
        raise NotPermittedError(msg)
    body = signed.statement.body
    items = body.items if isinstance(body, Submit) else ()
    if len(submission.private) != len(items):
        msg = f"{len(submission.private)} private parts for {len(items)} items"
        raise InvalidInputError(msg, field="private")
    fingerprints = []
    for number, (item, private) in enumerate(zip(items, submission.private, strict=True)):
        if commitment(private) != item:
            msg = f"private part {number} is not what item {number} commits to"
            raise MalformedError(msg, field="private")
        fingerprints.append(parse_private(private).fingerprint)
    return Opened(signed, tuple(submission.private), tuple(fingerprints))


class Coalescer:
    """Coalesces waiters into the next run of ``work``. Any thread may join."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._running: Future[None] | None = None
        self._next: Future[None] | None = None

    def join(self) -> None:
        """Wait for a run that starts after this call. Each caller gets the exception that ``work`` raises."""
        with self._lock:
            run, before = self._next, self._running
            leads = run is None
            if run is None:
                run = self._next = Future()
        if leads:
            self._lead(run, before)
        run.result()

    def _lead(self, run: Future[None], before: Future[None] | None) -> None:
        """Do the work in this thread, once the run before has ended."""
        if before is not None:
            before.exception()  # waits; its error is raised in the calls that joined it
        with self._lock:
            self._running, self._next = run, None
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - any exception must reach the calls that joined
            run.set_exception(error)
        else:
            run.set_result(None)


class _Call:
    """A call that waits for its group: its unit, and in the end its receipts or its error."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.leaves: list[Leaf] = []
        self.receipts: Future[list[Receipt]] = Future()


@dataclass(slots=True)
class Intake:
    """Takes in statements. Any thread may call it; it blocks until the receipt is there.

    ``on_fault`` is called, in the caller's thread, with each exception that is a fault of the server
    (`errors.is_fault`), before it is raised. After CommitFailedError the process must stop.
    """

    appender: Appender
    follower: Follower
    guard: SigningGuard
    on_fault: Callable[[Exception], None]
    _writing: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _joining: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _waiting: list[_Call] = field(default_factory=list, init=False, repr=False)
    _signing: Coalescer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the coalescer of signatures."""
        self._signing = Coalescer(self.guard.sign)

    def append(self, caller: str, submission: Submission) -> Receipt:
        """The receipt of a statement by the member ``caller``: it is durable and signed, and checks find it.

        The same bytes again give the same receipt. Raises as `Appender.append` before anything has changed;
        then as `SigningGuard.sign`, when the leaf is in the log and the same bytes later give its receipt.
        """
        (receipt,) = self.append_all(caller, [submission])
        return receipt

    def append_all(self, caller: str, submissions: Sequence[Submission]) -> list[Receipt]:
        """The receipts of several statements, as of one: all of them are appended, or none."""
        try:
            self.guard.check_sound()
            call = _Call(opened(caller, submissions))
            with self._joining:
                leads = not self._waiting
                self._waiting.append(call)
            if leads:
                self._lead()
            return call.receipts.result()
        except Exception as error:
            if is_fault(error):
                self.on_fault(error)
            raise

    def _lead(self) -> None:
        """Answer, in this thread, every call that has come when the group before is through."""
        calls: list[_Call] = []
        try:
            with self._writing:
                calls = self._gathered()
                left = self._write(calls)
            if left:
                # Meanwhile the next group is committed; a signature may take long, if there are witnesses.
                self._signing.join()
            for call in left:
                self._answer(call)
        except BaseException as error:  # noqa: BLE001 - any exception must reach the calls of the group
            for call in calls or self._gathered():
                if not call.receipts.done():
                    call.receipts.set_exception(error)

    def _gathered(self) -> list[_Call]:
        """The calls that have come until now; the next one begins another group."""
        with self._joining:
            calls, self._waiting = self._waiting, []
        return calls

    def _write(self, calls: Sequence[_Call]) -> list[_Call]:
        """Append what the calls bring; returns those that wait for a signature, the others are answered."""
        self.guard.check_sound()
        group = self.appender.append_group([call.unit for call in calls])
        taken = []
        for call, outcome in zip(calls, group.outcomes, strict=True):
            if isinstance(outcome, Exception):
                call.receipts.set_exception(outcome)
            else:
                call.leaves = outcome
                taken.append(call)
        self.follower.take([(leaf, one.signed.statement.body, one.fingerprints) for leaf, one in group.added])
        left, first = [], min((leaf.index for leaf, _ in group.added), default=MAX_INTEGER)
        for call in taken:
            self.follower.reach(max((leaf.index + 1 for leaf in call.leaves), default=0))
            # A retry must not wait for witnesses that its receipt does not need.
            if all(leaf.index < first and self.guard.covers(leaf) for leaf in call.leaves):
                self._answer(call)
            else:
                left.append(call)
        return left

    def _answer(self, call: _Call) -> None:
        try:
            call.receipts.set_result([self.guard.receipt(leaf) for leaf in call.leaves])
        except Exception as error:  # noqa: BLE001 - raised in the call's own thread
            call.receipts.set_exception(error)
