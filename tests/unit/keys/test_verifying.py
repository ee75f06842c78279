"""Signatures in batches: what the tables accept is what the library accepts, for honest and hostile ones."""

from __future__ import annotations

from random import Random

import pytest
from builders import Identity

from hashpact._kernel import Ed25519Verifier
from hashpact.domain import keys
from hashpact.errors import BadSignatureError
from hashpact.keys import verifying
from hashpact.keys.verifying import ENOUGH, ORDER, BatchVerifier, KeySignature

P = 2**255 - 19
RFC8032 = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
)
"""Section 7.1, tests 1 to 3: public key, message, signature."""
SMALL = (
    bytes(32),
    b"\x01" + bytes(31),
    b"\xec" + b"\xff" * 30 + b"\x7f",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
)
"""Encodings of points of small order: 4, 1, 2, 8, 8."""


def natively(signatures: list[KeySignature]) -> list[bool]:
    """What the tables alone say of signatures of one key."""
    table = Ed25519Verifier(signatures[0].public)
    return verifying._accepted(table, signatures)  # what the library is not asked again about


def library(one: KeySignature) -> bool:
    """What the library says."""
    try:
        keys.verify(*one)
    except BadSignatureError:
        return False
    return True


def changed(good: KeySignature, draws: Random) -> KeySignature:
    """A signature in which something is another, or in another spelling."""
    public, value, message = good
    number = int.from_bytes(value[32:], "little")
    match draws.randrange(8):
        case 0:
            place = draws.randrange(512)
            flipped = int.from_bytes(value, "little") ^ 1 << place
            value = flipped.to_bytes(64, "little")
        case 1:
            message += b"x"
        case 2:
            value = value[:32] + (number + ORDER).to_bytes(32, "little")
        case 3:
            value = value[:32] + ((ORDER - number) % ORDER).to_bytes(32, "little")
        case 4:
            value = value[:31] + bytes([value[31] ^ 0x80]) + value[32:]
        case 5:
            value = draws.choice(SMALL) + draws.choice((bytes(32), value[32:]))
        case 6:
            value = value[: draws.randrange(64)]
        case _:
            pass
    return KeySignature(public, value, message)


def test_the_vectors_of_the_rfc() -> None:
    for public, message, value in RFC8032:
        one = KeySignature(bytes.fromhex(public), bytes.fromhex(value), bytes.fromhex(message))
        assert natively([one, one._replace(message=one.message + b"x")]) == [True, False]


def test_the_tables_say_what_the_library_says_of_good_and_of_changed_signatures() -> None:
    draws = Random(8032)  # which change: a fixed seed
    answers = set()
    for number in range(12):
        key = Identity.of("batch", str(number))
        messages = [draws.randbytes(draws.randrange(400)) for _ in range(150)]
        good = [KeySignature(key.public, key.private.sign(message), message) for message in messages]
        assert natively(good) == [True] * len(good)
        some = [changed(one, draws) for one in good]
        assert natively(some) == [library(one) for one in some]
        answers.update(natively(some))
    assert answers == {True, False}


def test_scalars_at_the_edges() -> None:
    """A digit of every size and every carry: [s] B of chosen s, with h such that nothing else is added."""
    table = Ed25519Verifier(Identity.of("edge").public)
    for scalar in (0, 1, 7, 8, 127, 128, 255, 2**252 - 1, ORDER - 1, int("7f" * 31, 16), int("80" * 31, 16)):
        spelled = (scalar % ORDER).to_bytes(32, "little")
        point = _multiple(scalar % ORDER)
        assert table.verify(point, spelled, bytes(32)) == b"\x01"
        assert table.verify(point[:31] + bytes([point[31] ^ 0x80]), spelled, bytes(32)) == b"\x00"


def _multiple(scalar: int) -> bytes:
    """[scalar] B by the formulas of RFC 8032, section 5.1.4, in affine coordinates."""
    d = -121665 * pow(121666, -1, P) % P
    y = 4 * pow(5, -1, P) % P
    u, v = (y * y - 1) % P, (d * y * y + 1) % P
    x = pow(u * pow(v, -1, P), (P + 3) // 8, P)
    x = x if (x * x * v - u) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    x = x if x % 2 == 0 else P - x
    sum_x, sum_y = 0, 1
    for bit in f"{scalar:b}":
        sum_x, sum_y = _added(sum_x, sum_y, sum_x, sum_y, d)
        if bit == "1":
            sum_x, sum_y = _added(sum_x, sum_y, x, y, d)
    return (sum_y | (sum_x & 1) << 255).to_bytes(32, "little")


def _added(x1: int, y1: int, x2: int, y2: int, d: int) -> tuple[int, int]:
    product = d * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P,
    )


@pytest.mark.parametrize(
    "key", [b"\x02" + bytes(31), (P + 1).to_bytes(32, "little"), b"\x01" + bytes(30) + b"\x80", b"\xff" * 32]
)
def test_no_table_is_made_of_what_is_no_point_or_another_spelling_of_one(key: bytes) -> None:
    with pytest.raises(ValueError, match="point"):
        Ed25519Verifier(key)
    some = [KeySignature(key, bytes(64), b"m")] * ENOUGH
    assert BatchVerifier().verify(some) == [library(some[0])] * ENOUGH


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Ed25519Verifier(bytes(31))
    table = Ed25519Verifier(Identity.of("sizes").public)
    for sizes in ((31, 31, 31), (32, 64, 32), (0, 0, 32)):
        with pytest.raises(ValueError, match="32 bytes each"):
            table.verify(*map(bytes, sizes))
    assert table.verify(b"", b"", b"") == b""


def test_many_keys_are_verified_with_few_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "TABLES", 2)
    made: list[bytes] = []

    def making(key: bytes) -> Ed25519Verifier:
        made.append(key)
        return Ed25519Verifier(key)

    monkeypatch.setattr(verifying, "Ed25519Verifier", making)
    who = [Identity.of("many", str(number)) for number in range(3)]
    some = [
        KeySignature(key.public, key.private.sign(b"%d" % turn), b"%d" % turn)
        for turn in range(ENOUGH)
        for key in who
    ]
    few = KeySignature(*some[0][:2], b"other")
    verifier = BatchVerifier()
    assert verifier.verify([*some, few]) == [True] * len(some) + [False]
    assert verifier.verify(some[:3]) == [True] * 3  # the first key's table is gone: too few for another
    assert made == [key.public for key in who]
    assert verifier.verify([]) == []
