"""What speaks against a match is read from the wire as strictly as the match; no refusal repeats a code."""

from __future__ import annotations

import pytest
from builders import NOW, fingerprint

from hashpact.domain.checks import Disagreement, Match, NearBenign
from hashpact.domain.fingerprints import MINHASH, PHASH, Measure
from hashpact.errors import InvalidInputError
from hashpact.wire import codec
from hashpact.wire.codec import match_from_wire, match_to_wire
from hashpact.wire.v1 import check_pb2

FOUND = Match(
    *(3, "pdq/1", Measure.HAMMING, 4, ("ncii",), "law", ("VN",), "acme", 1, 0, NOW),
    benign=NearBenign(9, 2),
    contradicted=Disagreement("pdq/1", 97),
)


@pytest.mark.parametrize(
    ("where", "field", "value"),
    [
        ("benign", "entry", "entries/x"),
        ("benign", "similarity", 0.5),
        ("contradicted", "type", "pdq/9"),
        ("contradicted", "distance", -1),
    ],
)
def test_a_wrong_one_is_refused_and_named(where: str, field: str, value: object) -> None:
    message = match_to_wire(FOUND)
    assert match_from_wire(message) == FOUND
    setattr(getattr(message, where), field, value)
    with pytest.raises(InvalidInputError) as refused:
        match_from_wire(message)
    named = "score" if field == "similarity" else field
    assert refused.value.details["field"] == f"{where}.{named}"


@pytest.mark.parametrize(
    ("field", "known"), [("texture", "ordinary, faint, text-like"), ("view", "whole, shown, black")]
)
def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(field: str, known: str) -> None:
    shared = check_pb2.Fingerprint(type="phash/1", value=fingerprint(PHASH, "picture").value)
    query = check_pb2.Query(fingerprint=shared)
    setattr(query, field, "soft")
    with pytest.raises(InvalidInputError, match=known) as refused:
        codec.check_from_wire(check_pb2.CheckRequest(queries=[query]))
    assert refused.value.details["field"] == f"queries[0].{field}"


def test_refusals_do_not_repeat_the_fingerprint() -> None:
    shared = fingerprint(MINHASH, "secret")
    message = check_pb2.CheckRequest(
        queries=[check_pb2.Query(fingerprint=check_pb2.Fingerprint(type="pdq/1", value=shared.value))]
    )
    with pytest.raises(InvalidInputError) as refused:
        codec.check_from_wire(message)
    told = repr((refused.value, refused.value.details))
    assert shared.value.hex()[:16] not in told
    assert repr(shared.value)[2:20] not in told
