"""One client that calls several servers one after another, with requests whose bytes are made once."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import grpc
from benchmarks.processes import Server
from benchmarks.timing import MICROSECONDS, no_collections

from hashpact.wire.client.endpoint import Endpoint

_TIMEOUT = 60.0
_WARM_SHARE = 8

Method: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
Driven: TypeAlias = Callable[[Sequence[bytes], int], list[float]]
"""Sends requests, so many in flight, and gives the seconds that each took."""


@dataclass(frozen=True, slots=True)
class Target:
    """One of the servers, and the method that is called."""

    name: str
    server: Server
    method: Method


@dataclass(slots=True)
class Turn:
    """The calls to one server in one round.

    ``us``: microseconds of the server's processor time for a call. On the wall, ``seconds`` are those of the
    whole turn, and ``waited`` those of each call.
    """

    us: float
    seconds: float
    waited: list[float] = field(repr=False)


def channel_to(endpoint: Endpoint, address: str) -> grpc.Channel:
    """A channel with a member's certificate, that no proxy sees."""
    return grpc.secure_channel(address, endpoint.credentials(), [("grpc.enable_http_proxy", 0)])


def one_by_one(method: Method, requests: Sequence[bytes]) -> list[float]:
    """Each call when the one before is answered; the seconds that each took."""
    waited = []
    for request in requests:
        start = time.perf_counter()
        method(request, timeout=_TIMEOUT)
        waited.append(time.perf_counter() - start)
    return waited


def in_flight(method: Method, requests: Sequence[bytes], at_once: int) -> list[float]:
    """The calls with so many under way at any time; the seconds that each took. Raises grpc.RpcError."""
    places, waited, failed = threading.Semaphore(at_once), list[float](), list[BaseException]()

    def ended(start: float) -> Callable[[grpc.Future[bytes]], None]:
        def note(future: grpc.Future[bytes]) -> None:
            waited.append(time.perf_counter() - start)
            error = future.exception()
            if error is not None:
                failed.append(error)
            places.release()

        return note

    for request in requests:
        places.acquire()
        start = time.perf_counter()
        method.future(request, timeout=_TIMEOUT).add_done_callback(ended(start))
    for _ in range(at_once):
        places.acquire()
    if failed:
        raise failed[0]
    return waited


def drive(method: Method, requests: Sequence[bytes], at_once: int) -> list[float]:
    """The calls, so many at once; the seconds that each took. Raises SystemExit if one fails."""
    try:
        return one_by_one(method, requests) if at_once == 1 else in_flight(method, requests, at_once)
    except grpc.RpcError as error:
        sys.exit(f"a call has failed: {error}")


def rounds(
    targets: Sequence[Target], requests: Sequence[bytes], at_once: int, count: int, calls: int
) -> list[dict[str, Turn]]:
    """So many rounds, in each of which every target has its turn of as many ``calls``; the turns by name.

    Some calls before each turn are not counted. Who is first changes from round to round.
    """
    played = []
    with no_collections():
        for number in range(count):
            first = number % len(targets)
            asked = [requests[(number * calls + place) % len(requests)] for place in range(calls)]
            order = [*targets[first:], *targets[:first]]
            played.append({target.name: turn(target, asked, at_once) for target in order})
    return played


def turn(target: Target, requests: Sequence[bytes], at_once: int) -> Turn:
    """The calls to one server, so many at once, after some that are not counted."""
    return spent(target.server, partial(drive, target.method), requests, at_once)


def spent(
    server: Server,
    driven: Driven,
    requests: Sequence[bytes],
    at_once: int,
) -> Turn:
    """What ``driven`` makes a server spend on requests, so many at once, after some that are not counted."""
    driven(requests[: max(1, len(requests) // _WARM_SHARE)], at_once)
    busy, start = server.seconds(), time.perf_counter()
    waited = driven(requests, at_once)
    seconds = time.perf_counter() - start
    return Turn((server.seconds() - busy) / len(requests) * MICROSECONDS, seconds, waited)
