"""Feeds: streamed results as values, free of I/O; read over as many streams as needed, each message once.

A stream ends with its connection, its deadline or its server long before a whole log is read. A `Feed`
makes the request for the rest; `results`, like `calls.attempts`, yields the steps: open a stream, read, wait.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeAlias, TypeVar

from hashpact.domain.messages import (
    EntriesRequest,
    EntryDetail,
    Followed,
    FollowRequest,
    LeafDetail,
    LeavesRequest,
)
from hashpact.errors import CorruptError, DeadlineError
from hashpact.wire import codec, details, evidence, following
from hashpact.wire.client.attempts import Failure, Outcome, Pace, Pause, RetryBudget, understood
from hashpact.wire.v1 import log_pb2

Result = TypeVar("Result")

_LOG: Final = "/hashpact.wire.v1.LogService/"


@dataclass(frozen=True, slots=True)
class Feed(Generic[Result]):
    """A stream of results, each at a later place of the log than the one before.

    ``request`` asks for those from a place on, ``start`` at first. ``read`` is given the place and a message,
    and gives the result and the place after it.
    """

    method: str
    start: int
    request: Callable[[int], bytes]
    read: Callable[[int, bytes], tuple[Result, int]]


def leaves(asked: LeavesRequest) -> Feed[LeafDetail]:
    """The leaves in order. One that is left out, or comes twice, is a CorruptError."""

    def request(at: int) -> bytes:
        rest = LeavesRequest(at, asked.stop, asked.with_private)
        return evidence.leaves_request_to_wire(rest).SerializeToString()

    def read(at: int, data: bytes) -> tuple[LeafDetail, int]:
        leaf = evidence.leaf_from_wire(log_pb2.ListLeavesResponse.FromString(data))
        if leaf.index != at:
            msg = f"asked for leaf {at}, the server sent leaf {leaf.index}"
            raise CorruptError(msg, index=str(at))
        return leaf, at + 1

    return Feed(f"{_LOG}ListLeaves", asked.start, request, read)


def follow(asked: FollowRequest) -> Feed[Followed]:
    """Following the log over one stream, whose end ends the feed: who follows decides when it goes on."""

    def read(at: int, data: bytes) -> tuple[Followed, int]:
        return following.followed_from_wire(log_pb2.FollowResponse.FromString(data)), at

    request = following.follow_request_to_wire(asked).SerializeToString()
    return Feed(f"{_LOG}Follow", asked.start, lambda _: request, read)


def entries(asked: EntriesRequest) -> Feed[EntryDetail]:
    """The entries in order. One that comes twice, too late, or from outside the range is a CorruptError."""

    def read(message: log_pb2.ListEntriesResponse) -> tuple[EntryDetail, int]:
        detail = details.entry_from_wire(message)
        return detail, detail.entry.index

    return _entries(asked, read)


def entries_as_sent(asked: EntriesRequest) -> Feed[tuple[EntryDetail, tuple[bytes, ...]]]:
    """The same, each with its statement's commitments, with which its private parts are not compared yet."""

    def read(message: log_pb2.ListEntriesResponse) -> tuple[tuple[EntryDetail, tuple[bytes, ...]], int]:
        sent = details.entry_as_sent(message)
        return sent, sent[0].entry.index

    return _entries(asked, read)


def _entries(
    asked: EntriesRequest, convert: Callable[[log_pb2.ListEntriesResponse], tuple[Result, int]]
) -> Feed[Result]:
    def request(at: int) -> bytes:
        return codec.entries_request_to_wire(EntriesRequest(at, asked.stop)).SerializeToString()

    def read(at: int, data: bytes) -> tuple[Result, int]:
        result, index = convert(log_pb2.ListEntriesResponse.FromString(data))
        if index < at or (asked.stop and index >= asked.stop):
            msg = f"asked for entries from {at} up to {asked.stop}, the server sent entry {index}"
            raise CorruptError(msg, index=str(at))
        return result, index + 1

    return Feed(f"{_LOG}ListEntries", asked.start, request, read)


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
    """Give the result to the caller. Sent back: None."""

    result: Result


FeedStep: TypeAlias = Open | Read | Item[Result] | Pause


def results(feed: Feed[Result], timeout: float, pace: Pace) -> Generator[FeedStep[Result], Outcome, None]:
    """The steps of a feed, which gives up when nothing has come for ``timeout`` seconds.

    Raises as `RetryBudget.after`, and what the feed finds wrong with a message.
    """
    patience = RetryBudget(timeout, pace)
    at = feed.start
    while True:
        yield Open(feed.request(at), patience.left())
        before = at
        while isinstance(outcome := (yield Read()), bytes):
            result, at = understood(feed.method, partial(feed.read, at, outcome))
            yield Item(result)
        if not isinstance(outcome, Failure):
            return
        lost = outcome.passing or isinstance(outcome.error, DeadlineError)
        if lost and at > before:
            patience.renew()
        else:
            yield from patience.after(outcome)
