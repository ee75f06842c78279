"""Streams that are looked after: when they end, and with which error."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from hashpact.domain.state import Member, Role
from hashpact.errors import HashpactError, NotPermittedError, OverloadedError
from hashpact.wire.server.streams import Stream, StreamWatch

ACME = Member("acme", frozenset({Role.CHECK}), 3)
OFTEN = 0.001
NEVER = 60.0


class Context:
    """What a stream asks of gRPC."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        """End the call."""
        self.cancelled.set()


def stream(context: Context, seconds: float = 0.0) -> Stream:
    """A stream, by a clock that moves on so much each time."""
    call: Any = context  # has what is asked of it
    return Stream(call, "/any/Method", ACME, itertools.count(step=seconds).__next__)


def watch(admitted: Any, *, unread: float = NEVER) -> StreamWatch:  # noqa: ANN401 - a member or an error
    """A watch that finds the caller to be that, or fails so."""

    def admit(_: object, __: str) -> Member:
        if isinstance(admitted, Exception):
            raise admitted
        assert isinstance(admitted, Member)
        return admitted

    return StreamWatch(admit, recheck=OFTEN, unread=unread)


def endless() -> Iterator[int]:
    yield from itertools.count()


@pytest.mark.parametrize(
    ("admitted", "error", "message"),
    [
        (NotPermittedError("'acme' is suspended"), NotPermittedError, "is suspended"),
        (Member("acme", frozenset({Role.AUDIT}), 3), NotPermittedError, "roles have changed"),
        (KeyError("a fault of ours"), HashpactError, "could not look up the caller"),
    ],
    ids=["suspended", "other roles", "a fault"],
)
def test_50_a_stream_ends_before_its_next_message(
    admitted: object, error: type[HashpactError], message: str
) -> None:
    watching, watched = watch(admitted), stream(Context())
    with watching.over(watched), pytest.raises(error, match=message):
        for _ in watched.messages(endless()):
            pass
    watching.close()


def test_44_a_stream_that_is_not_read_is_cancelled_where_it_waits() -> None:
    context = Context()
    watching, watched = watch(ACME, unread=1.0), stream(context, seconds=1.0)
    with watching.over(watched):
        messages = watched.messages(endless())
        assert next(messages) == 0
        assert context.cancelled.wait(60)
        with pytest.raises(OverloadedError, match="was not read for 1 s"):
            next(messages)
    watching.close()


def test_what_waits_for_news_is_closed() -> None:
    closed = threading.Event()

    class News:
        def __iter__(self) -> Iterator[int]:
            assert closed.wait(60)
            yield from ()

        def close(self) -> None:
            closed.set()

    watching, watched = watch(NotPermittedError("'acme' is suspended")), stream(Context())
    with watching.over(watched), pytest.raises(NotPermittedError, match="is suspended"):
        list(watched.messages(News()))
    watching.close()


def test_a_stream_that_may_go_on_is_left_alone() -> None:
    context = Context()
    watching, watched = watch(ACME), stream(context)
    with watching.over(watched):
        assert list(watched.messages(range(1000))) == list(range(1000))
    watching.close()
    assert watched.ending is None
    assert not context.cancelled.is_set()


def test_streams_are_looked_after_once_the_system_has_a_thread_to_give() -> None:
    context, looked = Context(), watch(NotPermittedError("'acme' is suspended"))
    usual = threading.stack_size(1 << 46)  # more than there is
    try:
        with pytest.raises(RuntimeError), looked.over(stream(Context())):
            pass
    finally:
        threading.stack_size(usual)
    with looked.over(stream(context)):
        assert context.cancelled.wait(NEVER)
    looked.close()
