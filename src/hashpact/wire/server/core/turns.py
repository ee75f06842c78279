"""Turns: slots for work that takes long, and a queue for calls, given fairly to the members that wait."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import Counter, deque
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

ALONE: Final = 256
"""Items in a row of one member after which it counts as alone."""


class FairQueue(Generic[Item]):
    """Items that wait, of each member in order. One thread at a time may use it.

    Start-time fair queueing (Goyal, Vin, Cheng 1996) with items of one size: one of a member that had none
    lately comes before all but the first of a member that has many. It remembers a number for each member.

    A member has at most ``each`` items taken and not `done`, unless it is alone: none of the last few hundred
    was another's. So the others do not wait until one of its items is done.
    """

    def __init__(self, each: int) -> None:
        self._each = each
        self._waiting: dict[str, deque[Item]] = {}
        # Those of the members that wait which may have one more, by their place.
        self._order: list[tuple[int, int, str]] = []
        self._parked: set[str] = set()
        self._arrivals = itertools.count()
        self._now = 0
        self._next: dict[str, int] = {}
        self._taken: Counter[str] = Counter()
        self._last: str | None = None
        self._row = ALONE

    def __len__(self) -> int:
        """How many members have items that wait."""
        return len(self._waiting)

    def ready(self) -> bool:
        """Whether an item can be taken."""
        return bool(self._order)

    def put(self, member: str, item: Item) -> None:
        """Add an item."""
        waiting = self._waiting.get(member)
        if waiting is not None:
            waiting.append(item)
        else:
            self._waiting[member] = deque([item])
            self._line_up(member)

    def met(self, member: str) -> None:
        """A member asks for something, if not for an item: none but it can be alone."""
        if self._last is not None and member != self._last:
            self._row = 0

    def take(self) -> Item:
        """Remove the next item. One must be `ready`."""
        self._now, _, member = heapq.heappop(self._order)
        self._next[member] = self._now + 1
        self._row = self._row + 1 if member == self._last or self._last is None else 0
        self._last = member
        waiting = self._waiting[member]
        item = waiting.popleft()
        self._taken[member] += 1
        if waiting:
            self._line_up(member)
        else:
            del self._waiting[member]
        return item

    def again(self, member: str) -> None:
        """What a member had taken, and what was `done`, goes on."""
        self._taken[member] += 1

    def done(self, member: str) -> None:
        """One that a member had taken is done, or waits for something else."""
        self._taken[member] -= 1
        if not self._taken[member]:
            del self._taken[member]
        if member in self._parked:
            self._parked.discard(member)
            self._line_up(member)

    def clear(self) -> list[Item]:
        """Remove all items."""
        items = [item for waiting in self._waiting.values() for item in waiting]
        self._waiting.clear()
        self._order.clear()
        self._parked.clear()
        return items

    def _line_up(self, member: str) -> None:
        if self._taken[member] < self._each or self._row >= ALONE:
            start = max(self._now, self._next.get(member, 0))
            heapq.heappush(self._order, (start, next(self._arrivals), member))
        else:
            self._parked.add(member)


class Turns:
    """Slots for work, given to the members that wait in turn. Any thread may take one.

    At most ``slots`` are taken, and ``each`` of them by one member.
    """

    def __init__(self, slots: int, each: int) -> None:
        self._each = each
        self._lock = threading.Lock()
        self._free = slots
        self._taken: Counter[str] = Counter()
        # The members that wait, the next one first, and of each those that do.
        self._waiting: dict[str, deque[threading.Event]] = {}

    def take(self, member: str) -> threading.Event | None:
        """Take a slot now, and return None; or wait in the queue for the event that says it is taken."""
        with self._lock:
            if self._free and self._taken[member] < self._each:
                self._free -= 1
                self._taken[member] += 1
                return None
            turn = threading.Event()
            self._waiting.setdefault(member, deque()).append(turn)
            return turn

    def leave(self, member: str, turn: threading.Event) -> None:
        """Wait no longer; a slot that is taken by now is given back."""
        with self._lock:
            waiting = self._waiting.get(member)
            if waiting is not None and turn in waiting:
                waiting.remove(turn)
                if not waiting:
                    del self._waiting[member]
                return
        self.give_back(member)

    def give_back(self, member: str) -> None:
        """Give a slot back, to the next that may have it."""
        with self._lock:
            self._free += 1
            self._taken[member] -= 1
            if not self._taken[member]:
                del self._taken[member]
            after = next((one for one in self._waiting if self._taken[one] < self._each), None)
            if after is not None:
                waiting = self._waiting.pop(after)
                waiting.popleft().set()
                if waiting:
                    self._waiting[after] = waiting  # behind the others
                self._free -= 1
                self._taken[after] += 1
