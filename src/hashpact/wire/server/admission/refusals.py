"""Refusals: answers to calls that are not taken, held so that calling again at once gains nothing."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

HOLD: Final = 1.0
"""Seconds for which a refusal is held, if no others of its member are before it."""
EACH: Final = 200
"""Refusals that one member gets in a second."""
HELD: Final = 4096
"""Refusals that are held at once, each of 10 to 20 KB."""
HELD_EACH: Final = 1024
"""Those of one member."""


class Refusals:
    """Holds the answers to calls that are refused.

    One is held for as long as the caller is asked to wait, and a member gets so many in a second. So calling
    again at once does not make for more of them. Above the number that may be held one is given at once.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._held: list[tuple[float, int, str, Callable[[], None]]] = []
        self._of: Counter[str] = Counter()
        self._next: dict[str, float] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def refuse(self, member: str, wait: float, answer: Callable[[], None]) -> None:
        """Call ``answer`` after so many seconds, a second at most; later if others of the member's wait."""
        now, wait = time.monotonic(), min(wait, HOLD)
        with self._changed:
            held = not self._closed and len(self._held) < HELD and self._of[member] < HELD_EACH
            if held:
                self._of[member] += 1
                at = max(now + wait, self._next.get(member, 0.0))
                self._next[member] = at + 1 / EACH
                heapq.heappush(self._held, (at, next(self._numbers), member, answer))
                self._changed.notify()
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="hashpact-refusals", daemon=True)
                    # The system may have no thread to give; then this one waits for the next refusal.
                    with contextlib.suppress(RuntimeError):
                        thread.start()
                        self._thread = thread
        if not held:
            answer()

    def close(self) -> None:
        """Hold nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is None:
            self._run()  # the system had no thread to give for those that are held
        else:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._held or self._closed)
                if not self._held:
                    return
                wait = 0.0 if self._closed else self._held[0][0] - time.monotonic()
                if wait > 0:
                    self._changed.wait(min(wait, HOLD))
                    continue
                _, _, member, answer = heapq.heappop(self._held)
                self._of[member] -= 1
                if not self._of[member]:
                    del self._of[member], self._next[member]
            answer()
