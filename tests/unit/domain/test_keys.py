"""Ed25519 keys: which are refused, and that a refused one would really have been dangerous."""

from __future__ import annotations

import hashlib

import pytest
from builders import Identity, seeded
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from hashpact.domain import keys
from hashpact.errors import BadSignatureError, InvalidInputError

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
L = 2**252 + 27742317777372353535851937790883648493

Point = tuple[int, int]


def add(first: Point, second: Point) -> Point:
    """The sum of two points of edwards25519, by the affine formulas of RFC 8032 section 5.1.4."""
    (x1, y1), (x2, y2) = first, second
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def multiply(scalar: int, point: Point) -> Point:
    """The point added to itself so many times."""
    total = (0, 1)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def lift(y: int) -> Point | None:
    """A point with that y, if there is one."""
    x_squared = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x_squared, (P + 3) // 8, P)
    if x * x % P != x_squared:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (x, y) if x * x % P == x_squared else None


def torsion() -> list[Point]:
    """The eight points whose order divides 8: L times any point has such an order."""
    y = 2
    while True:
        point = lift(y)
        if point is not None:
            small = multiply(L, point)
            if multiply(4, small) != (0, 1):
                return [multiply(k, small) for k in range(8)]
        y += 1


TORSION = torsion()


def encodings(point: Point) -> list[bytes]:
    """Every 32-byte string that a lenient decoder takes for a point with this y: y, y + p, either sign."""
    _, y = point
    ys = [candidate for candidate in (y, y + P) if candidate < 2**255]
    return [(candidate | sign << 255).to_bytes(32, "little") for candidate in ys for sign in (0, 1)]


SMALL = sorted({encoding for point in TORSION for encoding in encodings(point)})
NON_CANONICAL = sorted(((P + y) | sign << 255).to_bytes(32, "little") for y in range(19) for sign in (0, 1))


def test_the_torsion_group_is_what_it_should_be() -> None:
    assert len(set(TORSION)) == 8
    assert all(multiply(8, point) == (0, 1) for point in TORSION)
    # 5 different y; y = 0 and y = 1 have a second, non-canonical encoding; each with two sign bits.
    assert len(SMALL) == 14


@pytest.mark.parametrize("public", SMALL, ids=lambda public: public.hex()[:8] + public.hex()[-8:])
def test_08_small_order_keys(public: bytes) -> None:
    with pytest.raises(InvalidInputError, match=r"small order|not canonically") as caught:
        keys.check_public_key(public)
    assert caught.value.details["field"] == "public"


@pytest.mark.parametrize("public", NON_CANONICAL, ids=lambda public: public.hex()[:4] + public.hex()[-2:])
def test_08_non_canonical_keys(public: bytes) -> None:
    with pytest.raises(InvalidInputError, match="not canonically"):
        keys.check_public_key(public)


def test_08_a_small_order_key_accepts_a_forged_signature() -> None:
    """What the refusal is for: with the neutral point as key, one signature fits every message."""
    neutral = (1).to_bytes(32, "little")
    # R = [S]B - [k]A; with A neutral and S = 0, R is the neutral point, whatever the message.
    forged = neutral + bytes(32)
    for message in (b"one", b"another", b"hashpact/statement/v1\n"):
        Ed25519PublicKey.from_public_bytes(neutral).verify(forged, message)
        keys.verify(neutral, forged, message)
    with pytest.raises(InvalidInputError):
        keys.check_public_key(neutral)


@pytest.mark.parametrize("public", [one for one in SMALL if one[31] & 127 or one[0] > 1], ids=bytes.hex)
def test_08_each_small_order_key_signs_one_message_in_eight(public: bytes) -> None:
    """With R neutral and S = 0 a signature stands whenever k is a multiple of the key's order."""
    forged = (1).to_bytes(32, "little") + bytes(32)
    stands = 0
    for number in range(200):
        try:
            keys.verify(public, forged, b"message %d" % number)
        except BadSignatureError:
            continue
        stands += 1
    # The order is 2, 4 or 8; of 200 messages at least 25 are expected, and these are always the same ones.
    assert stands > 12


def test_a_key_that_is_not_on_the_curve_is_refused() -> None:
    off = [y for y in range(2, 40) if lift(y) is None]
    assert len(off) > 10
    for y in off:
        with pytest.raises(InvalidInputError, match="not a point"):
            keys.check_public_key(y.to_bytes(32, "little"))
    on = [y for y in range(2, 40) if lift(y) is not None]
    for y in on:
        keys.check_public_key(y.to_bytes(32, "little"))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(InvalidInputError, match="has 32 bytes"):
        keys.check_public_key(bytes(size))


@given(st.integers(0, 2**32))
def test_every_honest_key_is_taken(seed: int) -> None:
    keys.check_public_key(Identity.of("any", str(seed)).public)


def test_a_key_id_is_the_hash_of_algorithm_and_key() -> None:
    public = seeded("public")
    assert keys.key_id(public) == hashlib.sha256(b"\x01" + public).digest()
    assert Identity.of("any").key.id == keys.key_id(Identity.of("any").public)


def test_a_signature_verifies_only_as_it_was_made() -> None:
    who, other = Identity.of("who"), Identity.of("other")
    signature = who.private.sign(b"text")
    keys.verify(who.public, signature, b"text")
    for public, value, text in [
        (other.public, signature, b"text"),
        (who.public, signature, b"Text"),
        (who.public, signature[:63], b"text"),
        (who.public, signature + b"\0", b"text"),
        (who.public, b"", b"text"),
        (who.public[:31], signature, b"text"),
        (b"\2" + bytes(31), signature, b"text"),
    ]:
        with pytest.raises(BadSignatureError, match="does not verify"):
            keys.verify(public, value, text)


def test_every_flipped_bit_of_a_signature_is_noticed() -> None:
    who = Identity.of("who")
    signature = who.private.sign(b"text")
    for bit in range(512):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadSignatureError):
            keys.verify(who.public, bytes(flipped), b"text")


def test_07_a_signature_with_s_plus_l() -> None:
    who = Identity.of("who")
    signature = who.private.sign(b"text")
    scalar = int.from_bytes(signature[32:], "little")
    assert scalar < L
    for multiple in (1, 2, 8, 15):
        malleated = signature[:32] + (scalar + multiple * L).to_bytes(32, "little")
        with pytest.raises(BadSignatureError):
            keys.verify(who.public, malleated, b"text")
