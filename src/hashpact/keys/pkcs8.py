"""Private keys as PEM files (PKCS#8), encrypted under a passphrase or not.

Encryption is PBES2 (RFC 8018) with scrypt (RFC 7914, section 7) and AES-256 in CBC mode. `cryptography` reads
that, and by itself writes only PBKDF2 with 2048 rounds: half a millisecond for each guess at a passphrase. So
the structure around the key is written here. docs/decisions/keys-at-rest.md has the measurement.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from hashpact.domain.keys import NamedKey
from hashpact.domain.ports import Entropy
from hashpact.durable import write_private
from hashpact.errors import ConfigError

Passphrases: TypeAlias = Callable[[str], Iterable[bytes]]
"""The passphrases to try on the named file, in order. Raises ConfigError if there is none at hand."""

FIRST_KEY: Final = "1"
"""The name of a member's first key."""

# 16 MiB, and 0.15 to 0.3 s a guess. OWASP names these numbers beside N = 2^17, p = 1, which takes 128 MiB and
# which the openssl command refuses to read.
_COST: Final = 2**14
_BLOCKS: Final = 8
_LANES: Final = 5

_SALT_SIZE: Final = 16
_KEY_SIZE: Final = 32
_BLOCK_SIZE: Final = 16
_LINE: Final = 64
"""Characters in a line of PEM (RFC 7468)."""

# DER: tags, and whole object identifiers.
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT: Final = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC: Final = bytes.fromhex("060960864801650304012a")


def to_pem(key: PrivateKeyTypes) -> bytes:
    """The key in PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def encrypt(pem: bytes, passphrase: bytes | None, entropy: Entropy) -> bytes:
    """The bytes of a key's file, from those of `to_pem`: encrypted, or unchanged without a passphrase."""
    if passphrase is None:
        return pem
    plain = serialization.load_pem_private_key(pem, None).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, start = entropy(_SALT_SIZE), entropy(_BLOCK_SIZE)
    key = Scrypt(salt, _KEY_SIZE, _COST, _BLOCKS, _LANES).derive(passphrase)
    pad = padding.PKCS7(8 * _BLOCK_SIZE).padder()
    cipher = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    secret = cipher.update(pad.update(plain) + pad.finalize()) + cipher.finalize()
    numbers = (_der(_INTEGER, _number(value)) for value in (_COST, _BLOCKS, _LANES))
    derivation = _der(_SEQUENCE, _SCRYPT, _der(_SEQUENCE, _der(_OCTETS, salt), *numbers))
    encryption = _der(_SEQUENCE, _AES_256_CBC, _der(_OCTETS, start))
    algorithm = _der(_SEQUENCE, _PBES2, _der(_SEQUENCE, derivation, encryption))
    text = base64.b64encode(_der(_SEQUENCE, algorithm, _der(_OCTETS, secret))).decode()
    lines = (text[at : at + _LINE] for at in range(0, len(text), _LINE))
    label = "ENCRYPTED PRIVATE KEY"
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode()


def write_key(path: Path, pem: bytes, passphrase: bytes | None) -> None:
    """Write a private key (PEM) to a new file, encrypted under ``passphrase`` if there is one.

    Raises ConfigError if the file exists or cannot be written.
    """
    write_private(path, encrypt(pem, passphrase, secrets.token_bytes))


def decrypt(data: bytes, file: str, passphrases: Passphrases) -> bytes:
    """The key of a file as `to_pem` writes it; ``passphrases`` are asked for only if it is encrypted.

    Raises ConfigError, naming ``file``, if it is no private key or no passphrase opens it.
    """
    return to_pem(_load(data, file, passphrases))


def from_pem(data: bytes, file: str, passphrases: Passphrases) -> Ed25519PrivateKey:
    """The key of a file, an Ed25519 key. Raises ConfigError as `decrypt`, and for any other key."""
    key = _load(data, file, passphrases)
    if not isinstance(key, Ed25519PrivateKey):
        msg = f"{file} is not an Ed25519 key"
        raise ConfigError(msg)
    return key


def mldsa_from_pem(data: bytes, file: str, passphrases: Passphrases) -> MLDSA44PrivateKey:
    """The key of a file, an ML-DSA-44 key. Raises ConfigError as `decrypt`, and for any other key."""
    key = _load(data, file, passphrases)
    if not isinstance(key, MLDSA44PrivateKey):
        msg = f"{file} is not an ML-DSA-44 key"
        raise ConfigError(msg)
    return key


def named(name: str, key: Ed25519PrivateKey) -> NamedKey:
    """The public half of a key, under that name."""
    return NamedKey(name, key.public_key().public_bytes_raw())


def _load(data: bytes, file: str, passphrases: Passphrases) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(data, None)
    except TypeError:
        pass  # it is encrypted
    except (ValueError, UnsupportedAlgorithm) as error:
        msg = f"{file} is not a private key in PEM"
        raise ConfigError(msg) from error
    for passphrase in passphrases(file):
        try:
            return serialization.load_pem_private_key(data, passphrase)
        except (TypeError, ValueError, UnsupportedAlgorithm):  # an empty one is a TypeError
            continue
    msg = f"cannot open {file}: the passphrase is wrong, or the file is damaged"
    raise ConfigError(msg)


def _number(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size >= 0x80:  # noqa: PLR2004 - the long form, X.690, 8.1.3.5
        digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
        return bytes([tag, 0x80 + len(digits)]) + digits + body
    return bytes([tag, size]) + body
