"""What a client reads as a stream, without reading it: over as many streams as it takes, each message once.

A stream ends with its connection, its deadline or its server long before a whole log is read. A `Feed` knows
how to ask for the rest; `results` says, as `calls.attempts` does, when to open a stream, to read and to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeAlias, TypeVar

from hashpact.domain.errors import CorruptError, DeadlineError
from hashpact.service.transparency.prove import LeafDetail
from hashpact.wire import evidence
from hashpact.wire.client.calls import Failure, Outcome, Pace, Patience, Pause, understood
from hashpact.wire.evidence import LeavesRequest
from hashpact.wire.v1 import log_pb2

Result = TypeVar("Result")

_LEAVES: Final = "/hashpact.wire.v1.LogService/ListLeaves"


@dataclass(frozen=True, slots=True)
class Feed(Generic[Result]):
    """A stream of results: its method's path, how the rest after ``done`` of them is asked for, and read."""

    method: str
    request: Callable[[int], bytes]
    read: Callable[[int, bytes], Result]


def leaves(asked: LeavesRequest) -> Feed[LeafDetail]:
    """The leaves in order. One that is left out, or comes twice, is a CorruptError."""

    def request(done: int) -> bytes:
        rest = LeavesRequest(asked.start + done, asked.stop, asked.with_private)
        return evidence.leaves_request_to_wire(rest).SerializeToString()

    def read(done: int, data: bytes) -> LeafDetail:
        leaf = evidence.leaf_from_wire(log_pb2.ListLeavesResponse.FromString(data))
        if leaf.index != asked.start + done:
            msg = f"asked for leaf {asked.start + done}, the server sent leaf {leaf.index}"
            raise CorruptError(msg, index=str(asked.start + done))
        return leaf

    return Feed(_LEAVES, request, read)


@dataclass(frozen=True, slots=True)
class Open:
    """Open a stream with these bytes, in place of the one before, for that many seconds. Sent back: None."""

    request: bytes
    timeout: float


@dataclass(frozen=True, slots=True)
class Read:
    """Read a message. Sent back: its bytes, None at the end of the stream, or a Failure."""


@dataclass(frozen=True, slots=True)
class Item(Generic[Result]):
    """Hand the result to who reads. Sent back: None."""

    result: Result


FeedStep: TypeAlias = Open | Read | Item[Result] | Pause


def results(feed: Feed[Result], timeout: float, pace: Pace) -> Generator[FeedStep[Result], Outcome, None]:
    """The steps of a feed, which gives up when nothing has come for ``timeout`` seconds.

    Raises as `Patience.after`, and what the feed finds wrong with a message.
    """
    patience = Patience(timeout, pace)
    done = 0
    while True:
        yield Open(feed.request(done), patience.left())
        before = done
        while isinstance(outcome := (yield Read()), bytes):
            yield Item(understood(feed.method, partial(feed.read, done, outcome)))
            done += 1
        if not isinstance(outcome, Failure):
            return
        lost = outcome.passing or isinstance(outcome.error, DeadlineError)
        if lost and done > before:
            patience.renew()
        else:
            yield from patience.after(outcome)
