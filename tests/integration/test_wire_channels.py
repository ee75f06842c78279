"""Who gets in: certificates, TLS versions, membership, on every RPC; and what a client says of a refusal."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from builders import Identity, fingerprint
from clearinghouse import HOST, Clearinghouse, Connect, wall_clock
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2
from waits import ended

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import MemberRoles, MemberSuspend
from hashpact.domain.messages import Submission
from hashpact.domain.state import Role
from hashpact.errors import CertificateError, ConfigError, NotPermittedError, UnavailableError
from hashpact.keys import certificates
from hashpact.keys.certificates import Credential, Grant, Tls
from hashpact.wire.client import connection
from hashpact.wire.client.probe import in_memory
from hashpact.wire.server.identity import CHECK
from hashpact.wire.server.transport import CHECK_SERVICE, Limits

PICTURE = [fingerprint(PDQ, "one")]
ACME = "hashpact://test.example/log/member/acme"
GOOD = x509.UniformResourceIdentifier(ACME)


async def test_an_unknown_member_is_refused(house: Clearinghouse, connect: Connect) -> None:
    with pytest.raises(NotPermittedError, match="'stranger' is not enrolled"):
        await connect(house.profile("stranger"))("check", PICTURE)


async def test_a_server_that_is_away_is_no_certificate_problem(
    house: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = []
    monkeypatch.setattr(connection, "probe", lambda *args: probes.append(args))
    caller = connect(house.profile("acme"))
    await asyncio.to_thread(house.server.stop, 0)
    with pytest.raises(UnavailableError) as away:
        await caller("check", PICTURE, timeout=2)
    assert type(away.value) is UnavailableError
    assert "does not answer; is a server running there?" in away.value.message
    assert len(probes) == 1


@contextlib.asynccontextmanager
async def tunnel(house: Clearinghouse, version: ssl.TLSVersion) -> AsyncIterator[int]:
    """A port that takes plain bytes and carries them to the server over TLS of one version, as acme."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=house.authority.certificate.decode())
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    credential = house.member("acme")
    with in_memory(credential.key + credential.certificate) as path:
        context.load_cert_chain(path)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    tasks: set[asyncio.Task[None] | None] = set()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        writers.append(writer)
        far = await asyncio.open_connection("127.0.0.1", house.server.port, ssl=context)
        writers.append(far[1])
        assert far[1].get_extra_info("ssl_object").version() == version.name.replace("_", ".", 1).replace(
            "_", "."
        )
        await asyncio.gather(carry(reader, far[1]), carry(far[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        serving = [task for task in tasks if task is not None]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await ended(writers)


@pytest.mark.parametrize(
    ("version", "code"),
    [
        (ssl.TLSVersion.TLSv1_2, grpc.StatusCode.UNAUTHENTICATED),
        (ssl.TLSVersion.TLSv1_3, grpc.StatusCode.OK),
    ],
)
async def test_tls_1_2_is_refused(
    house: Clearinghouse, version: ssl.TLSVersion, code: grpc.StatusCode
) -> None:
    async with tunnel(house, version) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = health(channel).Check(health_pb2.HealthCheckRequest(), timeout=120)
        assert await call.code() is code
        if code is not grpc.StatusCode.OK:
            assert await call.details() == "TLS 1.3 is required"


def health(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401  # its stub's methods have no types
    """The client of gRPC's health service."""
    return health_pb2_grpc.HealthStub(channel)


async def listed(channel: grpc.aio.Channel) -> list[str]:
    # With one request, sent together with the end of the requests: an awaiting client of many fails by itself
    # (INTERNAL, "Failed execute_batch") if the server has refused before a request is sent.
    method: Any = channel.unary_stream(
        f"/{reflection.SERVICE_NAME}/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    answers = [
        one async for one in method(reflection_pb2.ServerReflectionRequest(list_services=""), timeout=120)
    ]
    return [service.name for service in answers[0].list_services_response.service]


async def test_health_and_reflection_are_for_members_only(house: Clearinghouse) -> None:
    async with house.channel(house.tls(house.member("acme"))) as channel:
        stub = health(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=CHECK_SERVICE), timeout=120)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert CHECK_SERVICE in await listed(channel)
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await stub.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=120)
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    async with house.channel(house.tls(house.member("stranger"))) as channel:
        stub = health(channel)
        for work in (stub.Check(health_pb2.HealthCheckRequest(), timeout=120), listed(channel)):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await work
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    codes = {
        (event["rpc"].rpartition("/")[2], event["member"], event["code"]) for event in house.events.entries
    }
    assert codes == {
        ("Check", "acme", "OK"),
        ("Check", "acme", "NOT_FOUND"),
        ("ServerReflectionInfo", "acme", "OK"),
        ("Check", None, "PERMISSION_DENIED"),
        ("ServerReflectionInfo", None, "PERMISSION_DENIED"),
    }


async def test_a_stream_ends_when_its_caller_is_suspended(house: Clearinghouse) -> None:
    async with house.channel(house.tls(house.member("acme"))) as channel:
        watch = health(channel).Watch(health_pb2.HealthCheckRequest(), timeout=120)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        house.server.set_serving(serving=False)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        suspension = house.world.author("acme").say(MemberSuspend("acme", "keys-stolen"))
        house.intake.append("acme", suspension)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await watch.read()
        assert ended.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_server_that_starts_says_how_far_it_is(founded: Clearinghouse, connect: Connect) -> None:
    await founded.start()
    read = [7]
    founded.guard.hold(lambda: f"the server is starting: it has read {read[-1]} of the log's 9 leaves")
    founded.server.set_serving(serving=False)
    async with founded.channel(founded.tls(founded.member("acme"))) as channel:
        answer = await health(channel).Check(health_pb2.HealthCheckRequest(), timeout=120)
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch = health(channel).Watch(health_pb2.HealthCheckRequest(), timeout=120)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        # Without a client, which would ask again until its deadline.
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
        for number in (7, 8):
            read.append(number)
            with pytest.raises(
                grpc.aio.AioRpcError, match=f"it has read {number} of the log's 9 leaves"
            ) as held:
                await ask(b"", timeout=120)
            assert held.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(NotPermittedError, match="not enrolled"):
            await connect(founded.profile("stranger"))("check", PICTURE)
        founded.guard.release()
        founded.server.set_serving(serving=True)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        await connect(founded.profile("acme"))("check", PICTURE)


async def test_stopping_says_not_serving_first(house: Clearinghouse) -> None:
    async with house.channel(house.tls(house.member("acme"))) as channel:
        watch = health(channel).Watch(health_pb2.HealthCheckRequest(), timeout=120)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        stopping = asyncio.create_task(asyncio.to_thread(house.server.stop, 120))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        await stopping


async def test_a_role_is_looked_up_on_every_call(house: Clearinghouse, connect: Connect) -> None:
    who = Identity.of("late")
    caller = connect(house.profile("late"))
    with pytest.raises(NotPermittedError, match="not enrolled"):
        await caller("check", PICTURE)
    house.world.administrators(house.ledger).enrol("late", frozenset(Role), who.key, who.private)
    await caller("check", PICTURE)


async def test_44_watches_of_health_are_bounded_too(founded: Clearinghouse) -> None:
    founded.limits = Limits(member_streams=2)
    await founded.start()
    async with (
        founded.channel(founded.tls(founded.member("acme"))) as greedy,
        founded.channel(founded.tls(founded.member("bolt"))) as modest,
    ):
        request = health_pb2.HealthCheckRequest()
        watches = [health(greedy).Watch(request, timeout=120) for _ in range(2)]
        for watch in watches:
            await watch.read()
        with pytest.raises(grpc.aio.AioRpcError, match="'acme' has 2 stream calls under way") as refused:
            await health(greedy).Watch(request, timeout=120).read()
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await health(modest).Check(request)
        for watch in watches:
            watch.cancel()
        async with asyncio.timeout(120):
            while True:  # until the server has noticed
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await health(greedy).Watch(request, timeout=120).read()
                    break


def give(house: Clearinghouse, member: str, *roles: Role) -> None:
    """Change a member's roles."""
    leaf = house.world.by_admins(MemberRoles(member, frozenset(roles), "asked"))
    house.intake.appender.append(None, Submission(leaf))
    house.intake.follower.catch_up()


async def test_49_private_parts_are_for_check_audit_and_their_contributor(
    house: Clearinghouse, connect: Connect
) -> None:
    acme, bolt = (connect(house.profile(name)) for name in ("acme", "bolt"))
    entry = (await acme("submit", PICTURE, labels=["ncii"])).index
    shared = (await acme("entry", entry)).private
    assert len(shared) == 1
    for roles in ((Role.CHECK,), (Role.AUDIT,)):
        give(house, "bolt", *roles)
        assert (await bolt("entry", entry)).private == shared
        assert any(leaf.private for leaf in await bolt("leaves", private=True))
    for roles in ((Role.CONTRIBUTE,), (Role.AUTHORITY,)):
        give(house, "bolt", *roles)
        assert (await bolt("entry", entry)).private == ()
        assert [detail.private for detail in await bolt("entries")] == [()]
        with pytest.raises(NotPermittedError, match="does not have the role 'check' or 'audit'"):
            await bolt("leaves", private=True)
        assert not any(leaf.private for leaf in await bolt("leaves"))
    give(house, "acme", Role.CONTRIBUTE)
    assert (await acme("entry", entry)).private == shared


async def test_50_a_role_that_is_taken_away_ends_calls_and_open_streams(
    house: Clearinghouse, connect: Connect
) -> None:
    bolt = connect(house.profile("bolt"))
    async with house.channel(house.tls(house.member("bolt"))) as channel:
        watch = health(channel).Watch(health_pb2.HealthCheckRequest(), timeout=120)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        await bolt("check", PICTURE)
        give(house, "bolt", Role.CONTRIBUTE)
        with pytest.raises(NotPermittedError, match="does not have the role 'check'"):
            await bolt("check", PICTURE)
        with pytest.raises(grpc.aio.AioRpcError, match="roles have changed"):
            await watch.read()


async def test_half_open_connections_do_not_hold_the_server_up(
    founded: Clearinghouse, connect: Connect
) -> None:
    await founded.start()
    sockets = [socket.create_connection(("127.0.0.1", founded.server.port)) for _ in range(200)]
    try:
        await connect(founded.profile("acme"))("check", PICTURE)
    finally:
        for one in sockets:
            one.close()


async def test_an_address_that_cannot_be_bound_is_a_config_error(founded: Clearinghouse) -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:0"):
        await founded.start(listen="192.0.2.1")


async def test_a_member_renews_its_certificate_over_its_channel(
    house: Clearinghouse, connect: Connect
) -> None:
    key = certificates.new_channel_key()
    request = certificates.request_member(key, "acme")
    # Certificates go by the machine's clock, the log by another: a second signer makes its moment count.
    await connect(house.profile("acme"))("submit", PICTURE, labels=["ncii"])
    caller = connect(house.profile("acme"), clock=wall_clock)
    certificate = await caller("certificate", request)
    certificates.check_member(certificate, house.world.origin, "acme", key)
    renewed = house.tls(Credential(key, certificate))
    await connect(house.profile("acme", renewed))("check", PICTURE)
    # The channel is bolt's, the key acme's.
    acme = house.profile("acme")
    mixed = connect(replace(acme, endpoint=house.profile("bolt").endpoint), clock=wall_clock)
    with pytest.raises(NotPermittedError, match="the channel is of 'bolt'"):
        await mixed("certificate", request)


async def test_the_server_takes_new_certificates_and_authorities_while_it_serves(
    founded: Clearinghouse, connect: Connect
) -> None:
    files: list[Tls] = []
    founded.renewed = lambda: files.pop() if files else None
    await founded.start()
    await connect(founded.profile("acme"))("check", PICTURE)
    old, new = founded.authority, certificates.make_authority(founded.world.origin, wall_clock)
    both = Credential(old.key, old.certificate + new.certificate)
    grant = Grant("acme", Identity.of("acme").id)
    ours = certificates.issue_member(new, founded.world.origin, grant, wall_clock)
    with pytest.raises(CertificateError):
        await connect(founded.profile("acme", founded.tls(ours)))("check", PICTURE)
    files.append(founded.tls(certificates.issue_server(new, (HOST,), wall_clock), both))
    trusting = founded.tls(founded.member("acme"), both)
    await connect(founded.profile("acme", trusting))("check", PICTURE)
    await connect(founded.profile("acme", founded.tls(ours, new)))("check", PICTURE)
    files.append(founded.tls(certificates.issue_server(new, (HOST,), wall_clock), new))
    await connect(founded.profile("acme", founded.tls(ours, new)))("check", PICTURE)
    with pytest.raises(CertificateError):
        await connect(founded.profile("acme", trusting))("check", PICTURE)
