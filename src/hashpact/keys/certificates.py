"""Certificates: the home's own authority, and the certificates of its server and members.

They authenticate the two ends of a channel and nothing else; statements are signed with a statement key. TLS
keys are ECDSA P-256, which every TLS library takes. Source: RFC 5280.

A member's certificate names the statement key that vouched for it, in an extension of our own (`VOUCHER`),
and is good only while that key is in force. docs/formats/renewal.md has the bytes.
"""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hashpact.domain.ports import Clock
from hashpact.domain.state import SERIAL_SIZE
from hashpact.errors import ConfigError, CorruptError, InvalidInputError
from hashpact.keys.pkcs8 import to_pem

DAY: Final = dt.timedelta(days=1)
AUTHORITY_LIFE: Final = 3650 * DAY
SERVER_LIFE: Final = 365 * DAY
MEMBER_LIFE: Final = 30 * DAY
"""Short: a member renews its certificate with its statement key (`service.renew`)."""
MAX_REQUEST: Final = 4096
"""Bytes that a certificate request may have."""
VOUCHER: Final = x509.ObjectIdentifier(
    "1.2.840.113556.1.8000.2554.3352.21366.16375.19122.34812.719765.13855737"
)
"""The extension that names the vouching key: the UUID 0d185376-3ff7-4ab2-87fc-0afb95d36bf9 in seven arcs.

In one arc, below 2.25, it would be refused by Go's crypto/x509, which reads arcs below 2^31 only.
"""
# The value around the key's id, in DER: SEQUENCE { voucher OCTET STRING, checkOnly BOOLEAN OPTIONAL }.
_ORDINARY: Final = (b"\x30\x22\x04\x20", b"")
_CHECK_ONLY: Final = (b"\x30\x25\x04\x20", b"\x01\x01\xff")
_AUTHORITY: Final = "hashpact authority of "
_OF_MIRROR: Final = f"{_AUTHORITY}mirror of "
"""How the names of authorities begin: of a clearinghouse, and of a mirror."""
_BACKDATE: Final = dt.timedelta(minutes=10)
_ID_SIZE: Final = 32
_CACHED: Final = 4096
"""Certificates that `shown` keeps, of about 1 kB each: 4 MB."""
_UNREADABLE: Final = (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key and its certificate, both PEM."""

    key: bytes
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Tls:
    """One end's private key and certificate, and the authority that it trusts for the other end; all PEM."""

    key: bytes = field(repr=False)
    certificate: bytes
    authority: bytes


@dataclass(frozen=True, slots=True)
class Grant:
    """What a member's certificate is issued for.

    ``voucher`` is the 32-byte id of the statement key that vouched for it. With ``check_only`` its holder may
    check and nothing else. It is valid for ``days``, at most 30.
    """

    member: str
    voucher: bytes
    check_only: bool = False
    days: int = MEMBER_LIFE.days


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client certificate states, as its own bytes have it.

    ``names`` are whole, because a TLS library can cut them at a NUL: each URI, and None for any other name.
    Without a readable ``voucher`` that is None, and ``names`` are empty if they cannot be read.
    """

    names: tuple[str | None, ...] = ()
    serial: bytes = bytes(SERIAL_SIZE)
    voucher: bytes | None = None
    check_only: bool = False


def member_uri(origin: str, member_id: str) -> str:
    """The one URI that a member's certificate names."""
    return f"hashpact://{origin}/member/{member_id}"


@functools.lru_cache(maxsize=_CACHED)
def shown(certificate: bytes) -> Shown:
    """What a certificate in PEM states; nothing if it cannot be read."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        serial = found.serial_number.to_bytes(SERIAL_SIZE)
    except (ValueError, OverflowError, *_UNREADABLE):
        return Shown()
    whole = tuple(name.value if isinstance(name, x509.UniformResourceIdentifier) else None for name in names)
    try:
        value = found.extensions.get_extension_for_oid(VOUCHER).value.public_bytes()
    except x509.ExtensionNotFound:
        return Shown(whole, serial)
    voucher = value[len(_ORDINARY[0]) :][:_ID_SIZE]
    for check_only in (False, True):
        if value == _named(voucher, check_only=check_only):
            return Shown(whole, serial, voucher, check_only)
    return Shown(whole, serial)


def make_authority(origin: str, clock: Clock, *, mirror: bool = False) -> Credential:
    """A new certificate authority for one clearinghouse, or for one of its mirrors, valid for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{_OF_MIRROR if mirror else _AUTHORITY}{origin}")
    builder = (
        _builder(name, key.public_key(), clock, AUTHORITY_LIFE)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False, certifies=True), critical=True)
    )
    certificate = builder.sign(key, hashes.SHA256())
    return Credential(to_pem(key), certificate.public_bytes(serialization.Encoding.PEM))


def are_mirrors(authorities: bytes) -> bool:
    """Whether certificates in PEM are authorities of mirrors, all of them. Raises ConfigError."""
    try:
        found = x509.load_pem_x509_certificates(authorities)
    except ValueError as error:
        msg = "ca.crt of the profile, or the file of --ca, is not the certificate of an authority in PEM"
        raise ConfigError(msg) from error
    names = [name.value for one in found for name in one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return len(names) == len(found) and all(str(name).startswith(_OF_MIRROR) for name in names)


def issue_server(authority: Credential, hosts: Sequence[str], clock: Clock) -> Credential:
    """A server's certificate for these host names and IP addresses, valid for a year."""
    names = x509.SubjectAlternativeName([_host(host) for host in hosts])
    key = ec.generate_private_key(ec.SECP256R1())
    identity = (names, ExtendedKeyUsageOID.SERVER_AUTH, None)
    certificate = _issue(authority, "hashpact server", key.public_key(), identity, (clock, SERVER_LIFE))
    return Credential(to_pem(key), certificate)


def issue_member(authority: Credential, origin: str, grant: Grant, clock: Clock) -> Credential:
    """A member's client certificate, naming exactly its URI, with a new key."""
    key = new_channel_key()
    return Credential(key, certify_member(authority, origin, grant, request_member(key, grant.member), clock))


def new_channel_key() -> bytes:
    """A new private key for a channel, in PEM."""
    return to_pem(ec.generate_private_key(ec.SECP256R1()))


def request_member(key: bytes, member_id: str) -> bytes:
    """The certificate request (RFC 2986, in PEM) of a member for its channel key, signed by that key."""
    private = serialization.load_pem_private_key(key, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        msg = "the key of a channel is an ECDSA key"
        raise ConfigError(msg)
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(member_id))
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def certify_member(authority: Credential, origin: str, grant: Grant, request: bytes, clock: Clock) -> bytes:
    """The client certificate, in PEM, of that grant for the key of a certificate request.

    Only the request's key is used, an ECDSA P-256 key that has signed it; the caller must have
    authenticated the member. Raises InvalidInputError for any other request.
    """
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(member_uri(origin, grant.member))])
    voucher = x509.UnrecognizedExtension(VOUCHER, _named(grant.voucher, check_only=grant.check_only))
    identity = (names, ExtendedKeyUsageOID.CLIENT_AUTH, voucher)
    return _issue(authority, grant.member, _requested(request), identity, (clock, grant.days * DAY))


def check_member(certificate: bytes, origin: str, member_id: str, key: bytes) -> None:
    """Raise CorruptError unless a certificate is that member's, for that private key (both PEM)."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        msg = "this is not a member's certificate"
        raise CorruptError(msg) from error
    wanted = [x509.UniformResourceIdentifier(member_uri(origin, member_id))]
    private = serialization.load_pem_private_key(key, None)
    if list(names) != wanted or found.public_key() != private.public_key():
        msg = f"the certificate is not of {member_id!r} and its key"
        raise CorruptError(msg)


def check_server(credential: Credential, trusted: bytes) -> None:
    """Raise ConfigError unless a server can use its key, its certificate and its trusted authorities."""
    try:
        certificate = x509.load_pem_x509_certificate(credential.certificate)
        x509.load_pem_x509_certificates(trusted)
    except ValueError as error:
        msg = "server.crt or ca.crt is not a certificate in PEM"
        raise ConfigError(msg) from error
    if certificate.public_key() != serialization.load_pem_private_key(credential.key, None).public_key():
        msg = "server.crt is not of server.key; put both in place"
        raise ConfigError(msg)


def hosts(certificate: bytes) -> set[str]:
    """The host names and IP addresses that a server's certificate in PEM names. Raises ConfigError."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        msg = "not a server's certificate in PEM"
        raise ConfigError(msg) from error
    return {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}


def expires(certificate: bytes) -> int:
    """When a certificate in PEM ends, in Unix seconds. Raises ConfigError if it is none."""
    try:
        return int(x509.load_pem_x509_certificate(certificate).not_valid_after_utc.timestamp())
    except ValueError as error:
        msg = "not a certificate in PEM"
        raise ConfigError(msg) from error


def _requested(request: bytes) -> ec.EllipticCurvePublicKey:
    msg = "not a certificate request in PEM that an ECDSA P-256 key has signed"
    try:
        parsed = x509.load_pem_x509_csr(request[: MAX_REQUEST + 1])
        key, signed = parsed.public_key(), parsed.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInputError(msg, field="certificate_request") from error
    if signed and isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise InvalidInputError(msg, field="certificate_request")


def _issue(
    authority: Credential,
    subject: str,
    key: ec.EllipticCurvePublicKey,
    identity: tuple[x509.SubjectAlternativeName, x509.ObjectIdentifier, x509.UnrecognizedExtension | None],
    life: tuple[Clock, dt.timedelta],
) -> bytes:
    try:
        issuer = x509.load_pem_x509_certificate(authority.certificate)
        signer = serialization.load_pem_private_key(authority.key, None)
    except (ValueError, TypeError) as error:  # TypeError: the key is encrypted
        msg = "the home's authority (ca.crt, ca.key) cannot be read"
        raise ConfigError(msg) from error
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        msg = "the home's authority key is not an ECDSA key"
        raise ConfigError(msg)
    if issuer.public_key() != signer.public_key():
        msg = "the home's authority certificate (ca.crt) is not of its key (ca.key)"
        raise ConfigError(msg)
    names, usage, voucher = identity
    builder = (
        _builder(_name(subject), key, *life)
        .issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=True, certifies=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if voucher is not None:
        builder = builder.add_extension(voucher, critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _named(voucher: bytes, *, check_only: bool) -> bytes:
    """The value of the extension that names the vouching key, in DER."""
    before, after = _CHECK_ONLY if check_only else _ORDINARY
    return before + voucher + after


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, clock: Clock, life: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.fromtimestamp(clock(), dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common: str) -> x509.Name:
    # X.520 bounds a common name at 64 characters; only people read it.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs: bool, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=certifies,
        encipher_only=False,
        decipher_only=False,
    )
