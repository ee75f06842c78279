"""How a client's calls spread over its channels, each of which has a connection of its own.

Several processes of a server share its port, and the kernel gives each connection to one of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from hashpact.errors import DeadlineError
from hashpact.wire.client.attempts import Failure, Heard

Channel = TypeVar("Channel")

_FIRST: Final = 1.0
_CEILING: Final = 30.0
"""Seconds for which a channel is passed over after a failure; each doubles the first up to the ceiling."""


@dataclass(slots=True, eq=False)
class Lane(Generic[Channel]):
    """One channel, how many calls are under way on it, and until when it is passed over.

    ``period`` is for how long it is passed over next.
    """

    channel: Channel
    under_way: int = 0
    until: float = 0.0
    period: float = _FIRST


class Spread(Generic[Channel]):
    """The channels of a client; any number of threads may share one.

    A call takes the channel with the fewest calls under way, of several the next in turn. One whose last call
    failed is passed over for a while if there is another. Channels are made when they are needed. ``timer``
    is in seconds from any moment.
    """

    def __init__(self, count: int, make: Callable[[], Channel], timer: Callable[[], float]) -> None:
        self._count = count
        self._make = make
        self._timer = timer
        self._lock = threading.Lock()
        self._lanes: list[Lane[Channel]] = []
        self._turn = 0

    @contextmanager
    def lane(self) -> Iterator[Lane[Channel]]:
        """A channel to make a call on, which is under way inside."""
        lane = self._take()
        try:
            yield lane
        finally:
            with self._lock:
                lane.under_way -= 1

    def heard(self, lane: Lane[Channel], outcome: Heard) -> Heard:
        """The outcome of a call, or of a read of a stream, on this channel.

        A channel that failed is passed over, and its failure states whether another one may do better. What a
        server answers is no failure of its channel.
        """
        if not isinstance(outcome, Failure) or not _silent(outcome):
            lane.until, lane.period = 0.0, _FIRST
            return outcome
        with self._lock:
            now = self._timer()
            if lane.until <= now:
                lane.until = now + lane.period
                lane.period = min(2 * lane.period, _CEILING)
            others = len(self._lanes) < self._count or any(one.until <= now for one in self._lanes)
        return replace(outcome, elsewhere=others and self._count > 1)

    @property
    def channels(self) -> list[Channel]:
        """The channels that were made."""
        return [lane.channel for lane in self._lanes]

    def _take(self) -> Lane[Channel]:
        with self._lock:
            now, made = self._timer(), len(self._lanes)
            self._turn = (self._turn + 1) % self._count
            if made < self._count:
                lane = Lane(self._make())
                self._lanes.append(lane)
            else:
                inturn = self._lanes[self._turn :] + self._lanes[: self._turn]
                lane = min(inturn, key=lambda one: (one.until > now, one.under_way))
            lane.under_way += 1
            return lane


def _silent(failure: Failure) -> bool:
    """Whether nothing came from a server, and may come later or on another channel."""
    return not failure.answered and (failure.passing or isinstance(failure.error, DeadlineError))
