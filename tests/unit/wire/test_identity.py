"""Who is calling, decided from what gRPC says of the channel."""

from __future__ import annotations

import datetime as dt
import functools
from contextvars import copy_context
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from hashpact.domain.state import Member, Role
from hashpact.errors import NotPermittedError, UnauthenticatedError
from hashpact.keys.certificates import Tls
from hashpact.wire.identity import CALLER, Gate, require

ORIGIN = "test.example/log"
URI = "hashpact://test.example/log/member/acme"
DAY = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
ACME = Member("acme", frozenset({Role.CONTRIBUTE}), 3)
GATE = Gate(ORIGIN, {"acme": ACME}.get)


@functools.cache
def certificate(*names: x509.GeneralName) -> bytes:
    """A certificate with these names, in PEM. Whose it is and until when, gRPC has checked before."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    builder = (
        x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key())
        .serial_number(1)
        .not_valid_before(DAY)
        .not_valid_after(DAY)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return builder.sign(key, None).public_bytes(serialization.Encoding.PEM)


GOOD = certificate(x509.UniformResourceIdentifier(URI))


def peer(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any property
    """What gRPC says of a good channel, with changes; None takes a property away."""
    good = {
        "transport_security_type": [b"ssl"],
        "ssl_tls_version": [b"TLSv1.3"],
        "x509_common_name": [b"acme"],
        "x509_subject_alternative_name": [URI.encode()],
        "peer_uri": [URI.encode()],
        "x509_pem_cert": [GOOD],
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def test_a_good_channel_is_its_member() -> None:
    assert GATE.admit(peer()) is ACME


def test_a_suspended_member_is_refused() -> None:
    suspended = Gate(ORIGIN, {"acme": replace(ACME, suspended_at=7)}.get)
    with pytest.raises(NotPermittedError, match="'acme' is suspended"):
        suspended.admit(peer())


@pytest.mark.parametrize(
    "changes",
    [
        {"transport_security_type": None},
        {"transport_security_type": [b"insecure"]},
        {"ssl_tls_version": None},
        {"ssl_tls_version": [b"TLSv1.2"]},
        {"ssl_tls_version": [b"TLSv1.3", b"TLSv1.2"]},
        {"x509_pem_cert": None},
        {"x509_pem_cert": []},
        {"x509_pem_cert": [GOOD, GOOD]},
        {"x509_pem_cert": [b"not a certificate"]},
        {"x509_pem_cert": [GOOD[:-100]]},
    ],
    ids=str,
)
def test_anything_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnauthenticatedError):
        GATE.admit(peer(**changes))


@pytest.mark.parametrize(
    "names",
    [
        [],
        [x509.DNSName("acme")],
        [x509.DNSName(URI)],
        [x509.RFC822Name(URI)],
        [x509.UniformResourceIdentifier(URI), x509.UniformResourceIdentifier(URI)],
        [x509.UniformResourceIdentifier(URI), x509.DNSName("acme")],
        *(
            [x509.UniformResourceIdentifier(uri)]
            for uri in (
                "",
                "acme",
                URI + "/",
                URI + "\n",
                URI + "\0",
                URI + "\0.evil",
                URI + "\0" + URI,
                URI.upper(),
                URI.replace("test", "best"),
                URI.replace("acme", "ac"),
                URI.replace("acme", ""),
                URI.replace("member/", "members/"),
                " " + URI,
            )
        ),
    ],
    ids=repr,
)
def test_another_name_is_refused_whatever_grpc_says(names: list[x509.GeneralName]) -> None:
    with pytest.raises(UnauthenticatedError, match="certificate"):
        GATE.admit(peer(x509_pem_cert=[certificate(*names)]))


def test_tls_1_2_is_named() -> None:
    with pytest.raises(UnauthenticatedError, match=r"^TLS 1\.3 is required$"):
        GATE.admit(peer(ssl_tls_version=[b"TLSv1.2"]))


def test_a_stranger_is_not_permitted() -> None:
    with pytest.raises(NotPermittedError, match="'acme' is not enrolled"):
        Gate(ORIGIN, lambda _: None).admit(peer())


def test_a_role_is_required() -> None:
    def run() -> None:
        CALLER.set(ACME)
        require(Role.CONTRIBUTE)
        with pytest.raises(NotPermittedError, match="'check'"):
            require(Role.CHECK)

    copy_context().run(run)


def test_a_private_key_is_not_shown() -> None:
    assert "secret" not in repr(Tls(b"secret", b"certificate", b"authority"))
