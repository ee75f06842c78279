"""Keyring: a private key as a file's bytes, and what is no such file."""

from __future__ import annotations

import pytest
from builders import Identity
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from hashpact.domain.errors import ConfigError
from hashpact.domain.keys import NamedKey
from hashpact.service.keyring import from_pem, named, to_pem

WHO = Identity.of("acme")


def test_a_key_is_read_as_it_was_written() -> None:
    data = to_pem(WHO.private)
    assert data.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert from_pem(data, "member.key").sign(b"text") == WHO.private.sign(b"text")
    assert named("1", from_pem(data, "member.key")) == NamedKey("1", WHO.public)


EC = ec.derive_private_key(7, ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
LOCKED = WHO.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "pki/a.key is not an unencrypted private key in PEM"),
        (to_pem(WHO.private)[:60], "pki/a.key is not an unencrypted private key in PEM"),
        (LOCKED, "pki/a.key is not an unencrypted private key in PEM"),
        (EC, "pki/a.key is not an Ed25519 key"),
    ],
    ids=["empty", "cut", "encrypted", "ecdsa"],
)
def test_what_is_no_ed25519_key_is_refused_by_file(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_pem(data, "pki/a.key")
