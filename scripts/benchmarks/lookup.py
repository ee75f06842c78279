"""Single lookups among 256-bit codes at radius 31 beside others', one thread on every side, in one run.

    scripts/bench lookup [--sizes 1e5,1e6,1e7] [--sets random,skewed] [--queries 2000] [--large] [--json]
                         [--check]

docs/decisions/benchmarks.md says what is measured, and what cannot be compared. With --check it exits with 1
unless every promise about the lookup holds; that needs the sizes 1e6 and 1e7 and both sets.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar, get_args

from benchmarks import machine
from benchmarks.comparing import Options, compare
from benchmarks.gate import promises
from benchmarks.inserting import searching_while_inserting
from benchmarks.large import large
from benchmarks.planting import RADIUS, SETS, SetName
from benchmarks.report import print_json, print_table

from hashpact import _kernel

P = ParamSpec("P")
Result = TypeVar("Result")

INSERTING_CODES = 1_000_000
INSERTING_SECONDS = 5.0
LARGE = 100_000_000

NOTES = (
    "us: of processor time; wall: with what the machine did meanwhile. ratio: this side's p50 / hashpact's.",
    "recall: of all codes within the radius, or of the nearest 100.",
    "bytes per code: what the process grew by when the index was built.",
)
LIMIT_NOTES = (
    "ns: a line at a random place of as much memory as the index takes, 16 under way at once or one by one.",
    "lines: different 64-byte lines that the kernel counts; call: a search in an empty index.",
    "alone: p50 with nobody else's index in the caches, as reads are measured; ratio and share go by it.",
)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for."""
    report: dict[str, Any] = {
        "machine": machine.describe() | {"instruction_set": _kernel.level()},
        "radius": RADIUS,
        "rows": [],
        "limits": [],
        "opening": [],
    }
    wanted = Options(options.queries, options.patient)
    for size in options.sizes:
        for name in options.sets:
            compared = apart(compare, name, size, wanted)
            report["rows"] += compared.rows
            report["limits"].append(compared.limit)
            report["opening"] += [compared.opening] if compared.opening else []
    if not options.no_inserting:
        report["inserting"] = searching_while_inserting(INSERTING_CODES, INSERTING_SECONDS)
    if options.large:
        report["large"] = large(options.large, options.queries)
    report["machine"]["load_average_at_the_end"] = machine.describe()["load_average"]
    report["promises"] = [promise.row() for promise in promises(report)]
    return report


def apart(work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """What that returns in a process of its own.

    The others free millions of small pieces of memory; who comes after them in one process pays for that
    whenever it allocates.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *args, **kwargs).result()


def show(report: dict[str, Any], *, check: bool) -> None:
    """The tables."""
    for key, value in report["machine"].items():
        print(f"{key.replace('_', ' ')}: {value}", end="; ")
    print("\n")
    print_table(f"Searches at radius {report['radius']}, 256 bits", report["rows"], NOTES)
    print_table("What a median query reads, and what reading it costs", report["limits"], LIMIT_NOTES)
    print_table("Opened from disk by a new process", report["opening"])
    print_table("Searches while 20 000 codes a second are inserted", [report.get("inserting") or {}])
    print_table("Large", [report.get("large") or {}])
    if check:
        print_table("Promises", report["promises"])


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench lookup",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", type=sizes, default=sizes("1e5,1e6,1e7"), help="numbers of codes")
    parser.add_argument("--sets", type=sets, default=list(SETS), help="random, skewed or both")
    parser.add_argument("--queries", type=int, default=2000, help="how many each contender is asked")
    parser.add_argument(
        "--patient", action="store_true", help="build peers at sizes where it takes long, too"
    )
    parser.add_argument("--no-inserting", action="store_true", help="without searches while others insert")
    parser.add_argument(
        "--large", type=size, nargs="?", const=LARGE, metavar="CODES", help="1e8 codes, or so many"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    return parser.parse_args()


def size(text: str) -> int:
    """A number of codes, such as 1e6."""
    number = int(float(text))
    if number < 1000:  # noqa: PLR2004 - percentiles of fewer mean nothing
        msg = f"{text} is too few codes"
        raise argparse.ArgumentTypeError(msg)
    return number


def sizes(text: str) -> list[int]:
    """Several of these, between commas."""
    return [size(part) for part in text.split(",")]


def sets(text: str) -> list[SetName]:
    """Names of sets, between commas."""
    known = {name: name for name in get_args(SetName)}
    chosen = [known.get(part) for part in text.split(",")]
    if None in chosen:
        msg = f"there are the sets {', '.join(SETS)}"
        raise argparse.ArgumentTypeError(msg)
    return [name for name in chosen if name is not None]


def main() -> int:
    """Measure, then print."""
    options = parsed()
    report = measure(options)
    if options.json:
        print_json(report)
    else:
        show(report, check=options.check)
    if options.check:
        failed = [row for row in report["promises"] if row["verdict"] != "pass"]
        print(f"{len(failed)} of {len(report['promises'])} promises do not hold", file=sys.stderr)
        return 1 if failed else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
