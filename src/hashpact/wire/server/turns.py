"""Turns: slots for work that takes long, given fairly to the members that wait for them."""

from __future__ import annotations

import threading
from collections import Counter, deque


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
