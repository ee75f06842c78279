"""A crowd of near-identical entries, and members who call a server beside each other."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

from benchmarks.scheduling import first, last
from builders import fingerprint
from running import RunningServer

from hashpact.clock import unix_time
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.messages import Submission
from hashpact.home.opening import open_home
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.service.append import Appender

CHECKS: Final = 3000
ALLOWED: Final = 2.0
"""How many times its quiet 99th percentile an innocent member's may be."""
CENTRE: Final = fingerprint(PDQ, "the centre of a crowd")
LONE: Final = fingerprint(PDQ, "a picture that is in no crowd")


def near_the_centre(seed: int, moves: int = 4) -> Fingerprint:
    """A code near the centre, with as many bits set."""
    rng = random.Random(seed)
    bits = int.from_bytes(CENTRE.value)
    ones = [place for place in range(256) if bits >> place & 1]
    zeros = [place for place in range(256) if not bits >> place & 1]
    for place in (*rng.sample(ones, moves), *rng.sample(zeros, moves)):
        bits ^= 1 << place
    return Fingerprint(PDQ, bits.to_bytes(32))


def append(home: Path, member: str, submissions: list[Submission]) -> list[int]:
    """Append what a member says to a home that is not served; the indexes."""
    with open_home(home) as opened:
        appender = Appender(opened.ledger, unix_time)
        return [
            leaf.index
            for start in range(0, len(submissions), 500)
            for leaf in appender.append_all(member, submissions[start : start + 500])
        ]


def latencies(profile: Profile, checks: int) -> list[float]:
    """Seconds that each of so many checks takes, one after the other. Half of them ask for `LONE`."""
    taken = []
    with Client(profile) as client:
        for number in range(checks + 20):
            asked = [fingerprint(PDQ, f"unrelated {number}") if number % 2 else LONE]
            start = time.perf_counter()
            client.check(asked, timeout=120)
            taken.append(time.perf_counter() - start)
    return taken[20:]  # the first ones open the connection


def high(seconds: list[float]) -> float:
    """The 99th percentile."""
    return sorted(seconds)[int(len(seconds) * 0.99)]


@contextmanager
def beside(
    attack: Callable[..., None],
    server: RunningServer,
    *arguments: Any,  # noqa: ANN401 - of the attack
) -> Iterator[None]:
    """An attack in a process of its own, under way for the length of the block.

    Attackers have machines of their own. Here theirs is this one, so they get what processor time the server
    and the innocent member leave them: see `benchmarks.scheduling`.

    ``attack`` gets the server's address, an event to set once it is under way, one that ends it, and these
    arguments.
    """
    context = multiprocessing.get_context("spawn")
    begun, end = context.Event(), context.Event()
    process = context.Process(target=_yielding, args=(attack, server.address, begun, end, *arguments))
    process.start()
    try:
        assert begun.wait(120)
        yield
        assert process.is_alive(), "the attack ended by itself"
    finally:
        end.set()
        process.join(120)
        process.kill()


def _yielding(attack: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - of the attack
    """An attack, behind everybody who has work to do."""
    last()
    attack(*arguments)


def compare(
    server: RunningServer, name: str, attack: AbstractContextManager[None], checks: int = CHECKS
) -> None:
    """Hold the latency of an innocent member beside an attack against that before and after."""
    with Client(server.profile("acme")) as attacker:
        attacker.submit([LONE], labels={"ncii"})
    served = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    with first(os.getpid(), server.process.pid, *map(int, served)) as allowed:
        if not allowed:
            print("\nnot allowed to go first: the attacker's own work counts, too")  # noqa: T201 - as below
        before = latencies(server.profile("carol"), checks)
        with attack:
            beside_it = latencies(server.profile("carol"), checks)
        after = latencies(server.profile("carol"), checks)
    quiet = high(before + after)
    said = f"{name}: p99 {high(beside_it) * 1e3:.2f} ms, quiet {quiet * 1e3:.2f} ms"
    print(f"\n{said}, ratio {high(beside_it) / quiet:.2f}")  # noqa: T201 - the campaign's result
    assert high(beside_it) <= ALLOWED * quiet


def peak(server: RunningServer) -> int:
    """The most bytes of memory that the server's process has had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


__all__ = [
    "CENTRE",
    "CHECKS",
    "LONE",
    "Event",
    "append",
    "beside",
    "compare",
    "high",
    "latencies",
    "near_the_centre",
    "peak",
]
