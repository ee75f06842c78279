"""Parts of pictures: what making them costs, and a search of the index among many entries; one thread.

    scripts/bench parts [--entries 100000 ...] [--json] [--check]

Entries are made up of descriptors of real pictures, each with a tenth of its bits changed, at random places:
128 keypoints each, so that no two have the same. Queries are of other pictures, 300 keypoints each. Making
parts is measured on those pictures as files decoded before.
With --check it exits with 1 unless every promise about cost holds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from benchmarks.gate import Promise
from benchmarks.machine import describe, say
from benchmarks.report import print_json, print_table
from benchmarks.timing import MICROSECONDS, Side, interleave
from corpus import pictures
from numpy.typing import NDArray
from PIL import Image

from hashpact.domain.fingerprints import PARTS
from hashpact.errors import HashpactError
from hashpact.fingerprint.parts.keypoints import parts, parts_to_check
from hashpact.lookup import PartsIndex

Row = dict[str, Any]

PICTURES: Final = 60
QUERIES: Final = 20
ROUNDS: Final = 3
AT_ONCE: Final = 10_000
ENTRIES: Final = (100_000,)
POINTS: Final = 128
CHANGED: Final = 0.1
SHORT: Final = 8
"""Bits of a byte."""

MOST_MS: Final = {100_000: 10.0, 1_000_000: 40.0}
MOST_BYTES: Final = 2500.0
MOST_MAKING_MS: Final = 45.0


def some(grey: Image.Image) -> bytes | None:
    """The keypoints to check a picture with; None if it has too few."""
    try:
        return parts_to_check(grey)[0].value
    except HashpactError:
        return None


def made_up(pool: NDArray[np.uint8], count: int, random: np.random.Generator) -> list[bytes]:
    """Entries of descriptors from the pool."""
    units = random.integers(0, 256, (count * POINTS, PARTS.size), dtype=np.uint8)
    bits = random.random((len(units), 32 * SHORT), dtype=np.float32) < CHANGED
    units[:, :32] = pool[random.integers(0, len(pool), len(units))] ^ np.packbits(bits, axis=1)
    units[:, 36] = np.minimum(68 + random.exponential(35, len(units)), 255)
    return [entry.tobytes() for entry in units.reshape(count, POINTS, PARTS.size)]


def making(greys: Sequence[Image.Image]) -> Row:
    """Milliseconds of processor time a picture, the mean."""
    sides = []
    for name, recipe in (("to share", parts), ("to check", parts_to_check)):
        sides.append(Side(name, lambda number, recipe=recipe: _made(recipe, greys[number])))  # type: ignore[misc]  # a default has no type
    timings = interleave(sides, len(greys))
    return {
        side.name: float(np.mean(timing.taken)) / MICROSECONDS * 1000
        for side, timing in zip(sides, timings, strict=True)
    }


def _made(recipe: Any, grey: Image.Image) -> object:  # noqa: ANN401 - either of two functions
    try:
        return recipe(grey)
    except HashpactError:
        return None


def searching(pool: NDArray[np.uint8], queries: Sequence[bytes], counts: Sequence[int]) -> list[Row]:
    """A row for each number of entries: bytes an entry, and milliseconds of processor time a query."""
    random = np.random.default_rng(3)
    index = PartsIndex()
    rows = []
    for count in sorted(counts):
        for at in range(len(index), count, AT_ONCE):
            say(f"{at} entries")
            index.add(made_up(pool, min(AT_ONCE, count - at), random), range(at, min(at + AT_ONCE, count)))
        index.settle()
        side = Side("search", lambda number: index.search(queries[number % len(queries)], int(PARTS.default)))
        (timing,) = interleave([side], ROUNDS * len(queries))
        rows.append(
            {
                "entries": count,
                "bytes": index.stats()["bytes"] / count,
                "p50_ms": timing.p50 / MICROSECONDS * 1000,
                "p99_ms": timing.p99 / MICROSECONDS * 1000,
            }
        )
    return rows


def promises(report: Row) -> list[Promise]:
    """What a search and making parts may cost."""
    kept = [
        Promise(f"making parts {name}, ms", report["making"].get(name), most=MOST_MAKING_MS)
        for name in ("to share", "to check")
    ]
    for row in report["searching"]:
        kept.append(Promise(f"bytes an entry, of {row['entries']}", row["bytes"], most=MOST_BYTES))
        if row["entries"] in MOST_MS:
            what = f"p50 of a search among {row['entries']}, ms"
            kept.append(Promise(what, row["p50_ms"], most=MOST_MS[row["entries"]]))
    return kept


def main() -> int:
    """Measure, print, and judge if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, nargs="+", default=list(ENTRIES), help="entries of the index")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    say("pictures")
    greys = [named.draw().convert("L") for named in pictures.for_recall(PICTURES)]
    found = [value for value in map(some, greys) if value is not None]
    queries, rest = found[:QUERIES], found[QUERIES:]
    units = np.frombuffer(b"".join(rest), np.uint8).reshape(-1, PARTS.size)
    report: Row = {
        "machine": describe(),
        "making": making(greys),
        "searching": searching(np.ascontiguousarray(units[:, :32]), queries, options.entries),
    }
    judged = promises(report)
    report["promises"] = [promise.row() for promise in judged]
    if options.json:
        print_json(report)
    else:
        print(
            "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in report["machine"].items()), "\n"
        )
        print_table("Making parts, ms of processor time a picture", [report["making"]])
        print_table("A search of 300 keypoints, ms of processor time", report["searching"])
        print_table("Promises", report["promises"])
    return int(options.check and not all(promise.kept for promise in judged))


if __name__ == "__main__":
    sys.exit(main())
