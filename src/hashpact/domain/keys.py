"""Keys: their ids, which Ed25519 public keys are refused, signing and verifying.

An Ed25519 public key is the canonical encoding of a point of the prime-order subgroup, and not of the
neutral one. A signature is R and S with S < L, and R is byte for byte the encoding of
[S]B - [SHA-512(R, A, M)]A: the equation without the cofactor. So whatever libraries do with other keys, they
agree on these.

Sources: RFC 8032 for the curve, its encoding and the equation; "Taming the many EdDSAs" (Chalkias et al.,
2020) for why other points must be refused. With one of small order, one signature fits every message; with
one of mixed order, verifiers with and without the cofactor disagree.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from hashpact.errors import BadSignatureError, InvalidInputError

ALGORITHM: Final = b"\x01"
"""The algorithm byte of C2SP signed-note for Ed25519. It belongs to the key; no message names it."""

KEY_SIZE: Final = 32
MLDSA44_SIZE: Final = 1312
"""Bytes of an ML-DSA-44 public key (FIPS 204), which witnesses and logs have beside an Ed25519 one."""
KEY_LIFE: Final = 365 * 24 * 3600
"""Seconds for which a newly enrolled key is valid, unless its enrolment states another time."""

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_L: Final = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point, and of each point of its subgroup but the neutral one."""
_ROOT: Final = pow(2, (_P - 1) // 4, _P)
"""A square root of -1."""

_Point: TypeAlias = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T: x = X / Z, y = Y / Z, x y = T / Z (RFC 8032, 5.1.4)."""
_NEUTRAL: Final[_Point] = (0, 1, 1, 0)
_KNOWN_KEYS: Final = 65536
"""Public keys that are remembered as good: the test takes about a millisecond."""


class Signer(Protocol):
    """A private key that never leaves its owner; `cryptography`'s Ed25519PrivateKey is one."""

    def sign(self, data: bytes, /) -> bytes:
        """The signature of data: of 64 bytes if the key is an Ed25519 one."""
        ...


def key_id(public: bytes) -> bytes:
    """The 32-byte id by which statements name a key: SHA-256(algorithm byte || raw public key)."""
    return hashlib.sha256(ALGORITHM + public).digest()


@functools.lru_cache(_KNOWN_KEYS)
def check_public_key(public: bytes) -> None:
    """Refuse a public key under which a signature proves nothing, or not the same to every verifier.

    Raises InvalidInputError unless ``public`` is the canonical encoding of a point of prime order.
    """
    if len(public) != KEY_SIZE:
        msg = f"an Ed25519 public key has {KEY_SIZE} bytes, not {len(public)}"
        raise InvalidInputError(msg, field="public")
    encoded = int.from_bytes(public, "little")
    y = encoded & (2**255 - 1)
    if y >= _P:
        msg = "the public key is not canonically encoded"
        raise InvalidInputError(msg, field="public")
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(x_squared, (_P + 3) // 8, _P)
    if x * x % _P != x_squared:
        x = x * _ROOT % _P
    if x * x % _P != x_squared:
        msg = "the public key is not a point on the curve"
        raise InvalidInputError(msg, field="public")
    # Of a point and its negative, which share y, the order is the same: the sign of x does not matter.
    if y == 1 or not _is_neutral(_multiple(_L, (x, y, 1, x * y % _P))):
        msg = "the public key is a point of small order, or of mixed order: it has a part of small order"
        raise InvalidInputError(msg, field="public")


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Raise BadSignatureError unless ``signature`` is the key's signature of ``message``.

    The length of ``public`` says which algorithm it is for: 32 bytes Ed25519, 1312 ML-DSA-44. Of Ed25519 the
    library computes the equation of the module's docstring, whichever point ``public`` is.
    """
    key = MLDSA44PublicKey if len(public) == MLDSA44_SIZE else Ed25519PublicKey
    try:
        key.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        msg = "the signature does not verify"
        raise BadSignatureError(msg) from None


def _multiple(scalar: int, point: _Point) -> _Point:
    """The point so many times; in no constant time, because public keys are no secret."""
    result = _NEUTRAL
    for bit in f"{scalar:b}":
        result = _sum(result, result)
        if bit == "1":
            result = _sum(result, point)
    return result


def _sum(one: _Point, other: _Point) -> _Point:
    """The sum of two points, by the complete formulas of RFC 8032, 5.1.4."""
    x, y, z, t = one
    u, v, w, s = other
    a, b = (y - x) * (v - u) % _P, (y + x) * (v + u) % _P
    c, d = 2 * _D * t % _P * s % _P, 2 * z * w % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _is_neutral(point: _Point) -> bool:
    x, y, z, _ = point
    return x == 0 and y == z


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A public key with the name under which it signs notes."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The 32-byte key id."""
        return key_id(self.public)
