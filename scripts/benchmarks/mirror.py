"""What a check costs in a program that has opened a mirror, beside the kernel alone and a server of the log.

    scripts/bench mirror [--sizes 1e6] [--checks 4000] [--json] [--check]

A size is the number of pdq items in the log; it has a tenth as many of each of phash, sha256 and md5, and 256
items in a leaf. `hashpact serve` serves it, `hashpact mirror --once` copies it, and one thread then makes
checks of one pdq code each: *kernel* is the search in the mirror's index, *mirror* is `Mirror.check`, and
*server* `Client.check`, of which the client's time counts here and the server's beside it. The first two take
turns, check by check, and the server comes after them: what a call leaves in the caches would slow both.
*miss* matches nothing, *match* is near one entry. `scripts/bench follow` measures the copying. With --check
it exits with 1 unless a check in-process that matches nothing takes at most 40 us at 1e6 items.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.check_under_history import near
from benchmarks.machine import say
from benchmarks.processes import Server, running
from benchmarks.report import print_json, print_table
from benchmarks.stocking import Stock, command_of, stock
from benchmarks.submissions import random_codes
from benchmarks.timing import Side, interleave, ratio

from hashpact import Client, Mirror
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.lookup.directory import IndexFiles
from hashpact.lookup.native import NativeIndex
from hashpact.mirror.home import open_mirror

ALLOWED: Final = 40.0
"""Microseconds of processor time that a check in-process may take."""
AT: Final = 1_000_000
LIMIT: Final = 20
NOTES: Final = (
    "us: of processor time of this process, p50 of one check of one code. x: beside the kernel alone.",
    "served_us: user and system time of the server for one such check, when nobody else asks.",
)


def measure(sizes: Sequence[int], checks: int) -> dict[str, Any]:
    """A row for each size, case and side."""
    rows: list[dict[str, Any]] = []
    copied: list[dict[str, Any]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name:
            say(f"a log of {size} items")
            stocked, home = stock(Path(name), size), Path(name) / "mirror"
            with running(command_of(stocked.home), Path(name) / "serve.log") as server:
                copied.append(_copied(stocked, server, home, size))
                rows += _rows(stocked, server, home, checks)
    return {"machine": machine.describe(), "copied": copied, "rows": rows}


def _copied(stocked: Stock, server: Server, home: Path, size: int) -> dict[str, Any]:
    """Copy the log for the first time, in a process of its own."""
    say("copying")
    profile = stocked.profile.directory
    command = [sys.executable, "-m", "hashpact", "mirror", server.address, str(home), "--once"]
    start = time.perf_counter()
    subprocess.run([*command, "--profile", str(profile)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # ours
    return {"items": size, "first_copy_s": time.perf_counter() - start}


def _rows(stocked: Stock, server: Server, home: Path, checks: int) -> list[dict[str, Any]]:
    rows = []
    codes = {
        "miss": list(itertools.islice(random_codes(PDQ), checks)),
        "match": [near(code) for code in itertools.islice(itertools.cycle(stocked.known), checks)],
    }
    with (
        Mirror(home) as mirror,
        Client(stocked.profile.at(server.address), channels=1) as client,
        open_mirror(home) as opened,
    ):
        ledger = opened.served.ledger
        found = NativeIndex.open(IndexFiles(opened.paths.segments, ledger.indexes))
        assert found is not None  # noqa: S101  # it was just saved
        index, _ = found
        for case, asked in codes.items():
            for code in asked:
                mirror.check([code])  # so that the catalog knows every entry
            within = [
                Side("kernel", _with(asked, lambda code: index.search(code, PDQ.default, LIMIT))),
                Side("mirror", _with(asked, lambda code: mirror.check([code]))),
            ]
            beside = [Side("server", _with(asked, lambda code: client.check([code])))]
            sides = within + beside
            timed = [*interleave(within, checks), *interleave(beside, checks)]
            served = _served(server, client, asked)
            for side, timings in zip(sides, timed, strict=True):
                rows.append(
                    {
                        "items": len(index),
                        "checks": case,
                        "side": side.name,
                        "p50_us": timings.p50,
                        "p99_us": timings.p99,
                        "x": ratio(timings.p50, timed[0].p50),
                        "served_us": served if side.name == "server" else None,
                    }
                )
    return rows


def _with(asked: Sequence[Fingerprint], call: Callable[[Fingerprint], object]) -> Callable[[int], object]:
    return lambda number: call(asked[number])


def _served(server: Server, client: Client, asked: Sequence[Fingerprint]) -> float:
    """Microseconds of the server's processor time for a check."""
    before = server.seconds()
    for code in asked:
        client.check([code])
    return (server.seconds() - before) / len(asked) * 1e6


def main() -> int:
    """Measure, print, and compare with the promise."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench mirror",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", default="1e6", help="items of pdq, with commas between")
    parser.add_argument("--checks", type=int, default=4000, help="checks of each side and case")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promise holds")
    options = parser.parse_args()
    report = measure([int(float(size)) for size in options.sizes.split(",")], options.checks)
    if options.json:
        print_json(report)
    else:
        print_table("The first copy", report["copied"])
        print_table("One check of one code", report["rows"], NOTES)
    wanted = [row for row in report["rows"] if (row["checks"], row["side"]) == ("miss", "mirror")]
    broken = [row for row in wanted if row["items"] >= AT and row["p50_us"] > ALLOWED]
    if options.check and (broken or not wanted):
        print(f"a check in-process takes {wanted[0]['p50_us']:.1f} us", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
