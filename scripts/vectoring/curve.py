"""Points and signatures of edwards25519 that no honest signer makes, for the vectors of Ed25519.

In plain integers, straight from RFC 8032: it is slow, and not for secrets that matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha512
from typing import Final, TypeAlias

from vectoring.writing import private

Point: TypeAlias = tuple[int, int]
Projective: TypeAlias = tuple[int, int, int]
"""x, y and z of the point (x / z, y / z)."""

P: Final = 2**255 - 19
L: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, -1, P) % P
NEUTRAL: Final[Point] = (0, 1)


def add(one: Point, other: Point) -> Point:
    """The sum of two points."""
    return _affine(_sum((*one, 1), (*other, 1)))


def times(scalar: int, point: Point) -> Point:
    """A multiple of a point."""
    total, doubled = (*NEUTRAL, 1), (*point, 1)
    while scalar:
        if scalar & 1:
            total = _sum(total, doubled)
        doubled = _sum(doubled, doubled)
        scalar >>= 1
    return _affine(total)


def _sum(one: Projective, other: Projective) -> Projective:
    """The sum without a division: add-2008-bbjlp of the Explicit-Formulas Database, with a = -1."""
    (x, y, z), (u, v, w) = one, other
    a, c, d = z * w % P, x * u % P, y * v % P
    square, product = a * a % P, D * c * d % P
    less, more = square - product, square + product
    return a * less * ((x + y) * (u + v) - c - d) % P, a * more * (d + c) % P, less * more % P


def _affine(point: Projective) -> Point:
    x, y, z = point
    inverse = pow(z, -1, P)
    return x * inverse % P, y * inverse % P


def lift(y: int) -> Point | None:
    """A point with that y."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (x, y % P) if x * x % P == square else None


def encode(point: Point) -> bytes:
    """The canonical encoding."""
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _base() -> Point:
    """The base point: y is 4/5, and x is even."""
    point = lift(4 * pow(5, -1, P) % P)
    assert point is not None  # noqa: S101 - RFC 8032 says so
    x, y = point
    return (x if x % 2 == 0 else P - x), y


def _torsion() -> tuple[Point, ...]:
    """The points of small order, as multiples of one of order 8."""
    for y in range(2, 100):
        point = lift(y)
        if point is not None and times(4, times(L, point)) != NEUTRAL:
            return tuple(times(number, times(L, point)) for number in range(8))
    msg = "half of all points lead to one of order 8"
    raise AssertionError(msg)


BASE: Final = _base()
TORSION: Final = _torsion()


def small() -> Iterator[bytes]:
    """Every encoding of a point of small order: eight canonical ones, and those that are not."""
    for point in TORSION:
        yield encode(point)
    for y in (0, 1, P - 1):
        for sign in (0, 1):
            canonical = {encode(point) for point in TORSION}
            for value in (y, y + P):
                encoded = (value | sign << 255).to_bytes(32, "little") if value < 2**255 else b""
                if encoded and encoded not in canonical:
                    yield encoded


def scalar(who: str) -> int:
    """The secret scalar of a key."""
    seed = sha512(private(who).private_bytes_raw()).digest()
    return int.from_bytes(seed[:32], "little") & ((1 << 254) - 8) | 1 << 254


def challenge(r: bytes, public: bytes, text: bytes) -> int:
    """The k of RFC 8032."""
    return int.from_bytes(sha512(r + public + text).digest(), "little") % L


def made(text: bytes, public: bytes, secret: int, nonce: int, r: bytes | None = None) -> bytes:
    """The signature with that nonce, for a key with that secret; ``r`` is put in the place of R."""
    first = encode(times(nonce, BASE)) if r is None else r
    return first + ((nonce + challenge(first, public, text) * secret) % L).to_bytes(32, "little")


def lucky(text: bytes, public: bytes, secret: int) -> bytes:
    """A signature that verifies without the cofactor although the key has a part of small order.

    Its challenge is a multiple of 8, which takes that part away.
    """
    for nonce in range(1, 1000):
        first = encode(times(nonce, BASE))
        if challenge(first, public, text) % 8 == 0:
            return made(text, public, secret, nonce)
    msg = "one nonce in eight is such"
    raise AssertionError(msg)
