"""40 and 56: certificates that are missing, of another authority, expired, or with other names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import grpc
import pytest
from builders import Identity, fingerprint
from clearinghouse import Clearinghouse, Connect
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hashpact.domain.fingerprints import PDQ
from hashpact.errors import CertificateError, UnauthenticatedError
from hashpact.keys import certificates
from hashpact.keys.certificates import VOUCHER, Credential, Grant, Tls

PICTURE = [fingerprint(PDQ, "one")]
ACME = "hashpact://test.example/log/member/acme"
GRANT = Grant("acme", Identity.of("acme").id)
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
        .add_extension(
            x509.UnrecognizedExtension(VOUCHER, b"\x30\x22\x04\x20" + GRANT.voucher), critical=False
        )
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
async def test_40_a_certificate_has_exactly_one_name(
    house: Clearinghouse, connect: Connect, names: list[x509.GeneralName]
) -> None:
    caller = connect(house.profile("acme", house.tls(named(house.authority, *names))))
    with pytest.raises(UnauthenticatedError, match="certificate"):
        await caller("check", PICTURE)


@pytest.mark.parametrize("end", ["\0", "\0.evil", "\0/../bolt"], ids=repr)
async def test_56_a_name_is_not_cut_at_a_nul(house: Clearinghouse, connect: Connect, end: str) -> None:
    credential = named(house.authority, x509.UniformResourceIdentifier(ACME + end))
    with pytest.raises(UnauthenticatedError, match="the URI of the client certificate must be"):
        await connect(house.profile("acme", house.tls(credential)))("check", PICTURE)


async def test_40_one_good_name_is_enough_whatever_the_common_name(
    house: Clearinghouse, connect: Connect
) -> None:
    credential = named(house.authority, GOOD, common="somebody else")
    await connect(house.profile("acme", house.tls(credential)))("check", PICTURE)


def expired(house: Clearinghouse) -> Tls:
    then = lambda: 1_600_000_000  # noqa: E731  # a clock
    return house.tls(certificates.issue_member(house.authority, house.world.origin, GRANT, then))


def not_yet(house: Clearinghouse) -> Tls:
    then = lambda: 4_000_000_000  # noqa: E731  # a clock
    return house.tls(certificates.issue_member(house.authority, house.world.origin, GRANT, then))


def by_another_authority(house: Clearinghouse) -> Tls:
    other = certificates.make_authority(house.world.origin, lambda: 1_700_000_000)
    credential = certificates.issue_member(other, house.world.origin, GRANT, _now)
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
        (expired, "expired on 2020-10-13"),
        (not_yet, "not valid yet"),
        (by_another_authority, "refused this client's certificate"),
        (trusting_another_authority, "the server's certificate is not trusted"),
        (with_the_key_of_another, "key values mismatch"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_40_a_refused_channel_is_a_certificate_problem(
    house: Clearinghouse, connect: Connect, make: Callable[[Clearinghouse], Tls], says: str
) -> None:
    caller = connect(house.profile("acme", make(house)))
    with pytest.raises(CertificateError, match=f"^certificate problem: .*{says}") as refused:
        await caller("check", PICTURE)
    assert type(refused.value).__module__ == "hashpact.errors"


async def test_40_another_servers_name_is_a_certificate_problem(
    founded: Clearinghouse, connect: Connect
) -> None:
    await founded.start(hosts=("elsewhere.example",))
    with pytest.raises(CertificateError, match=r"not trusted: .*127\.0\.0\.1"):
        await connect(founded.profile("acme"))("check", PICTURE)


async def test_40_a_client_without_a_certificate_is_refused(house: Clearinghouse) -> None:
    credentials = grpc.ssl_channel_credentials(house.authority.certificate)
    async with grpc.aio.secure_channel(f"127.0.0.1:{house.server.port}", credentials) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/any/Method")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"", timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert house.events.entries == []
