"""Single calls timed side by side: contenders take turns in blocks, and what is compared are ratios.

Every block gives each contender the same calls, one after the other, so that a machine that slows down for
a while slows all of them down. A slow contender makes the first calls of each block only. Every call is timed
once; other calls before each block, not timed, bring a contender's own code and data back into the caches.

What counts is the processor time of the whole process. On a machine with more to do than cores, a call of
20 ms is put aside several times while one of 20 us hardly ever is, and by the clock on the wall the short one
would win by twice what it deserves.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

MICROSECONDS = 1e6
WARM_SHARE = 4
FEWEST_PER_BLOCK = 4


@dataclass(frozen=True)
class Side:
    """One contender: ``call(i)`` is timed; ``keep(i, answer)``, untimed, takes what it returned."""

    name: str
    call: Callable[[int], Any]
    keep: Callable[[int, Any], None] = lambda _i, _answer: None


@dataclass
class Timings:
    """The microseconds of processor time of each call, those on the wall, and which calls they were."""

    calls: list[int] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """The median."""
        return percentile(self.taken, 50)

    @property
    def p99(self) -> float:
        """What 99 of 100 calls do not exceed."""
        return percentile(self.taken, 99)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least ``percent`` % of them do not exceed (nearest rank)."""
    if not values:
        msg = "there is no percentile of nothing"
        raise ValueError(msg)
    rank = max(1, math.ceil(percent / 100 * len(values)))
    return sorted(values)[rank - 1]


def ratio(theirs: float, ours: float) -> float:
    """How many times as long, or as much, as ours. Raises ValueError if ours is nothing."""
    if ours <= 0:
        msg = f"{ours} is no measure to compare with"
        raise ValueError(msg)
    return theirs / ours


def blocks_of(count: int, blocks: int) -> list[range]:
    """0 to ``count`` in that many runs of as equal a length as can be; fewer if there are fewer calls."""
    blocks = max(1, min(blocks, count))
    bounds = [count * i // blocks for i in range(blocks + 1)]
    return [range(first, last) for first, last in pairwise(bounds)]


def interleave(sides: Sequence[Side], count: int, *, blocks: int = 10, budget: float = 60.0) -> list[Timings]:
    """Calls 0 to ``count`` of every side, alternating; each side takes about ``budget`` seconds at most."""
    runs = blocks_of(count, blocks)
    timings = [Timings() for _ in sides]
    with no_collections():
        for turn, run in enumerate(runs):
            for side, timing in zip(sides, timings, strict=True):
                _warm(side, runs[turn - 1], budget / len(runs) / WARM_SHARE)
                _measure(side, run, budget / len(runs), timing)
    return timings


@contextmanager
def no_collections() -> Iterator[None]:
    """Python's garbage collector, off: a collection is nobody's query."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _warm(side: Side, others: range, seconds: float) -> None:
    """The last quarter of another block, or as much of it as there is time for."""
    end = time.perf_counter() + seconds
    for i in others[-max(1, len(others) // WARM_SHARE) :]:
        side.call(i)
        if time.perf_counter() > end:
            return


def _measure(side: Side, run: range, seconds: float, timing: Timings) -> None:
    """The block, or as much of it as there is time for, but never only a call or two."""
    spent = 0.0
    for done, i in enumerate(run):
        if spent > seconds and done >= FEWEST_PER_BLOCK:
            return
        start = time.perf_counter()
        busy = time.process_time()
        answer = side.call(i)
        timing.taken.append((time.process_time() - busy) * MICROSECONDS)
        waited = time.perf_counter() - start
        spent += waited
        timing.waited.append(waited * MICROSECONDS)
        timing.calls.append(i)
        side.keep(i, answer)
