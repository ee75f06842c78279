"""Private parts as bytes: every text comes back as it was, and damage is seen."""

from __future__ import annotations

import pytest
from builders import fingerprint, private_part
from hypothesis import given
from hypothesis import strategies as st

from hashpact.domain.fingerprints import PDQ, TYPES, Fingerprint, FingerprintType, PrivatePart
from hashpact.storage.private import CODES, pack, unpack

PART = private_part(fingerprint(PDQ, "a"))


def test_every_type_has_a_code_that_never_changes() -> None:
    assert set(CODES.values()) == set(TYPES.values())
    assert {code: kind.name for code, kind in CODES.items()} == {
        1: "pdq/1",
        2: "phash/1",
        3: "parts/1",
        4: "minhash/1",
        5: "winnow/1",
        6: "folded/1",
        7: "sha256/1",
        8: "md5/1",
        9: "sha1/1",
        10: "sha512/1",
    }


@pytest.mark.parametrize("kind", TYPES.values(), ids=lambda kind: str(kind.name))
def test_a_part_of_each_type_comes_back_and_is_shorter(kind: FingerprintType) -> None:
    parts = [private_part(fingerprint(kind, seed)) for seed in "abc"]
    blob = pack(parts)
    assert unpack(blob) == tuple(parts)
    assert len(blob) < 0.7 * sum(map(len, parts))


@pytest.mark.parametrize("quality", [None, 50, 87, 100])
def test_the_quality_comes_back(quality: int | None) -> None:
    code = fingerprint(PDQ, "a").value
    part = PrivatePart(Fingerprint(PDQ, code, quality), bytes(32)).text()
    assert unpack(pack([part])) == (part,)
    assert len(pack([part])) == 68


@given(st.lists(st.one_of(st.binary(max_size=300), st.just(PART)), max_size=5))
def test_any_bytes_come_back(parts: list[bytes]) -> None:
    assert unpack(pack(parts)) == tuple(parts)


@pytest.mark.parametrize("spelling", [PART[:-1], PART + b"\n", PART.replace(b"type", b"Type"), PART.upper()])
def test_another_spelling_stays_what_it_is(spelling: bytes) -> None:
    assert unpack(pack([PART, spelling])) == (PART, spelling)


@pytest.mark.parametrize(
    "blob",
    [
        b"\x01",
        pack([PART])[:-1],
        pack([PART]) + b"\x00",
        b"\x09" + pack([PART])[1:],
        pack([PART])[:2] + b"\x00\x1f" + pack([PART])[4:-1],
        b"\x02" + pack([PART])[1:],
        pack([PART])[:1] + b"\x07" + pack([PART])[2:],
    ],
)
def test_damage_is_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match=r"private part|bytes|quality"):
        unpack(blob)
