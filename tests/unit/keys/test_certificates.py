"""Certificates: what they say, and that an independent verifier takes exactly the right ones."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import replace

import pytest
from builders import NOW, ORIGIN, FakeClock, Identity
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from hashpact.errors import ConfigError
from hashpact.keys.certificates import (
    VOUCHER,
    Credential,
    Grant,
    Shown,
    issue_member,
    issue_server,
    make_authority,
    member_uri,
    shown,
)

CLOCK = FakeClock()
AUTHORITY = make_authority(ORIGIN, CLOCK)
GRANT = Grant("acme-video", bytes(range(32)))
MEMBER = issue_member(AUTHORITY, ORIGIN, GRANT, CLOCK)
SERVER = issue_server(AUTHORITY, ["check.example", "127.0.0.1", "::1"], CLOCK)
BEGIN = dt.datetime.fromtimestamp(NOW, dt.UTC) - dt.timedelta(minutes=10)


def certificate(credential: Credential) -> x509.Certificate:
    """The one certificate of a credential."""
    (one,) = x509.load_pem_x509_certificates(credential.certificate)
    return one


def private(credential: Credential) -> ec.EllipticCurvePrivateKey:
    """Its private key."""
    key = serialization.load_pem_private_key(credential.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def policy(authority: Credential = AUTHORITY, at: int = NOW) -> PolicyBuilder:
    """What a careful verifier asks for, at that time."""
    moment = dt.datetime.fromtimestamp(at, dt.UTC)
    return PolicyBuilder().store(Store([certificate(authority)])).time(moment)


@pytest.mark.parametrize("credential", [AUTHORITY, MEMBER, SERVER], ids=["authority", "member", "server"])
def test_the_key_is_the_certificates_and_p_256(credential: Credential) -> None:
    key = private(credential)
    assert key.public_key() == certificate(credential).public_key()
    assert isinstance(key.curve, ec.SECP256R1)
    assert credential.key.startswith(b"-----BEGIN PRIVATE KEY-----\n")


def test_the_authority_certifies_leaves_and_nothing_else() -> None:
    ca = certificate(AUTHORITY)
    ca.verify_directly_issued_by(ca)
    basic = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (
        True,
        True,
        False,
    )
    assert ca.not_valid_before_utc == BEGIN
    assert ca.not_valid_after_utc == BEGIN + dt.timedelta(days=3650, minutes=10)


@pytest.mark.parametrize(
    ("credential", "purpose", "days"),
    [(MEMBER, ExtendedKeyUsageOID.CLIENT_AUTH, 30), (SERVER, ExtendedKeyUsageOID.SERVER_AUTH, 365)],
    ids=["member", "server"],
)
def test_a_leaf_has_one_purpose_and_an_end(
    credential: Credential, purpose: x509.ObjectIdentifier, days: int
) -> None:
    leaf, ca = certificate(credential), certificate(AUTHORITY)
    leaf.verify_directly_issued_by(ca)
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [purpose]
    basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca) == (True, False)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_cert_sign, usage.key_agreement) == (True, False, False)
    issued_by = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    subject = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert issued_by.key_identifier == subject.digest
    assert leaf.not_valid_before_utc == BEGIN
    assert leaf.not_valid_after_utc == BEGIN + dt.timedelta(days=days, minutes=10)


def test_a_member_is_exactly_one_uri() -> None:
    names = certificate(MEMBER).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier("hashpact://test.example/log/member/acme-video")]
    assert member_uri(ORIGIN, "acme-video") == "hashpact://test.example/log/member/acme-video"


def test_a_server_has_names_and_addresses() -> None:
    names = certificate(SERVER).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [
        x509.DNSName("check.example"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]


def test_a_member_verifies_as_a_client_for_its_days() -> None:
    for at in (NOW - 600, NOW, NOW + 30 * 86400):
        verified = policy(at=at).build_client_verifier().verify(certificate(MEMBER), [])
        assert verified.chain == [certificate(MEMBER), certificate(AUTHORITY)]
        assert verified.subjects == [x509.UniformResourceIdentifier(member_uri(ORIGIN, "acme-video"))]
    for at in (NOW - 601, NOW + 30 * 86400 + 1):
        with pytest.raises(VerificationError):
            policy(at=at).build_client_verifier().verify(certificate(MEMBER), [])


@pytest.mark.parametrize(
    "host", [x509.DNSName("check.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
)
def test_a_server_verifies_as_a_server_under_its_names(host: x509.DNSName | x509.IPAddress) -> None:
    assert len(policy().build_server_verifier(host).verify(certificate(SERVER), [])) == 2
    other = x509.DNSName("other.example")
    with pytest.raises(VerificationError):
        policy().build_server_verifier(other).verify(certificate(SERVER), [])


def test_neither_passes_for_the_other() -> None:
    with pytest.raises(VerificationError):
        policy().build_client_verifier().verify(certificate(SERVER), [])
    with pytest.raises(VerificationError):
        policy().build_server_verifier(x509.DNSName("check.example")).verify(certificate(MEMBER), [])


def test_another_authority_of_the_same_name_is_another_authority() -> None:
    other = make_authority(ORIGIN, CLOCK)
    assert certificate(other).subject == certificate(AUTHORITY).subject
    with pytest.raises(VerificationError):
        policy(other).build_client_verifier().verify(certificate(MEMBER), [])


def test_a_member_can_not_certify_others() -> None:
    forged = issue_member(MEMBER, ORIGIN, replace(GRANT, member="bravo"), CLOCK)
    with pytest.raises(VerificationError):
        policy().build_client_verifier().verify(certificate(forged), [certificate(MEMBER)])


def test_keys_and_serial_numbers_are_new_each_time() -> None:
    again = issue_member(AUTHORITY, ORIGIN, GRANT, CLOCK)
    assert certificate(again).serial_number != certificate(MEMBER).serial_number
    assert again.key != MEMBER.key


def test_a_long_origin_is_cut_in_the_name_and_whole_in_the_uri() -> None:
    origin = "a" * 100 + ".example/log"
    authority = make_authority(origin, CLOCK)
    member = issue_member(authority, origin, replace(GRANT, member="acme"), CLOCK)
    verified = policy(authority).build_client_verifier().verify(certificate(member), [])
    assert verified.subjects == [x509.UniformResourceIdentifier(f"hashpact://{origin}/member/acme")]


def pem(key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption) -> bytes:
    """A private key in PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


ENCRYPTED = pem(private(AUTHORITY), serialization.BestAvailableEncryption(b"secret"))
ED25519 = Identity.of("any").private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("authority", "message"),
    [
        (Credential(AUTHORITY.key, b"junk"), "cannot be read"),
        (Credential(b"junk", AUTHORITY.certificate), "cannot be read"),
        (Credential(b"", b""), "cannot be read"),
        (Credential(ENCRYPTED, AUTHORITY.certificate), "cannot be read"),
        (Credential(ED25519, AUTHORITY.certificate), "not an ECDSA key"),
        (Credential(MEMBER.key, AUTHORITY.certificate), "is not of its key"),
    ],
    ids=["certificate", "key", "empty", "encrypted", "ed25519", "mismatch"],
)
def test_an_authority_that_cannot_sign_is_refused(authority: Credential, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        issue_member(authority, ORIGIN, GRANT, CLOCK)
    with pytest.raises(ConfigError, match=message):
        issue_server(authority, ["localhost"], CLOCK)


@pytest.mark.parametrize("grant", [GRANT, replace(GRANT, check_only=True, days=3)])
def test_a_members_certificate_names_the_key_that_vouched_for_it(grant: Grant) -> None:
    made = issue_member(AUTHORITY, ORIGIN, grant, CLOCK)
    serial = certificate(made).serial_number.to_bytes(20)
    uri = member_uri(ORIGIN, "acme-video")
    assert shown(made.certificate) == Shown((uri,), serial, GRANT.voucher, grant.check_only)
    assert certificate(made).not_valid_after_utc == BEGIN + dt.timedelta(days=grant.days, minutes=10)
    extension = certificate(made).extensions.get_extension_for_oid(VOUCHER)
    assert not extension.critical
    # Go's crypto/x509 reads no larger arcs.
    assert all(int(arc) < 2**31 for arc in VOUCHER.dotted_string.split("."))


def test_a_certificate_that_names_no_key_has_no_voucher() -> None:
    assert shown(b"junk") == Shown()
    assert shown(SERVER.certificate).voucher is None
    assert shown(SERVER.certificate).names == (None, None, None)
