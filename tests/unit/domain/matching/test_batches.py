"""Batches: values of one type, one after the other, and in whose order they are answered."""

from __future__ import annotations

import pytest
from builders import fingerprint, near
from hypothesis import given
from hypothesis import strategies as st

from hashpact.domain.checks import Match, Query
from hashpact.domain.fingerprints import (
    MD5,
    MINHASH,
    PARTS,
    PDQ,
    PHASH,
    SHA256,
    WINNOW,
    FingerprintType,
    Measure,
)
from hashpact.domain.matching.batches import MAX_BATCH, MAX_EACH, Batch, BatchAnswer, Packed, Packing
from hashpact.errors import InvalidInputError, UnusableFingerprintError

PICTURE = fingerprint(PDQ, "one").value
KINDS = (PDQ, PHASH, MINHASH, SHA256)
QUERIES = st.lists(
    st.builds(
        lambda kind, seed, named: Query(fingerprint(kind, str(seed)), kind.default if named else None),
        st.sampled_from(KINDS),
        st.integers(0, 9),
        st.booleans(),
    ),
    min_size=1,
    max_size=20,
)


def match(kind: FingerprintType, query: int, entry: int) -> Match:
    return Match(
        entry, kind.name, Measure.EQUALITY, 0, ("ncii",), "guideline", (), "acme", 0, 0, 1, query=query
    )


@pytest.mark.parametrize("kind", [WINNOW, PARTS], ids=lambda kind: kind.name)
def test_sets_are_not_packed(kind: FingerprintType) -> None:
    with pytest.raises(InvalidInputError, match="ask with a check"):
        Packed(kind, fingerprint(kind, "one").value)


@pytest.mark.parametrize("values", [b"", PICTURE[:-1], PICTURE + b"x"])
def test_values_have_the_size_of_their_type(values: bytes) -> None:
    with pytest.raises(InvalidInputError, match="have 32 bytes each"):
        Packed(PDQ, values)


def test_a_value_that_is_no_ordinary_picture_s_is_refused_by_its_number() -> None:
    with pytest.raises(UnusableFingerprintError, match="refused pdq/1: 0 of 256 bits are set") as refused:
        Packed(PDQ, PICTURE * 2 + bytes(32) + PICTURE)
    assert refused.value.details["field"] == "values[2]"


def with_bits(kind: FingerprintType, ones: int) -> bytes:
    """A value with so many bits set."""
    return ((1 << ones) - 1).to_bytes(kind.size)


@given(st.sampled_from([PDQ, PHASH]), st.data())
def test_the_first_value_is_refused_that_a_fingerprint_would_be(
    kind: FingerprintType, data: st.DataObject
) -> None:
    assert kind.popcount is not None
    low, high = kind.popcount
    ordinary = st.sampled_from([low, low + 1, high - 1, high])
    ones = data.draw(st.lists(ordinary, min_size=1, max_size=40))
    odd = st.sampled_from([0, low - 1, high + 1, kind.size * 8 - 1, kind.size * 8])
    for place, count in data.draw(st.dictionaries(st.integers(0, len(ones) - 1), odd)).items():
        ones[place] = count
    values = b"".join(with_bits(kind, count) for count in ones)
    refused = next((place for place, count in enumerate(ones) if not low <= count <= high), None)
    if refused is None:
        assert len(Packed(kind, values)) == len(ones)
        return
    with pytest.raises(UnusableFingerprintError, match=f": {ones[refused]} of ") as error:
        Packed(kind, values)
    assert error.value.details["field"] == f"values[{refused}]"


def test_a_threshold_is_within_the_ceiling() -> None:
    assert Packed(PDQ, PICTURE, 0).within == 0
    assert Packed(PDQ, PICTURE).within == PDQ.default
    with pytest.raises(InvalidInputError, match="threshold for pdq/1"):
        Packed(PDQ, PICTURE, 32)


def test_a_batch_has_its_bounds() -> None:
    code = bytes(range(16))
    assert len(Batch((Packed(MD5, code * MAX_BATCH),))) == MAX_BATCH
    for packed in ((), (Packed(MD5, code * MAX_BATCH), Packed(PDQ, PICTURE))):
        with pytest.raises(InvalidInputError, match="1 to 4096 fingerprints"):
            Batch(packed)
    for limit in (0, MAX_EACH + 1):
        with pytest.raises(InvalidInputError, match="limit must be"):
            Batch((Packed(PDQ, PICTURE),), limit=limit)
    with pytest.raises(InvalidInputError, match="min_position"):
        Batch((Packed(PDQ, PICTURE),), min_position=-1)


def test_fingerprints_are_numbered_through() -> None:
    batch = Batch((Packed(PDQ, PICTURE * 3), Packed(MD5, bytes(16))))
    assert [batch.type_of(number) for number in (0, 2, 3, 4)] == [PDQ, PDQ, MD5, None]


def test_values_do_not_reach_a_log_by_accident() -> None:
    assert "values" not in repr(Packed(PDQ, PICTURE))


@given(QUERIES)
def test_every_query_gets_its_own_answer(queries: list[Query]) -> None:
    packing = Packing.of(queries)
    batch = Batch(packing.packed)
    found = []
    for number in range(len(batch)):
        kind = batch.type_of(number)
        assert kind is not None
        found += [match(kind, number, 1000 + number), match(kind, number, 2000 + number)][: number % 3]
    answers = packing.answers(BatchAnswer(tuple(found), 7, tuple(range(0, len(batch), 2))))
    assert len(answers) == len(queries)
    assert sorted(packing.numbers) == list(range(len(queries)))
    values = [packed.some(place, 1) for packed in packing.packed for place in range(len(packed))]
    for query, answer, number in zip(queries, answers, packing.numbers, strict=True):
        assert values[number] == query.fingerprint.value
        assert batch.type_of(number) == query.fingerprint.type
        assert [one.entry for one in answer.matches] == [1000 + number, 2000 + number][: number % 3]
        assert {one.query for one in answer.matches} <= {0}
        assert (answer.position, answer.truncated) == (7, number % 2 == 0)


def test_those_with_thresholds_of_their_own_are_packed_by_themselves() -> None:
    one, other = fingerprint(PDQ, "one"), near(fingerprint(PDQ, "one"), 2)
    packing = Packing.of([Query(one), Query(other, 5), Query(other), Query(one, 31)])
    assert [(packed.within, len(packed)) for packed in packing.packed] == [(31, 3), (5, 1)]
    assert packing.numbers == (0, 3, 1, 2)
