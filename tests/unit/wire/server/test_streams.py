"""Streams that are looked after: when they end, and with which error."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hashpact.domain.state import Member, Role
from hashpact.errors import HashpactError, NotPermittedError, OverloadedError
from hashpact.wire.server.streams import Stream, StreamWatch

ACME = Member("acme", frozenset({Role.CHECK}), 3)
OFTEN = 0.001
NEVER = 60.0


class Call:
    """What a stream asks of a call."""

    def __init__(self) -> None:
        self.peer: dict[str, tuple[bytes, ...]] = {}
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        """End the call."""
        self.cancelled.set()


def stream(call: Call, seconds: float = 0.0) -> Stream:
    """A stream, by a clock that moves on so much each time."""
    own: Any = call  # has what is asked of it
    return Stream(own, "/any/Method", ACME, itertools.count(step=seconds).__next__)


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


def at_once(_: object) -> Callable[[], None]:
    """A message that is taken at once."""
    return lambda: None


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
    watching, watched = watch(admitted), stream(Call())
    with watching.over(watched), pytest.raises(error, match=message):
        watched.send(endless(), at_once)
    watching.close()


def test_44_a_stream_that_is_not_read_is_cancelled_where_it_waits() -> None:
    call = Call()
    watching, watched = watch(ACME, unread=1.0), stream(call, seconds=1.0)
    begun: list[int] = []

    def wait() -> None:
        assert call.cancelled.wait(NEVER)

    def begin(message: int) -> Callable[[], None]:
        begun.append(message)
        assert watched.unread() == 0  # what it takes to begin is not the caller's time
        return wait

    with watching.over(watched), pytest.raises(OverloadedError, match="was not read for 1 s"):
        watched.send(endless(), begin)
    assert begun == [0]
    watching.close()


def test_what_waits_for_news_is_closed() -> None:
    closed = threading.Event()

    class News:
        def __iter__(self) -> Iterator[int]:
            assert closed.wait(120)
            yield from ()

        def close(self) -> None:
            closed.set()

    watching, watched = watch(NotPermittedError("'acme' is suspended")), stream(Call())
    with watching.over(watched), pytest.raises(NotPermittedError, match="is suspended"):
        watched.send(News(), at_once)
    watching.close()


def test_a_stream_that_may_go_on_is_left_alone() -> None:
    call = Call()
    watching, watched = watch(ACME), stream(call)
    sent: list[int] = []

    def begin(message: int) -> Callable[[], None]:
        sent.append(message)
        return lambda: None

    with watching.over(watched):
        watched.send(range(1000), begin)
    watching.close()
    assert sent == list(range(1000))
    assert watched.ending is None
    assert not call.cancelled.is_set()


def test_streams_are_looked_after_once_the_system_has_a_thread_to_give() -> None:
    call, watching = Call(), watch(NotPermittedError("'acme' is suspended"))
    usual = threading.stack_size(1 << 46)  # more than there is
    try:
        looked = watching.over(stream(call))
        looked.__enter__()
    finally:
        threading.stack_size(usual)
    assert not call.cancelled.wait(10 * OFTEN)
    watching.retry()
    assert call.cancelled.wait(NEVER)
    looked.__exit__(None, None, None)
    watching.close()
