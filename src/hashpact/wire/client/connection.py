"""The blocking and the asynchronous driver of the steps of wire/client/attempts.py; neither decides anything.

Channels belong to a process, and asynchronous ones to an event loop; in another one they are made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
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
from dataclasses import replace
from typing import Final, TypeVar

import grpc

from hashpact.errors import HashpactError, InvalidInputError, UnavailableError
from hashpact.wire import errors
from hashpact.wire.client import forks
from hashpact.wire.client.attempts import (
    Failure,
    Heard,
    Outcome,
    Pace,
    Pause,
    Probe,
    Send,
    Step,
    Wait,
    attempts,
)
from hashpact.wire.client.calls import Call
from hashpact.wire.client.endpoint import Endpoint
from hashpact.wire.client.feeds import Feed, Item, Open, Read, results
from hashpact.wire.client.flow import Outcomes
from hashpact.wire.client.flowing import Upload, flowing, flowing_async
from hashpact.wire.client.probe import probe
from hashpact.wire.client.spread import Lane, Spread
from hashpact.wire.codec import MAX_MESSAGE

Result = TypeVar("Result")

MAX_CHANNELS: Final = 64
"""The most connections of a client."""

_OPTIONS: Final = (
    # A tile of 256 leaves of the largest size is a little larger than any request may be.
    ("grpc.max_receive_message_length", 2 * MAX_MESSAGE),
    # Each channel has connections of its own, so that several channels reach several server processes.
    ("grpc.use_local_subchannel_pool", 1),
    # How soon a lost connection is tried again; the core's own wait between tries stands above it.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # What is lost with its connection is tried again here: gRPC's own second try now and then never starts.
    ("grpc.enable_retries", 0),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


class Connection:
    """Makes calls and blocks until they end. Any number of threads may share one.

    ``channels`` spreads calls over so many connections, hence over more processes of a busy server.
    """

    def __init__(self, endpoint: Endpoint, pace: Pace, channels: int = 1) -> None:
        self._endpoint = endpoint
        self._pace = pace
        self._count = channels
        self._opening = threading.Lock()
        self._process = 0
        self._spread: Spread[grpc.Channel] = Spread(0, self._channel, pace.timer)
        forks.remember(self)

    def run(self, call: Call[Result], timeout: float) -> Result:
        """The result of a call, within ``timeout`` seconds. Raises what `attempts` raises."""
        steps = attempts(call, timeout, self._pace)
        try:
            step = next(steps)
            while True:
                step = steps.send(self._do(call, step))
        except StopIteration as end:
            result: Result = end.value
            return result

    def forked(self) -> None:
        """In a forked process: a thread that is gone may have held the lock."""
        self._opening = threading.Lock()

    def _here(self) -> Spread[grpc.Channel]:
        """The channels of this process: one that was forked makes channels of its own."""
        if self._process != os.getpid():
            with self._opening:
                if self._process != os.getpid():
                    self._spread = Spread(self._count, self._channel, self._pace.timer)
                    self._process = os.getpid()
        return self._spread

    def _channel(self) -> grpc.Channel:
        endpoint = self._endpoint
        return grpc.secure_channel(endpoint.address, endpoint.credentials(), options=_options(endpoint))

    def _do(self, call: Call[Result], step: Step) -> Outcome:
        match step:
            case Send(timeout):
                with forks.under_way(), (spread := self._here()).lane() as lane:
                    method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = lane.channel.unary_unary(call.method)
                    try:
                        answer = method(call.request, timeout=timeout)
                    except grpc.RpcError as error:
                        return spread.heard(lane, _failure(error, self._endpoint))
                    return spread.heard(lane, answer)
            case Probe() | Wait():
                return self.pause(step)

    def pause(self, step: Pause) -> Outcome:
        """Do a step between two tries."""
        match step:
            case Probe(timeout):
                return probe(self._endpoint, timeout)
            case Wait(seconds):
                time.sleep(seconds)
                return None

    def stream(self, feed: Feed[Result], timeout: float) -> Generator[Result, None, None]:
        """The results of a feed, each read when it is asked for. Raises what `results` raises."""
        steps = results(feed, timeout, self._pace)
        with contextlib.ExitStack() as running:
            messages: Iterator[bytes]
            lane: Lane[grpc.Channel]
            spread = self._here()
            with contextlib.suppress(StopIteration):
                step = next(steps)
                while True:
                    outcome: Outcome = None
                    match step:
                        case Open(request, left):
                            running.close()
                            running.enter_context(forks.under_way())
                            lane = running.enter_context(spread.lane())
                            method: grpc.UnaryStreamMultiCallable[bytes, bytes] = lane.channel.unary_stream(
                                feed.method
                            )
                            messages = method(request, timeout=left)
                            running.callback(messages.cancel)
                        case Read():
                            outcome = spread.heard(lane, _next(messages, self._endpoint))
                        case Item(result):
                            yield result
                        case Probe() | Wait():
                            outcome = self.pause(step)
                    step = steps.send(outcome)

    def flow(self, uploads: Iterable[Upload], in_flight: int, timeout: float) -> Iterator[Outcomes]:
        """The outcomes of uploads, each read when it is asked for. Raises what `flowing` raises."""
        return flowing(uploads, in_flight, timeout, self._pace, self)

    @contextlib.contextmanager
    def open(self, method: str, requests: Iterator[bytes], timeout: float) -> Iterator[Callable[[], Heard]]:
        """What reads a stream with those requests, which is cancelled after the block."""
        with forks.under_way(), (spread := self._here()).lane() as lane:
            opened: grpc.StreamStreamMultiCallable[bytes, bytes] = lane.channel.stream_stream(method)
            messages = opened(requests, timeout=timeout)
            try:
                yield lambda: spread.heard(lane, _next(messages, self._endpoint))
            finally:
                messages.cancel()

    def close(self) -> None:
        """Close the channels; calls under way are cancelled."""
        if self._process == os.getpid():
            for channel in self._spread.channels:
                channel.close()


class AsyncConnection:
    """Makes calls and awaits them, otherwise as `Connection`; one event loop at a time may use it."""

    def __init__(self, endpoint: Endpoint, pace: Pace, channels: int = 1) -> None:
        self._endpoint = endpoint
        self._pace = pace
        self._count = channels
        self._home: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._spread: Spread[grpc.aio.Channel] = Spread(0, self._channel, pace.timer)

    async def run(self, call: Call[Result], timeout: float) -> Result:  # noqa: ASYNC109  # it is over all tries
        """The result of a call, within ``timeout`` seconds. Raises what `attempts` raises."""
        self._open()
        steps = attempts(call, timeout, self._pace)
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._do(call, step))
        except StopIteration as end:
            result: Result = end.value
            return result

    def _open(self) -> None:
        """Open the channels at a loop's first call: gRPC ties them to it, and no other can close them."""
        forks.check()
        home = (os.getpid(), asyncio.get_running_loop())
        if self._home != home:
            self._spread = Spread(self._count, self._channel, self._pace.timer)
            self._home = home
            forks.opened(self)

    def _channel(self) -> grpc.aio.Channel:
        endpoint = self._endpoint
        return grpc.aio.secure_channel(endpoint.address, endpoint.credentials(), options=_options(endpoint))

    async def _do(self, call: Call[Result], step: Step) -> Outcome:
        match step:
            case Send(timeout):
                with (spread := self._spread).lane() as lane:
                    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = lane.channel.unary_unary(
                        call.method
                    )
                    try:
                        answer = await method(call.request, timeout=timeout)
                    except grpc.RpcError as error:
                        return spread.heard(lane, _failure(error, self._endpoint))
                    return spread.heard(lane, answer)
            case Probe() | Wait():
                return await self.pause(step)

    async def pause(self, step: Pause) -> Outcome:
        """Do a step between two tries."""
        match step:
            case Probe(timeout):
                return await asyncio.to_thread(probe, self._endpoint, timeout)
            case Wait(seconds):
                await asyncio.sleep(seconds)
                return None

    async def stream(self, feed: Feed[Result], timeout: float) -> AsyncGenerator[Result, None]:  # noqa: ASYNC109  # it is for each message
        """The results of a feed, each read when it is asked for. Raises what `results` raises."""
        self._open()
        steps = results(feed, timeout, self._pace)
        with contextlib.ExitStack() as running:
            messages: AsyncIterator[bytes]
            lane: Lane[grpc.aio.Channel]
            spread = self._spread
            with contextlib.suppress(StopIteration):
                step = next(steps)
                while True:
                    outcome: Outcome = None
                    match step:
                        case Open(request, left):
                            running.close()
                            lane = running.enter_context(spread.lane())
                            method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = (
                                lane.channel.unary_stream(feed.method)
                            )
                            call = method(request, timeout=left)
                            running.callback(call.cancel)
                            messages = aiter(call)
                        case Read():
                            outcome = spread.heard(lane, await _anext(messages, self._endpoint))
                        case Item(result):
                            yield result
                        case Probe() | Wait():
                            outcome = await self.pause(step)
                    step = steps.send(outcome)

    async def flow(
        self,
        uploads: AsyncIterable[Upload],
        in_flight: int,
        timeout: float,  # noqa: ASYNC109  # it is for each upload
    ) -> AsyncGenerator[Outcomes, None]:
        """The outcomes of uploads, each read when it is asked for. Raises what `flowing_async` raises."""
        self._open()
        async with contextlib.aclosing(flowing_async(uploads, in_flight, timeout, self._pace, self)) as found:
            async for outcome in found:
                yield outcome

    @contextlib.contextmanager
    def open(
        self, method: str, requests: AsyncIterator[bytes], timeout: float
    ) -> Iterator[Callable[[], Awaitable[Heard]]]:
        """What reads a stream with those requests, which is cancelled after the block."""
        with (spread := self._spread).lane() as lane:
            opened: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = lane.channel.stream_stream(method)
            call = opened(requests, timeout=timeout)
            messages = aiter(call)

            async def read() -> Heard:
                return spread.heard(lane, _broken_off(await _anext(messages, self._endpoint)))

            try:
                yield read
            finally:
                call.cancel()

    async def close(self) -> None:
        """Close the channels; calls under way are cancelled."""
        if self._home == (os.getpid(), asyncio.get_running_loop()):
            for channel in self._spread.channels:
                await channel.close()
        forks.closed(self)


def checked_channels(count: int) -> int:
    """A number of channels. Raises InvalidInputError unless it is from 1 to `MAX_CHANNELS`."""
    if count in range(1, MAX_CHANNELS + 1):
        return count
    msg = f"channels is a number from 1 to {MAX_CHANNELS}, not {count!r}"
    raise InvalidInputError(msg, field="channels")


def _options(endpoint: Endpoint) -> tuple[tuple[str, int], ...]:
    """The options of a channel, which goes through a proxy of the environment if there is one for it."""
    return (*_OPTIONS, ("grpc.enable_http_proxy", int(endpoint.way() is not None)))


def _next(messages: Iterator[bytes], endpoint: Endpoint) -> Heard:
    """The next message of a stream, None at its end."""
    try:
        return next(messages, None)
    except grpc.RpcError as error:
        return _failure(error, endpoint)


async def _anext(messages: AsyncIterator[bytes], endpoint: Endpoint) -> Heard:
    try:
        return await anext(messages, None)
    except grpc.RpcError as error:
        return _failure(error, endpoint)


def _broken_off(outcome: Heard) -> Heard:
    """The outcome of a read of a stream that grpc.aio also writes to.

    When the server ends such a stream while grpc.aio writes, grpc.aio reports INTERNAL in place of the
    server's status. Another try gets that status, unless it is well by then.
    """
    if isinstance(outcome, Failure) and not outcome.answered and type(outcome.error) is HashpactError:
        return replace(outcome, error=UnavailableError(f"the stream broke off ({outcome.error.message})"))
    return outcome


def _failure(error: grpc.RpcError, endpoint: Endpoint) -> Failure:
    translated = errors.from_rpc(error)
    answered = errors.is_answer(error)
    if error.code() is grpc.StatusCode.UNAVAILABLE and not answered:
        translated = UnavailableError(f"{endpoint.silent()} ({translated.message})")
    elif error.code() is grpc.StatusCode.CANCELLED and not answered:
        # Nobody here has cancelled it: a server does so to what reaches it while it closes, gRPC in a fork.
        reason = f"the call was lost in a fork, or with the server ({translated.message})"
        translated = UnavailableError(reason)
    translated.__cause__ = error
    return Failure(translated, answered, errors.retry_after(error))
