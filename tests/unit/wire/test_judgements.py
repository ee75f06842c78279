"""What speaks against a match is read from the wire as strictly as the match."""

from __future__ import annotations

import pytest
from builders import NOW

from hashpact.domain.checks import Disagreement, Match, NearBenign
from hashpact.domain.fingerprints import Measure
from hashpact.errors import InvalidInputError
from hashpact.wire.codec import match_from_wire, match_to_wire

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
