"""Who gets in: certificates, TLS versions, membership, on every RPC; and what a client says of a refusal."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from builders import Identity, fingerprint
from clearinghouse import Clearinghouse, Connect
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from hashpact.domain.errors import (
    CertificateError,
    ConfigError,
    NotPermittedError,
    UnauthenticatedError,
    UnavailableError,
)
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.state import Role
from hashpact.service import certificates
from hashpact.service.certificates import Credential
from hashpact.wire.client import connection
from hashpact.wire.identity import Tls
from hashpact.wire.server import CHECK_SERVICE

PICTURE = [fingerprint(PDQ, "one")]
ACME = "hashpact://test.example/log/member/acme"
GOOD = x509.UniformResourceIdentifier(ACME)


def named(authority: Credential, *names: x509.GeneralName, common: str = "acme") -> Credential:
    """A client certificate with any names at all."""
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    signer = serialization.load_pem_private_key(authority.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Credential(pem, builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    "names",
    [
        [],
        [x509.DNSName("acme")],
        [x509.UniformResourceIdentifier("hashpact://other.example/log/member/acme")],
        [x509.UniformResourceIdentifier("hashpact://test.example/log/member/../acme")],
        [x509.UniformResourceIdentifier("hashpact://test.example/log/member/ACME")],
        [x509.UniformResourceIdentifier(ACME + "/")],
        [x509.UniformResourceIdentifier(ACME + "?x")],
        [x509.UniformResourceIdentifier("https://test.example/log/member/acme")],
        [GOOD, GOOD],
        [GOOD, x509.UniformResourceIdentifier("hashpact://test.example/log/member/bolt")],
        [GOOD, x509.DNSName("acme")],
        [x509.DNSName(ACME)],
    ],
    ids=str,
)
async def test_a_certificate_has_exactly_one_name(
    house: Clearinghouse, connect: Connect, names: list[x509.GeneralName]
) -> None:
    caller = connect(house.profile("acme", house.tls(named(house.authority, *names))))
    with pytest.raises(UnauthenticatedError, match="certificate"):
        await caller("check", PICTURE)


async def test_one_good_name_is_enough_whatever_the_common_name(
    house: Clearinghouse, connect: Connect
) -> None:
    credential = named(house.authority, GOOD, common="somebody else")
    await connect(house.profile("acme", house.tls(credential)))("check", PICTURE)


async def test_an_unknown_member_is_refused(house: Clearinghouse, connect: Connect) -> None:
    with pytest.raises(NotPermittedError, match="'stranger' is not enrolled"):
        await connect(house.profile("stranger"))("check", PICTURE)


def expired(house: Clearinghouse) -> Tls:
    then = lambda: 1_600_000_000  # noqa: E731  # a clock
    return house.tls(certificates.issue_member(house.authority, house.world.origin, "acme", then))


def not_yet(house: Clearinghouse) -> Tls:
    then = lambda: 4_000_000_000  # noqa: E731  # a clock
    return house.tls(certificates.issue_member(house.authority, house.world.origin, "acme", then))


def by_another_authority(house: Clearinghouse) -> Tls:
    other = certificates.make_authority(house.world.origin, lambda: 1_700_000_000)
    credential = certificates.issue_member(other, house.world.origin, "acme", _now)
    return house.tls(credential)


def trusting_another_authority(house: Clearinghouse) -> Tls:
    other = certificates.make_authority(house.world.origin, _now)
    return house.tls(house.member("acme"), other)


def with_the_key_of_another(house: Clearinghouse) -> Tls:
    mine, other = house.member("acme"), house.member("bolt")
    return Tls(other.key, mine.certificate, house.authority.certificate)


def _now() -> int:
    return int(dt.datetime.now(dt.UTC).timestamp())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (expired, "expired on 2020-12-12"),
        (not_yet, "not valid yet"),
        (by_another_authority, "refused this client's certificate"),
        (trusting_another_authority, "the server's certificate is not trusted"),
        (with_the_key_of_another, "key values mismatch"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_refused_channel_is_a_certificate_problem(
    house: Clearinghouse, connect: Connect, make: Callable[[Clearinghouse], Tls], says: str
) -> None:
    caller = connect(house.profile("acme", make(house)))
    with pytest.raises(CertificateError, match=f"^certificate problem: .*{says}") as refused:
        await caller("check", PICTURE)
    assert "hashpact.domain" in type(refused.value).__module__


async def test_another_servers_name_is_a_certificate_problem(
    founded: Clearinghouse, connect: Connect
) -> None:
    await founded.start(hosts=("elsewhere.example",))
    with pytest.raises(CertificateError, match=r"not trusted: .*127\.0\.0\.1"):
        await connect(founded.profile("acme"))("check", PICTURE)


async def test_a_server_that_is_away_is_no_certificate_problem(
    house: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = []
    monkeypatch.setattr(connection, "probe", lambda *args: probes.append(args))
    caller = connect(house.profile("acme"))
    await house.server.stop(0)
    with pytest.raises(UnavailableError) as away:
        await caller("check", PICTURE, timeout=0.6)
    assert type(away.value) is UnavailableError
    assert len(probes) == 1


async def test_a_client_without_a_certificate_is_refused(house: Clearinghouse) -> None:
    credentials = grpc.ssl_channel_credentials(house.authority.certificate)
    async with grpc.aio.secure_channel(f"127.0.0.1:{house.server.port}", credentials) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await health(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert house.events.entries == []


@contextlib.asynccontextmanager
async def tunnel(house: Clearinghouse, version: ssl.TLSVersion) -> AsyncIterator[int]:
    """A port that takes plain bytes and carries them to the server over TLS of one version, as acme."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=house.authority.certificate.decode())
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    credential = house.member("acme")
    with connection._in_memory(credential.key + credential.certificate) as path:
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

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = await asyncio.open_connection("127.0.0.1", house.server.port, ssl=context)
        assert far[1].get_extra_info("ssl_object").version() == version.name.replace("_", ".", 1).replace(
            "_", "."
        )
        await asyncio.gather(carry(reader, far[1]), carry(far[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


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
        call = health(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert await call.code() is code
        if code is not grpc.StatusCode.OK:
            assert await call.details() == "TLS 1.3 is required"


def health(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401  # its stub's methods have no types
    """The client of gRPC's health service."""
    return health_pb2_grpc.HealthStub(channel)


async def listed(channel: grpc.aio.Channel) -> list[str]:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub: Any = reflection_pb2_grpc.ServerReflectionStub
    stream = stub(channel).ServerReflectionInfo(iter([request]), timeout=5)
    answers = [answer async for answer in stream]
    return [service.name for service in answers[0].list_services_response.service]


async def test_health_and_reflection_are_for_members_only(house: Clearinghouse) -> None:
    async with house.channel(house.tls(house.member("acme"))) as channel:
        stub = health(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=CHECK_SERVICE), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert CHECK_SERVICE in await listed(channel)
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await stub.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=5)
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    async with house.channel(house.tls(house.member("stranger"))) as channel:
        stub = health(channel)
        for work in (stub.Check(health_pb2.HealthCheckRequest(), timeout=5), listed(channel)):
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


async def test_a_stream_ends_when_its_caller_is_no_longer_a_member(house: Clearinghouse) -> None:
    async with house.channel(house.tls(house.member("acme"))) as channel:
        watch = health(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        await house.server.set_serving(serving=False)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        del house.ledger._version.state.members["acme"]
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await watch.read()
        assert ended.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_stopping_says_not_serving_first(house: Clearinghouse) -> None:
    async with house.channel(house.tls(house.member("acme"))) as channel:
        watch = health(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        stopping = asyncio.create_task(house.server.stop(0.2))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await stopping


async def test_a_role_is_looked_up_on_every_call(house: Clearinghouse, connect: Connect) -> None:
    who = Identity.of("late")
    caller = connect(house.profile("late"))
    with pytest.raises(NotPermittedError, match="not enrolled"):
        await caller("check", PICTURE)
    house.world.administrators(house.ledger).enrol("late", frozenset(Role), who.key, who.private)
    await caller("check", PICTURE)


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
