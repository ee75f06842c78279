"""Who is calling, decided from what gRPC says of the channel."""

from __future__ import annotations

from contextvars import copy_context
from dataclasses import replace
from typing import Any

import pytest

from hashpact.domain.state import Member, Role
from hashpact.errors import NotPermittedError, UnauthenticatedError
from hashpact.keys.certificates import Tls
from hashpact.wire.identity import CALLER, Gate, require

ORIGIN = "test.example/log"
URI = b"hashpact://test.example/log/member/acme"
ACME = Member("acme", frozenset({Role.CONTRIBUTE}), 3)
GATE = Gate(ORIGIN, {"acme": ACME}.get)


def peer(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any property
    """What gRPC says of a good channel, with changes; None takes a property away."""
    good = {
        "transport_security_type": [b"ssl"],
        "ssl_tls_version": [b"TLSv1.3"],
        "x509_common_name": [b"acme"],
        "x509_subject_alternative_name": [URI],
        "peer_uri": [URI],
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
        {"x509_subject_alternative_name": None},
        {"x509_subject_alternative_name": []},
        {"x509_subject_alternative_name": [URI, URI]},
        {"x509_subject_alternative_name": [URI, b"acme"]},
        {"x509_subject_alternative_name": [b"acme"], "peer_uri": None},
        {"peer_uri": None},
        {"peer_uri": [URI, URI]},
        *(
            {"x509_subject_alternative_name": [uri], "peer_uri": [uri]}
            for uri in (
                b"",
                b"acme",
                URI + b"/",
                URI + b"\n",
                URI + b"\0",
                URI.upper(),
                URI.replace(b"test", b"best"),
                URI.replace(b"acme", b"ac"),
                URI.replace(b"acme", b"\xff\xfe\xfd"),
                URI.replace(b"acme", b""),
                URI.replace(b"member/", b"members/"),
                b" " + URI,
            )
        ),
    ],
    ids=str,
)
def test_anything_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnauthenticatedError):
        GATE.admit(peer(**changes))


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
