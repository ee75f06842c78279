"""Untaken answers: who is answered while others do not read theirs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from hashpact.errors import OverloadedError
from hashpact.wire.server.admission.untaken import Untaken


class Call:
    """As much of a call as is asked."""

    def __init__(self) -> None:
        self.over: list[Callable[[], None]] = []

    def add_callback(self, then: Callable[[], None]) -> bool:
        """Have it called when the call is over."""
        self.over.append(then)
        return True


def fill(untaken: Untaken, member: str, call: Any) -> int:  # noqa: ANN401  # it stands for a call
    """Give a member answers until it is refused; their bytes."""
    given = 0
    with contextlib.suppress(OverloadedError):
        while given < 1000:
            untaken.check(member)
            untaken.give(member, call, 10)
            given += 10
    return given


def test_members_that_take_nothing_do_not_keep_others_from_being_answered() -> None:
    untaken, call = Untaken(100), Call()
    given = {member: fill(untaken, member, call) for member in "abcdefgh"}
    assert list(given.values())[:4] == [100, 100, 100, 50]
    assert sum(given.values()) <= 4 * 100 + 8 * 10
    for over in call.over:
        over()
    untaken.check("a")


def test_an_answer_to_a_call_that_is_over_does_not_count() -> None:
    class Over(Call):
        def add_callback(self, then: Callable[[], None]) -> bool:  # noqa: ARG002  # it is too late
            return False

    untaken = Untaken(100)
    context: Any = Over()
    untaken.give("acme", context, 1000)
    untaken.check("acme")
    context = Call()
    untaken.give("acme", context, 100)
    with pytest.raises(OverloadedError):
        untaken.check("acme")
