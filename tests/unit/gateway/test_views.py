"""The filters of views: one that a check does not take is refused when it is made."""

from __future__ import annotations

import itertools
import string
from typing import Any

import pytest

from hashpact.domain.checks import Filter
from hashpact.errors import InvalidInputError
from hashpact.gateway.keeping.banks import ViewFilter, narrowing
from hashpact.wire.codec import filter_from_wire, filter_to_wire

PLACES = ["".join(pair) for pair in itertools.product("ABC", string.ascii_uppercase)]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"min_endorsed_by": 1 << 31}, "min_endorsed_by must be a whole number from 0 to 2147483647"),
        ({"min_endorsed_by": 1e300}, "min_endorsed_by must be a whole number"),
        ({"min_endorsed_by": -1}, "min_endorsed_by must be a whole number"),
        ({"min_endorsed_by": True}, "min_endorsed_by must be a whole number"),
        ({"max_distance": 1 << 80}, "max_distance must be a whole number"),
        ({"bases": ["benign"]}, "bases must be a list of strings, one of"),
        ({"bases": ["\ud800"]}, "bases must be a list of strings, one of"),
        ({"jurisdictions": ["vn"]}, "jurisdictions must be a list of strings, two capital letters"),
        ({"jurisdictions": ["VN\n"]}, "jurisdictions must be a list of strings, two capital letters"),
        ({"jurisdictions": PLACES[:65]}, "jurisdictions must be at most 64 strings"),
    ],
)
def test_what_no_check_takes(given: dict[str, Any], wanted: str) -> None:
    with pytest.raises(InvalidInputError, match=wanted):
        ViewFilter.parse(given)


def test_what_views_have_in_common_is_what_a_check_takes() -> None:
    law = {"bases": ["law"], "min_endorsed_by": (1 << 31) - 1}
    views = [ViewFilter.parse(law | {"jurisdictions": some}) for some in (PLACES[:40], PLACES[30:70])]
    few, many = narrowing(views[:1]), narrowing(views)
    assert few == Filter(frozenset(), frozenset({"law"}), frozenset(PLACES[:40]), (1 << 31) - 1)
    assert many.jurisdictions == frozenset()  # together they have more than a check takes
    for narrow in (few, many):
        assert filter_from_wire(filter_to_wire(narrow)) == narrow
