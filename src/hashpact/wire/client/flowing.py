"""The blocking and the asynchronous driver of the steps of flow.py; neither decides anything.

The uploads are read apart from the answers, by a thread or by a task: an upload that is slow to come does not
keep back the answers to those before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from hashpact.errors import InvalidInputError
from hashpact.wire.client.attempts import Heard, Outcome, Pace, Pause, Probe, Wait
from hashpact.wire.client.feeds import Item, Read
from hashpact.wire.client.flow import (
    METHOD,
    Await,
    Converse,
    Flow,
    FlowStep,
    Outcomes,
    PendingCheck,
    outcomes,
)

Upload: TypeAlias = PendingCheck | InvalidInputError


class Line(Protocol):
    """Opens streams and pauses, for a blocking client."""

    def open(
        self, method: str, requests: Iterator[bytes], timeout: float
    ) -> AbstractContextManager[Callable[[], Heard]]:
        """What reads the next message of a stream with those requests, for the length of the block."""

    def pause(self, step: Pause) -> Outcome:
        """Do a step between two tries."""


class AsyncLine(Protocol):
    """Opens streams and pauses, for a client that awaits."""

    def open(
        self, method: str, requests: AsyncIterator[bytes], timeout: float
    ) -> AbstractContextManager[Callable[[], Awaitable[Heard]]]:
        """What reads the next message of a stream with those requests, for the length of the block."""

    def pause(self, step: Pause) -> Awaitable[Outcome]:
        """Do a step between two tries."""


def flowing(
    uploads: Iterable[Upload], bound: int, timeout: float, pace: Pace, line: Line
) -> Iterator[Outcomes]:
    """The outcomes of uploads, in their order. Raises what `outcomes` raises, and what ``uploads`` does."""
    flow = Flow(bound)
    steps, shared = outcomes(flow, timeout, pace), _Shared(flow, pace.timer)
    read: Callable[[], Heard]
    with contextlib.closing(shared), contextlib.ExitStack() as stream:
        threading.Thread(target=shared.feed, args=(uploads,), name="hashpact-uploads", daemon=True).start()
        outcome: Outcome = None
        while (step := shared.after(steps, outcome)) is not None:
            outcome = None
            match step:
                case Await():
                    shared.wait()
                case Converse(left):
                    stream.close()
                    read = stream.enter_context(line.open(METHOD, shared.requests(left / 2), left))
                case Read():
                    outcome = read()
                case Item(result):
                    yield result
                case Probe() | Wait():
                    outcome = line.pause(step)
    if shared.error is not None:
        raise shared.error


class _Shared:
    """A flow that several threads use: the caller's, one that reads the uploads, and gRPC's, which sends."""

    def __init__(self, flow: Flow, timer: Callable[[], float]) -> None:
        self._flow = flow
        self._timer = timer
        self._changed = threading.Condition()
        self._stream = 0
        self._left = False
        self.error: BaseException | None = None

    def feed(self, uploads: Iterable[Upload]) -> None:
        """Take uploads while there is room, until the caller leaves."""
        try:
            for upload in uploads:
                with self._changed:
                    self._changed.wait_for(lambda: self._left or not self._flow.full)
                    if self._left:
                        return
                    self._flow.ask(upload)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001  # it is the caller's, who gets it
            self.error = error
        with self._changed:
            self._flow.close()
            self._changed.notify_all()

    def after(self, steps: Generator[FlowStep, Outcome, None], outcome: Outcome) -> FlowStep | None:
        """The step after that outcome; None after the last."""
        with self._changed:
            try:
                step = steps.send(outcome)
            except StopIteration:
                return None
            finally:
                self._changed.notify_all()
            if isinstance(step, Converse):
                self._stream += (
                    1  # before the lock is free: the stream before gets no request of the next one
                )
            return step

    def wait(self) -> None:
        """Wait until the flow is stirred."""
        with self._changed:
            self._changed.wait_for(lambda: self._flow.stirred)

    def requests(self, seconds: float) -> Iterator[bytes]:
        """The requests for the stream that is opened next, for so many seconds, or until another is."""
        with self._changed:
            return self._requests(self._stream, self._timer() + seconds)

    def _requests(self, number: int, end: float) -> Iterator[bytes]:
        while (request := self._next(number, end)) is not None:
            yield request

    def _next(self, number: int, end: float) -> bytes | None:
        """The next request for the stream of that number, as soon as there is one; None after the last."""
        with self._changed:
            while self._stream == number and (left := end - self._timer()) > 0:
                request = self._flow.send()
                if request is not None or self._flow.settled:
                    return request
                self._changed.wait(left)
        return None

    def close(self) -> None:
        """The caller leaves."""
        with self._changed:
            self._left = True
            self._stream += 1
            self._changed.notify_all()


async def flowing_async(
    uploads: AsyncIterable[Upload],
    bound: int,
    timeout: float,  # noqa: ASYNC109  # it is for each upload
    pace: Pace,
    line: AsyncLine,
) -> AsyncGenerator[Outcomes, None]:
    """As `flowing`, for one event loop."""
    flow = Flow(bound)
    steps, shared = outcomes(flow, timeout, pace), _Looped(flow, pace.timer)
    read: Callable[[], Awaitable[Heard]]
    feeding = asyncio.create_task(shared.feed(uploads))
    try:
        with contextlib.ExitStack() as stream:
            outcome: Outcome = None
            while (step := shared.after(steps, outcome)) is not None:
                outcome = None
                match step:
                    case Await():
                        await shared.wait()
                    case Converse(left):
                        stream.close()
                        read = stream.enter_context(line.open(METHOD, shared.requests(left / 2), left))
                    case Read():
                        outcome = await read()
                    case Item(result):
                        yield result
                    case Probe() | Wait():
                        outcome = await line.pause(step)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    await feeding


class _Looped:
    """A flow that several tasks of one event loop use."""

    def __init__(self, flow: Flow, timer: Callable[[], float]) -> None:
        self._flow = flow
        self._timer = timer
        self._waiting: set[asyncio.Future[None]] = set()
        self._stream = 0

    async def feed(self, uploads: AsyncIterable[Upload]) -> None:
        """Take uploads while there is room."""
        try:
            async for upload in uploads:
                while self._flow.full:
                    await self._change()
                self._flow.ask(upload)
                self._notify()
        finally:
            self._flow.close()
            self._notify()

    def after(self, steps: Generator[FlowStep, Outcome, None], outcome: Outcome) -> FlowStep | None:
        """The step after that outcome; None after the last."""
        try:
            return steps.send(outcome)
        except StopIteration:
            return None
        finally:
            self._notify()

    async def wait(self) -> None:
        """Wait until the flow is stirred."""
        while not self._flow.stirred:
            await self._change()

    async def requests(self, seconds: float) -> AsyncIterator[bytes]:
        """The requests for a stream that is opened now, for so many seconds, or until another is opened."""
        self._stream += 1
        number, end = self._stream, self._timer() + seconds
        while self._stream == number and (left := end - self._timer()) > 0:
            request = self._flow.send()
            if request is not None:
                yield request
            elif self._flow.settled:
                return
            else:
                await self._change(left)

    async def _change(self, seconds: float | None = None) -> None:
        """Wait until something has changed, or that long."""
        change = asyncio.get_running_loop().create_future()
        self._waiting.add(change)
        try:
            await asyncio.wait([change], timeout=seconds)
        finally:
            self._waiting.discard(change)

    def _notify(self) -> None:
        for change in self._waiting:
            if not change.done():
                change.set_result(None)
