"""How many checks a second two workers answer, beside one, over mutual TLS on one machine.

    scripts/bench workers [--size 1e5] [--rounds 5] [--seconds 4] [--json] [--check]

`hashpact serve --workers 1` and `--workers 2` of one home run at the same time, and take turns: in each, two
client processes keep 32 checks in flight over 16 connections. Client and server share the machine, so the
client's processor time is subtracted: the rate of N workers is the calls a second, divided by the share of N
processors that the workers had. A worker that is saturated by itself has had all it can use. With --check it
exits with 1 if two workers do not give 1.7 times as much as one.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import loading, machine
from benchmarks.append import MEMBER, random_codes
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.processes import Server, running
from benchmarks.report import figure, print_json, print_table
from benchmarks.stocking import stock
from benchmarks.timing import ratio

from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.wire.client import calls

WORKERS: Final = (1, 2)
GAIN: Final = 1.7
"""How many times as many checks two workers answer, at least."""
REQUESTS: Final = 500
CLIENTS: Final = 2
CONNECTIONS: Final = 8
IN_FLIGHT: Final = 16


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: calls a second, and the processors that the workers, and the clients, had meanwhile."""

    rate: float
    workers: float
    clients: float

    def alone(self, workers: int) -> float:
        """The calls a second if the workers had a processor each."""
        return self.rate * workers / min(workers, self.workers)


class Load:
    """Clients of one server."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]], server: Server) -> None:
        self._processes = processes
        self._server = server
        self._workers = [Server(pid, "") for pid in family(server.pid)]

    def turn(self, seconds: float) -> Turn:
        """All clients ask for so long."""
        busy = self._busy()
        for process in self._processes:
            assert process.stdin is not None  # noqa: S101 - a pipe, as asked for
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
        told = [_line(process).split() for process in self._processes]
        took = max(float(wall) for _, wall, _ in told)
        spent = sum(float(own) for _, _, own in told)
        answered = sum(int(count) for count, _, _ in told)
        return Turn(answered / took, (self._busy() - busy) / took, spent / took)

    def _busy(self) -> float:
        return sum(worker.seconds() for worker in self._workers)


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *itertools.chain.from_iterable(family(int(child)) for child in children)]


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None  # noqa: S101 - a pipe, as asked for
    line = process.stdout.readline()
    if not line:
        sys.exit("a client has ended")
    return line.strip()


@contextlib.contextmanager
def load(profile: Path, requests: Path, server: Server) -> Iterator[Load]:
    """The clients of a server, for the length of the block."""
    command = [sys.executable, "-P", loading.__file__, str(profile), server.address]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(  # noqa: S603 - our own
                    [*command, str(CONNECTIONS), str(IN_FLIGHT), str(requests)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(CLIENTS)
        ]
        for process in processes:
            _line(process)
        yield Load(processes, server)


def measure(entries: int, count: int, seconds: float) -> dict[str, Any]:
    """Everything."""
    described = machine.describe()
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        say(f"a home with {entries:,} pdq items")
        stocked = stock(directory, entries)
        new = itertools.islice(random_codes(PDQ), REQUESTS)
        requests = directory / "requests"
        requests.write_text("\n".join(calls.check(Check((Query(code),))).request.hex() for code in new))
        loads = {}
        for workers in WORKERS:
            command = [sys.executable, "-m", "hashpact", "serve", os.fspath(stocked.home)]
            command += ["--listen", "127.0.0.1:0", "--workers", str(workers)]
            server = stack.enter_context(running(command, directory / f"{workers}.log"))
            loads[workers] = stack.enter_context(load(directory / MEMBER, requests, server))
        played: list[dict[int, Turn]] = []
        for number in range(count + 1):
            say(f"round {number} of {count}")
            order = WORKERS if number % 2 else WORKERS[::-1]
            played.append({workers: loads[workers].turn(seconds) for workers in order})
    return {"machine": described, "rounds": count, "entries": entries, "rows": list(rows_of(played[1:]))}


def rows_of(played: Sequence[dict[int, Turn]]) -> Iterator[dict[str, Any]]:
    """The line of each number of workers: medians, and the ratio to one worker within a round."""
    for workers in WORKERS:
        turns = [each[workers] for each in played]
        ratios = [ratio(each[workers].alone(workers), each[WORKERS[0]].alone(WORKERS[0])) for each in played]
        yield {
            "workers": workers,
            "calls/s": statistics.median(turn.rate for turn in turns),
            "server_cores": statistics.median(turn.workers for turn in turns),
            "client_cores": statistics.median(turn.clients for turn in turns),
            "us_a_call": statistics.median(turn.workers / turn.rate * 1e6 for turn in turns),
            "alone_calls/s": statistics.median(turn.alone(workers) for turn in turns),
            "x_one": statistics.median(ratios),
            "x_one_of_rounds": ratios,
        }


def main() -> int:
    """Measure, print, and compare with the promise."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench workers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=lambda text: int(float(text)), default=100_000, help="pdq items")
    parser.add_argument("--rounds", type=int, default=5, help="turns that each has")
    parser.add_argument("--seconds", type=float, default=4.0, help="of a turn")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promise holds")
    options = parser.parse_args()
    report = measure(options.size, options.rounds, options.seconds)
    promise = Promise("checks a second, two workers / one", report["rows"][1]["x_one"], least=GAIN)
    report["promises"] = [promise.row()]
    if options.json:
        print_json(report)
    else:
        shown = [{name: row[name] for name in row if name != "x_one_of_rounds"} for row in report["rows"]]
        notes = ("alone: if the workers had a processor each: without what the clients took from them.",)
        print_table(f"Checks a second, at a load of {report['machine']['load_average']}", shown, notes)
        print_table("Promises", report["promises"])
    if options.check and not promise.kept:
        print(f"missed: {promise.what} is {figure(promise.figure)}, {GAIN} is promised", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
