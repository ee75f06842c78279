"""What a check costs beside python-threatexchange's index of as many pdq codes, behind a bare gRPC server.

    python exchange.py HOME CODES

runs that server: a `grpc.server` with two threads and the certificates of a home, as benchmarks/echo.py. It
indexes the codes of a file, which follow each other, and answers a CheckRequest with what `PDQIndex` finds:
numbers and distances, and nothing of what a clearinghouse knows of an entry. It prints its HOST:PORT once it
answers, and runs until SIGTERM.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import grpc
from benchmarks import echo
from benchmarks.check_under_history import near
from benchmarks.driving import Target, Turn, channel_to, rounds
from benchmarks.machine import say
from benchmarks.peers import need
from benchmarks.processes import running
from benchmarks.report import print_table
from benchmarks.stocking import Stock
from benchmarks.submissions import random_codes
from benchmarks.timing import ratio

from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.wire.client import calls
from hashpact.wire.v1 import check_pb2

INDEX: Final = "threatexchange.signal_type.pdq.pdq_index"
METHOD: Final = "Check"
THEIRS: Final = "theirs"
FLIGHTS: Final = (16, 1)
REQUESTS: Final = 500
FEWER: Final = 10
"""Its index compares with every code, so a turn has fewer calls."""
NOTES: Final = (
    "us: user and system time of the server for a call with one pdq code, median of the rounds.",
    "x: median of theirs / ours in the same round.",
)


def codes_of(stocked: Stock, entries: int) -> bytes:
    """As many codes as the home has, those that checks match among them."""
    known = [code.value for code in stocked.known]
    others = (code.value for code in random_codes(PDQ))
    return b"".join(itertools.chain(known, itertools.islice(others, entries - len(known))))


def rows_of(
    stocked: Stock, entries: int, ours: Target, directory: Path, turns: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    """The rows of a size; none if it is not installed. ``turns``: how many rounds, and calls in each turn."""
    if need(INDEX) is None:
        say("threatexchange is left out: it is not installed")
        return
    count, each = turns
    say("threatexchange indexes as many codes")
    (directory / "codes").write_bytes(codes_of(stocked, entries))
    command = [sys.executable, "-P", __file__, str(stocked.home), str(directory / "codes")]
    with contextlib.ExitStack() as stack:
        theirs = stack.enter_context(running(command, directory / "exchange.log"))
        other = stack.enter_context(channel_to(stocked.profile.endpoint, theirs.address))
        targets = [ours, Target(THEIRS, theirs, other.unary_unary(f"/{echo.SERVICE}/{METHOD}"))]
        for name, requests in cases(stocked).items():
            for flight in FLIGHTS:
                say(f"threatexchange, {name}, {flight} in flight")
                played = rounds(targets, requests, flight, count, max(1, each // FEWER))
                yield {"case": name, "in_flight": flight, **figures(played, ours.name)}


def cases(stocked: Stock) -> dict[str, tuple[bytes, ...]]:
    """Requests with one code each, that matches nothing or one entry."""
    strange = itertools.islice(random_codes(PDQ), REQUESTS)
    shared = (near(code) for code in stocked.known[:REQUESTS])
    return {
        name: tuple(calls.check(Check((Query(code),))).request for code in codes)
        for name, codes in (("miss", strange), ("match", shared))
    }


def figures(played: Sequence[Mapping[str, Turn]], ours: str) -> dict[str, Any]:
    """Medians of the turns, and of the ratio within a round."""
    ratios = sorted(ratio(turns[THEIRS].us, turns[ours].us) for turns in played)
    found: dict[str, Any] = {}
    for side in (ours, THEIRS):
        us = sorted(turns[side].us for turns in played)
        seconds = sum(turns[side].seconds for turns in played)
        found[f"{side}_us"] = us[len(us) // 2]
        found[f"{side}_calls/s"] = sum(len(turns[side].waited) for turns in played) / seconds
    return found | {"x": ratios[len(ratios) // 2], "x_of_rounds": ratios}


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table, if there is one."""
    if rows:
        shown = [{column: cell for column, cell in row.items() if column != "x_of_rounds"} for row in rows]
        print_table("Beside threatexchange", shown, NOTES)


def answers(codes: bytes) -> Callable[[bytes, object], bytes]:
    """The method: what its index finds for the codes of a request."""
    names = [codes[first : first + PDQ.size].hex() for first in range(0, len(codes), PDQ.size)]
    index = need(INDEX).PDQIndex(list(zip(names, range(len(names)), strict=True)))

    def check(request: bytes, _context: object) -> bytes:
        response = check_pb2.CheckResponse()
        for query in check_pb2.CheckRequest.FromString(request).queries:
            for match in index.query(query.fingerprint.value.hex()):
                distance = int(match.similarity_info.distance)
                response.matches.add(entry=f"entries/{match.metadata}", type=PDQ.name, distance=distance)
        return response.SerializeToString()

    return check


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(echo.THREADS))
    address = echo.listen(server, {METHOD: answers(Path(sys.argv[2]).read_bytes())}, Path(sys.argv[1]))
    server.start()
    print(address, flush=True)
    server.wait_for_termination()
