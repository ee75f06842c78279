"""Who is calling, decided from what gRPC says of the channel."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, YEAR
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from hashpact.domain.state import Key, Member, RevokedCertificate, Role, State, Use
from hashpact.errors import NotPermittedError, UnauthenticatedError
from hashpact.keys.certificates import VOUCHER, Tls
from hashpact.wire.server.identity import CALLER, CHECK, CHECKING, LOOKS, MENDING, Gate, require

ORIGIN = "test.example/log"
URI = "hashpact://test.example/log/member/acme"
DAY = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
ACME = Member("acme", frozenset({Role.CONTRIBUTE}), 3)
KEY = Key(bytes(32), "acme", "1", bytes(32), NOW + YEAR, 4)
OTHER = replace(KEY, id=bytes([1] * 32), member="bolt")
METHOD = "/any/Method"


def gate(member: Member | None = ACME, *keys: Key) -> Gate:
    """The gate of a log with that member and these keys."""
    state = State()
    for record in (*((member,) if member else ()), *(keys or (KEY, OTHER))):
        state.put(record)
    return Gate(ORIGIN, lambda: nullcontext(state), lambda: NOW, lambda: 0)


GATE = gate()


@functools.cache
def certificate(*names: x509.GeneralName, voucher: bytes | None = b"\x30\x22\x04\x20" + bytes(32)) -> bytes:
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
    if voucher is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(VOUCHER, voucher), critical=False)
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
    assert GATE.admit(peer(), METHOD) is ACME


def test_a_suspended_member_is_refused() -> None:
    with pytest.raises(NotPermittedError, match="'acme' is suspended"):
        gate(replace(ACME, suspended_index=7)).admit(peer(), METHOD)


def test_a_certificate_is_looked_up_anew_after_a_change_and_every_second() -> None:
    state, moments, changes, used = State(), [NOW], [0], []
    state.put(ACME)
    state.put(KEY)
    looked = Gate(
        ORIGIN,
        lambda: nullcontext(state),
        lambda: moments[-1],
        lambda: changes[-1],
        lambda member, serial: used.append((member, serial)),
    )
    assert looked.admit(peer(), METHOD) is ACME
    state.put(replace(ACME, suspended_index=7))
    assert looked.admit(peer(), METHOD) is ACME  # nothing is known of the change yet
    assert len(used) == 1
    changes.append(1)
    with pytest.raises(NotPermittedError, match="'acme' is suspended"):
        looked.admit(peer(), METHOD)
    state.put(ACME)
    assert looked.admit(peer(), METHOD) is ACME  # a refusal is not kept
    state.put(replace(ACME, suspended_index=7))
    moments.append(NOW + 1)  # another process has taken the statement, and this one has not followed yet
    with pytest.raises(NotPermittedError, match="'acme' is suspended"):
        looked.admit(peer(), METHOD)
    assert len(used) == 2


def test_47_a_certificate_that_is_refused_is_looked_up_so_often_in_a_second() -> None:
    state, moments, looks = State(), [NOW], itertools.count()
    state.put(replace(ACME, suspended_index=7))
    state.put(KEY)

    def snapshot() -> Any:  # noqa: ANN401  # a context
        next(looks)
        return nullcontext(state)

    looked = Gate(ORIGIN, snapshot, lambda: moments[-1], lambda: 0)
    for _ in range(3 * LOOKS):
        with pytest.raises(NotPermittedError, match="'acme' is suspended"):
            looked.admit(peer(), METHOD)
    assert next(looks) == LOOKS
    state.put(ACME)
    moments.append(NOW + 1)
    assert looked.admit(peer(), METHOD) is ACME


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
        GATE.admit(peer(**changes), METHOD)


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
        GATE.admit(peer(x509_pem_cert=[certificate(*names)]), METHOD)


def test_tls_1_2_is_named() -> None:
    with pytest.raises(UnauthenticatedError, match=r"^TLS 1\.3 is required$"):
        GATE.admit(peer(ssl_tls_version=[b"TLSv1.2"]), METHOD)


def test_a_stranger_is_not_permitted() -> None:
    with pytest.raises(NotPermittedError, match="'acme' is not enrolled"):
        gate(None).admit(peer(), METHOD)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"suspended_index": 7}, "it is suspended"),
        ({"cutoff": 9, "stands_below": 9, "revoked_index": 9}, "it is revoked"),
        ({"stands_below": 0}, "it is revoked"),
        ({"valid_from": NOW + 1}, "its time has not begun"),
        ({"expires": NOW}, "it has expired"),
        ({"use": Use.RECOVERY}, "it is a recovery key"),
    ],
)
def test_a_certificate_is_as_good_as_the_key_that_vouched_for_it(changes: dict[str, Any], says: str) -> None:
    weak = gate(ACME, replace(KEY, **changes))
    with pytest.raises(NotPermittedError, match=rf"acme/1 vouched .* {says}.*hashpact cert renew"):
        weak.admit(peer(), METHOD)
    for method in MENDING:
        assert weak.admit(peer(), method) is ACME


@pytest.mark.parametrize(
    "voucher",
    [None, b"", b"\x30\x22\x04\x20" + bytes(31), b"\x30\x22\x04\x20" + bytes(33), bytes(36), bytes([1] * 32)]
    + [b"\x30\x22\x04\x20" + bytes([number] * 32) for number in (1, 2)]
    + [b"\x30\x25\x04\x20" + bytes(32) + b"\1\1" + end for end in (b"", b"\0", b"\1", b"\xff\xff")],
    ids=str,
)
def test_a_voucher_is_a_key_of_the_member(voucher: bytes | None) -> None:
    pem = certificate(x509.UniformResourceIdentifier(URI), voucher=voucher)
    for method in (METHOD, *MENDING):
        with pytest.raises(UnauthenticatedError, match="names no key of 'acme' that vouched for it"):
            GATE.admit(peer(x509_pem_cert=[pem]), method)


def test_a_revoked_certificate_is_refused_for_every_method() -> None:
    revoked = RevokedCertificate((1).to_bytes(20), 9, NOW + YEAR)
    for method in (METHOD, *MENDING):
        with pytest.raises(NotPermittedError, match="this certificate of 'acme' is revoked"):
            gate(replace(ACME, revoked=(revoked,))).admit(peer(), method)
    other = revoked._replace(serial=(2).to_bytes(20))
    assert gate(replace(ACME, revoked=(other,))).admit(peer(), METHOD).revoked == (other,)


def test_a_check_only_certificate_checks_and_nothing_else() -> None:
    voucher = b"\x30\x25\x04\x20" + bytes(32) + b"\1\1\xff"
    only = peer(x509_pem_cert=[certificate(x509.UniformResourceIdentifier(URI), voucher=voucher)])
    for method in CHECKING:
        assert GATE.admit(only, method) is ACME
    for method in {METHOD, *MENDING} - CHECKING:
        with pytest.raises(NotPermittedError, match="is for checks only"):
            GATE.admit(only, method)
    with pytest.raises(NotPermittedError, match="it has expired"):
        gate(ACME, replace(KEY, expires=NOW)).admit(only, CHECK)


def test_a_role_is_required() -> None:
    def run() -> None:
        CALLER.set(ACME)
        require(Role.CONTRIBUTE)
        with pytest.raises(NotPermittedError, match="'check'"):
            require(Role.CHECK)

    copy_context().run(run)


def test_a_private_key_is_not_shown() -> None:
    assert "secret" not in repr(Tls(b"secret", b"certificate", b"authority"))
