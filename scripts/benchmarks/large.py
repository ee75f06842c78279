"""As many codes as a machine of modest memory holds: 1e8, built in one call."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from benchmarks.machine import available, forget_peak, peak_resident, resident, say
from benchmarks.opening import opening
from benchmarks.peers import need
from benchmarks.planting import BITS, RADIUS, Codes, CodeSet, queries_for, random_codes
from benchmarks.timing import Side, interleave, percentile, ratio

from hashpact.lookup import HammingIndex

KEPT: Final = 20_000
FLAT_SAMPLE: Final = 5_000_000
BYTES_PER_CODE: Final = 180  # at the worst moment: the codes as given, and the index


@dataclass(frozen=True)
class Filled:
    """The index, some of its codes, and how long it took to build."""

    index: HammingIndex
    some: Codes
    build_s: float


def large(size: int, count: int) -> dict[str, Any] | None:
    """A row about our index with that many codes; None if memory does not allow it."""
    if available() < size * BYTES_PER_CODE:
        say(f"without {size:,} codes: {size * BYTES_PER_CODE / 1e9:.0f} GB are not available")
        return None
    rng = np.random.default_rng(size)
    before = resident()
    forget_peak()
    filled = _fill(size, rng)
    peak = peak_resident() - before
    among = CodeSet(filled.some, np.empty(0, dtype=np.int64))
    queries = queries_for("random", among, count, rng)
    single = [query.tobytes() for query in queries.codes]
    index = filled.index
    found = sum(bool(index.search(single[i], RADIUS)) for i in np.flatnonzero(queries.planted >= 0))
    say(f"asking {size:,} codes, and faiss flat about {FLAT_SAMPLE:,}")
    sides = [Side("hashpact", lambda i: index.search(single[i], RADIUS)), *_flat_sides(queries.codes, rng)]
    timings = interleave(sides, count)
    row = {
        "codes": size,
        "p50_us": timings[0].p50,
        "p99_us": timings[0].p99,
        "recall": found / int((queries.planted >= 0).sum()),
        "flat_p50_us_estimated": None,
        "ratio": None,
        "build_s": filled.build_s,
        "resident_GB": (resident() - before) / 1e9,
        "peak_GB": peak / 1e9,
    }
    if len(timings) > 1:
        flat = percentile(timings[1].taken, 50) * size / FLAT_SAMPLE
        row |= {"flat_p50_us_estimated": flat, "ratio": ratio(flat, timings[0].p50)}
    return row | {key: value for key, value in opening(index, single[0]).items() if key != "codes"}


def _fill(size: int, rng: np.random.Generator) -> Filled:
    """Build; making the codes is not counted."""
    say(f"making {size:,} codes")
    codes = random_codes(size, rng)
    some = codes[rng.integers(0, size, KEPT)]
    say("building")
    start = time.perf_counter()
    index = HammingIndex.build(codes, np.arange(size, dtype=np.uint64))
    index.settle()
    return Filled(index, some, time.perf_counter() - start)


def _flat_sides(queries: Codes, rng: np.random.Generator) -> list[Side]:
    """A faiss flat index over a part: what it takes is in proportion to its codes."""
    faiss = need("faiss")
    if faiss is None:
        return []
    flat = faiss.IndexBinaryFlat(BITS)
    flat.add(random_codes(FLAT_SAMPLE, rng))
    return [Side("faiss flat", lambda i: flat.range_search(queries[i : i + 1], RADIUS + 1))]
