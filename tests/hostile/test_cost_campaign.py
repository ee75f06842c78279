"""41 to 44: what other members wait while one tries to take the server for itself, against real processes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import select
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from builders import fingerprint
from crowds import CHECKS, Event, append, beside, compare, latencies, near_the_centre, peak
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from frames import context
from running import BOTH, RunningServer, found

from hashpact.domain.checks import Check, Filter, Query
from hashpact.domain.fingerprints import PDQ, PHASH
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import MAX_ROTATIONS, KeyRevoke
from hashpact.domain.state import Role, Stance
from hashpact.home.enrolling import administrators
from hashpact.home.opening import open_home
from hashpact.keys.certificates import Tls
from hashpact.member.author import Reason
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.wire import codec
from hashpact.wire.server.identity import CHECK, CHECK_STREAM
from hashpact.wire.server.transport import CONNECTIONS
from hashpact.wire.v1 import check_pb2, check_pb2_grpc, log_pb2, log_pb2_grpc

pytestmark = [pytest.mark.slow, pytest.mark.alone]

TRIED = 12_000
"""Connections to have at once: more than a server takes."""
ANEW = 100
"""Connections that are opened anew every second."""
COST = 112 << 10
"""Bytes of memory that a connection takes at most."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""The beginning of HTTP/2, with empty settings."""
PICTURE = fingerprint(PHASH, "a picture that is in many entries")
NCII = Reason(frozenset({"ncii"}))


def crowded(directory: Path, size: int) -> tuple[Path, list[int]]:
    """A home of an attacker, acme, and an innocent, carol; and a crowd of so many entries of bravo in it."""
    home = found(directory, {"acme": BOTH, "bravo": BOTH, "carol": frozenset({Role.CHECK})})
    with RunningServer(home) as server:
        author = server.author("bravo")
    crowd = [author.submit([near_the_centre(number)], NCII) for number in range(size)]
    return home, append(home, "bravo", crowd)


def channel(profile: Profile) -> grpc.Channel:
    """A bare channel of a member."""
    tls = profile.endpoint.tls
    credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
    return grpc.secure_channel(f"{profile.endpoint.host}:{profile.endpoint.port}", credentials)


def at_once(count: int, work: Callable[[], None]) -> None:
    """Have so many threads do the same work, and wait for them."""
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ask_in_the_crowd(address: str, begun: Event, end: Event, directory: Path) -> None:
    """Four checks at a time, of 64 codes in the crowd, whose filter keeps nothing and whose caller leaves."""
    queries = tuple(Query(near_the_centre(10**6 + number, 1)) for number in range(64))
    request = codec.check_to_wire(Check(queries, Filter(labels=frozenset({"hate"})), limit=1000))
    with channel(Profile.load(directory / "acme").at(address)) as connected:
        stub = check_pb2_grpc.CheckServiceStub(connected)

        def ask() -> None:
            while not end.is_set():
                with contextlib.suppress(grpc.RpcError):
                    stub.Check(request, timeout=0.2)
                begun.set()

        at_once(4, ask)


def ask_about_many_codes(address: str, begun: Event, end: Event, directory: Path) -> None:
    """Eight checks at a time that match entries of 255 codes each, by another type alone."""
    queries = (Query(PICTURE), *(Query(fingerprint(PDQ, f"asked {number}")) for number in range(7)))
    request = codec.check_to_wire(Check(queries, limit=100)).SerializeToString()
    with channel(Profile.load(directory / "acme").at(address)) as connected:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = connected.unary_unary(CHECK)

        def ask() -> None:
            while not end.is_set():
                call(request, timeout=60)
                begun.set()

        at_once(8, ask)


def say_on_and_on(address: str, begun: Event, end: Event, directory: Path, entries: list[int]) -> None:
    """Replace a key as often as the rules allow, and give opinions all the time."""
    profile = Profile.load(directory / "acme").at(address)
    with Client(profile) as client:
        author = client.author
        for number in range(MAX_ROTATIONS):
            private = Ed25519PrivateKey.generate()
            key = NamedKey(f"r{number}", private.public_key().public_bytes_raw())
            client.append(author.rotate(author.key.id, key, private, 3600))
            author = replace(author, key=key, signer=private)
        for turn in itertools.count():
            if end.is_set():
                return
            stance = Stance.DISPUTE if turn % 2 else Stance.ENDORSE
            client.append(author.opinion(entries[turn % len(entries)], stance))
            begun.set()


def revoke_on_and_on(address: str, begun: Event, end: Event, home: Path, entry: int) -> None:
    """Revoke a key that signed thousands of entries, alternately with an early and a late cutoff."""
    del address
    with open_home(home) as opened:
        with opened.ledger.snapshot() as view:
            (key,) = view.keys("bravo")
        governing = administrators(opened)
        while not end.is_set():
            for cutoff in (entry, opened.ledger.head().size):
                governing.say(KeyRevoke("bravo", key.id, cutoff, "campaign"))
                begun.set()


def read_nothing(address: str, begun: Event, end: Event, directory: Path) -> None:
    """Open streams of all leaves, 1 000 at a time over ten connections, and read none of them."""
    profile = Profile.load(directory / "acme").at(address)
    with contextlib.ExitStack() as stack:
        stubs = [log_pb2_grpc.LogServiceStub(stack.enter_context(channel(profile))) for _ in range(10)]
        while not end.is_set():
            streams = [
                stub.ListLeaves(log_pb2.ListLeavesRequest(with_private=True), timeout=60)
                for stub in stubs
                for _ in range(100)
            ]
            time.sleep(1)
            begun.set()
            for stream in streams:
                stream.cancel()


def stream_and_read_nothing(address: str, begun: Event, end: Event, directory: Path) -> None:
    """Open 1 000 check streams over ten connections, ask on each for all it takes, and read no answer."""
    profile = Profile.load(directory / "acme").at(address)
    check = Check((Query(near_the_centre(10**6, 1)),), limit=1000)
    request = check_pb2.CheckStreamRequest(check=codec.check_to_wire(check)).SerializeToString()

    async def ask(stream: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                await stream.write(request)

    async def attack() -> None:
        tls = profile.endpoint.tls
        credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
        channels = [grpc.aio.secure_channel(address, credentials) for _ in range(10)]
        while not end.is_set():
            streams: list[grpc.aio.StreamStreamCall[bytes, bytes]] = [
                one.stream_stream(CHECK_STREAM)() for one in channels for _ in range(100)
            ]
            asking = [asyncio.create_task(ask(stream)) for stream in streams]
            await asyncio.sleep(5)
            begun.set()
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    asyncio.run(attack())


def test_41_checks_in_a_crowd_delay_nobody(tmp_path: Path) -> None:
    home, _ = crowded(tmp_path, 5000)
    with RunningServer(home) as server:
        compare(server, "checks in a crowd", beside(ask_in_the_crowd, server, tmp_path))
        with beside(ask_in_the_crowd, server, tmp_path):
            start = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert server.wait() == 0
            took = time.monotonic() - start
        print(f"SIGTERM under attack: {took:.1f} s")  # noqa: T201 - as above
        assert took < 10


def test_41_entries_of_many_codes_delay_nobody(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme": BOTH, "carol": frozenset({Role.CHECK})})
    with RunningServer(home, "--workers", "1") as server:
        with Client(server.profile("acme")) as client:
            for entry in range(32):
                shared = [fingerprint(PDQ, f"entry {entry}, {number}") for number in range(255)]
                client.submit([PICTURE, *shared], labels={"ncii"})
        compare(server, "entries of many codes", beside(ask_about_many_codes, server, tmp_path))


def test_42_replacements_and_opinions_delay_nobody(tmp_path: Path) -> None:
    home, entries = crowded(tmp_path, 20)
    with RunningServer(home) as server:
        compare(server, "opinions", beside(say_on_and_on, server, tmp_path, entries))


def test_43_revocations_delay_nobody(tmp_path: Path) -> None:
    home, entries = crowded(tmp_path, 5200)
    with RunningServer(home) as server:
        compare(server, "revocations", beside(revoke_on_and_on, server, home, entries[0]))


def test_44_streams_that_are_not_read_delay_nobody(tmp_path: Path) -> None:
    home, _ = crowded(tmp_path, 2000)
    with RunningServer(home, "--workers", "1") as server:
        before = server.memory
        compare(server, "unread streams", beside(read_nothing, server, tmp_path))
        grown = server.memory - before
        print(f"memory grew by {grown >> 20} MB")  # noqa: T201 - as above
        assert grown < 64 << 20
        assert "Traceback" not in server.log


def test_44_check_streams_that_are_not_read_delay_nobody(tmp_path: Path) -> None:
    home, _ = crowded(tmp_path, 2000)
    with RunningServer(home, "--workers", "1") as server:
        before = server.memory
        compare(server, "unread check streams", beside(stream_and_read_nothing, server, tmp_path))
        grown = server.memory - before
        print(f"memory grew by {grown >> 20} MB")  # noqa: T201 - as above
        assert grown < 64 << 20
        assert "Traceback" not in server.log


class Crowd:
    """Connections of a kind to one server."""

    def __init__(self, address: str, tls: Tls | None) -> None:
        host, port = address.rsplit(":", 1)
        self._address = host, int(port)
        self._context = None if tls is None else context(tls)
        self._held: list[socket.socket] = []

    def open(self, count: int) -> int:
        """Forget those that the server has ended, and open so many more; how many are open."""
        watch = select.poll()
        for each in self._held:
            watch.register(each, select.POLLIN)
        ready = {descriptor for descriptor, _ in watch.poll(0)}
        for each in self._held:
            if each.fileno() in ready and self._ended(each):
                each.close()
        self._held = [each for each in self._held if each.fileno() >= 0]
        for _ in range(count):
            with contextlib.suppress(OSError):
                self._held.append(self._open())
        return len(self._held)

    def _open(self) -> socket.socket:
        plain = socket.create_connection(self._address, timeout=10)
        if self._context is None:
            plain.settimeout(0)
            return plain
        try:
            secure = self._context.wrap_socket(plain, server_hostname=self._address[0])
            secure.sendall(PREFACE)
        except OSError:
            plain.close()
            raise
        secure.settimeout(0)
        return secure

    @staticmethod
    def _ended(each: socket.socket) -> bool:
        try:
            return not each.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True


def crowd_the_door(address: str, begun: Event, end: Event, tls: Tls | None) -> None:
    """Try to have thousands of connections at once, and more all the time."""
    crowd = Crowd(address, tls)
    crowd.open(TRIED)
    end.wait(1)  # the server ends those that are too many
    print(f"\n{crowd.open(0)} of {TRIED} connections", flush=True)  # noqa: T201 - as above
    begun.set()
    while not end.wait(1):
        crowd.open(ANEW)


@pytest.mark.parametrize("kind", ["idle", "half-open"])
def test_38_44_many_connections_cost_little_and_keep_nobody_out(tmp_path: Path, kind: str) -> None:
    home = found(tmp_path, {"acme": BOTH, "carol": frozenset({Role.CHECK})})
    with RunningServer(home, "--workers", "1") as server:
        tls = server.profile("acme").endpoint.tls if kind == "idle" else None
        latencies(server.profile("carol"), CHECKS)
        before = server.memory
        # Many checks, because the member gets in at the moment when thousands of others end.
        compare(server, f"{kind} connections", beside(crowd_the_door, server, tls), 5 * CHECKS)
        grown = peak(server) - before
        print(f"memory grew by {grown >> 20} MB at most")  # noqa: T201 - as above
        assert grown < CONNECTIONS * COST
        assert "Traceback" not in server.log
