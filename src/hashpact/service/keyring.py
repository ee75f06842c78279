"""Keyring: Ed25519 private keys as the bytes of a PEM file (PKCS#8, RFC 8410)."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.domain.errors import ConfigError
from hashpact.domain.keys import NamedKey


def to_pem(key: Ed25519PrivateKey) -> bytes:
    """The key's file, not encrypted: it must be readable by its owner only."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def from_pem(data: bytes, file: str) -> Ed25519PrivateKey:
    """The key in a file's bytes. Raises ConfigError, naming ``file``, for anything else."""
    try:
        key = serialization.load_pem_private_key(data, None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        msg = f"{file} is not an unencrypted private key in PEM"
        raise ConfigError(msg) from error
    if not isinstance(key, Ed25519PrivateKey):
        msg = f"{file} is not an Ed25519 key"
        raise ConfigError(msg)
    return key


def named(name: str, key: Ed25519PrivateKey) -> NamedKey:
    """The public half of a key, under that name."""
    return NamedKey(name, key.public_key().public_bytes_raw())
