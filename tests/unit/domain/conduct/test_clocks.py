"""Clocks: a matter passes from open to overdue once, and answers count by when they were given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashpact.domain.conduct.clocks import Standing, next_change, standing_at

SECONDS = st.integers(0, 2**40)


@given(start=SECONDS, lasts=st.integers(1, 2**26), now=SECONDS)
def test_without_an_answer_it_is_overdue_exactly_after_its_time(start: int, lasts: int, now: int) -> None:
    found = standing_at(now, start, start + lasts, None)
    assert (found is Standing.OVERDUE) is (now > start + lasts)
    assert found.waits


@given(start=SECONDS, lasts=st.integers(1, 2**26), answered=SECONDS, now=SECONDS)
def test_an_answer_counts_from_when_it_was_given(start: int, lasts: int, answered: int, now: int) -> None:
    found = standing_at(now, start, start + lasts, answered)
    if answered > now:
        assert found is standing_at(now, start, start + lasts, None)
    else:
        assert (found is Standing.ANSWERED) is (answered <= start + lasts)
        assert not found.waits


@given(start=st.integers(0, 500), lasts=st.integers(1, 200), now=st.integers(0, 1000))
def test_the_next_change_is_the_first_moment_at_which_it_stands_otherwise(
    start: int, lasts: int, now: int
) -> None:
    def standing(moment: int) -> Standing:
        return standing_at(moment, start, start + lasts, None)

    moments = range(now + 1, start + lasts + 3)
    wanted = next((moment for moment in moments if standing(moment) is not standing(now)), None)
    assert next_change(now, start, start + lasts) == wanted
