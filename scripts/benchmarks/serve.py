"""What a check costs a server, beside bare echoes of the same sizes, over mutual TLS on one machine.

    scripts/bench serve [--sizes 1e5] [--rounds 7] [--calls 1500] [--batches 24] [--json] [--check]

A size is the number of pdq items in the log; it has a tenth as many of each of phash, sha256 and md5, and 256
items in a leaf. `hashpact serve` and two echoes (benchmarks/echo.py) run at the same time, each in its own
process, and in each round one client calls them one after another. The cost is the server's processor time,
user and system, by the system's accounting. Batches of 1000 codes are measured beside the kernel's own search
in the same index, and checks on a stream beside the same checks as calls. python-threatexchange's index of as
many codes stands behind a bare server, too. With --check it exits with 1 if a promise about the cost does not
hold.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from benchmarks import batching, echo, exchange, machine, streaming
from benchmarks.check_under_history import near
from benchmarks.driving import Target, Turn, channel_to, rounds
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.processes import Server, running
from benchmarks.report import figure, print_json, print_table
from benchmarks.stocking import TYPES, Stock, command_of, stock
from benchmarks.submissions import random_codes
from benchmarks.timing import percentile, ratio

from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.wire.client import calls

OURS: Final = "ours"
AIO: Final = "aio"
SYNC: Final = "sync"
SIDES: Final = (OURS, AIO, SYNC)
MISS: Final = "miss"
MATCH: Final = "match"
FOUR: Final = "four types"
FOUR_MATCH: Final = "four types, match"
FLIGHTS: Final = (16, 1)
SWEEP: Final = (64, 16, 4, 1)
"""The same of the first case."""
BOUNDS: Final = (
    (MISS, 16, AIO, 1.0),
    (MISS, 16, SYNC, 1.3),
    (FOUR_MATCH, 16, AIO, 1.25),
    (MISS, 1, AIO, 1.15),
)
"""The case, the calls in flight, the echo, and how many times its cost ours may be."""
REQUESTS: Final = 500
"""Different requests of a case, which take turns."""
ENOUGH: Final = 0.9
"""The share of them that must be answered as wanted; by chance, a random phash may be near another."""
TIMEOUT: Final = 60.0
TABLES: Final = ("rows", "batches", "streams", "exchange")
COST: Final = ("ours_us", "aio_us", "sync_us", "x_aio", "x_sync", "calls/s", "aio_calls/s", "sync_calls/s")
WAITED: Final = tuple(f"{side}_p{percent}_ms" for side in SIDES for percent in (50, 99))
NOTES: Final = (
    "us: user and system time of the server for a call, median of the rounds.",
    "x: median of ours / echo in the same round.",
    "calls/s: by the clock on the wall; client and server share the machine.",
)


@dataclass(frozen=True, slots=True)
class Case:
    """Requests of one kind, as bytes, and the bytes of a typical answer."""

    name: str
    method: str
    requests: tuple[bytes, ...]
    answer: bytes


def cases(stocked: Stock, channel: grpc.Channel) -> Iterator[Case]:
    """Checks with one pdq code or one code of each type; they match nothing or, by the pdq code, one entry.

    Raises SystemExit if the server answers otherwise.
    """
    strange = {kind: random_codes(kind) for kind in TYPES}

    def others() -> list[Fingerprint]:
        return [next(strange[kind]) for kind in TYPES if kind is not PDQ]

    new = list(itertools.islice(strange[PDQ], REQUESTS))
    shared = [near(code) for code in stocked.known[:REQUESTS]]
    yield _case(MISS, 0, [[code] for code in new], channel)
    yield _case(MATCH, 1, [[code] for code in shared], channel)
    yield _case(FOUR, 0, [[code, *others()] for code in new], channel)
    yield _case(FOUR_MATCH, 1, [[code, *others()] for code in shared], channel)


def _case(name: str, matches: int, asked: Sequence[Sequence[Fingerprint]], channel: grpc.Channel) -> Case:
    """The case, of those checks that are answered with so many matches."""
    checks = [calls.check(Check(tuple(map(Query, codes)))) for codes in asked]
    method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(checks[0].method)
    answered = [(check, method(check.request, timeout=TIMEOUT)) for check in checks]
    kept = [(check, answer) for check, answer in answered if len(check.read(answer).matches) == matches]
    if len(kept) < ENOUGH * len(asked):
        sys.exit(f"{name}: only {len(kept)} of {len(asked)} checks have {matches} matches")
    answers = sorted((answer for _, answer in kept), key=len)
    return Case(name, checks[0].method, tuple(check.request for check, _ in kept), answers[len(answers) // 2])


@contextlib.contextmanager
def echoes(home: Path, prepared: Sequence[Case], directory: Path) -> Iterator[dict[str, Server]]:
    """Both echoes, with a method for each case, for the length of the block."""
    answers = directory / "answers"
    answers.mkdir()
    for number, case in enumerate(prepared):
        (answers / str(number)).write_bytes(case.answer)
    with contextlib.ExitStack() as stack:
        started = {}
        for kind in (AIO, SYNC):
            command = [sys.executable, "-P", echo.__file__, kind, str(home), str(answers)]
            started[kind] = stack.enter_context(running(command, directory / f"{kind}.log"))
        yield started


def of_size(entries: int, count: int, calls_each: int, batches_each: int) -> dict[str, list[dict[str, Any]]]:
    """The lines of one size: of checks (rows), of batches and of streams."""
    with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        say(f"a home with {entries:,} pdq items")
        stocked = stock(directory, entries)
        endpoint = stocked.profile.endpoint
        ours = stack.enter_context(running(command_of(stocked.home), directory / "server.log"))
        channel = stack.enter_context(channel_to(endpoint, ours.address))
        batched = list(batching.rows_of(stocked, ours, channel, count, batches_each))
        prepared = list(cases(stocked, channel))
        both = [streaming.Asked.of(case.name, case.method, case.requests) for case in prepared]
        streams = list(streaming.rows_of(both, ours, channel, count, calls_each))
        servers = {OURS: ours, **stack.enter_context(echoes(stocked.home, prepared, directory))}
        channels = {OURS: channel} | {
            kind: stack.enter_context(channel_to(endpoint, servers[kind].address)) for kind in (AIO, SYNC)
        }
        checked = list(_unary(prepared, servers, channels, count, calls_each))
        mine = Target(OURS, ours, channel.unary_unary(prepared[0].method))
        theirs = list(exchange.rows_of(stocked, entries, mine, directory, (count, calls_each)))
    found = {"rows": checked, "batches": batched, "streams": streams, "exchange": theirs}
    return {kind: [{"entries": entries, **row} for row in rows] for kind, rows in found.items()}


def _unary(
    prepared: Sequence[Case],
    servers: Mapping[str, Server],
    channels: Mapping[str, grpc.Channel],
    count: int,
    calls_each: int,
) -> Iterator[dict[str, Any]]:
    for number, case in enumerate(prepared):
        methods = dict.fromkeys(SIDES, f"/{echo.SERVICE}/{number}") | {OURS: case.method}
        targets = [Target(side, servers[side], channels[side].unary_unary(methods[side])) for side in SIDES]
        for flight in SWEEP if case.name == MISS else FLIGHTS:
            say(f"{case.name}, {flight} in flight")
            played = rounds(targets, case.requests, flight, count, calls_each)
            yield {"case": case.name, "in_flight": flight, **figures(played)}


def figures(played: Sequence[Mapping[str, Turn]]) -> dict[str, Any]:
    """Of the turns of each round by side: medians, ratios within a round, and percentiles of all calls."""
    ours, found = [turns[OURS].us for turns in played], dict[str, Any]()
    for side in SIDES:
        turns = [of[side] for of in played]
        waited = list(itertools.chain.from_iterable(turn.waited for turn in turns))
        prefix = "" if side == OURS else f"{side}_"
        found[f"{side}_us"] = statistics.median(turn.us for turn in turns)
        found[f"{prefix}calls/s"] = len(waited) / sum(turn.seconds for turn in turns)
        for percent in (50, 99):
            found[f"{side}_p{percent}_ms"] = percentile(waited, percent) * 1000
        if side != OURS:
            ratios = [ratio(our, turn.us) for our, turn in zip(ours, turns, strict=True)]
            found[f"x_{side}"] = statistics.median(ratios)
            found[f"x_{side}_of_rounds"] = ratios
    return found


def measure(sizes: Sequence[int], count: int, calls_each: int, batches_each: int) -> dict[str, Any]:
    """Everything."""
    described = machine.describe()
    measured = [of_size(entries, count, calls_each, batches_each) for entries in sizes]
    return {
        "machine": described,
        "rounds": count,
        "calls": calls_each,
        **{kind: [row for of in measured for row in of[kind]] for kind in TABLES},
    }


def promises(rows: Sequence[Mapping[str, Any]]) -> list[Promise]:
    """Those about unary checks, at each size."""
    return [
        Promise(
            f"{row['entries']:,}: {case}, {flight} in flight / {echoed} echo", row[f"x_{echoed}"], most=most
        )
        for row in rows
        for case, flight, echoed, most in BOUNDS
        if (row["case"], row["in_flight"]) == (case, flight)
    ]


def show(report: Mapping[str, Any]) -> None:
    """Print the tables."""
    for title, columns, notes in (
        (f"What a check costs, at a load of {report['machine']['load_average']}", COST, NOTES),
        ("How long it takes", WAITED, ()),
    ):
        shown = ("entries", "case", "in_flight", *columns)
        print_table(title, [{column: row[column] for column in shown} for row in report["rows"]], notes)
    batching.show(report["batches"])
    streaming.show(report["streams"])
    exchange.show(report["exchange"])
    print_table("Promises", report["promises"])


def size(text: str) -> int:
    """A number of pdq items, such as 1e6; at least as many as there are requests of a case."""
    number = int(float(text))
    if number < REQUESTS:
        msg = f"{text} is too few items"
        raise argparse.ArgumentTypeError(msg)
    return number


def sizes(text: str) -> list[int]:
    """Several of these, between commas."""
    return [size(part) for part in text.split(",")]


def main() -> int:
    """Measure, print, and compare with the promises."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", type=sizes, default=sizes("1e5"), help="pdq items of the logs: 1e5,1e6")
    parser.add_argument("--rounds", type=int, default=7, help="turns that each server has in a line")
    parser.add_argument("--calls", type=int, default=1500, help="calls of a turn")
    parser.add_argument("--batches", type=int, default=24, help="calls of a turn with batches")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    report = measure(options.sizes, options.rounds, options.calls, options.batches)
    held = [
        *promises(report["rows"]),
        *batching.promises(report["batches"]),
        *streaming.promises(report["streams"], MISS),
    ]
    report["promises"] = [promise.row() for promise in held]
    if options.json:
        print_json(report)
    else:
        show(report)
    missed = [promise for promise in held if not promise.kept]
    if options.check and missed:
        for promise in missed:
            row = promise.row()
            print(
                f"missed: {promise.what} is {figure(promise.figure)}, {row['bound']} is promised",
                file=sys.stderr,
            )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
