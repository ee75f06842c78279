"""How calls spread over channels."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashpact.errors import DeadlineError, NotPermittedError, UnavailableError
from hashpact.wire.client.attempts import Failure, Heard
from hashpact.wire.client.spread import Lane, Spread

AWAY = Failure(UnavailableError("away"))


@dataclass
class Made:
    """A spread of so many channels, which are numbers in the order in which they are made."""

    count: int
    now: float = 100.0
    made: int = 0
    spread: Spread[int] = field(init=False)

    def __post_init__(self) -> None:
        """Make it."""
        self.spread = Spread(self.count, self._channel, lambda: self.now)

    def _channel(self) -> int:
        self.made += 1
        return self.made - 1

    def used(self, calls: int) -> Counter[int]:
        """Which channels so many calls use, one after the other."""
        found: Counter[int] = Counter()
        for _ in range(calls):
            with self.spread.lane() as lane:
                found[lane.channel] += 1
        return found

    def hear(self, channel: int, outcome: Heard = AWAY) -> Heard:
        """Let a call on this channel end so."""
        with ExitStack() as running:
            lanes: list[Lane[int]] = []
            while not lanes or lanes[-1].channel != channel:
                lanes.append(running.enter_context(self.spread.lane()))
            return self.spread.heard(lanes[-1], outcome)


def elsewhere(outcome: Heard) -> bool:
    """Whether a failure says that another channel may do better."""
    assert isinstance(outcome, Failure)
    return outcome.elsewhere


def test_calls_take_turns_and_channels_are_made_when_they_are_needed() -> None:
    made = Made(3)
    assert made.made == 0
    assert made.used(1) == {0: 1}
    assert made.spread.channels == [0]
    assert made.used(299) == {0: 99, 1: 100, 2: 100}


@given(st.integers(1, 8), st.lists(st.integers(0, 20), max_size=200))
def test_calls_under_way_are_as_many_on_each_channel(count: int, ends: list[int]) -> None:
    made = Made(count)
    running: list[ExitStack] = []
    under_way: Counter[int] = Counter()
    for end in ends:
        if end < len(running):
            running.pop(end).close()
            continue
        one = ExitStack()
        fewest = min(under_way.get(number, 0) for number in range(count))
        lane = one.enter_context(made.spread.lane())
        assert under_way[lane.channel] == fewest
        under_way[lane.channel] += 1
        one.callback(under_way.subtract, [lane.channel])
        running.append(one)


@pytest.mark.parametrize("error", [UnavailableError("away"), DeadlineError("late")])
def test_a_channel_that_failed_is_passed_over_for_a_while(error: UnavailableError) -> None:
    made = Made(3)
    made.used(3)
    assert elsewhere(made.hear(1, Failure(error)))
    assert set(made.used(30)) == {0, 2}
    made.now += 1.0
    assert set(made.used(30)) == {0, 1, 2}
    made.hear(1)
    made.now += 1.9
    assert set(made.used(30)) == {0, 2}
    made.now += 0.1
    with made.spread.lane() as lane:
        made.spread.heard(lane, b"")
    assert set(made.used(30)) == {0, 1, 2}


def test_when_all_have_failed_all_are_used_and_none_is_better() -> None:
    made = Made(2)
    assert elsewhere(made.hear(0))
    assert not elsewhere(made.hear(1))
    assert set(made.used(30)) == {0, 1}
    assert not elsewhere(Made(1).hear(0))


@pytest.mark.parametrize(
    "failure", [Failure(NotPermittedError("x"), answered=True), Failure(UnavailableError("x"), answered=True)]
)
def test_what_a_server_answers_is_no_failure_of_its_channel(failure: Failure) -> None:
    made = Made(2)
    assert made.hear(0, failure) is failure
    assert set(made.used(30)) == {0, 1}


def test_threads_share_it() -> None:
    made = Made(4)
    start = threading.Barrier(8)

    def run() -> None:
        start.wait()
        made.used(500)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.made == 4
    assert [lane.under_way for lane in made.spread._lanes] == [0] * 4
