"""Appends through a server process: single ones, batches, their disk, and the checks beside them.

The servers of several checkouts may be measured alternately in one run: each founds its own home.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import apsw
import grpc
from benchmarks import founding
from benchmarks.driving import channel_to, drive, one_by_one
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.processes import Server, running
from benchmarks.scheduling import first
from benchmarks.submissions import MEMBER, ORIGIN, REASON, author_of, fingerprints
from benchmarks.timing import MICROSECONDS, percentile, ratio

from hashpact.domain.checks import Check, Query
from hashpact.member.author import Author
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.wire.client import calls

OURS: Final = "ours"
BESIDE: Final = "beside"
FLIGHT: Final = 16
SENDERS: Final = 4
"""Threads that submit batches through the SDK."""
PUSHED: Final = 2
"""Batches in flight beside the checks."""
WANTED: Final = 20_000
"""Items a second in batches."""
CHECKS: Final = 3000
"""Checks of which the quiet p99 is taken."""
MILLISECONDS: Final = 1e3
NOTES: Final = (
    "items/s: by the clock on the wall; client and server share the machine.",
    "us/item: the server's processor time, by the system's accounting.",
    "disk: pages of hashpact.db that an item has taken.",
    "first: 1 if the server and the checks could go before what appends, as if that were elsewhere.",
)


@dataclass(frozen=True, slots=True)
class Side:
    """A server, and what is needed to append to its home."""

    name: str
    server: Server
    directory: Path
    author: Author
    channel: grpc.Channel

    def requests(self, count: int, items: int) -> tuple[str, list[bytes]]:
        """The method of appends, and so many of them, signed now."""
        made = [calls.append(self.author.submit(fingerprints(items), REASON), None) for _ in range(count)]
        return made[0].method, [one.request for one in made]

    def pages(self) -> int:
        """Bytes of the pages in the database, those in its write-ahead log included."""
        path = str(self.directory / "home" / "hashpact.db")
        with contextlib.closing(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)) as reader:
            return int(reader.pragma("page_count")) * int(reader.pragma("page_size"))


@contextlib.contextmanager
def sides(directory: Path, interpreters: Mapping[str, str]) -> Iterator[list[Side]]:
    """A new home and its server for each interpreter."""
    with contextlib.ExitStack() as stack:
        made = []
        for name, python in interpreters.items():
            below = directory / name
            below.mkdir()
            subprocess.run([python, "-P", founding.__file__, below, MEMBER, ORIGIN], check=True)  # noqa: S603 - our own
            server = stack.enter_context(running(_command(python, below / "home"), below / "server.log"))
            profile = Profile.load(below / MEMBER)
            channel = stack.enter_context(channel_to(profile.endpoint, server.address))
            made.append(Side(name, server, below, author_of(profile), channel))
        yield made


def _command(python: str, home: Path) -> list[str]:
    """How the home is served: in one process, whose processor time is counted."""
    serve = [python, "-m", "hashpact", "serve"]
    known = subprocess.run([*serve, "--help"], check=True, capture_output=True, text=True)  # noqa: S603 - our own
    one = ["--workers", "1"] if "--workers" in known.stdout else []  # older ones have no other
    return [*serve, str(home), "--listen", "127.0.0.1:0", *one]


def singles(side: Side, count: int) -> dict[str, float]:
    """Submissions of one item, 16 in flight, signed beforehand."""
    method, requests = side.requests(count, 1)
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = side.channel.unary_unary(method)
    pages, busy, start = side.pages(), side.server.seconds(), perf_counter()
    waited = drive(call, requests, FLIGHT)
    return _figures(side, count, perf_counter() - start, busy, pages) | {
        "p50_ms": percentile(waited, 50) * MILLISECONDS,
        "p99_ms": percentile(waited, 99) * MILLISECONDS,
    }


def batches(side: Side, count: int, items: int) -> dict[str, float]:
    """Submissions through the SDK: signed, kept, sent, and their receipts verified and kept."""
    shared = [fingerprints(items) for _ in range(count)]
    waited: list[float] = []
    with Client(_reached(side)) as client, ThreadPoolExecutor(SENDERS) as pool:

        def submit(codes: Any) -> None:  # noqa: ANN401 - fingerprints
            begin = perf_counter()
            client.submit(codes, labels=REASON.labels)
            waited.append(perf_counter() - begin)

        pages, busy, own, start = side.pages(), side.server.seconds(), process_time(), perf_counter()
        list(pool.map(submit, shared))
        figures = _figures(side, count * items, perf_counter() - start, busy, pages)
        figures["client_us/item"] = (process_time() - own) / count / items * MICROSECONDS
    return figures | {
        "p50_ms": percentile(waited, 50) * MILLISECONDS,
        "p99_ms": percentile(waited, 99) * MILLISECONDS,
    }


def _reached(side: Side) -> Profile:
    """The profile, with the port at which the server answers."""
    profile, port = Profile.load(side.directory / MEMBER), side.server.address.rpartition(":")[2]
    return replace(profile, endpoint=replace(profile.endpoint, port=int(port)))


def _figures(side: Side, items: int, seconds: float, busy: float, pages: int) -> dict[str, float]:
    return {
        "items/s": items / seconds,
        "us/item": (side.server.seconds() - busy) / items * MICROSECONDS,
        "disk": (side.pages() - pages) / items,
    }


def checks_beside(side: Side, count: int, items: int) -> dict[str, float]:
    """Checks one after another, alone and then while batches are appended as quickly as they are answered.

    The batches come from another process, which has what processor time the server and the checks leave.
    """
    method, requests = side.requests(count, items)
    asked = [calls.check(Check((Query(code),))) for code in fingerprints(256)]
    check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = side.channel.unary_unary(asked[0].method)
    one_by_one(check, [one.request for one in asked])
    with _pushing(side, method, requests) as pushing, first(side.server.pid, os.getpid()) as allowed:
        quiet = one_by_one(check, [one.request for one in itertools.islice(itertools.cycle(asked), CHECKS)])
        pages, busy = side.pages(), side.server.seconds()
        print(file=pushing.stdin, flush=True)
        beside: list[float] = []
        for one in itertools.cycle(asked):
            if _is_done(pushing):
                break
            beside += one_by_one(check, [one.request])
        figures = _figures(side, count * items, float(_line(pushing)), busy, pages)
    return {
        "items/s": figures["items/s"],
        "quiet_p50_ms": percentile(quiet, 50) * MILLISECONDS,
        "quiet_p99_ms": percentile(quiet, 99) * MILLISECONDS,
        "appending_p50_ms": percentile(beside, 50) * MILLISECONDS,
        "appending_p99_ms": percentile(beside, 99) * MILLISECONDS,
        "x_p99": ratio(percentile(beside, 99), percentile(quiet, 99)),
        "checks": float(len(beside)),
        "first": float(allowed),
    }


@contextlib.contextmanager
def _pushing(side: Side, method: str, requests: Sequence[bytes]) -> Iterator[subprocess.Popen[str]]:
    """A process that appends these once it is sent a line, and then says how many seconds that took."""
    with tempfile.NamedTemporaryFile("w", dir=side.directory) as written:
        written.writelines(f"{one.hex()}\n" for one in requests)
        written.flush()
        profile, address = side.directory / MEMBER, side.server.address
        command = [sys.executable, "-m", "benchmarks.pushing", str(profile), address, method]
        with subprocess.Popen(  # noqa: S603 - our own
            [*command, str(PUSHED), written.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                _line(process)
                yield process
            finally:
                process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    """The next line of a process. Raises SystemExit if it has ended without one."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    return process.stdout.readline() or sys.exit("what appends has ended")


def _is_done(process: subprocess.Popen[str]) -> bool:
    """Whether a process has written a line."""
    assert process.stdout is not None  # noqa: S101 - as above
    return bool(select.select([process.stdout], [], [], 0)[0])


def measure(
    directory: Path, interpreters: Mapping[str, str], rounds: int, count: int, items: int
) -> dict[str, list[dict[str, Any]]]:
    """The rows of every case: a median of the rounds for each side, who takes turns at being first."""
    found: dict[str, list[dict[str, Any]]] = {}
    cases: dict[str, Callable[[Side], dict[str, float]]] = {
        # Disk is counted in pages of 4 KiB, of which a hundred leaves have 22.
        f"single, {FLIGHT} in flight": lambda side: singles(side, 4 * count),
        f"batches of {items}, SDK": lambda side: batches(side, max(8, count // 4), items),
        "checks beside batches": lambda side: checks_beside(side, 2 * count, items),
    }
    with sides(directory, interpreters) as made:
        for case, run in cases.items():
            say(case)
            played = []
            for number in range(rounds):
                order = [*made[number % len(made) :], *made[: number % len(made)]]
                played.append({side.name: run(side) for side in order})
            found[case] = [{"case": case, "side": one.name, **_median(played, one.name)} for one in made]
    return found


def _median(played: Sequence[Mapping[str, Mapping[str, float]]], name: str) -> dict[str, float]:
    """The medians of a side's figures, and of its rate as a multiple of the other's in the same round."""
    turns = [turn[name] for turn in played]
    medians = {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
    if name == OURS and BESIDE in played[0] and "items/s" in medians:
        medians["x"] = statistics.median(
            ratio(turn[OURS]["items/s"], turn[BESIDE]["items/s"]) for turn in played
        )
    return medians


def promises(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Promise]:
    """Those about appends through a server; the first only beside another checkout."""
    single, batched, beside = (next(row for row in of if row["side"] == OURS) for of in rows.values())
    kept = [
        Promise("items/s in batches, through the SDK", batched["items/s"], least=WANTED),
        Promise("bytes an item in batches", batched["disk"], most=200),
        Promise("bytes of a leaf with a single item", single["disk"], most=900),
        Promise("checks' p99 while appending / quiet", beside["x_p99"], most=2.5),
    ]
    if "x" in single:
        kept.insert(0, Promise("single submits a second / those of the other checkout", single["x"], least=2))
    return kept
