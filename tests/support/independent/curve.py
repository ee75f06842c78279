"""Ed25519 as the document fixes it: which public keys there are, and which signatures are theirs."""

from __future__ import annotations

import functools
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def recover(public: bytes) -> tuple[int, int] | None:
    """The point with that canonical encoding, in affine coordinates."""
    number = int.from_bytes(public, "little")
    sign, y = number >> 255, number % 2**255
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    for root in (x, x * pow(2, (P - 1) // 4, P) % P):
        if root * root % P == square:
            if root == 0 and sign:
                return None
            return (root if root % 2 == sign else P - root), y
    return None


def add(one: tuple[int, int, int], other: tuple[int, int, int]) -> tuple[int, int, int]:
    """The sum of two points in projective coordinates (Bernstein and others, 2008, add-2008-bbjlp)."""
    (x1, y1, z1), (x2, y2, z2) = one, other
    a, c, d = z1 * z2 % P, x1 * x2 % P, y1 * y2 % P
    b, e = a * a % P, D * c * d % P
    f, g = b - e, b + e
    x3 = a * f * ((x1 + y1) * (x2 + y2) - c - d) % P
    return x3, a * g * (d + c) % P, f * g % P


def times(scalar: int, point: tuple[int, int]) -> tuple[int, int, int]:
    """A multiple of a point, in projective coordinates; the lowest bit comes first."""
    total, power = (0, 1, 1), (*point, 1)
    while scalar:
        if scalar & 1:
            total = add(total, power)
        power = add(power, power)
        scalar >>= 1
    return total


@functools.cache
def is_key(public: bytes) -> bool:
    """Whether it is the canonical encoding of a point of order L."""
    point = recover(public)
    if point is None or point == (0, 1):
        return False
    x, y, z = times(L, point)
    return x == 0 and y == z


def is_signature(public: bytes, value: bytes, text: bytes) -> bool:
    """Whether it is a signature of the text by that key, by the equation without the cofactor."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(value, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id(public: bytes) -> str:
    """The id by which statements name a key."""
    return sha256(b"\x01" + public).hexdigest()


def line_id(name: str, public: bytes) -> bytes:
    """The 4 bytes by which a signature line names a key."""
    return sha256(name.encode() + b"\n\x01" + public).digest()[:4]
