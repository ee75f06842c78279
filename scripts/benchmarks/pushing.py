"""A client that appends, as a process of its own, behind all others that have work to do.

    python pushing.py PROFILE HOST:PORT METHOD IN_FLIGHT REQUESTS

REQUESTS is a file of one request a line, in hex. It prints `ready` when the connection is there. After a line
on its standard input it sends each once, so many in flight, and prints the seconds that they took in all.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import grpc
from benchmarks.driving import Method, channel_to, drive
from benchmarks.scheduling import last

from hashpact.member.profile import Profile

_READY: Final = 30.0


def push() -> None:
    """Send them when there is a line."""
    profile, address, name, in_flight, requests = sys.argv[1:]
    last()
    messages = [bytes.fromhex(line) for line in Path(requests).read_text().split()]
    with channel_to(Profile.load(Path(profile)).endpoint, address) as channel:
        grpc.channel_ready_future(channel).result(_READY)
        method: Method = channel.unary_unary(name)
        print("ready", flush=True)
        sys.stdin.readline()
        start = time.perf_counter()
        drive(method, messages, int(in_flight))
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    push()
