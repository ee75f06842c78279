"""Checks: their bounds."""

from __future__ import annotations

import pytest
from builders import fingerprint

from hashpact.domain.checks import MAX_LIMIT, MAX_QUERIES, Check, Filter, Query
from hashpact.domain.fingerprints import MINHASH, PARTS, PDQ, WINNOW, FingerprintType
from hashpact.errors import InvalidInputError

QUERY = Query(fingerprint(PDQ, "a"))


def test_a_check_within_its_bounds_is_kept_as_it_is() -> None:
    assert Check((QUERY,)) == Check((QUERY,), Filter(frozenset(), frozenset(), frozenset(), 0), 20, 0)
    assert Check((QUERY,), limit=1).limit == 1
    most = Check((QUERY,) * MAX_QUERIES, limit=MAX_LIMIT, min_position=2**63)
    assert (len(most.queries), most.limit, most.min_position) == (64, 1000, 2**63)


@pytest.mark.parametrize("count", [0, 65])
def test_the_number_of_queries_is_bounded(count: int) -> None:
    with pytest.raises(InvalidInputError, match=f"1 to 64 fingerprints, not {count}") as caught:
        Check((QUERY,) * count)
    assert caught.value.details == {"field": "queries"}


@pytest.mark.parametrize("kinds", [(WINNOW,) * 9, (PARTS,) * 9, (WINNOW, PARTS) * 4 + (WINNOW,)])
def test_41_queries_of_many_hashes_or_keypoints_are_fewer(kinds: tuple[FingerprintType, ...]) -> None:
    queries = [Query(fingerprint(kind, "a")) for kind in kinds]
    assert len(Check((*queries[:8], *[QUERY] * 56)).queries) == 64
    with pytest.raises(InvalidInputError, match="at most 8 fingerprints of winnow/1 and parts/1"):
        Check(tuple(queries))


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_the_limit_is_bounded(limit: int) -> None:
    with pytest.raises(InvalidInputError, match="limit must be from 1 to 1000"):
        Check((QUERY,), limit=limit)


def test_a_position_is_not_negative() -> None:
    with pytest.raises(InvalidInputError, match="min_position"):
        Check((QUERY,), min_position=-1)


@pytest.mark.parametrize(
    "query", [Query(fingerprint(PDQ, "a"), 32), Query(fingerprint(MINHASH, "a"), 0.39)], ids=["far", "unlike"]
)
def test_a_threshold_past_the_ceiling_is_refused_before_any_search(query: Query) -> None:
    with pytest.raises(InvalidInputError, match="threshold"):
        Check((QUERY, query))
