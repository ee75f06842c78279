"""47: what a thief of a channel, of a statement key or of both does, and the steps that end it.

The orders of steps are those of docs/operations/keys.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from builders import Identity, check_log, fingerprint
from clearinghouse import Clearinghouse, Connect
from governing import admin, governed, here, join, keys, refused
from grpc_health.v1 import health_pb2, health_pb2_grpc
from running import RunningServer
from waits import until

from hashpact.domain.checks import Answer, Check, Query
from hashpact.domain.fingerprints import SHA256
from hashpact.domain.kinds import AnyBody, CertRevoke, KeyRevoke, KeySuspend
from hashpact.errors import HashpactError, NotPermittedError
from hashpact.home.opening import open_home
from hashpact.keys.certificates import shown
from hashpact.member.channels import own
from hashpact.member.clients import Client
from hashpact.service.check import Checker
from hashpact.wire import codec
from hashpact.wire.server.transport import Limits
from hashpact.wire.v1 import check_pb2_grpc

PICTURE = [fingerprint(SHA256, "shared before the theft")]
LABELS = ["other"]


@dataclass
class Theft:
    """A member with a recovery key, and the copy that a thief has made of its profile."""

    home: Path
    victim: Path
    thief: Path
    before: int

    @property
    def recovery(self) -> Path:
        """The file of the recovery key, which was offline."""
        return self.home.parent / "recovery.key"

    @property
    def stolen(self) -> str:
        """The serial of the certificate that the thief has copied."""
        return own(self.thief).stated.serial.hex()

    def of_victim(self, *words: str | Path) -> None:
        """A command of the victim."""
        here(*words, "--profile", self.victim)

    def of_admins(self, *words: str | Path) -> None:
        """A command of both administrators, about the victim."""
        signers = [word for name in ("1", "2") for word in ("--key", admin(self.home, name))]
        here(*words, "--member", "acme-video", "--home", self.home, *signers)

    def check(self, *stolen_entries: int) -> None:
        """The thief reads and writes nothing, the victim works, and what the thief shared does not stand."""
        with Client(self.thief) as thief:
            attempts: list[Callable[[], object]] = [
                lambda: thief.check(PICTURE),
                lambda: thief.entry(self.before),
                lambda: list(thief.entries()),
                lambda: list(thief.leaves(private=True)),
                lambda: thief.submit([fingerprint(SHA256, "late")], labels=LABELS),
                lambda: thief.withdraw(self.before, "mistake"),
            ]
            for attempt in attempts:
                with pytest.raises(HashpactError) as caught:
                    attempt()
                assert isinstance(caught.value, NotPermittedError), caught.value
        refused("cert", "renew", "--profile", self.thief, "--unencrypted")
        with Client(self.victim) as victim:
            assert [match.entry for match in victim.check(PICTURE).matches] == [self.before]
            assert victim.entry(self.before).stands
            assert not any(victim.entry(index).stands for index in stolen_entries)
            victim.submit([fingerprint(SHA256, "after the theft")], labels=LABELS)
        with open_home(self.home) as opened:
            check_log(opened.ledger)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose administrators have taken their keys away."""
    return governed(tmp_path)


@pytest.fixture
def server(home: Path) -> Iterator[RunningServer]:
    """A server of that home."""
    with RunningServer(home) as running:
        yield running


@pytest.fixture
def theft(home: Path, server: RunningServer) -> Theft:
    """A profile that was copied after its first entry."""
    victim = join(home, server, "acme-video", recovery=True)
    with Client(victim) as client:
        before = client.submit(PICTURE, labels=LABELS).index
    return Theft(home, victim, shutil.copytree(victim, home.parent / "thief"), before)


def share(profile: Path, seed: str = "planted") -> int:
    """What a thief shares in its victim's name."""
    with Client(profile) as client:
        return client.submit([fingerprint(SHA256, seed)], labels=LABELS).index


def test_47_a_stolen_channel(theft: Theft) -> None:
    other = theft.home.parent / "lotus-forum"
    shutil.copy(other / "member-1.key", theft.thief / "member-1.key")  # a key, and not the member's
    with Client(theft.thief) as thief:
        assert len(thief.check(PICTURE).matches) == 1
    stolen = theft.stolen
    theft.of_victim("cert", "renew", "--unencrypted")
    theft.of_victim("cert", "revoke", stolen, "--reason", "stolen")
    theft.check()
    # Not even what is published: the certificate itself is revoked.
    assert "this certificate of 'acme-video' is revoked" in refused(
        "profile", "test", "--profile", theft.thief
    )


def test_47_a_stolen_statement_key(theft: Theft) -> None:
    (theft.thief / "tls.pem").write_bytes((theft.home.parent / "lotus-forum" / "tls.pem").read_bytes())
    theft.of_victim("key", "rotate", "--overlap", "0", "--unencrypted")
    # With a channel of another member it says nothing, and nothing about the victim is asked of it.
    with Client(theft.thief) as thief, pytest.raises(NotPermittedError):
        thief.submit([fingerprint(SHA256, "late")], labels=LABELS)
    (theft.thief / "tls.pem").write_bytes((theft.victim / "tls.pem").read_bytes())
    with Client(theft.thief) as thief, pytest.raises(NotPermittedError, match="it has been replaced"):
        thief.submit([fingerprint(SHA256, "late")], labels=LABELS)


def test_47_a_stolen_channel_and_statement_key(theft: Theft) -> None:
    planted, stolen = share(theft.thief), theft.stolen
    here("cert", "renew", "--profile", theft.thief, "--unencrypted")  # of a serial that nobody knows
    assert theft.stolen != stolen
    theft.of_victim("key", "suspend", "1", "--reason", "stolen")
    assert "it is suspended" in refused("check", __file__, "--profile", theft.thief)
    theft.of_victim("key", "rotate", "--recovery", theft.recovery, "--unencrypted")
    theft.of_victim("key", "revoke", "1", "--reason", "stolen", "--cutoff", str(planted))
    theft.of_victim("cert", "revoke", stolen, "--reason", "stolen")
    theft.check(planted)
    assert keys(theft.home, "acme-video") == {
        "1": f"revoked from leaf {planted}",
        "recovery": "in use",
        "2": "in use",
    }


def test_47_the_thief_rotated_first(theft: Theft) -> None:
    planted, stolen = share(theft.thief), theft.stolen
    here("key", "rotate", "--overlap", "0", "--unencrypted", "--profile", theft.thief)
    more = share(theft.thief, "planted with the new key")
    assert "it has been replaced" in refused("check", __file__, "--profile", theft.victim)
    theft.of_admins("key", "revoke", "1", "--reason", "stolen", "--cutoff", str(planted))
    theft.of_victim("key", "rotate", "--recovery", theft.recovery, "--unencrypted")
    theft.of_victim("cert", "revoke", stolen, "--reason", "stolen")
    theft.check(planted, more)


def test_47_the_thief_revoked_the_recovery_key_and_the_victims_certificate(theft: Theft) -> None:
    planted = share(theft.thief)
    here("key", "rotate", "--overlap", "0", "--unencrypted", "--profile", theft.thief)
    here("key", "revoke", "recovery", "--reason", "lost", "--profile", theft.thief)
    serial = own(theft.victim).stated.serial.hex()
    here("cert", "revoke", serial, "--reason", "lost", "--profile", theft.thief)
    assert "is revoked" in refused("check", __file__, "--profile", theft.victim)
    theft.of_admins("key", "revoke", "1", "--reason", "stolen", "--cutoff", str(planted))
    # A certificate by hand, because the profile has no channel left.
    theft.of_victim("cert", "request")
    welcome = theft.home.parent / "again.welcome"
    here("cert", "issue", theft.home, theft.victim / "join", "--out", welcome)
    here("profile", "install", theft.victim, welcome)
    theft.of_victim("key", "rotate", "--recovery", theft.recovery, "--unencrypted")
    theft.check(planted)


@pytest.mark.parametrize("how", ["cert-revoke", "key-revoke", "key-suspend"])
async def test_47_an_open_stream_ends(house: Clearinghouse, connect: Connect, how: str) -> None:
    credential, acme = house.member("acme"), Identity.of("acme")
    serial = shown(credential.certificate).serial
    bodies: dict[str, AnyBody] = {
        "cert-revoke": CertRevoke("acme", serial, "stolen"),
        "key-revoke": KeyRevoke("acme", acme.id, 5, "stolen"),
        "key-suspend": KeySuspend("acme", acme.id, "stolen"),
    }
    async with house.channel(house.tls(credential)) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its methods have no types
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=120)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        said = house.world.author("acme").say(bodies[how])
        house.intake.append("acme", said)
        with pytest.raises(grpc.aio.AioRpcError, match=r"revoked|suspended") as ended:
            await watch.read()
        assert ended.value.code() is grpc.StatusCode.PERMISSION_DENIED
        caller = connect(house.profile("acme", house.tls(credential)))
        with pytest.raises(NotPermittedError, match=r"revoked|suspended"):
            await caller("check", PICTURE)


async def test_47_a_revoked_certificates_calls_do_not_count_as_its_members(founded: Clearinghouse) -> None:
    begun, go = threading.Event(), threading.Event()

    @dataclass
    class Held:
        """A checker that waits."""

        real: Checker

        def check(self, check: Check, *waiting: Callable[[], Any]) -> Answer:
            """Answer once the test wants it."""
            waiting[-1]()  # it may wait
            begun.set()
            assert go.wait(120)
            return self.real.check(check, *waiting)

    most = 2
    founded.limits = Limits(checks=1, member_calls=most)
    founded.alter(checker=Held(founded.services.checker))
    await founded.start()
    stolen = founded.member("acme")
    revoked = CertRevoke("acme", shown(stolen.certificate).serial, "stolen")
    founded.intake.append("acme", founded.world.author("acme").say(revoked))
    request = codec.check_to_wire(Check((Query(PICTURE[0]),)))
    members = (stolen, founded.member("acme"), founded.member("bolt"))
    async with contextlib.AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(founded.channel(founded.tls(one))) for one in members]
        stubs: list[Any] = [check_pb2_grpc.CheckServiceStub(channel) for channel in channels]
        thief, victim, other = stubs
        with pytest.raises(grpc.aio.AioRpcError, match="is revoked"):
            await thief.Check(request, timeout=120)
        calls = [other.Check(request, timeout=120)]
        await asyncio.to_thread(begun.wait, 60)
        denied = [await thief.Check(request, timeout=120).code() for _ in range(2 * most)]
        calls += [victim.Check(request, timeout=120) for _ in range(most)]
        await until(lambda: founded.server.loads()["check"][0] == len(calls))
        go.set()
        codes = [await call.code() for call in calls]
    assert set(denied) == {grpc.StatusCode.PERMISSION_DENIED}
    assert set(codes) == {grpc.StatusCode.OK}
