"""Searches while others insert: the tail of their times beside that of an idle index, in one process.

One thread searches without a pause. Another adds 200 codes every 10 ms, and the index merges as it sees fit;
phases with and without alternate.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from benchmarks.machine import say
from benchmarks.planting import RADIUS, code_set, queries_for, random_codes
from benchmarks.timing import MICROSECONDS, no_collections, percentile, ratio

from hashpact.lookup import HammingIndex

PER_SECOND: Final = 20_000
BATCH: Final = 200
ROUNDS: Final = 3
QUERIES: Final = 50_000


@dataclass
class Phase:
    """Microseconds of each search, and what went on beside them."""

    taken: list[float] = field(default_factory=list)
    seconds: float = 0.0
    inserted: int = 0


def searching_while_inserting(size: int, seconds: float) -> dict[str, Any]:
    """A row: both tails, and the rate of insertion that was kept up. ``seconds`` is of each of the phases."""
    rng = np.random.default_rng(size + 1)
    among = code_set("random", size, rng)
    queries = [query.tobytes() for query in queries_for("random", among, QUERIES, rng).codes]
    say(f"searching while inserting: building {size:,} codes")
    index = HammingIndex.build(among.codes, np.arange(size, dtype=np.uint64))
    index.settle()
    idle, busy = Phase(), Phase()
    with no_collections():
        for turn in range(ROUNDS):
            say(f"searching while inserting: round {turn + 1} of {ROUNDS}")
            _search(index, queries, seconds, idle)
            _search_beside(index, queries, seconds, busy, rng)
            index.settle()
    return {
        "codes": size,
        "inserted_per_s": busy.inserted / busy.seconds,
        "idle_p50_us": percentile(idle.taken, 50),
        "busy_p50_us": percentile(busy.taken, 50),
        "idle_p99_us": percentile(idle.taken, 99),
        "busy_p99_us": percentile(busy.taken, 99),
        "ratio": ratio(percentile(busy.taken, 99), percentile(idle.taken, 99)),
        "idle_max_us": max(idle.taken),
        "busy_max_us": max(busy.taken),
        "searches": len(busy.taken),
        "segments": len(index.stats()["segments"]),
    }


def _search(index: HammingIndex, queries: list[bytes], seconds: float, phase: Phase) -> None:
    end = time.perf_counter() + seconds
    at = len(phase.taken)
    while (start := time.perf_counter()) < end:
        index.search(queries[at % len(queries)], RADIUS)
        phase.taken.append((time.perf_counter() - start) * MICROSECONDS)
        at += 1


def _search_beside(
    index: HammingIndex, queries: list[bytes], seconds: float, phase: Phase, rng: np.random.Generator
) -> None:
    """The same, with a thread that inserts."""
    stop = threading.Event()
    codes = random_codes(int(2 * seconds * PER_SECOND) + BATCH, rng)
    before = len(index)
    inserter = threading.Thread(target=_insert, args=(index, codes, stop))
    start = time.perf_counter()
    inserter.start()
    try:
        _search(index, queries, seconds, phase)
    finally:
        stop.set()
        inserter.join()
    phase.seconds += time.perf_counter() - start
    phase.inserted += len(index) - before


def _insert(index: HammingIndex, codes: np.ndarray[Any, np.dtype[np.uint8]], stop: threading.Event) -> None:
    """Batches at their times. One that comes late does not put off those after it."""
    first = len(index)
    start = time.perf_counter()
    for number in range(len(codes) // BATCH):
        wait = start + number * BATCH / PER_SECOND - time.perf_counter()
        if stop.wait(max(0.0, wait)):
            return
        at = number * BATCH
        ids = np.arange(first + at, first + at + BATCH, dtype=np.uint64)
        index.add(codes[at : at + BATCH], ids)
