"""A client that keeps many checks in flight over several connections, as a process of its own.

    python loading.py PROFILE HOST:PORT CONNECTIONS IN_FLIGHT REQUESTS

REQUESTS is a file of one request a line, in hex. It prints `ready` when every connection is there. After each
line on its standard input, the number of seconds, it asks for so long, and prints the number of calls, the
seconds, and the seconds of processor time that it took for them. It ends with its standard input.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Final, TypeAlias

import grpc

from hashpact.member.profile import Profile
from hashpact.wire.server.identity import CHECK

_TIMEOUT: Final = 60.0
Method: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
_READY: Final = 30.0


def serve_turns() -> None:
    """Ask whenever there is a line."""
    profile, address, connections, in_flight, requests = sys.argv[1:]
    endpoint = Profile.load(Path(profile)).endpoint
    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.secure_channel(address, endpoint.credentials(), options) for _ in range(int(connections))
    ]
    for channel in channels:
        grpc.channel_ready_future(channel).result(_READY)
    methods: list[Method] = [channel.unary_unary(CHECK) for channel in channels]
    asked = [bytes.fromhex(line) for line in Path(requests).read_text().split()]
    print("ready", flush=True)
    for line in sys.stdin:
        print(*_ask(methods, asked, int(in_flight), float(line)), flush=True)


def _ask(
    methods: list[Method],
    requests: list[bytes],
    in_flight: int,
    seconds: float,
) -> tuple[int, float, float]:
    places, answered, failed = threading.Semaphore(in_flight), 0, list[BaseException]()

    def ended(future: grpc.Future[bytes]) -> None:
        nonlocal answered
        error = future.exception()
        if error is not None:
            failed.append(error)
        answered += 1
        places.release()

    busy, start = time.process_time(), time.perf_counter()
    sent = 0
    while time.perf_counter() - start < seconds:
        places.acquire()
        method, request = methods[sent % len(methods)], requests[sent % len(requests)]
        method.future(request, timeout=_TIMEOUT).add_done_callback(ended)
        sent += 1
    for _ in range(in_flight):
        places.acquire()
    if failed:
        sys.exit(f"a call has failed: {failed[0]}")
    return answered, time.perf_counter() - start, time.process_time() - busy


if __name__ == "__main__":
    serve_turns()
