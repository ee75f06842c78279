"""Batches across the wire: what is sent is what is read, and nothing else is."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from builders import fingerprint

from hashpact.domain.checks import Filter, Match
from hashpact.domain.fingerprints import MINHASH, PDQ, SHA256, Measure
from hashpact.domain.matching.batches import DEFAULT_EACH, MAX_BATCH, Batch, BatchAnswer, Packed
from hashpact.errors import CorruptError, InvalidInputError
from hashpact.wire import batches
from hashpact.wire.client import calls
from hashpact.wire.server.guard import LIMITS
from hashpact.wire.server.identity import CHECK_BATCH
from hashpact.wire.v1 import check_pb2

PICTURE = fingerprint(PDQ, "one").value
BATCH = Batch(
    (
        Packed(PDQ, PICTURE * 2, 7),
        Packed(MINHASH, fingerprint(MINHASH, "two").value, 0.5),
        Packed(SHA256, bytes(32)),
    ),
    Filter(labels=frozenset({"hate", "ncii"}), min_endorsed_by=2),
    9,
    3,
)


def match(query: int, kind: str = "pdq/1") -> Match:
    return Match(5, kind, Measure.HAMMING, 3, ("ncii",), "guideline", ("VN",), "acme", 1, 0, 1, query=query)


def test_a_batch_is_read_as_it_was_sent() -> None:
    sent = batches.batch_to_wire(BATCH).SerializeToString()
    assert batches.batch_from_wire(check_pb2.CheckBatchRequest.FromString(sent)) == BATCH
    plain = check_pb2.CheckBatchRequest(packed=[check_pb2.Packed(type="pdq/1", values=PICTURE)])
    assert batches.batch_from_wire(plain) == Batch((Packed(PDQ, PICTURE),), limit=DEFAULT_EACH)


def test_41_the_largest_batch_is_within_its_limit_of_bytes() -> None:
    value = fingerprint(MINHASH, "two").value
    packed = [check_pb2.Packed(type="minhash/1", values=value, min_similarity=0.5)] * MAX_BATCH
    largest = check_pb2.CheckBatchRequest(packed=packed, limit=64, min_position=10**9)
    assert len(largest.SerializeToString()) < LIMITS[CHECK_BATCH] - 64 * 1024


def test_41_no_value_is_looked_at_if_there_are_too_many() -> None:
    # Had they been, the error would name the first, of which no bit is set.
    packed = [check_pb2.Packed(type="phash/1", values=bytes(8 * 4096))] * 2
    with pytest.raises(InvalidInputError, match="packed: want 0 to 4096, not 8192"):
        batches.batch_from_wire(check_pb2.CheckBatchRequest(packed=packed))


def test_an_answer_is_read_as_it_was_sent() -> None:
    answer = BatchAnswer((match(0), match(0), match(2)), 8, (1, 2), bytes(32))
    sent = batches.batch_answer_to_wire(answer).SerializeToString()
    assert batches.batch_answer_from_wire(check_pb2.CheckBatchResponse.FromString(sent)) == answer


def test_41_an_answer_is_made_in_turns() -> None:
    turns: list[int] = []

    def turn() -> nullcontext[None]:
        turns.append(len(turns))
        return nullcontext()

    answer = BatchAnswer((match(0),) * 5000, 8)
    assert len(batches.batch_answer_to_wire(answer, turn).matches) == 5000
    assert len(turns) >= 5


@pytest.mark.parametrize(
    ("packed", "field"),
    [
        ([], "packed"),
        ([check_pb2.Packed(type="pdq/1", values=PICTURE)] * 4097, "packed"),
        ([check_pb2.Packed(type="pdq/1", values=PICTURE), check_pb2.Packed(type="odd/1")], "packed[1].type"),
        ([check_pb2.Packed(type="pdq/1", values=PICTURE[1:])], "packed[0].values"),
        ([check_pb2.Packed(type="pdq/1", values=PICTURE + bytes(32))], "packed[0].values[1]"),
        ([check_pb2.Packed(type="pdq/1", values=PICTURE, min_similarity=0.5)], "packed[0].min_similarity"),
        ([check_pb2.Packed(type="pdq/1", values=PICTURE, max_distance=32)], "packed[0].threshold"),
        ([check_pb2.Packed(type="winnow/1", values=bytes(32))], "packed[0].type"),
    ],
)
def test_an_error_names_the_field(packed: list[check_pb2.Packed], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        batches.batch_from_wire(check_pb2.CheckBatchRequest(packed=packed))
    assert refused.value.details["field"] == field


@pytest.mark.parametrize("matches", [(match(3),), (match(0, "sha256/1"),)])
def test_a_match_of_what_was_not_asked_is_corrupt(matches: tuple[Match, ...]) -> None:
    call = calls.check_batch(Batch((Packed(PDQ, PICTURE * 3),)))
    with pytest.raises(CorruptError, match="the server answered fingerprint"):
        call.read(batches.batch_answer_to_wire(BatchAnswer(matches, 8)).SerializeToString())


def test_matches_come_in_the_order_of_the_fingerprints() -> None:
    sent = batches.batch_answer_to_wire(BatchAnswer((match(1), match(0)), 8))
    with pytest.raises(InvalidInputError, match="in the order"):
        batches.batch_answer_from_wire(sent)
