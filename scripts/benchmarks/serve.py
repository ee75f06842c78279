"""What a check costs a server beside bare echoes of the same sizes, over mutual TLS on this machine.

    scripts/bench serve [--sizes 1e5] [--rounds 7] [--calls 1500] [--json] [--check]

A size counts the pdq items of the log; there are a tenth as many of each of phash, sha256 and md5, and 256 items
in a leaf. `hashpact serve` and two echoes (benchmarks/echo.py) are up at once, each a process of its own, and
one client process calls them in turns. The cost is the server's processor time, user and system, as the system
has counted it. With --check it exits with 1 if a bound of `promises` is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from benchmarks import echo, machine
from benchmarks.check_under_history import near
from benchmarks.driving import Target, Turn, channel_to, rounds
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.processes import Server, running
from benchmarks.report import print_json, print_table
from benchmarks.stocking import TYPES, Stock, command_of, random_codes, stock
from benchmarks.timing import percentile, ratio

from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.wire.client import calls

OURS: Final = "hashpact"
AIO: Final = "aio"
SYNC: Final = "sync"
MISS: Final = "miss"
MATCH: Final = "match"
FOUR: Final = "four types"
FOUR_MATCH: Final = "four types, match"
FLIGHTS: Final = (16, 1)
REQUESTS: Final = 500
"""Different requests of a case, which take turns."""
NOTES: Final = (
    "us: user and system time of the server for a call, median of the rounds. calls/s, p50 and p99: by the clock on",
    "the wall, while client and server share the machine. x aio, x sync: medians of ours / echo in the same round.",
)


@dataclass(frozen=True, slots=True)
class Case:
    """Checks of one kind, as bytes, and the bytes of an answer."""

    name: str
    requests: tuple[bytes, ...]
    answer: bytes


def cases(stocked: Stock, channel: grpc.Channel) -> Iterator[Case]:
    """Checks that match nothing or just one entry, by one code or by one of each type.

    Raises SystemExit if the server answers otherwise.
    """
    strange = {kind: random_codes(kind) for kind in TYPES}

    def some(*known: Fingerprint) -> list[Fingerprint]:
        return [*known, *(next(strange[kind]) for kind in TYPES[len(known) :])]

    familiar = [near(code) for code in stocked.known[:REQUESTS]]
    nothing = range(REQUESTS)
    yield _case(MISS, 0, [[next(strange[PDQ])] for _ in nothing], channel)
    yield _case(MATCH, 1, [[code] for code in familiar], channel)
    yield _case(FOUR, 0, [some() for _ in nothing], channel)
    yield _case(FOUR_MATCH, 1, [some(code) for code in familiar], channel)


def _case(name: str, matches: int, asked: Sequence[Sequence[Fingerprint]], channel: grpc.Channel) -> Case:
    """The case, of those checks that are answered with so many matches: nearly all."""
    requests, answers = [], []
    for codes in asked:
        call = calls.check(Check(tuple(map(Query, codes))))
        answer = channel.unary_unary(call.method)(call.request, timeout=60)
        if len(call.read(answer).matches) == matches:  # by chance, a short random code may be near another
            requests.append(call.request)
            answers.append(answer)
    if len(requests) < 0.9 * len(asked):
        sys.exit(f"{name}: only {len(requests)} of {len(asked)} checks have {matches} matches")
    return Case(name, tuple(requests), sorted(answers, key=len)[len(answers) // 2])


@contextlib.contextmanager
def echoes(stocked: Stock, answers: Mapping[str, bytes], directory: Path) -> Iterator[dict[str, Server]]:
    """Both echoes, with a method for each answer, for the length of the block."""
    stored = directory / "answers"
    stored.mkdir()
    for name, answer in answers.items():
        (stored / name).write_bytes(answer)
    with contextlib.ExitStack() as stack:
        started = {}
        for kind in (AIO, SYNC):
            command = [sys.executable, "-P", echo.__file__, kind, str(stocked.home), str(stored)]
            started[kind] = stack.enter_context(running(command, directory / f"{kind}.log"))
        yield started


def row(entries: int, case: str, at_once: int, played: Sequence[Sequence[Turn]]) -> dict[str, Any]:
    """A line of the table."""
    turns = {name: [_of(name, turns) for turns in played] for name in (OURS, AIO, SYNC)}
    waited = {name: list(itertools.chain(*(turn.waited for turn in of))) for name, of in turns.items()}

    def times(echoed: str) -> float:
        pairs = zip(turns[OURS], turns[echoed], strict=True)
        return statistics.median(ratio(ours.us, theirs.us) for ours, theirs in pairs)

    return {
        "entries": entries,
        "case": case,
        "in_flight": at_once,
        **{f"{name}_us": statistics.median(turn.us for turn in of) for name, of in turns.items()},
        "x_aio": times(AIO),
        "x_sync": times(SYNC),
        "calls/s": len(waited[OURS]) / sum(turn.seconds for turn in turns[OURS]),
        **{
            f"{name}_p{percent}_ms": percentile(of, percent) * 1000
            for name, of in waited.items()
            for percent in (50, 99)
        },
    }


def _of(name: str, turns: Sequence[Turn]) -> Turn:
    return next(turn for turn in turns if turn.target == name)


def of_size(entries: int, count: int, calls_a_turn: int) -> Iterator[dict[str, Any]]:
    """The lines of one size."""
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        say(f"a home with {entries:,} pdq items")
        stocked = stock(directory, entries)
        endpoint = stocked.profile.endpoint
        server = stack.enter_context(running(command_of(stocked.home), directory / "server.log"))
        channel = stack.enter_context(channel_to(endpoint, server.address))
        prepared = list(cases(stocked, channel))
        answers = {str(number): case.answer for number, case in enumerate(prepared)}
        bare = stack.enter_context(echoes(stocked, answers, directory))
        channels = {
            kind: stack.enter_context(channel_to(endpoint, each.address)) for kind, each in bare.items()
        }
        check = calls.check(Check((Query(stocked.known[0]),))).method
        for number, case in enumerate(prepared):
            targets = [
                Target(OURS, server, channel.unary_unary(check)),
                *(
                    Target(kind, each, channels[kind].unary_unary(f"/{echo.SERVICE}/{number}"))
                    for kind, each in bare.items()
                ),
            ]
            for at_once in FLIGHTS:
                say(f"{case.name}, {at_once} in flight")
                yield row(entries, case.name, at_once, rounds(targets, case.requests, at_once, count, calls_a_turn))


def measure(sizes: Sequence[int], count: int, calls_a_turn: int) -> dict[str, Any]:
    """Everything."""
    rows = [each for entries in sizes for each in of_size(entries, count, calls_a_turn)]
    return {"machine": machine.describe(), "rounds": count, "calls": calls_a_turn, "rows": rows}


def promises(report: Mapping[str, Any]) -> list[Promise]:
    """The bounds of a unary check, at each size that was measured."""
    found = []
    for entries in dict.fromkeys(each["entries"] for each in report["rows"]):
        for case, at_once, column, most in (
            (MISS, 16, "x_aio", 1.0),
            (MISS, 16, "x_sync", 1.3),
            (FOUR_MATCH, 16, "x_aio", 1.25),
            (MISS, 1, "x_aio", 1.15),
        ):
            wanted = (entries, case, at_once)
            figure = next(
                (
                    each[column]
                    for each in report["rows"]
                    if (each["entries"], each["case"], each["in_flight"]) == wanted
                ),
                None,
            )
            what = f"{entries:,} entries, {case}, {at_once} in flight: {column.replace('_', ' ')}"
            found.append(Promise(what, figure, most=most))
    return found


def main() -> int:
    """Measure, print, and compare with the promises."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sizes: Callable[[str], list[int]] = lambda text: [int(float(size)) for size in text.split(",")]  # noqa: E731
    parser.add_argument("--sizes", type=sizes, default=[100_000], help="pdq items of the logs, such as 1e5,1e6")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each server for each line")
    parser.add_argument("--calls", type=int, default=1500, help="calls of a turn")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    report = measure(options.sizes, options.rounds, options.calls)
    kept = promises(report)
    if options.json:
        print_json({**report, "promises": [each.row() for each in kept]})
    else:
        print_table("Unary checks and bare echoes", report["rows"], NOTES)
        print_table("Promises", [each.row() for each in kept])
    missed = [each for each in kept if not each.kept]
    if options.check and missed:
        for each in missed:
            print(f"missed: {each.what} is {each.figure:.2f}, not at most {each.most}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
