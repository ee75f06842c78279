"""What a check on a stream costs a server, beside the same check as a call of its own."""

from __future__ import annotations

import itertools
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import grpc
from benchmarks.driving import Driven, Turn, drive, spent
from benchmarks.gate import Promise
from benchmarks.machine import say
from benchmarks.processes import Server
from benchmarks.report import print_table
from benchmarks.timing import no_collections, percentile, ratio

from hashpact.wire.client import flow
from hashpact.wire.v1 import check_pb2

FLIGHTS: Final = (64, 16, 1)
PROMISED: Final = 16
"""In flight, when a message of a check without a match may cost so many times what a call does:"""
MOST: Final = 0.6
TIMEOUT: Final = 600.0
NOTES: Final = (
    "us: user and system time of the server for a message or a call, median of the rounds.",
    "x: median of stream / unary in the same round. together: answers in a response, on average.",
)

Method: TypeAlias = "grpc.StreamStreamMultiCallable[bytes, bytes]"


@dataclass(frozen=True, slots=True)
class Asked:
    """Checks of one kind: as requests of calls to a method, and as those of a stream."""

    name: str
    method: str
    calls: tuple[bytes, ...]
    messages: tuple[bytes, ...]

    @classmethod
    def of(cls, name: str, method: str, requests: Sequence[bytes]) -> Asked:
        """The same checks both ways."""
        checks = map(check_pb2.CheckRequest.FromString, requests)
        messages = (check_pb2.CheckStreamRequest(check=check).SerializeToString() for check in checks)
        return cls(name, method, tuple(requests), tuple(messages))


@dataclass(slots=True)
class Stream:
    """Drives messages through streams, one stream a turn; counts the responses."""

    method: Method
    answers: int = 0
    responses: int = 0

    def drive(self, messages: Sequence[bytes], at_once: int) -> list[float]:
        """Send messages, so many in flight; the seconds that each took. Raises SystemExit if one fails."""
        places, begun, waited = threading.Semaphore(at_once), list[float](), list[float]()

        def sent() -> Iterator[bytes]:
            for message in messages:
                places.acquire()
                begun.append(time.perf_counter())
                yield message

        try:
            for data in self.method(sent(), timeout=TIMEOUT):
                now = time.perf_counter()
                response = check_pb2.CheckStreamResponse.FromString(data)
                self.responses += 1
                for answer in response.answers:
                    if answer.request != len(waited) or answer.WhichOneof("outcome") != "answer":
                        sys.exit(f"message {len(waited)} of a stream has no answer")
                    waited.append(now - begun[answer.request])
                    places.release()
        except grpc.RpcError as error:
            sys.exit(f"a stream has failed: {error}")
        if len(waited) != len(messages):
            sys.exit(f"only {len(waited)} of {len(messages)} messages have an answer")
        self.answers += len(waited)
        return waited


def rows_of(
    cases: Sequence[Asked], server: Server, channel: grpc.Channel, count: int, each: int
) -> Iterator[dict[str, Any]]:
    """The rows of a size: in each of so many rounds, a turn of as many calls and one of as many messages."""
    for case in cases:
        unary: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(case.method)
        for flight in FLIGHTS:
            say(f"stream, {case.name}, {flight} in flight")
            stream = Stream(channel.stream_stream(flow.METHOD))
            ways: dict[str, tuple[Driven, tuple[bytes, ...]]] = {
                "unary": (partial(drive, unary), case.calls),
                "stream": (stream.drive, case.messages),
            }
            played = list[dict[str, Turn]]()
            with no_collections():
                for number in range(count):
                    places = [(number * each + place) % len(case.calls) for place in range(each)]
                    # Who is first changes from round to round.
                    order = list(ways) if number % 2 else list(reversed(ways))
                    turns = {}
                    for way in order:
                        driven, requests = ways[way]
                        turns[way] = spent(server, driven, [requests[place] for place in places], flight)
                    played.append(turns)
            together = stream.answers / stream.responses
            yield {"case": case.name, "in_flight": flight, **figures(played), "together": together}


def figures(played: Sequence[Mapping[str, Turn]]) -> dict[str, Any]:
    """Of the turns of each round: medians for a message and a call, and the ratio within a round."""
    ratios = [ratio(turns["stream"].us, turns["unary"].us) for turns in played]
    streams = [turns["stream"] for turns in played]
    waited = list(itertools.chain.from_iterable(turn.waited for turn in streams))
    return {
        "stream_us": statistics.median(turn.us for turn in streams),
        "unary_us": statistics.median(turns["unary"].us for turns in played),
        "x_unary": statistics.median(ratios),
        "x_unary_of_rounds": ratios,
        "messages/s": len(waited) / sum(turn.seconds for turn in streams),
        "p50_ms": percentile(waited, 50) * 1000,
        "p99_ms": percentile(waited, 99) * 1000,
    }


def promises(rows: Sequence[Mapping[str, Any]], promised: str) -> Iterator[Promise]:
    """That a message of the case ``promised`` costs a part of a call, at each size."""
    for row in rows:
        if (row["case"], row["in_flight"]) == (promised, PROMISED):
            what = f"{row['entries']:,}: stream, {promised}, {PROMISED} in flight / unary"
            yield Promise(what, row["x_unary"], most=MOST)


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the table."""
    print_table(
        "Streams",
        [{column: cell for column, cell in row.items() if column != "x_unary_of_rounds"} for row in rows],
        NOTES,
    )
