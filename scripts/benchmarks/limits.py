"""The limit that the machine's memory sets, and how much of a query's time it explains."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.planting import RADIUS, WIDTH
from benchmarks.timing import Side, interleave, percentile

from hashpact import _instruments
from hashpact.lookup import HammingIndex

AHEAD: Final = 16
ROUNDS: Final = 3


@dataclass(frozen=True)
class Limit:
    """Nanoseconds for a line at a random place of as much memory as the index takes."""

    prefetched: float
    dependent: float


def machine_limit(size: int) -> Limit:
    """A measurement: 16 reads under way at once, and each dependent on the last."""
    return Limit(_instruments.random_read(size, AHEAD), _instruments.random_read(size, 0))


def explain(
    index: HammingIndex, queries: list[bytes], limit: int | None, among_others: float
) -> dict[str, Any]:
    """A row: what a median query touches, what that must cost, and how many times that it takes.

    Reads and queries take turns, with nobody else's index in the caches, as the reads are measured.
    ``among_others`` is the median in microseconds that the comparison gave.
    """
    size = index.stats()["bytes"]
    side = Side("alone", lambda i: index.search(queries[i], RADIUS, limit))
    limits, asked = [], []
    for _ in range(ROUNDS):
        limits.append(machine_limit(size))
        asked.append(interleave([side], len(queries))[0].p50)
    prefetched = statistics.median(each.prefetched for each in limits)
    alone = statistics.median(asked)
    counted = counting(index)
    touched = [counted.touches(query, RADIUS, limit) for query in queries]
    medians = {name: percentile([one[name] for one in touched], 50) for name in touched[0]}
    least = medians["lines"] * prefetched / 1000
    return {
        "index_MB": size / 1e6,
        "prefetched_ns": prefetched,
        "dependent_ns": statistics.median(each.dependent for each in limits),
        **medians,
        "lines_x_prefetched_us": least,
        "call_us": empty_call(queries),
        "alone_us": alone,
        "among_others_us": among_others,
        "ratio": alone / least,
        "share_%": 100 * least / alone,
    }


def empty_call(queries: list[bytes]) -> float:
    """Microseconds of a search in an empty index: what Python and the binding take of each."""
    index = HammingIndex(WIDTH)
    side = Side("empty", lambda i: index.search(queries[i], RADIUS))
    return interleave([side], len(queries))[0].p50


def counting(index: HammingIndex) -> _instruments.HammingStore:
    """The index, opened from its file by the kernel that counts what its searches read."""
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "counted.segment")
        index._store.freeze().save(path)  # noqa: SLF001 - nothing for those who use the package
        return _instruments.HammingStore.open([(path, None)], None)
