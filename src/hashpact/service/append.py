"""Append: a signed statement becomes a leaf of the log, once.

`Appender` decides and writes. `Intake` does what a caller waits for: it appends, brings the index level, has
a checkpoint signed and returns the receipt. Appends run one at a time, as the ledger has one writer. A
signature, which may wait for witnesses, is shared by all calls that wait for one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from hashpact.domain import rules, statements
from hashpact.domain.fingerprints import commitment, parse_private
from hashpact.domain.kinds import ADMIN, AnyBody, Submit, moment
from hashpact.domain.messages import Submission
from hashpact.domain.ports import Clock, Ledger, Transaction
from hashpact.domain.state import Charter, Head, Leaf, Receipt, RecentTimes
from hashpact.domain.statements import SignedStatement, Statement
from hashpact.errors import (
    ClockSkewError,
    CorruptError,
    InvalidInputError,
    MalformedError,
    NotPermittedError,
    RequestReusedError,
    UnavailableError,
    is_fault,
)
from hashpact.log import tree
from hashpact.service.follow import Follower
from hashpact.service.sign import SigningGuard

MAX_SKEW: Final = 600
"""Seconds by which a statement's time may differ from the server's clock."""
MAX_AGE: Final = 7 * 24 * 3600
"""Seconds that administrators may take, on several machines, to sign one statement."""


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
        opened = [(_open(caller, submission), submission.private) for submission in submissions]
        leaves = []
        with self.ledger.begin() as transaction:
            head = self.ledger.head()
            staged: dict[int, Leaf] = {}
            for signed, private in opened:
                statement = signed.statement
                earlier = transaction.request(statement.member, statement.request)
                if earlier is None:
                    leaf = self._stage(transaction, head, signed, private)
                    staged[leaf.index] = leaf
                    head = Head(leaf.index + 1, leaf.edge)
                else:
                    leaf = staged.get(earlier) or self._committed(earlier)
                    _check_replay(leaf, signed)
                leaves.append(leaf)
        return leaves

    def _stage(
        self, transaction: Transaction, head: Head, signed: SignedStatement, private: Sequence[bytes]
    ) -> Leaf:
        statement = signed.statement
        self._check_time(statement, transaction.times())
        _check_allowed(transaction.charter(), statement.body, private)
        records = rules.decide(transaction, head.size, signed)
        hash_ = tree.leaf_hash(signed.data)
        edge = tree.extend(head.size, head.edge, hash_)
        leaf = Leaf(
            index=head.size,
            data=signed.data,
            hash=hash_,
            root=tree.root(edge),
            edge=edge,
            member=statement.member,
            request=statement.request,
            time=statement.time,
        )
        transaction.append(leaf, private, records)
        return leaf

    def _committed(self, index: int) -> Leaf:
        leaf = next(self.ledger.leaves(index, index + 1), None)
        if leaf is None:
            msg = f"the log has no leaf {index}, which its index of requests names"
            raise CorruptError(msg)
        return leaf

    def _check_time(self, statement: Statement, times: RecentTimes) -> None:
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


def _check_replay(leaf: Leaf, signed: SignedStatement) -> None:
    if leaf.data != signed.data:
        msg = "this request id was used for another statement; nothing has changed"
        raise RequestReusedError(msg)


def _check_allowed(charter: Charter | None, body: AnyBody, private: Sequence[bytes]) -> None:
    """Refuse a fingerprint of an opt-in type under a label for which the policy does not allow it.

    The log does not show the type, so that this is the server's to enforce, and no rule of the fold.
    """
    if not isinstance(body, Submit) or charter is None:
        return
    for name in {
        kind.name for kind in (parse_private(part).fingerprint.type for part in private) if kind.opt_in
    }:
        wrong = [label for label in body.labels if (name, label) not in charter.allowed]
        if wrong:
            msg = f"the policy does not allow {name} under the label {wrong[0]!r}; share the entry without it"
            raise NotPermittedError(msg)


def _open(caller: str | None, submission: Submission) -> SignedStatement:
    """The parsed statement, after the checks that do not need the log."""
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
    for number, (item, private) in enumerate(zip(items, submission.private, strict=True)):
        if commitment(private) != item:
            msg = f"private part {number} is not what item {number} commits to"
            raise MalformedError(msg, field="private")
        parse_private(private)
    return signed


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
            with self._writing:
                self.guard.check_sound()
                leaves = self.appender.append_all(caller, submissions)
                self.follower.catch_up()
            # A retry must not wait for witnesses that its receipt does not need.
            if not all(map(self.guard.covers, leaves)):
                self._signing.join()
            return [self.guard.receipt(leaf) for leaf in leaves]
        except Exception as error:
            if is_fault(error):
                self.on_fault(error)
            raise
