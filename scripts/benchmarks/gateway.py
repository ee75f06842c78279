"""Lookups by hash over a gateway's REST interface, compared with HMA's index behind the same app.

    scripts/bench gateway [--sizes 1e6] [--requests 4000] [--rounds 7] [--one-thread] [--json]
                          [--check]

A size is the number of pdq items in the log; it has a tenth as many of each of phash, sha256 and md5.
*ours* is `hashpact gateway serve` with a mirror in its process. *theirs* is python-threatexchange's PDQ index
(faiss) of as many codes behind the same app, without HMA's database; with --one-thread faiss is held to one
thread; otherwise it takes as many as it chooses, as in HMA. Each is one process. Another process sends
GET /m/lookup to each in alternating turns, over 8 connections. The hashes of *miss* match nothing, those of
*match* are near one entry each.
With --check it exits with 1 unless ours answers at least 5 times the requests a second, median of the rounds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.check_under_history import near
from benchmarks.exchange import codes_of
from benchmarks.gate import Promise
from benchmarks.hma import INDEX
from benchmarks.machine import say
from benchmarks.peers import need
from benchmarks.processes import Server, running
from benchmarks.report import print_json, print_table
from benchmarks.stocking import Stock, command_of, stock
from benchmarks.submissions import random_codes
from benchmarks.timing import percentile, ratio

from hashpact.domain.fingerprints import PDQ

LEAST: Final = 5.0
"""The promised ratio of requests a second, ours to theirs."""
AT: Final = 1_000_000
CONNECTIONS: Final = 8
FEWER: Final = 8
"""A turn of theirs has this many times fewer requests, because each takes longer."""
CASES: Final = ("miss", "match")
OURS: Final = "ours"
THEIRS: Final = "theirs"
NOTES: Final = (
    "rps: requests a second, of one process over 8 connections at once; median of the rounds.",
    "us: user and system time of the server for a request, median. x: median of the ratios of each round.",
)

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


@dataclass(frozen=True, slots=True)
class Turn:
    """What a server did in a turn: requests a second, and its own microseconds for each."""

    rps: float
    us: float


class Connections:
    """A few connections to a server, each with one request under way."""

    def __init__(self, server: Server) -> None:
        host, _, port = server.address.removeprefix("http://").rpartition(":")
        self.server = server
        self._sockets = [socket.create_connection((host, int(port))) for _ in range(CONNECTIONS)]

    def close(self) -> None:
        """Close them."""
        for each in self._sockets:
            each.close()

    def turn(self, requests: Sequence[bytes]) -> Turn:
        """Ask, and read every answer."""
        spent, began = self.server.seconds(), time.perf_counter()
        for first in range(0, len(requests), CONNECTIONS):
            some = requests[first : first + CONNECTIONS]
            for each, request in zip(self._sockets, some, strict=False):
                each.sendall(request)
            for each, _ in zip(self._sockets, some, strict=False):
                body_of(each)
        seconds = time.perf_counter() - began
        return Turn(len(requests) / seconds, (self.server.seconds() - spent) / len(requests) * 1e6)

    def ask(self, request: bytes) -> Any:  # noqa: ANN401 - JSON
        """The JSON of one answer."""
        self._sockets[0].sendall(request)
        return json.loads(body_of(self._sockets[0]))


def body_of(connected: socket.socket) -> bytes:
    """The body of the answer that comes next. Raises SystemExit unless it is a good one."""
    data = connected.recv(65536)
    while _HEAD_END not in data:
        data += connected.recv(65536)
    head, _, body = data.partition(_HEAD_END)
    if not head.startswith(b"HTTP/1.1 200"):
        sys.exit(f"a request failed: {head.splitlines()[0].decode()}")
    size = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
    while len(body) < size:
        body += connected.recv(65536)
    return body


def request_of(code: bytes) -> bytes:
    """The bytes of a request."""
    path = f"/m/lookup?signal={code.hex()}&signal_type=pdq"
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n".encode()


def measure(sizes: Sequence[int], requests: int, rounds: int, *, one: bool) -> dict[str, Any]:
    """A row for each size and case."""
    rows: list[dict[str, Any]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="hashpact-bench-") as name, ExitStack() as stack:
            directory = Path(name)
            say(f"a log of {size} items")
            stocked = stock(directory, size)
            house = stack.enter_context(running(command_of(stocked.home), directory / "serve.log"))
            sides = {
                OURS: stack.enter_context(running(_ours(stocked, house, directory), directory / "ours.log"))
            }
            if need(INDEX) is None:
                say("without theirs: threatexchange is not installed")
            else:
                say("threatexchange indexes as many codes")
                (directory / "codes").write_bytes(codes_of(stocked, size))
                theirs = [sys.executable, "-P", str(Path(__file__).with_name("hma.py"))]
                theirs += [
                    str(stocked.profile.directory),
                    str(directory / "codes"),
                    *(["one"] if one else []),
                ]
                sides[THEIRS] = stack.enter_context(running(theirs, directory / "theirs.log"))
            asked = {side: Connections(server) for side, server in sides.items()}
            for each in asked.values():
                stack.callback(each.close)
            for case in CASES:
                say(f"{case}, {rounds} rounds")
                rows.append({"items": size, "requests": case, **_row(stocked, asked, case, requests, rounds)})
    return {"machine": machine.describe(), "rows": rows}


def _ours(stocked: Stock, house: Server, directory: Path) -> list[str]:
    """The command that serves the gateway, once its mirror has copied the log."""
    say("copying")
    profile, mirror = str(stocked.profile.directory), str(directory / "mirror")
    program = [sys.executable, "-m", "hashpact"]
    command = [*program, "mirror", house.address, mirror, "--once", "--profile", profile]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    options = [
        "--profile",
        profile,
        "--address",
        house.address,
        "--mirror",
        mirror,
        "--listen",
        "127.0.0.1:0",
    ]
    return [*program, "gateway", "serve", str(directory / "gateway"), *options]


def _row(
    stocked: Stock, asked: Mapping[str, Connections], case: str, requests: int, rounds: int
) -> dict[str, Any]:
    strange = (code.value for code in itertools.islice(random_codes(PDQ), requests))
    shared = (near(code).value for code in itertools.islice(itertools.cycle(stocked.known), requests))
    asks = [request_of(code) for code in (strange if case == "miss" else shared)]
    found = {side: sum(map(bool, map(one.ask, asks[:100]))) for side, one in asked.items()}
    if set(found.values()) != {0 if case == "miss" else len(asks[:100])}:
        sys.exit(f"of 100 requests that {case}, {found} have an answer")
    played: list[dict[str, Turn]] = []
    for number in range(rounds):
        turns = {}
        for side in sorted(asked, reverse=bool(number % 2)):
            some = asks if side == OURS else asks[: max(CONNECTIONS, requests // FEWER)]
            asked[side].turn(some[:CONNECTIONS])
            turns[side] = asked[side].turn(some)
        played.append(turns)
    row: dict[str, Any] = {}
    for side in asked:
        row[f"{side}_rps"] = percentile([turns[side].rps for turns in played], 50)
        row[f"{side}_us"] = percentile([turns[side].us for turns in played], 50)
    if THEIRS in asked:
        answered = [ratio(turns[OURS].rps, turns[THEIRS].rps) for turns in played]
        row |= {"x": percentile(answered, 50), "x_least": min(answered)}
        row["x_us"] = percentile([ratio(turns[THEIRS].us, turns[OURS].us) for turns in played], 50)
    return row


def main() -> int:
    """Measure, print, and compare with the promise."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", default="1e6", help="items of pdq, with commas between")
    parser.add_argument("--requests", type=int, default=4000, help="of ours in a turn; theirs has an eighth")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each side")
    parser.add_argument("--one-thread", action="store_true", help="hold faiss to one thread")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promise holds")
    options = parser.parse_args()
    sizes = [int(float(size)) for size in options.sizes.split(",")]
    report = measure(sizes, options.requests, options.rounds, one=options.one_thread)
    promises = [
        Promise(f"ours / theirs, requests a second, {case}", _figure(report, case), least=LEAST)
        for case in CASES
    ]
    report["promises"] = [each.row() for each in promises]
    if options.json:
        print_json(report)
    else:
        print_table("GET /m/lookup by hash", report["rows"], NOTES)
        print_table("Promises", report["promises"])
    return 1 if options.check and not all(each.kept for each in promises) else 0


def _figure(report: Mapping[str, Any], case: str) -> float | None:
    rows = [row for row in report["rows"] if row["items"] >= AT and row["requests"] == case]
    return min((row["x"] for row in rows if "x" in row), default=None)


if __name__ == "__main__":
    sys.exit(main())
