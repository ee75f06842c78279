"""Fingerprints and private parts: what is taken, what is refused, and their one spelling."""

from __future__ import annotations

import hashlib
import math
import struct

import pytest
from builders import ALL_TYPES, fingerprint, near, private_part, seeded, winnowed
from datasketch import MinHash  # type: ignore[import-untyped]  # it carries no types
from hypothesis import given
from hypothesis import strategies as st

from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import (
    MAX_PRIVATE,
    MD5,
    MINHASH,
    PARTS,
    PDQ,
    PHASH,
    SHA256,
    TYPES,
    WINNOW,
    Fingerprint,
    FingerprintType,
    Measure,
    PrivatePart,
    commitment,
    elements,
    parse_private,
    type_named,
)
from hashpact.errors import InvalidInputError, MalformedError, UnusableFingerprintError


def code(kind: FingerprintType, ones: int) -> bytes:
    """A code with that many bits set."""
    return ((1 << ones) - 1).to_bytes(kind.size)


@pytest.mark.parametrize("kind", ALL_TYPES, ids=lambda kind: kind.name)
def test_every_type_takes_its_own_size_only(kind: FingerprintType) -> None:
    assert fingerprint(kind, "a").type is type_named(kind.name)
    allowed = "8 to 8192 times 4" if kind is WINNOW else f"{kind.size}"
    for size in (0, kind.size - 1, kind.size + 1):
        with pytest.raises(InvalidInputError, match=f"has {allowed} bytes, not {size}") as caught:
            Fingerprint(kind, bytes(size))
        assert not isinstance(caught.value, UnusableFingerprintError)
        assert caught.value.details == {"field": "value"}


def test_a_type_of_several_units_takes_whole_units_within_its_bounds_only() -> None:
    kind = FingerprintType("units/1", 4, Measure.EQUALITY, 0, 0, count=(2, 3))
    assert [len(Fingerprint(kind, bytes(size)).value) for size in (8, 12)] == [8, 12]
    for size in (0, 4, 9, 11, 16):
        with pytest.raises(InvalidInputError, match=f"has 2 to 3 times 4 bytes, not {size}"):
            Fingerprint(kind, bytes(size))


def test_the_table_of_types_is_the_one_of_the_design() -> None:
    table = {
        (kind.name, kind.size, kind.default, kind.ceiling, kind.popcount, kind.min_quality)
        for kind in TYPES.values()
    }
    assert table == {
        ("pdq/1", 32, 31, 31, (112, 144), 50),
        ("phash/1", 8, 6, 10, (16, 48), None),
        ("parts/1", 38, 8, 5, None, None),
        ("minhash/1", 512, 0.6, 0.4, None, None),
        ("winnow/1", 4, 0.5, 0.3, None, None),
        ("folded/1", 32, 0, 0, None, None),
        ("sha256/1", 32, 0, 0, None, None),
        ("md5/1", 16, 0, 0, None, None),
        ("sha1/1", 20, 0, 0, None, None),
        ("sha512/1", 64, 0, 0, None, None),
    }


@pytest.mark.parametrize(
    ("size", "default"),
    [(1, 0.40), (10, 0.40), (18, 0.40), (30, 0.45), (42, 0.50), (70, 0.60), (100, 0.60), (1000, 0.60)],
)
def test_a_sketch_of_a_small_set_has_a_lower_default(size: int, default: float) -> None:
    sketch = MinHash(num_perm=128, seed=1, scheme="affine32")
    sketch.update_batch([f"{size}-{number}".encode() for number in range(size)])
    value = sketch.hashvalues.astype(">u4").tobytes()

    assert elements(value) == pytest.approx(sketch.count(), rel=1e-6)
    # Four standard deviations.
    assert elements(value) == pytest.approx(size, rel=4 / 128**0.5, abs=1)
    assert MINHASH.default_for(value) == default
    assert Query(Fingerprint(MINHASH, value)).within() == MINHASH.default_for(value)
    assert Query(Fingerprint(MINHASH, value), 0.8).within() == 0.8


def test_the_extremes_of_a_sketch() -> None:
    assert elements(b"\xff" * 512) == 0
    assert elements(bytes(512)) > 1e9
    assert PDQ.default_for(bytes(32)) == PDQ.default


@pytest.mark.parametrize(("kind", "low", "high"), [(PDQ, 112, 144), (PHASH, 16, 48)])
def test_codes_that_would_match_too_much_are_refused(kind: FingerprintType, low: int, high: int) -> None:
    for ones in (low, high):
        assert Fingerprint(kind, code(kind, ones)).value == code(kind, ones)
    for ones in (0, low - 1, high + 1, kind.size * 8):
        with pytest.raises(UnusableFingerprintError, match=f"{ones} of {kind.size * 8} bits") as caught:
            Fingerprint(kind, code(kind, ones))
        assert caught.value.details == {"field": "value"}


def test_quality_is_for_pdq_and_from_fifty() -> None:
    value = code(PDQ, 128)
    for quality in (None, 50, 100):
        assert Fingerprint(PDQ, value, quality).quality == quality
    for quality in (0, 49):
        with pytest.raises(UnusableFingerprintError, match=f"quality {quality} is below 50"):
            Fingerprint(PDQ, value, quality)
    for quality in (-1, 101):
        with pytest.raises(InvalidInputError, match="from 0 to 100"):
            Fingerprint(PDQ, value, quality)
    for kind in (PHASH, MINHASH, WINNOW, SHA256, MD5):
        with pytest.raises(InvalidInputError, match="has no quality"):
            Fingerprint(kind, fingerprint(kind, "a").value, 90)


def test_60_the_hashes_of_a_text_have_one_spelling() -> None:
    ascending = struct.pack(">9I", 0, 3, 4, 5, 6, 7, 8, 9, 2**32 - 1)
    assert Fingerprint(WINNOW, ascending).value == ascending
    for wrong in (
        struct.pack(">9I", 0, 3, 4, 5, 6, 7, 8, 8, 9),
        struct.pack(">9I", 3, 0, 4, 5, 6, 7, 8, 9, 10),
        struct.pack(">9I", 2**32 - 1, *range(8)),
        struct.pack("<9I", *range(250, 259)),
        bytes(36),
    ):
        with pytest.raises(InvalidInputError, match="in ascending order, each once") as caught:
            Fingerprint(WINNOW, wrong)
        assert caught.value.details == {"field": "value"}


def test_an_entry_holds_the_first_hashes_of_a_text() -> None:
    long = winnowed(range(0, 1000, 3))
    assert long.shared() == winnowed(range(0, 3 * 128, 3))
    assert long.shared().shared() == long.shared()
    for short in (winnowed(range(128)), fingerprint(MINHASH, "a"), fingerprint(PDQ, "a")):
        assert short.shared() is short
    with pytest.raises(InvalidInputError, match="an entry has a winnow/1 of at most 512 bytes, not 1336"):
        PrivatePart(long, bytes(32))
    few, all_of_them = (each.value.hex().encode() for each in (long.shared(), long))
    written = private_part(long.shared()).replace(few, all_of_them)
    with pytest.raises(InvalidInputError, match="at most 512 bytes, not 1336"):
        parse_private(written)
    with pytest.raises(InvalidInputError, match="8 to 8192 times 4 bytes"):
        winnowed(range(8193))


def test_a_type_that_is_not_known_names_those_that_are() -> None:
    known = "pdq/1, phash/1, parts/1, minhash/1, winnow/1, folded/1, sha256/1, md5/1, sha1/1, sha512/1"
    with pytest.raises(InvalidInputError, match=known):
        type_named("pdq/2")


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [
        (PDQ, [0, 1, 31, 31.0], [-1, 32, 30.5, math.nan, math.inf, -math.inf]),
        (PHASH, [0, 10], [11, -1, 0.5]),
        (PARTS, [5, 8, 300], [4, 0, 301, 8.5, math.nan, math.inf]),
        (MINHASH, [0.4, 0.6, 1], [0.39, 1.01, 0, 31, math.nan, math.inf]),
        (WINNOW, [0.3, 0.5, 1], [0.29, 1.01, 0, 31, math.nan, math.inf]),
        (SHA256, [0], [1, -1, 0.5, math.nan]),
        (MD5, [0], [1]),
    ],
)
def test_a_threshold_reaches_no_further_than_the_ceiling(
    kind: FingerprintType, taken: list[float], refused: list[float]
) -> None:
    assert kind.threshold(None) == kind.default
    for wanted in taken:
        assert kind.threshold(wanted) == wanted
    for wanted in refused:
        with pytest.raises(InvalidInputError, match="threshold"):
            kind.threshold(wanted)


def test_a_fingerprint_does_not_show_itself() -> None:
    shared = fingerprint(PDQ, "a")
    part = PrivatePart(shared, seeded("nonce"))
    for text in (repr(shared), str(shared), repr(part), f"{part}", repr([part])):
        assert shared.value.hex() not in text
        assert repr(shared.value) not in text
        assert "pdq/1" in text


def test_an_error_does_not_show_the_fingerprint() -> None:
    value = b"\xab" * 31
    with pytest.raises(InvalidInputError) as caught:
        Fingerprint(PDQ, value)
    assert "ab" * 4 not in str(caught.value)
    assert "ab" * 4 not in str(caught.value.details)


EXAMPLE = (
    b"hashpact/private/v1\ntype pdq/1\nvalue " + b"0f" * 32 + b"\nquality 87\nnonce " + b"00ff" * 16 + b"\n"
)


def test_the_bytes_of_a_private_part() -> None:
    part = PrivatePart(Fingerprint(PDQ, b"\x0f" * 32, 87), b"\x00\xff" * 16)
    assert part.text() == EXAMPLE
    assert parse_private(EXAMPLE) == part
    assert parse_private(EXAMPLE.replace(b"quality 87\n", b"")).fingerprint.quality is None
    assert commitment(EXAMPLE) == hashlib.sha256(EXAMPLE).digest()


@given(st.sampled_from(ALL_TYPES), st.integers(), st.integers(50, 100), st.binary(min_size=32, max_size=32))
def test_a_private_part_is_read_as_it_was_written(
    kind: FingerprintType, seed: int, quality: int, nonce: bytes
) -> None:
    shared = fingerprint(kind, str(seed))
    if kind is PDQ:
        shared = Fingerprint(PDQ, shared.value, quality)
    part = PrivatePart(shared, nonce)
    assert parse_private(part.text()) == part


def test_the_largest_private_part_is_far_below_the_limit() -> None:
    assert len(private_part(Fingerprint(PARTS, bytes(128 * PARTS.size)))) < MAX_PRIVATE
    with pytest.raises(MalformedError, match="does not end with a newline"):
        parse_private(EXAMPLE + b"x" * (MAX_PRIVATE - len(EXAMPLE)))
    assert len(private_part(winnowed(range(2**32 - 128, 2**32)))) < MAX_PRIVATE
    too_long = EXAMPLE + b"x" * (MAX_PRIVATE + 1 - len(EXAMPLE))
    with pytest.raises(MalformedError, match="12289 bytes; the limit is 12288"):
        parse_private(too_long)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (b"private/v1", b"private/v2", "1"),
        (b"private/v1", b"statement/v1", "1"),
        (b"type pdq/1\n", b"", "2"),
        (b"pdq/1", b"PDQ/1", "2"),
        (b"pdq/1", b"pdq/01", "2"),
        (b"0f0f", b"0F0F", "3"),
        (b"0f0f", b"0f f", "3"),
        (b"0f0f", b"0f0", "3"),
        (b"quality 87", b"quality 087", "4"),
        (b"quality 87", b"quality +87", "4"),
        (b"quality 87", b"quality 101", "4"),
        (b"quality 87\n", b"quality 87\nquality 87\n", "4"),
        (b"quality 87\n", b"quality 87\nquality 88\n", "4"),
        (b"nonce 00", b"nonce ", "5"),
        (b"nonce 00ff", b"nonce 00FF", "5"),
        (b"nonce 00ff", b"nonce 00ff00", "5"),
        (b"ff\n", b"ff\nnonce " + b"00" * 32 + b"\n", "5"),
        (b"ff\n", b"ff\nmore 1\n", "6"),
        (b"ff\n", b"ff", None),
        (b"ff\n", b"ff\r\n", "5"),
        (b"type", b"\xef\xbb\xbftype", "2"),
    ],
)
def test_every_other_spelling_of_a_private_part_is_refused(old: bytes, new: bytes, line: str | None) -> None:
    head, _, tail = EXAMPLE.rpartition(old) if old == b"ff\n" else EXAMPLE.partition(old)
    changed = head + new + tail
    with pytest.raises(MalformedError) as caught:
        parse_private(changed)
    assert caught.value.details.get("line") == line


@given(st.integers(0, len(EXAMPLE) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_is_another_private_part(place: int, value: int) -> None:
    changed = EXAMPLE[:place] + bytes([value]) + EXAMPLE[place + 1 :]
    try:
        part = parse_private(changed)
    except InvalidInputError:
        return
    assert part.text() == changed


@pytest.mark.parametrize("nonce", [b"", bytes(31), bytes(33)])
def test_a_nonce_of_another_size_is_not_written(nonce: bytes) -> None:
    with pytest.raises(MalformedError, match="nonce"):
        PrivatePart(fingerprint(PDQ, "a"), nonce).text()


def test_refused_fingerprints_are_refused_inside_private_parts_too() -> None:
    flat = EXAMPLE.replace(b"0f" * 32, b"00" * 32)
    with pytest.raises(UnusableFingerprintError):
        parse_private(flat)
    with pytest.raises(InvalidInputError, match="unknown fingerprint type"):
        parse_private(EXAMPLE.replace(b"pdq/1", b"pdq/2"))
    with pytest.raises(InvalidInputError, match="32 bytes, not 31"):
        parse_private(EXAMPLE.replace(b"0f" * 32, b"0f" * 31))


@pytest.mark.parametrize("kind", [PDQ, PHASH])
def test_the_builder_of_near_codes_flips_as_many_bits_as_it_says(kind: FingerprintType) -> None:
    base = fingerprint(kind, "a")
    for steps in range(int(kind.ceiling) + 1):
        distance = int.from_bytes(base.value) ^ int.from_bytes(near(base, steps).value)
        assert distance.bit_count() == steps


def test_a_fingerprint_takes_the_name_of_its_type_and_any_bytes() -> None:
    wanted = Fingerprint(SHA256, bytes(range(32)))
    for value in (bytes(range(32)), bytearray(range(32)), memoryview(bytes(range(32)))):
        made = Fingerprint("sha256/1", value)
        assert (made, hash(made), made.type, type(made.value)) == (wanted, hash(wanted), SHA256, bytes)
    with pytest.raises(InvalidInputError, match=r"known are pdq/1, phash/1"):
        Fingerprint("sha256", bytes(32))
    with pytest.raises(InvalidInputError, match="is bytes, not str"):
        Fingerprint("sha256/1", "0" * 32)  # type: ignore[arg-type]  # what the test is about
