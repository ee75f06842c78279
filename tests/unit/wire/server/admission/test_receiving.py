"""Receiving: a member's requests come a few at a time, and each call hears of its own once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from hashpact.wire.server.admission.receiving import COMING, PATIENCE, Receiving


class Call:
    """A call whose request arrives when a test wants it."""

    def __init__(self, *, over: bool = False) -> None:
        self.over = over
        self.cancelled = 0
        self.arrives: Callable[[bytes | None], None] | None = None

    def read(self, then: Callable[[bytes | None], None]) -> bool:
        """Wait for the test, unless the call is over."""
        self.arrives = None if self.over else then
        return not self.over

    def cancel(self) -> None:
        """Count it."""
        self.cancelled += 1


def receive(receiving: Receiving, member: str, count: int) -> tuple[list[Any], list[bytes | None]]:
    """So many calls of a member, and the list to which their requests are added."""
    calls: list[Any] = [Call() for _ in range(count)]
    got: list[bytes | None] = []
    for call in calls:
        receiving.receive(member, call, got.append)
    return calls, got


def test_38_eight_requests_of_a_member_are_received_at_a_time() -> None:
    receiving = Receiving(lambda: 0.0)
    calls, got = receive(receiving, "acme", COMING + 3)
    assert [call.arrives is not None for call in calls] == [True] * COMING + [False] * 3
    others, _ = receive(receiving, "bolt", 1)
    assert others[0].arrives is not None
    calls[5].arrives(b"6th")
    assert [call.arrives is not None for call in calls[COMING:]] == [True, False, False]
    for number, call in enumerate(calls):
        if number != 5:
            call.arrives(bytes([number]))
    assert got == [b"6th", *(bytes([number]) for number in range(COMING + 3) if number != 5)]
    again, _ = receive(receiving, "acme", COMING)
    assert all(call.arrives is not None for call in again)


def test_a_call_that_is_over_is_told_so_and_leaves_its_place_to_the_next() -> None:
    receiving = Receiving(lambda: 0.0)
    calls, got = receive(receiving, "acme", COMING)
    gone: Any = Call(over=True)
    receiving.receive("acme", gone, got.append)
    late, _ = receive(receiving, "acme", 1)
    assert got == []
    calls[0].arrives(b"first")
    assert set(got) == {None, b"first"}
    assert late[0].arrives is not None


def test_41_a_call_whose_request_does_not_arrive_is_cancelled() -> None:
    ticks = itertools.count()
    receiving = Receiving(lambda: float(next(ticks)))
    (old, young), got = receive(receiving, "acme", 2)  # begun at seconds 0 and 1
    for _ in range(int(PATIENCE) - 1):
        receiving.give_up()
    assert (old.cancelled, young.cancelled) == (0, 0)
    receiving.give_up()
    assert (old.cancelled, young.cancelled) == (1, 0)
    old.arrives(None)
    assert got == [None]
