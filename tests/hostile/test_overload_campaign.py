"""37, 65, 66: what other members wait while one sends more than its share, against real processes."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import grpc
import pytest
from builders import fingerprint
from crowds import CHECKS, Event, beside, compare, latencies, peak
from frames import Connection, context
from running import BOTH, RunningServer, found

from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import Policy
from hashpact.domain.state import Role
from hashpact.home.enrolling import administrators
from hashpact.home.opening import open_home
from hashpact.keys.certificates import Tls
from hashpact.member.author import Reason
from hashpact.wire import codec
from hashpact.wire.server.identity import CHECK

pytestmark = [pytest.mark.slow, pytest.mark.alone]

APPEND = "/hashpact.wire.v1.LogService/Append"
OFFERED = 10_000
"""Calls a second that a member tries to send."""
RATE = 60
"""Submissions that the policy lets a member make in a minute."""
GROWTH = 48 << 20
"""Bytes by which the server may grow while it is attacked."""


def home_of(directory: Path, *rates: tuple[str, int]) -> Path:
    """A home of an attacker, acme, and an innocent, carol, with a policy of these rates."""
    home = found(directory, {"acme": BOTH, "carol": frozenset({Role.CHECK})})
    with open_home(home) as opened:
        charter = opened.charter()
        policy = Policy(charter.policy_version + 1, charter.labels, rates=tuple(sorted(rates)))
        administrators(opened).say(policy)
    return home


def attack(  # noqa: PLR0913, PLR0917 - each is another measure of it
    address: str,
    begun: Event,
    end: Event,
    tls: Tls,
    method: str,
    messages: list[bytes],
    count: int,
    each: int,
) -> None:
    """Call a method over so many connections, so often at once on each, up to `OFFERED` times a second."""
    host, port = address.rsplit(":", 1)
    made = context(tls)
    connections = [Connection((host, int(port)), made, method, each) for _ in range(count)]
    tried, since = 0, time.monotonic()
    cycle = itertools.cycle(messages)
    while not end.is_set():
        for connection in connections:
            connection.look()
        due = int((time.monotonic() - since) * OFFERED)
        for connection in connections:
            while tried < due and connection.call(next(cycle)):
                tried += 1
        if sum(connection.answered for connection in connections) >= min(count, 100):
            begun.set()
        time.sleep(0.002)
    took = time.monotonic() - since
    answered = sum(connection.answered for connection in connections)
    ended = sum(connection.ended for connection in connections)
    rates = f"sent {tried / took:.0f} calls a second, {answered / took:.0f} answered, {ended} ended"
    print(f"\n{rates}", flush=True)  # noqa: T201 - the campaign's result


def queries(count: int) -> bytes:
    """A check of so many unrelated codes."""
    asked = tuple(Query(fingerprint(PDQ, f"asked {number}")) for number in range(count))
    return codec.check_to_wire(Check(asked)).SerializeToString()


def grown(server: RunningServer, before: int) -> None:
    """Hold what the server has grown by against its bound."""
    size = peak(server) - before
    print(f"memory grew by {size / (1 << 20):.0f} MB at most")  # noqa: T201 - as above
    assert size < GROWTH
    assert "Traceback" not in server.log


@pytest.mark.parametrize("connections", [1, 10])
def test_37_appends_beyond_a_members_rate_delay_nobody(tmp_path: Path, connections: int) -> None:
    home = home_of(tmp_path, ("submit", RATE))
    with RunningServer(home, "--workers", "1") as server:
        author = server.author("acme")
        reason = Reason(frozenset({"ncii"}))
        said = [author.submit([fingerprint(PDQ, f"{number}")], reason) for number in range(1000)]
        messages = [codec.submission_to_wire(one).SerializeToString() for one in said]
        tls = server.profile("acme").endpoint.tls
        latencies(server.profile("carol"), CHECKS)
        before, since = server.memory, time.monotonic()
        flood = beside(attack, server, tls, APPEND, messages, connections, 100)
        compare(server, f"appends over {connections} connections", flood)
        grown(server, before)
        minutes = (time.monotonic() - since) / 60
    with open_home(home) as opened:
        appended = sum(leaf.member == "acme" for leaf in opened.ledger.leaves(0, opened.ledger.head().size))
    print(f"{appended} appended in {minutes:.1f} minutes")  # noqa: T201 - as above
    assert 0 < appended <= RATE * (1 + minutes)


@pytest.mark.parametrize(("queried", "under_way"), [(64, 1), (64, 8), (1, 64)])
def test_65_checks_of_one_member_without_pause_delay_nobody(
    tmp_path: Path, queried: int, under_way: int
) -> None:
    home = home_of(tmp_path)
    with RunningServer(home, "--workers", "1") as server:
        tls = server.profile("acme").endpoint.tls
        latencies(server.profile("carol"), CHECKS)
        before = server.memory
        flood = beside(ask_without_pause, server, tls, queries(queried), under_way)
        compare(server, f"{under_way} checks of {queried} codes", flood)
        grown(server, before)


def ask_without_pause(  # noqa: PLR0913, PLR0917 - as above
    address: str, begun: Event, end: Event, tls: Tls, message: bytes, under_way: int
) -> None:
    """Keep so many checks under way."""
    credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
    places = threading.Semaphore(under_way)
    done = itertools.count()
    with grpc.secure_channel(address, credentials) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)

        def ended(_: object) -> None:
            places.release()
            if next(done) == 100:
                begun.set()

        while not end.is_set():
            if places.acquire(timeout=1):
                call.future(message, timeout=30).add_done_callback(ended)


def test_66_two_hundred_connections_of_one_member_delay_nobody(tmp_path: Path) -> None:
    home = home_of(tmp_path, ("check", 60_000))
    with RunningServer(home, "--workers", "1") as server:
        tls = server.profile("acme").endpoint.tls
        latencies(server.profile("carol"), CHECKS)
        before = server.memory
        flood = beside(attack, server, tls, CHECK, [queries(8)], 200, 4)
        compare(server, "200 connections", flood)
        grown(server, before)
