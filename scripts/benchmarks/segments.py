"""Searches among codes in one segment and in several, mapped and in memory of their own, in one run.

    scripts/bench segments [--sizes 1e5,1e6] [--queries 2000] [--json] [--check]

The several segments are those of a server that was filled in batches: 93 %, 6.7 % and 0.3 % of the codes, and
64. *mapped*: saved, opened and verified, as when a server starts. *memory*: as they were built, on huge pages
where the system gives them. *cold*: before each query a buffer larger than the caches is read, for what a
server does between two checks. Times are of the processor; contenders take turns. With --check it exits with
1 unless several segments take at least 1.3 times as long as one, hot and cold, among 1e6 codes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from benchmarks import machine
from benchmarks.lookup import apart, sizes
from benchmarks.machine import say
from benchmarks.planting import RADIUS, WIDTH, Codes, random_codes
from benchmarks.report import print_json, print_table
from benchmarks.timing import Side, interleave, ratio

from hashpact import _kernel
from hashpact.lookup import HammingIndex

SHARES: Final = (0.93, 0.067)
"""Of the two largest of the several segments."""
SMALLEST: Final = 64
LIMIT: Final = 100
BUFFER: Final = 96 << 20
"""Bytes that are read before a cold query: three times the third-level cache of a large server processor."""
COLD_SHARE: Final = 5
"""One cold query for so many hot ones: the buffer takes some milliseconds."""
WANTED: Final = 1.3
SIZE: Final = 1_000_000

NOTES: Final = (
    "us: of processor time, the median. ratio: this / one segment in memory, with caches as warm.",
    "huge: what lies on huge pages; of a file that is the page cache's, which all processes share.",
)


@dataclass(frozen=True)
class Kept:
    """One way to keep the codes, and how many bytes of it lie on huge pages."""

    name: str
    index: HammingIndex
    huge: int


def filled(codes: Codes, bounds: list[int]) -> HammingIndex:
    """An index whose segments end there."""
    index = HammingIndex(WIDTH)
    for first, stop in pairwise([0, *bounds]):
        index.add(codes[first:stop], np.arange(first, stop, dtype=np.uint64))
        index.freeze()
    index.settle()
    return index


@contextmanager
def mapped(index: HammingIndex) -> Iterator[HammingIndex]:
    """The same segments, in files."""
    frozen = index.freeze()
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as folder:
        names = [str(Path(folder) / f"{layer}.segment") for layer in range(frozen.layers())]
        files = [(name, frozen.write_layer(layer, name)) for layer, name in enumerate(names)]
        opened = HammingIndex.over(_kernel.HammingStore.open([*files], None))
        opened.verify()
        yield opened


def measure(size: int, count: int) -> list[dict[str, Any]]:
    """A row for each way to keep that many codes, hot and cold."""
    rng = np.random.default_rng(size)
    codes = random_codes(size, rng)
    queries = [query.tobytes() for query in random_codes(count, rng)]
    bounds = [int(size * SHARES[0]), int(size * sum(SHARES)), size - SMALLEST, size]
    with ExitStack() as stack:
        kept: list[Kept] = []

        def keep(name: str, make: Callable[[], HammingIndex]) -> HammingIndex:
            say(f"{size:,} codes, {name}")
            before = machine.on_huge_pages()
            index = make()
            kept.append(Kept(name, index, machine.on_huge_pages() - before))
            return index

        several = keep("several, memory", lambda: filled(codes, bounds))
        one = keep("one, memory", lambda: filled(codes, [size]))
        keep("several, mapped", lambda: stack.enter_context(mapped(several)))
        keep("one, mapped", lambda: stack.enter_context(mapped(one)))
        rows = [row for cold in (False, True) for row in asked(kept, queries, cold=cold)]
        say("merging")
        start = time.perf_counter()
        several.compact()
        while several.compacting:
            time.sleep(0.001)
        return [*rows, {"codes": size, "merge_s": time.perf_counter() - start}]


def asked(kept: Sequence[Kept], queries: Sequence[bytes], *, cold: bool) -> Iterator[dict[str, Any]]:
    """The rows of one run of queries."""
    buffer = np.ones(BUFFER if cold else 1, dtype=np.uint8)

    def side(one: Kept) -> Side:
        return Side(
            one.name, lambda i: one.index.search(queries[i], RADIUS, LIMIT), lambda *_: buffer[::64].sum()
        )

    say("cold queries" if cold else "hot queries")
    timings = interleave([side(one) for one in kept], len(queries) // (COLD_SHARE if cold else 1))
    base = next(timing for one, timing in zip(kept, timings, strict=True) if one.name == "one, memory")
    for one, timing in zip(kept, timings, strict=True):
        yield {
            "codes": len(one.index),
            "caches": "cold" if cold else "hot",
            "segments": one.name,
            "sizes": " ".join(str(rows) for rows, _ in one.index.stats()["segments"]),
            "MB": one.index.stats()["bytes"] / 1e6,
            "huge_MB": one.huge / 1e6,
            "p50_us": timing.p50,
            "ratio": ratio(timing.p50, base.p50),
        }


def main() -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench segments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", type=sizes, default=sizes("1e5,1e6"), help="numbers of codes")
    parser.add_argument("--queries", type=int, default=2000, help="how many each contender is asked")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promise holds")
    options = parser.parse_args()
    every = [row for size in options.sizes for row in apart(measure, size, options.queries)]
    rows, merges = [row for row in every if "p50_us" in row], [row for row in every if "merge_s" in row]
    report = {
        "machine": machine.describe() | {"instruction_set": _kernel.level()},
        "rows": rows,
        "merges": merges,
    }
    if options.json:
        print_json(report)
    else:
        print_table(f"Searches at radius {RADIUS}, {8 * WIDTH} bits, by where the codes are", rows, NOTES)
        print_table("Several segments made into one, in the background at a low priority", merges)
    slow = [row for row in rows if row["codes"] == SIZE and row["segments"] == "several, mapped"]
    return int(options.check and (not slow or any(row["ratio"] < WANTED for row in slow)))


if __name__ == "__main__":
    sys.exit(main())
