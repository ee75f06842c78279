"""Checks by parts of pictures on the wire: thresholds in keypoints, matches with a transform."""

from __future__ import annotations

from typing import Any

import pytest
from builders import NOW, fingerprint
from hypothesis import given
from hypothesis import strategies as some

from hashpact.domain.checks import Answer, Check, Match, Query, Transform
from hashpact.domain.fingerprints import PARTS, Measure
from hashpact.errors import InvalidInputError
from hashpact.wire import codec
from hashpact.wire.v1 import check_pb2

transforms = some.builds(
    Transform,
    some.floats(1 / 16, 16),
    some.floats(-180, 180),
    some.floats(-32, 32),
    some.floats(-32, 32),
)


def match(points: int, transform: Transform) -> Match:
    shown = ("hate",), "guideline", (), "acme", 0, 0, NOW
    return Match(3, "parts/1", Measure.POINTS, points, *shown, query=1, transform=transform)


def sent(message: Any) -> Any:  # noqa: ANN401 - a message of any type
    return type(message).FromString(message.SerializeToString())


@given(some.none() | some.integers(6, 300))
def test_a_threshold_comes_back(points: int | None) -> None:
    check = Check((Query(fingerprint(PARTS, "a"), points),))
    assert codec.check_from_wire(sent(codec.check_to_wire(check))) == check


@given(some.integers(6, 300), transforms)
def test_a_match_comes_back_with_its_transform(points: int, transform: Transform) -> None:
    answer = Answer((match(points, transform),), 9, truncated=True)
    assert codec.answer_from_wire(sent(codec.answer_to_wire(answer))) == answer


@pytest.mark.parametrize(
    ("units", "threshold", "field"),
    [
        (7, {}, "queries[0].fingerprint.value"),
        (301, {}, "queries[0].fingerprint.value"),
        (9, {"max_distance": 9}, "queries[0].max_distance"),
        (9, {"min_similarity": 0.6}, "queries[0].min_similarity"),
        (9, {"min_points": 4}, "threshold"),
        (9, {"min_points": 301}, "threshold"),
    ],
)
def test_a_bad_check_names_its_field(units: int, threshold: dict[str, Any], field: str) -> None:
    shared = check_pb2.Fingerprint(type="parts/1", value=bytes(38 * units))
    request = check_pb2.CheckRequest(queries=[check_pb2.Query(fingerprint=shared, **threshold)])
    with pytest.raises(InvalidInputError) as refused:
        codec.check_from_wire(sent(request))
    assert refused.value.details["field"] == field


def test_61_a_bad_match_names_its_field() -> None:
    for change, field in (
        (lambda one: one.ClearField("transform"), "matches[0].transform"),
        (lambda one: setattr(one.transform, "scale", float("nan")), "matches[0].transform"),
        (lambda one: setattr(one, "distance", 3), "matches[0].score"),
    ):
        message = codec.answer_to_wire(Answer((match(9, Transform(1, 0, 0, 0)),), 9))
        change(message.matches[0])
        with pytest.raises(InvalidInputError) as refused:
            codec.answer_from_wire(sent(message))
        assert refused.value.details["field"] == field
