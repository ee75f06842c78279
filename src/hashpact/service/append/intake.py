"""The intake does what a caller waits for.

It has statements appended, brings the index level, has a checkpoint signed and returns the receipts. Calls
that come while it writes form a group: one transaction, in which each fails alone. Groups share checkpoints.
docs/decisions/group-commit.md explains why.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from hashpact.domain.messages import Submission
from hashpact.domain.state import Leaf, Receipt
from hashpact.errors import (
    is_fault,
)
from hashpact.log.lines import MAX_INTEGER
from hashpact.service.append.appender import Appender
from hashpact.service.append.opened import Pause, Unit, no_pause, opened
from hashpact.service.follow import Follower
from hashpact.service.sign import SigningGuard


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

    def append(self, caller: str, submission: Submission, pause: Pause = no_pause) -> Receipt:
        """The receipt of a statement by the member ``caller``: it is durable and signed, and checks find it.

        The same bytes again give the same receipt. Raises as `Appender.append` before anything has changed;
        then as `SigningGuard.sign`, when the leaf is in the log and the same bytes later give its receipt.
        ``pause`` is called between two pieces of the work, for others' calls too if this one leads a group.
        """
        (receipt,) = self.append_all(caller, [submission], pause)
        return receipt

    def append_all(
        self, caller: str, submissions: Sequence[Submission], pause: Pause = no_pause
    ) -> list[Receipt]:
        """The receipts of several statements, as of one: all of them are appended, or none."""
        try:
            self.guard.check_sound()
            call = _Call(opened(caller, submissions, pause))
            with self._joining:
                leads = not self._waiting
                self._waiting.append(call)
            if leads:
                self._lead(pause)
            return call.receipts.result()
        except Exception as error:
            if is_fault(error):
                self.on_fault(error)
            raise

    def _lead(self, pause: Pause) -> None:
        """Answer, in this thread, every call that has come when the group before is through."""
        calls: list[_Call] = []
        try:
            with self._writing:
                calls = self._gathered()
                left = self._write(calls, pause)
            if left:
                # Meanwhile the next group is committed; a signature may take long, if there are witnesses.
                self._signing.join()
            for call in left:
                pause()
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

    def _write(self, calls: Sequence[_Call], pause: Pause) -> list[_Call]:
        """Append what the calls bring; returns those that wait for a signature, the others are answered."""
        self.guard.check_sound()
        group = self.appender.append_group([call.unit for call in calls], pause)
        taken = []
        for call, outcome in zip(calls, group.outcomes, strict=True):
            if isinstance(outcome, Exception):
                call.receipts.set_exception(outcome)
            else:
                call.leaves = outcome
                taken.append(call)
        pause()
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
