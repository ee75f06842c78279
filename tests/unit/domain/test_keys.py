"""Ed25519 keys: which are refused, and that a refused one would really have been dangerous."""

from __future__ import annotations

import hashlib

import pytest
from builders import Identity, seeded
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from vectoring import curve
from vectoring.curve import BASE, NEUTRAL, TORSION, L, P, Point, add, encode, lift, times

from hashpact.domain import keys
from hashpact.errors import BadSignatureError, InvalidInputError


def encodings(point: Point) -> list[bytes]:
    """Every 32-byte string that a lenient decoder takes for a point with this y: y, y + p, either sign."""
    _, y = point
    ys = [candidate for candidate in (y, y + P) if candidate < 2**255]
    return [(candidate | sign << 255).to_bytes(32, "little") for candidate in ys for sign in (0, 1)]


SMALL = sorted({encoding for point in TORSION for encoding in encodings(point)})
NON_CANONICAL = sorted(((P + y) | sign << 255).to_bytes(32, "little") for y in range(19) for sign in (0, 1))


def test_the_torsion_group_is_what_it_should_be() -> None:
    assert len(set(TORSION)) == 8
    assert all(times(8, point) == NEUTRAL for point in TORSION)
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


@pytest.mark.parametrize("y", [y for y in range(2, 60) if lift(y) is not None])
def test_of_the_points_of_the_curve_those_of_prime_order_are_keys(y: int) -> None:
    """One in eight is; the oracle multiplies by L in other coordinates."""
    point = lift(y)
    assert point is not None
    if times(L, point) == NEUTRAL:
        keys.check_public_key(encode(point))
    else:
        with pytest.raises(InvalidInputError, match="mixed order"):
            keys.check_public_key(encode(point))


SECRET = 1_000_003
MIXED = [add(times(SECRET, BASE), TORSION[number]) for number in range(1, 8)]


def cofactored(public: Point, signature: bytes, message: bytes) -> bool:
    """The equation of ZIP 215: 8 times both sides. The R of the signature is one of `KNOWN`."""
    first = next(point for point in KNOWN if encode(point) == signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    right = add(first, times(curve.challenge(signature[:32], encode(public), message), public))
    return times(8 * scalar, BASE) == times(8, right)


NONCE = 77
KNOWN = [add(times(NONCE, BASE), point) for point in TORSION]


@pytest.mark.parametrize("point", MIXED, ids=[str(number) for number in range(1, 8)])
def test_08_keys_of_mixed_order(point: Point) -> None:
    """What the refusal is for: under such a key, two equations disagree on most signatures."""
    public = encode(point)
    with pytest.raises(InvalidInputError, match="mixed order") as caught:
        keys.check_public_key(public)
    assert caught.value.details["field"] == "public"
    agree = []
    for number in range(16):
        message = b"message %d" % number
        signature = curve.made(message, public, SECRET, NONCE)
        assert cofactored(point, signature, message)
        try:
            keys.verify(public, signature, message)
        except BadSignatureError:
            agree.append(False)
        else:
            agree.append(True)
    assert not all(agree)
    keys.verify(public, curve.lucky(b"text", public, SECRET), b"text")


def test_the_equation_is_the_one_without_the_cofactor() -> None:
    """Also under a good key an R with a part of small order is taken by ZIP 215, and not here."""
    point = times(SECRET, BASE)
    public = encode(point)
    keys.check_public_key(public)
    for first in KNOWN:
        signature = curve.made(b"text", public, SECRET, NONCE, encode(first))
        assert cofactored(point, signature, b"text")
        if first == KNOWN[0]:
            keys.verify(public, signature, b"text")
        else:
            with pytest.raises(BadSignatureError):
                keys.verify(public, signature, b"text")


def test_r_is_compared_and_not_decoded() -> None:
    public = encode(times(SECRET, BASE))
    keys.verify(public, curve.made(b"text", public, SECRET, 0, encode(NEUTRAL)), b"text")
    for other in encodings(NEUTRAL):
        if other != encode(NEUTRAL):
            with pytest.raises(BadSignatureError):
                keys.verify(public, curve.made(b"text", public, SECRET, 0, other), b"text")


def test_a_good_key_is_tested_once() -> None:
    public = seeded("asked twice")
    while True:
        try:
            keys.check_public_key(public)
            break
        except InvalidInputError:
            public = hashlib.sha256(public).digest()
    before = keys.check_public_key.cache_info()
    keys.check_public_key(public)
    assert keys.check_public_key.cache_info() == before._replace(hits=before.hits + 1)


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
