"""Quarters begin and end at midnight UTC, wherever they are read."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashpact.errors import InvalidInputError
from hashpact.report.quarter import Quarter

QUARTERS = st.builds(Quarter, st.integers(1971, 9000), st.integers(1, 4))


def test_a_quarter_begins_at_midnight_utc() -> None:
    quarter = Quarter.parse("2026Q4")
    assert (quarter.start, quarter.stop) == (1_790_812_800, 1_798_761_600)
    assert dt.datetime.fromtimestamp(quarter.start, dt.UTC).isoformat() == "2026-10-01T00:00:00+00:00"
    assert quarter.months == ("2026-10", "2026-11", "2026-12")


@given(QUARTERS)
def test_quarters_follow_each_other_without_a_gap(quarter: Quarter) -> None:
    assert Quarter.parse(str(quarter)) == quarter
    assert quarter.stop == quarter.later(1).start
    assert quarter.later(1).later(-1) == quarter
    assert quarter.later(4) == Quarter(quarter.year + 1, quarter.number)


@pytest.mark.parametrize(
    "text",
    [
        "2026",
        "2026Q5",
        "2026Q0",
        "26Q1",
        "2026q1",
        " 2026Q1",
        "0000Q1",
        "0001Q1",
        "1969Q4",
        "9999Q1",
        "\uff12026Q1",
    ],
)
def test_what_is_no_quarter(text: str) -> None:
    with pytest.raises(InvalidInputError, match="write it as 2026Q4"):
        Quarter.parse(text)
