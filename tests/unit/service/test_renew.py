"""Renewal: a certificate for whoever proves a member's key over its channel, and for nobody else."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from builders import NOW, Identity, World
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from memory import MemoryLedger

from hashpact.domain import statements
from hashpact.domain.kinds import KeySuspend
from hashpact.domain.renewal import Renewal
from hashpact.errors import (
    BadSignatureError,
    ClockSkewError,
    ConfigError,
    ConflictError,
    CorruptError,
    HashpactError,
    InvalidInputError,
    MalformedError,
    NotPermittedError,
    UnknownKeyError,
)
from hashpact.keys import certificates
from hashpact.service.renew import Renewer

KEY = certificates.new_channel_key()
REQUEST = certificates.request_member(KEY, "acme")
DER = x509.load_pem_x509_csr(REQUEST).public_bytes(serialization.Encoding.DER)
LABEL = b"CERTIFICATE REQUEST-----\n"
FORGED = b"-----BEGIN " + LABEL + base64.encodebytes(DER.replace(b"acme", b"bolt")) + b"-----END " + LABEL
"""Changed after it was signed."""


@pytest.fixture
def renewer(world: World) -> Renewer:
    """A renewer of a log with the members acme and bolt."""
    ledger = MemoryLedger()
    world.found(ledger, "acme", "bolt")
    authority = certificates.make_authority(world.origin, world.clock)
    return Renewer(world.origin, authority, ledger, world.clock)


def test_a_member_gets_a_certificate_for_its_new_key(world: World, renewer: Renewer) -> None:
    certificate = renewer.renew("acme", world.author("acme").renewal(REQUEST))
    certificates.check_member(certificate, world.origin, "acme", KEY)
    assert certificates.expires(certificate) == NOW + 30 * 86400
    for member, key in (("bolt", KEY), ("acme", certificates.new_channel_key())):
        with pytest.raises(CorruptError, match="certificate is not of"):
            certificates.check_member(certificate, world.origin, member, key)
    with pytest.raises(CorruptError, match="not a member's certificate"):
        certificates.check_member(b"junk", world.origin, "acme", KEY)


def test_where_the_authority_is_elsewhere_an_administrator_is_named(world: World, renewer: Renewer) -> None:
    with pytest.raises(ConflictError, match="hashpact cert issue"):
        replace(renewer, authority=None).renew("acme", world.author("acme").renewal(REQUEST))


def test_an_expired_key_vouches_for_nothing(world: World, renewer: Renewer) -> None:
    world.clock.now += 366 * 86400
    with pytest.raises(NotPermittedError, match="it has expired"):
        renewer.renew("acme", world.author("acme").renewal(REQUEST))


def test_a_suspended_key_vouches_for_nothing(world: World, renewer: Renewer) -> None:
    author = world.author("acme")
    suspension = author.say(KeySuspend("acme", author.key.id, "lost"))
    world.appender(renewer.ledger).append("acme", suspension)
    with pytest.raises(NotPermittedError, match="it is suspended"):
        renewer.renew("acme", author.renewal(REQUEST))


def other_request(renewal: Renewal) -> Renewal:
    return replace(renewal, request=certificates.request_member(certificates.new_channel_key(), "acme"))


def unsigned(renewal: Renewal) -> Renewal:
    return replace(renewal, proof=renewal.proof.replace("— acme/1 ".encode(), "— bolt/1 ".encode()))


def changed(renewal: Renewal) -> Renewal:
    # The 64 hex digits of the key are not touched, so the line still names it.
    return replace(renewal, proof=renewal.proof.replace(b"time 18000000", b"time 18000001"))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (other_request, InvalidInputError),
        (unsigned, BadSignatureError),
        (changed, BadSignatureError),
        (lambda renewal: replace(renewal, proof=b""), MalformedError),
        (lambda renewal: replace(renewal, proof=renewal.proof * 9), MalformedError),
        (lambda renewal: replace(renewal, proof=renewal.proof.replace(b"/v1", b"/v2", 1)), MalformedError),
    ],
    ids=["another request", "not signed", "changed", "empty", "long", "another format"],
)
def test_a_renewal_that_does_not_hold_together_is_refused(
    world: World, renewer: Renewer, change: object, error: type[HashpactError]
) -> None:
    good = world.author("acme").renewal(REQUEST)
    assert callable(change)
    with pytest.raises(error):
        renewer.renew("acme", change(good))


def test_a_renewal_is_for_one_log_one_member_and_now(world: World, renewer: Renewer) -> None:
    author = world.author("acme")
    with pytest.raises(NotPermittedError, match="the channel is of 'bolt'"):
        renewer.renew("bolt", author.renewal(REQUEST))
    with pytest.raises(InvalidInputError, match="for the log"):
        renewer.renew("acme", replace(author, origin="other.example/log").renewal(REQUEST))
    with pytest.raises(ClockSkewError):
        renewer.renew("acme", replace(author, clock=lambda: NOW - 601).renewal(REQUEST))
    bolt = Identity.of("bolt")
    with pytest.raises(UnknownKeyError):
        renewer.renew("acme", replace(author, key=bolt.key, signer=bolt.private).renewal(REQUEST))
    stranger = Identity.of("acme", "2")
    with pytest.raises(UnknownKeyError):
        renewer.renew("acme", replace(author, key=stranger.key, signer=stranger.private).renewal(REQUEST))


def test_a_statement_is_no_renewal_and_a_renewal_no_statement(world: World, renewer: Renewer) -> None:
    author = world.author("acme")
    with pytest.raises(MalformedError, match="first line"):
        renewer.renew("acme", Renewal(REQUEST, author.withdraw(1, "mistake").statement))
    with pytest.raises(MalformedError, match="first line"):
        statements.parse(author.renewal(REQUEST).proof)


def requested(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"junk",
        REQUEST[:-100],
        FORGED,
        requested(ec.generate_private_key(ec.SECP384R1())),
        requested(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["empty", "junk", "cut", "changed", "another curve", "rsa"],
)
def test_only_a_request_for_a_p_256_key_is_certified(world: World, renewer: Renewer, request_: bytes) -> None:
    with pytest.raises(InvalidInputError, match="not a certificate request"):
        renewer.renew("acme", world.author("acme").renewal(request_))


def test_a_channel_has_no_other_kind_of_key() -> None:
    with pytest.raises(ConfigError, match="ECDSA"):
        certificates.request_member(
            Identity.of("acme").private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
            "acme",
        )
