"""A circuit breaker: while a server does not answer, checks fail at once, and now and then one is sent."""

from __future__ import annotations

import contextlib
import enum
import threading
from collections.abc import Callable, Iterator
from typing import Final

from hashpact.errors import BehindError, CertificateError, HashpactError, LaggingError, UnavailableError
from hashpact.wire.client import forks

FAILURES: Final = 3
"""How many checks in a row must fail before the circuit opens, or as many as there are channels if these are
more. Of checks that are under way together only one counts: a pause of the server makes all of them late, and
is over when they fail."""

FIRST: Final = 1.0
CEILING: Final = 30.0
"""Seconds that the circuit stays open at first, and at most; each trial that fails doubles them."""


class CircuitState(enum.StrEnum):
    """Whether checks are sent: all, none, or one on trial."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Circuit:
    """Whether a client's checks are sent. Any number of threads and tasks may share one; it survives a fork.

    closed      Every check is sent. It opens when several in a row have failed, as `FAILURES` says.
    open        No check is sent; each raises UnavailableError at once. This lasts 1 second at first, and up
                to 30 when trials fail, less up to half at random, so that clients do not return together.
    half-open   The next check is sent as a trial, and no other one until that has ended. An answer closes
                the circuit, a failure opens it for twice as long. If a trial is cancelled, the next check is
                one.

    A check fails if it ends with UnavailableError or its time runs out, after all its tries. A refusal is an
    answer. So are BehindError, which is about one request, LaggingError, which a mirror gives at once, and
    CertificateError, which no time mends.
    ``timer`` is in seconds from any moment, ``draw`` from 0 to 1.
    """

    def __init__(self, timer: Callable[[], float], draw: Callable[[], float], channels: int = 1) -> None:
        self._timer = timer
        self._draw = draw
        self._most = max(FAILURES, channels)
        self._lock = threading.Lock()
        self._failures = 0
        self._failed_at = timer()
        self._until = 0.0
        self._period = FIRST
        self._trial = False
        self._why = ""
        forks.remember(self)

    @property
    def state(self) -> CircuitState:
        """The state at this moment."""
        if self._failures < self._most:
            return CircuitState.CLOSED
        waits = not self._trial and self._timer() < self._until
        return CircuitState.OPEN if waits else CircuitState.HALF_OPEN

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """While a check is sent and answered. Raises UnavailableError if it is not to be sent."""
        began, trial = self._admit()
        try:
            yield
        except HashpactError as error:
            if is_silence(error):
                self._failed(began, error, trial=trial)
            else:
                self._answered(trial=trial)
            raise
        except BaseException:  # cancelled, or a defect: the server has not shown what it does
            self._abandoned(trial=trial)
            raise
        self._answered(trial=trial)

    def forked(self) -> None:
        """In a forked process: the trial that was under way is another process's."""
        self._lock = threading.Lock()
        self._trial = False

    def _admit(self) -> tuple[float, bool]:
        with self._lock:
            now = self._timer()
            if self._failures < self._most:
                return now, False
            if not self._trial and now >= self._until:
                self._trial = True
                return now, True
            trying = "another check tries again now"
            when = trying if self._trial else f"the next try is in {self._until - now:.1f} s"
            msg = f"not asked, because the checks before were not answered; {when} ({self._why})"
        raise UnavailableError(msg)

    def _failed(self, began: float, error: HashpactError, *, trial: bool) -> None:
        with self._lock:
            now = self._timer()
            self._trial = self._trial and not trial
            if self._failures >= self._most and trial:
                self._period = min(2 * self._period, CEILING)
            elif self._failures >= self._most or began < self._failed_at:
                return
            else:
                self._failures += 1
            self._failed_at = now
            self._why = error.message
            self._until = now + self._period * (1 - self._draw() / 2)

    def _answered(self, *, trial: bool) -> None:
        with self._lock:
            self._trial = self._trial and not trial
            self._failures, self._period = 0, FIRST

    def _abandoned(self, *, trial: bool) -> None:
        with self._lock:
            self._trial = self._trial and not trial


def is_silence(error: HashpactError) -> bool:
    """Whether an error says that the server does not answer, and not what it answers."""
    return isinstance(error, UnavailableError) and not isinstance(
        error, BehindError | CertificateError | LaggingError
    )
