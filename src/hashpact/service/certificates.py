"""Certificates: the home's own authority, and the certificates of its server and members.

They say who is at the end of a channel and nothing more; what a member says is signed with its statement
key. TLS keys are ECDSA P-256, which every TLS library takes. Source: RFC 5280.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hashpact.domain.errors import ConfigError
from hashpact.domain.ports import Clock

DAY: Final = dt.timedelta(days=1)
AUTHORITY_LIFE: Final = 3650 * DAY
SERVER_LIFE: Final = 365 * DAY
MEMBER_LIFE: Final = 90 * DAY
_BACKDATE: Final = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key and its certificate, both PEM."""

    key: bytes
    certificate: bytes


def member_uri(origin: str, member_id: str) -> str:
    """The one URI that a member's certificate names."""
    return f"hashpact://{origin}/member/{member_id}"


def make_authority(origin: str, clock: Clock) -> Credential:
    """A new certificate authority for one clearinghouse, valid for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(f"hashpact authority of {origin}"), key, clock, AUTHORITY_LIFE)
        .issuer_name(_name(f"hashpact authority of {origin}"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False, certifies=True), critical=True)
    )
    return _credential(key, builder.sign(key, hashes.SHA256()))


def issue_server(authority: Credential, hosts: Sequence[str], clock: Clock) -> Credential:
    """A server's certificate for these host names and IP addresses, valid for a year."""
    names = x509.SubjectAlternativeName([_host(host) for host in hosts])
    return _issue(authority, "hashpact server", names, ExtendedKeyUsageOID.SERVER_AUTH, (clock, SERVER_LIFE))


def issue_member(authority: Credential, origin: str, member_id: str, clock: Clock) -> Credential:
    """A member's client certificate, naming exactly its URI, valid for 90 days."""
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(member_uri(origin, member_id))])
    return _issue(authority, member_id, names, ExtendedKeyUsageOID.CLIENT_AUTH, (clock, MEMBER_LIFE))


def _issue(
    authority: Credential,
    subject: str,
    names: x509.SubjectAlternativeName,
    usage: x509.ObjectIdentifier,
    life: tuple[Clock, dt.timedelta],
) -> Credential:
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
    key = ec.generate_private_key(ec.SECP256R1())
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
    return _credential(key, builder.sign(signer, hashes.SHA256()))


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, clock: Clock, life: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.fromtimestamp(clock(), dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _credential(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> Credential:
    return Credential(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


def _name(common: str) -> x509.Name:
    # X.520 bounds a common name at 64 characters; nothing reads it but people.
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
