"""Keys: their ids, which Ed25519 public keys are refused, signing and verifying.

Sources: RFC 8032 for the curve and its encoding; "Taming the many EdDSAs" (Chalkias et al., 2020) for why
small-order and non-canonical points must be refused: with one of them, one signature fits every message.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from hashpact.errors import BadSignatureError, InvalidInputError

ALGORITHM: Final = b"\x01"
"""The algorithm byte of C2SP signed-note for Ed25519. It belongs to the key; no message names it."""

KEY_SIZE: Final = 32
MLDSA44_SIZE: Final = 1312
"""Bytes of an ML-DSA-44 public key (FIPS 204), which only witnesses have."""
KEY_LIFE: Final = 365 * 24 * 3600
"""Seconds for which a newly enrolled key is valid, unless its enrolment states another time."""

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
"""The y of a point of order 8 (the other one is its negative)."""
_SMALL_ORDER_Y: Final = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})


class Signer(Protocol):
    """A private key that never leaves its owner; `cryptography`'s Ed25519PrivateKey is one."""

    def sign(self, data: bytes, /) -> bytes:
        """The signature of data: of 64 bytes if the key is an Ed25519 one."""
        ...


def key_id(public: bytes) -> bytes:
    """The 32-byte id by which statements name a key: SHA-256(algorithm byte || raw public key)."""
    return hashlib.sha256(ALGORITHM + public).digest()


def check_public_key(public: bytes) -> None:
    """Refuse a public key under which a signature proves nothing.

    Raises InvalidInputError unless ``public`` is the canonical encoding of a point on the curve that is
    not of small order.
    """
    if len(public) != KEY_SIZE:
        msg = f"an Ed25519 public key has {KEY_SIZE} bytes, not {len(public)}"
        raise InvalidInputError(msg, field="public")
    encoded = int.from_bytes(public, "little")
    y = encoded & (2**255 - 1)
    if y >= _P:
        msg = "the public key is not canonically encoded"
        raise InvalidInputError(msg, field="public")
    if y in _SMALL_ORDER_Y:
        msg = "the public key is a point of small order"
        raise InvalidInputError(msg, field="public")
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        msg = "the public key is not a point on the curve"
        raise InvalidInputError(msg, field="public")


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Raise BadSignatureError unless ``signature`` is the key's signature of ``message``.

    The length of ``public`` says which algorithm it is for: 32 bytes Ed25519, 1312 ML-DSA-44.
    """
    key = MLDSA44PublicKey if len(public) == MLDSA44_SIZE else Ed25519PublicKey
    try:
        key.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        msg = "the signature does not verify"
        raise BadSignatureError(msg) from None


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A public key with the name under which it signs notes."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The 32-byte key id."""
        return key_id(self.public)
