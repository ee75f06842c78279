"""Single lookups among random 256-bit codes at radius 31, beside others', one thread on every side.

    scripts/bench lookup [--sizes 100000 1000000] [--queries 1000] [--json]

Half of the queries are planted 0 to 31 bits from a code, half are unrelated; every side must find as much.
The last rows are this machine's limit: reading a line at a random place in as much memory as our index takes,
16 such reads prefetched or each dependent on the last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import faiss  # type: ignore[import-not-found,unused-ignore]  # of the extra "bench", which a checker need not have
import numpy as np
from numpy.typing import NDArray

from hashpact.lookup import HammingIndex, _kernel

WIDTH = 32
BITS = 8 * WIDTH
RADIUS = 31
SLOW_QUERIES = 50
Row = dict[str, str | int | float]


def make_queries(codes: NDArray[np.uint8], count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Half near a code, at each distance in turn, half unrelated."""
    queries = rng.integers(0, 256, (count, WIDTH), dtype=np.uint8)
    for i in range(0, count, 2):
        bits = np.unpackbits(codes[rng.integers(len(codes))])
        bits[rng.choice(BITS, i // 2 % (RADIUS + 1), replace=False)] ^= 1
        queries[i] = np.packbits(bits)
    return queries


def measure(search: Callable[[int], int], count: int) -> tuple[list[float], int]:
    """Microseconds of each call, after one round to warm up, and how many hits there were in all."""
    for i in range(count):
        search(i)
    taken, hits = [], 0
    for i in range(count):
        start = time.perf_counter()
        hits += search(i)
        taken.append((time.perf_counter() - start) * 1e6)
    return taken, hits


def compare(size: int, count: int) -> list[Row]:
    """The rows of one size. Raises SystemExit if the sides differ in their answers."""
    rng = np.random.default_rng(size)
    codes = rng.integers(0, 256, (size, WIDTH), dtype=np.uint8)
    queries = make_queries(codes, count, rng)
    single = [query.tobytes() for query in queries]
    ids = np.arange(size, dtype=np.uint64)

    start = time.perf_counter()
    index = HammingIndex.build(codes, ids)
    built = time.perf_counter() - start
    # Laid out for the widest radius, an index has no tables and scans all codes.
    scan = HammingIndex(WIDTH, BITS)
    scan.add(codes, ids)
    flat = faiss.IndexBinaryFlat(BITS)
    flat.add(codes)

    # faiss finds what is nearer than its radius, not what is as near.
    sides: list[tuple[str, Callable[[int], int], int]] = [
        ("hashpact", lambda i: len(index.search(single[i], RADIUS)), count),
        ("hashpact, plain scan", lambda i: len(scan.search(single[i], RADIUS)), min(count, SLOW_QUERIES)),
        (
            "faiss IndexBinaryFlat",
            lambda i: int(flat.range_search(queries[i : i + 1], RADIUS + 1)[0][1]),
            min(count, SLOW_QUERIES),
        ),
    ]
    rows: list[Row] = []
    first = 0.0
    for name, search, some in sides:
        taken, hits = measure(search, some)
        expected = sum(len(index.search(query, RADIUS)) for query in single[:some])
        if hits != expected:
            msg = f"{name} found {hits} hits, hashpact {expected}"
            raise SystemExit(msg)
        p50 = statistics.median(taken)
        first = first or p50
        p99 = statistics.quantiles(taken, n=100)[98]
        rows.append({"codes": size, "side": name, "p50_us": p50, "p99_us": p99, "ratio": p50 / first})
    stats = index.stats()
    rows[0] |= {"build_s": built, "bytes_per_code": stats["bytes"] / size, "chunks": stats["segments"][0][1]}
    for name, ahead in (("prefetched", 16), ("dependent", 0)):
        read = _kernel.random_read(stats["bytes"], ahead)
        rows.append({"codes": size, "side": f"random read, {name}", "p50_us": read / 1000})
    return rows


def main() -> None:
    """Measure, then print a table or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    rows = [row for size in options.sizes for row in compare(size, options.queries)]
    if options.json:
        print(json.dumps({"level": _kernel.level(), "radius": RADIUS, "rows": rows}, indent=1))
        return
    print(f"256-bit codes, radius {RADIUS}, one thread, instruction set {_kernel.level()}")
    print(f"{'codes':>10}  {'side':<24}{'p50 us':>10}{'p99 us':>10}{'ratio':>8}  notes")
    for row in rows:
        notes = ", ".join(
            f"{key} {row[key]:.4g}" for key in ("build_s", "bytes_per_code", "chunks") if key in row
        )
        figures = f"{row['p50_us']:10.3f}"
        if "ratio" in row:
            figures += f"{row['p99_us']:10.3f}{row['ratio']:8.1f}"
        print(f"{row['codes']:>10}  {row['side']:<24}{figures}  {notes}")


if __name__ == "__main__":
    main()
