"""The tries of a call, free of I/O: retries and deadlines, for both clients.

`attempts` runs a call as a generator that yields the next step (send, probe, wait) and is sent its outcome.
The blocking and the asynchronous driver in connection.py perform the steps. So nothing here touches a socket
or a clock, and nothing there decides.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError

from hashpact.errors import (
    CertificateError,
    CorruptError,
    DeadlineError,
    HashpactError,
    InvalidInputError,
    LaggingError,
    OverloadedError,
    UnavailableError,
)
from hashpact.wire.client.calls import Call, Result

MAX_TIMEOUT: Final = 24 * 3600
"""The longest timeout, in seconds: gRPC treats one too large for it as expired."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request, with that many seconds for the answer. Sent back: bytes, or a Failure."""

    timeout: float


@dataclass(frozen=True, slots=True)
class Probe:
    """Look for what is wrong with the channel, for that many seconds at most.

    Sent back: a CertificateError, an UnavailableError if the connection is refused, or None.
    """

    timeout: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait that many seconds. Sent back: None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A try that failed.

    ``answered`` is whether a Hashpact server sent it, and not the channel; ``retry_after`` is the seconds
    that the server asks to wait. ``elsewhere`` is whether the next try goes to another channel.
    """

    error: HashpactError
    answered: bool = False
    retry_after: float = 0.0
    elsewhere: bool = False

    @property
    def passing(self) -> bool:
        """Whether the same bytes may succeed later."""
        lasting = isinstance(self.error, CertificateError | DeadlineError | LaggingError)
        later = isinstance(self.error, OverloadedError) and self.retry_after > 0
        return later or (isinstance(self.error, UnavailableError) and not lasting)


Pause: TypeAlias = Probe | Wait
Step: TypeAlias = Send | Pause
Heard: TypeAlias = bytes | Failure | None
"""What a call or a read of a stream ends with: a message, a failure, or the end of the stream."""
Outcome: TypeAlias = Heard | UnavailableError


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff, in seconds: ``first``, twice that, and so on up to ``ceiling``."""

    first: float = 0.1
    ceiling: float = 2.0

    def delay(self, tries: int, failure: Failure, remaining: float, draw: float) -> float | None:
        """How long to wait after the ``tries``-th failed try (from 1); None to give up.

        Only UNAVAILABLE is tried again, and a quota that names a time, and only if the next try has at least
        as long as the ``first`` wait: one that times out at once would hide the server's own error.
        ``draw``, from 0 to 1, shortens the wait by up to half, so that many clients do not return at once.
        """
        if not failure.passing:
            return None
        # The exponent is bounded because a float is not.
        full = min(self.first * 2 ** min(tries - 1, 32), self.ceiling)
        wait = max(full * (1 - draw / 2), failure.retry_after)
        return wait if wait + self.first <= remaining else None


BACKOFF: Final = Backoff()


@dataclass(frozen=True, slots=True)
class Pace:
    """A client's sources of time and chance: ``timer`` in seconds from any moment, ``draw`` from 0 to 1.

    With ``retry_refused`` an address that refuses connections is tried until the time is over, for a
    server that is starting again; without it a call fails at once.
    """

    timer: Callable[[], float]
    draw: Callable[[], float]
    backoff: Backoff = BACKOFF
    retry_refused: bool = True


def checked_timeout(seconds: float) -> float:
    """A timeout in seconds, above 0 and at most MAX_TIMEOUT. Raises InvalidInputError for any other."""
    try:
        good = 0 < seconds <= MAX_TIMEOUT
    except TypeError:
        good = False
    if not good:
        msg = f"timeout is a number of seconds above 0 and at most {MAX_TIMEOUT}, not {seconds!r}"
        raise InvalidInputError(msg, field="timeout")
    return seconds


class RetryBudget:
    """The time left for a call, and how it is spent after each failure."""

    def __init__(self, timeout: float, pace: Pace) -> None:
        self._timeout = timeout
        self._pace = pace
        self._probed = False
        self.renew()

    def renew(self) -> None:
        """Start again with the full time."""
        self._deadline = self._pace.timer() + self._timeout
        self._tries = 0

    def left(self) -> float:
        """Seconds until it is over."""
        return max(self._deadline - self._pace.timer(), 0)

    def after(self, failure: Failure, *, again: bool = True) -> Generator[Pause, Outcome, None]:
        """The steps before another try.

        Raises the failure's error when no further try is useful or allowed; CertificateError if a probe finds
        that the channel will always fail; UnavailableError if it finds that connections are refused and
        these are not retried. One probe at most. Another channel is tried at once.
        """
        if failure.passing and failure.elsewhere and again and self.left() > 0:
            return
        self._tries += 1
        if failure.passing and not failure.answered and not self._probed:
            self._probed = True
            problem = yield Probe(self.left())
            lasting = isinstance(problem, CertificateError) or not self._pace.retry_refused
            if lasting and isinstance(problem, UnavailableError):
                raise problem
        remaining = self._deadline - self._pace.timer()
        delay = self._pace.backoff.delay(self._tries, failure, remaining, self._pace.draw())
        if delay is None or not again:
            raise failure.error
        yield Wait(delay)


def attempts(call: Call[Result], timeout: float, pace: Pace) -> Generator[Step, Outcome, Result]:
    """The steps of a call, within ``timeout`` seconds over all its tries; returns its result.

    Raises as `RetryBudget.after`, and what the call finds wrong with its answer.
    """
    patience = RetryBudget(timeout, pace)
    while True:
        outcome = yield Send(patience.left())
        if isinstance(outcome, bytes):
            return understood(call.method, partial(call.read, outcome))
        if not isinstance(outcome, Failure):
            msg = "a Send is answered with bytes or a Failure"
            raise TypeError(msg)
        yield from patience.after(outcome, again=call.idempotent)


def understood(method: str, read: Callable[[], Result]) -> Result:
    """The result of reading an answer. Raises CorruptError if it breaks the protocol."""
    try:
        return read()
    except (DecodeError, InvalidInputError) as error:
        msg = f"the server's answer to {method} breaks the protocol: {error}"
        raise CorruptError(msg) from error
