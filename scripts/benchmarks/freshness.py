"""How soon a mirror knows: from an answered append to a match, and from a withdrawal to none, under load.

    scripts/bench freshness [--size 1e5] [--count 200] [--checks 5000] [--items 2000] [--json] [--check]

A log with that many items of pdq, and a tenth of each of three other types, is served by `hashpact serve`, by
one worker. A program on the same machine has opened a mirror of it, copies the log, and makes so many checks
a second. A member shares so many items a second, 256 in an entry. Meanwhile another client shares one item,
again and again, waits until a check at the mirror matches it, withdraws it, and waits until none does. The
time is from the answer of the clearinghouse to the first check with the wanted result; there is one each
millisecond, in the program that makes the others.

With --check it exits with 1 unless 99 in 100 of each are there within 1 s, while at least 95 in 100 of the
checks and of the items that are asked for were reached.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.processes import running
from benchmarks.report import print_json, print_table
from benchmarks.stocking import ITEMS, command_of, stock
from benchmarks.submissions import fingerprints
from benchmarks.timing import percentile

from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.mirror.threads.beside import beside

WITHIN: Final = 1.0
"""Seconds within which an entry is to match, and within which it is to match no longer."""
REACHED: Final = 0.95
"""Part of the load that is asked for, below which a figure says nothing."""
NOTES: Final = ("ms: from the clearinghouse's answer to the first check at the mirror with that result.",)


@dataclass(slots=True)
class Sharing:
    """Shares so many items a second, of which `run` is for a thread."""

    client: Client
    rate: int
    shared: int = 0

    def run(self, stop: threading.Event) -> None:
        """Share until it is to stop."""
        due = time.perf_counter()
        while self.rate and not stop.wait(max(0.0, due - time.perf_counter())):
            self.client.submit(fingerprints(ITEMS), labels={"other"})
            self.shared += ITEMS
            due += ITEMS / self.rate


@dataclass(slots=True)
class Program:
    """The program that has opened the mirror."""

    process: subprocess.Popen[str]

    def ask(self, line: str) -> float:
        """Its answer to a line."""
        assert self.process.stdin is not None  # noqa: S101 - a pipe, as asked for below
        assert self.process.stdout is not None  # noqa: S101 - as above
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline() or sys.exit("the program with the mirror has ended"))


@contextmanager
def opened(home: Path, checks: int) -> Iterator[Program]:
    """The program with a mirror's home open, for the length of the block."""
    command = [sys.executable, "-m", "benchmarks.checking", str(home), str(checks)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe
            if process.stdout.readline() != "ready\n":
                sys.exit("the program with the mirror did not start")
            yield Program(process)
        finally:
            process.terminate()


def measure(size: int, count: int, checks: int, items: int) -> dict[str, Any]:
    """Everything."""
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name:
        directory = Path(name)
        stocked = stock(directory, size)
        with running(command_of(stocked.home), directory / "server.log") as server:
            say("copying")
            profile = stocked.profile.at(server.address)
            command = [sys.executable, "-m", "hashpact", "mirror", server.address, str(directory / "mirror")]
            command += ["--once", "--profile", str(stocked.profile.directory)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
            with opened(directory / "mirror", checks) as program:
                say(f"{count} entries, shared and withdrawn")
                return {"machine": machine.describe(), **_under_load(program, profile, count, items)}


def _under_load(program: Program, profile: Profile, count: int, items: int) -> dict[str, Any]:
    with Client(profile) as client, Client(profile) as other:
        sharing = Sharing(other, items)
        with beside(sharing.run, "sharing"):
            program.ask("rate")
            began, before = time.perf_counter(), sharing.shared
            there, gone = _waited(program, client, count)
            seconds = time.perf_counter() - began
            shared, checks = (sharing.shared - before) / seconds, program.ask("rate")
    rows = [
        {"wanted": wanted, "p50_ms": 1000 * percentile(took, 50), "p99_ms": 1000 * percentile(took, 99)}
        for wanted, took in (("a match", there), ("none", gone))
    ]
    return {"rows": rows, "load": [{"checks/s": checks, "items/s": shared, "seconds": seconds}]}


def _waited(program: Program, client: Client, count: int) -> tuple[list[float], list[float]]:
    """The seconds until each entry matches, and until it does not any more."""
    there, gone = [], []
    for code in fingerprints(count):
        receipt = client.submit([code], labels={"other"})
        answered = time.clock_gettime(time.CLOCK_MONOTONIC)
        there.append(max(0.0, program.ask(f"matched {code.value.hex()}") - answered))
        client.withdraw(receipt.index, "mistake")
        answered = time.clock_gettime(time.CLOCK_MONOTONIC)
        gone.append(max(0.0, program.ask(f"gone {code.value.hex()}") - answered))
    return there, gone


def promises(report: dict[str, Any], checks: int, items: int) -> Sequence[Promise]:
    """What is promised, and the load under which."""
    (there, gone), (load,) = report["rows"], report["load"]
    return [
        Promise("append to match, p99 ms", there["p99_ms"], most=WITHIN * 1000),
        Promise("withdrawal to none, p99 ms", gone["p99_ms"], most=WITHIN * 1000),
        Promise("checks/s", load["checks/s"], least=REACHED * checks),
        Promise("items/s", load["items/s"], least=REACHED * items),
    ]


def _whole(text: str) -> int:
    """The whole number of a text such as 1e5."""
    return int(float(text))


def main() -> int:
    """Measure, print, and compare with the promises."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench freshness",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=_whole, default=100_000, help="items of pdq in the log")
    parser.add_argument("--count", type=_whole, default=200, help="entries whose times are measured")
    parser.add_argument("--checks", type=_whole, default=5000, help="checks a second at the mirror")
    parser.add_argument("--items", type=_whole, default=2000, help="items a second that are shared")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    report = measure(options.size, options.count, options.checks, options.items)
    held = promises(report, options.checks, options.items)
    report["promises"] = [promise.row() for promise in held]
    if options.json:
        print_json(report)
    else:
        print_table("From the answer to the mirror", report["rows"], NOTES)
        print_table(f"The load, at a load of {report['machine']['load_average']}", report["load"])
        print_table("Promises", report["promises"])
    return int(options.check and not all(promise.kept for promise in held))


if __name__ == "__main__":
    sys.exit(main())
