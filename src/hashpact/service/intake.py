"""Intake: appends a statement, brings the index level, signs a checkpoint and returns the receipt.

Appends run one at a time, as the ledger has one writer. A signature, which may wait for witnesses, is shared
by all calls that wait for one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from hashpact.domain.messages import Submission
from hashpact.domain.state import Receipt
from hashpact.errors import is_fault
from hashpact.service.append import Appender
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
        try:
            with self._writing:
                self.guard.check_sound()
                leaf = self.appender.append(caller, submission)
                self.follower.catch_up()
            # A retry must not wait for witnesses that its receipt does not need.
            if not self.guard.covers(leaf):
                self._signing.join()
            return self.guard.receipt(leaf)
        except Exception as error:
            if is_fault(error):
                self.on_fault(error)
            raise
