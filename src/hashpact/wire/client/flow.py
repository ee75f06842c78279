"""A flow of checks over streams, free of I/O: each asked until it has its answer, answered in their order.

A `Flow` holds what was asked and has no answer yet. `outcomes`, like `feeds.results`, yields the steps: wait
for something to ask, open a stream, read. The drivers are in flowing.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from hashpact.domain.checks import Answer
from hashpact.errors import (
    CorruptError,
    DeadlineError,
    HashpactError,
    InvalidInputError,
    OverloadedError,
    UnavailableError,
)
from hashpact.wire import streamed
from hashpact.wire.client.attempts import MAX_TIMEOUT, Failure, Outcome, Pace, Pause, RetryBudget, understood
from hashpact.wire.client.calls import Call
from hashpact.wire.client.feeds import Item, Read
from hashpact.wire.v1 import check_pb2

METHOD: Final = "/hashpact.wire.v1.CheckService/CheckStream"
IN_FLIGHT: Final = 32
"""Uploads that are asked for and not answered, unless the caller says otherwise."""
MAX_IN_FLIGHT: Final = 1024

Outcomes: TypeAlias = "Answer | HashpactError"


@dataclass(frozen=True, slots=True)
class PendingCheck:
    """The request of one upload's check, and how its answer is read."""

    request: bytes
    read: Callable[[bytes], Answer]

    def answer(self, response: check_pb2.CheckResponse) -> Answer:
        """The answer in a response. Raises as ``read``."""
        return self.read(response.SerializeToString())

    def __repr__(self) -> str:
        """Say nothing of the request: it holds fingerprints."""
        return "<PendingCheck>"


def asked(make: Callable[[], Call[Answer]]) -> PendingCheck | InvalidInputError:
    """What asks for the check that ``make`` makes; or the error that it raises, in its place."""
    try:
        call = make()
    except InvalidInputError as error:
        return error
    check = check_pb2.CheckRequest.FromString(call.request)
    return PendingCheck(check_pb2.CheckStreamRequest(check=check).SerializeToString(), call.read)


class Flow:
    """Uploads in their order: asked on the stream that is open, or to be asked, or not worth asking.

    It takes at most ``bound`` at a time. The requests of a stream are numbered from 0.
    """

    def __init__(self, bound: int) -> None:
        if not 1 <= bound <= MAX_IN_FLIGHT:
            msg = f"in_flight is from 1 to {MAX_IN_FLIGHT}"
            raise InvalidInputError(msg, field="in_flight")
        self._bound = bound
        self._pending: deque[PendingCheck | InvalidInputError] = deque()
        self._sent = 0  # how many of those that are pending the stream has been given
        self._number = 0  # of the next answer
        self._closed = False
        self.failed: Failure | None = None

    @property
    def full(self) -> bool:
        """Whether it takes no more for now."""
        return len(self._pending) >= self._bound

    @property
    def done(self) -> bool:
        """Whether all is answered, and nothing will follow."""
        return self._closed and not self._pending

    @property
    def stirred(self) -> bool:
        """Whether there is something to do."""
        return self._closed or bool(self._pending)

    @property
    def settled(self) -> bool:
        """Whether a stream has nothing more to do: the next outcome is known without it, or all were sent."""
        asking = any(isinstance(one, PendingCheck) for one in self._pending)
        return not asking and (self._closed or bool(self._pending))

    def ask(self, upload: PendingCheck | InvalidInputError) -> None:
        """Take another upload."""
        self._pending.append(upload)

    def close(self) -> None:
        """Take no more."""
        self._closed = True

    def restart(self) -> None:
        """Ask for all that is pending again, on a new stream."""
        self._sent = self._number = 0
        self.failed = None

    def send(self) -> bytes | None:
        """The next request for the stream; None if there is none now."""
        while self._sent < len(self._pending):
            upload = self._pending[self._sent]
            self._sent += 1
            if isinstance(upload, PendingCheck):
                return upload.request
        return None

    @property
    def all_sent(self) -> bool:
        """Whether the stream has been given all that there will be."""
        return self._closed and self._sent == len(self._pending)

    def refused(self) -> Iterator[Outcomes]:
        """The outcomes that need no answer, of the uploads that are next."""
        while self._pending and isinstance(upload := self._pending[0], InvalidInputError):
            self._pending.popleft()
            self._sent = max(self._sent - 1, 0)
            yield upload

    def answered(self, data: bytes) -> list[Outcomes]:
        """The outcomes of a response. Raises CorruptError unless they are of the next requests.

        It stops at one that the server cannot answer now, and notes that in ``failed``.
        """
        found: list[Outcomes] = []
        for one in check_pb2.CheckStreamResponse.FromString(data).answers:
            found += self.refused()  # those that came while nothing was asked
            upload = self._pending[0] if self._sent else None
            if one.request != self._number or not isinstance(upload, PendingCheck):
                msg = f"the server answered request {one.request} of a stream in place of {self._number}"
                raise CorruptError(msg)
            outcome = streamed.outcome_from_wire(one, upload.answer)
            if isinstance(outcome, UnavailableError | OverloadedError):
                self.failed = Failure(outcome, answered=True, retry_after=_wait(outcome))
                return found
            self._pending.popleft()
            self._sent -= 1
            self._number += 1
            found += [outcome, *self.refused()]
        return found

    @property
    def unanswered(self) -> bool:
        """Whether the stream was given requests that it has not answered."""
        return any(isinstance(self._pending[place], PendingCheck) for place in range(self._sent))


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until the flow is `stirred`. Sent back: None."""


@dataclass(frozen=True, slots=True)
class Converse:
    """Open a stream in place of the one before, for that many seconds. Sent back: None.

    It is given the requests of the flow as they come, until it has had them for half that time, so that
    there is time for answers.
    """

    timeout: float


FlowStep: TypeAlias = Await | Converse | Read | Item[Outcomes] | Pause


def outcomes(flow: Flow, timeout: float, pace: Pace) -> Generator[FlowStep, Outcome, None]:
    """The steps of a flow, which gives up when what was asked has no answer for ``timeout`` seconds.

    Raises as `RetryBudget.after`, and CorruptError for answers that break the protocol.
    """
    patience = RetryBudget(timeout, pace)
    failing = False
    while True:
        yield Await()
        for one in list(flow.refused()):
            yield Item(one)
        if flow.done:
            return
        if flow.settled or not flow.stirred:
            continue
        if not failing:
            patience.renew()
        heard, failure = yield from _conversation(flow, patience.left())
        failing = failure is not None and not (heard and _lost(failure))
        if failure is not None and failing:
            yield from patience.after(failure)


def _conversation(flow: Flow, timeout: float) -> Generator[FlowStep, Outcome, tuple[bool, Failure | None]]:
    """One stream, with all that is pending; whether there were answers, and why it did not go on."""
    flow.restart()
    yield Converse(timeout)
    heard = False
    while isinstance(outcome := (yield Read()), bytes):
        for one in understood(METHOD, partial(flow.answered, outcome)):
            heard = True
            yield Item(one)
        if flow.failed is not None:
            return heard, flow.failed
    if isinstance(outcome, Failure):
        return heard, outcome
    if flow.unanswered:
        msg = "the server ended a stream before it had answered all of it"
        raise CorruptError(msg)
    return heard, None


def _lost(failure: Failure) -> bool:
    """Whether it was the stream that failed, and not what was asked."""
    return failure.passing or isinstance(failure.error, DeadlineError)


def _wait(refusal: HashpactError) -> float:
    """The seconds that a refusal asks to wait; 0 if it names none."""
    try:
        wait = float(refusal.details.get("retry_after", 0))
    except ValueError:
        return 0.0
    return wait if 0 <= wait <= MAX_TIMEOUT else 0.0
