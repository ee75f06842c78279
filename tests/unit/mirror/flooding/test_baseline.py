"""Baselines: when an entry's matches are a flood, and that memory is bounded."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashpact.mirror.flooding import baseline
from hashpact.mirror.flooding.baseline import LEARNING, RARE, SHAPE, Baseline, Past, bound

WINDOW = 100


def learned(least: int = 5) -> Baseline:
    """A baseline that has seen as many windows as it learns."""
    made = Baseline(WINDOW, least)
    for _ in range(LEARNING):
        made.count((), WINDOW)
    return made


def at_or_above(mean: float, count: int) -> float:
    """The probability that a negative binomial number is at least ``count``, term by term."""
    share = mean / (SHAPE + mean)
    terms = (
        math.comb(number + SHAPE - 1, number) * share**number * (1 - share) ** SHAPE
        for number in range(count)
    )
    return 1 - math.fsum(terms)


@pytest.mark.parametrize("mean", [1, 2, 10, 100])
def test_the_bound_is_the_first_number_that_is_rare_enough(mean: int) -> None:
    found = bound(mean, 10_000)
    assert at_or_above(mean, found) <= RARE * 1.001
    assert at_or_above(mean, found - 1) > RARE * 0.999
    assert bound(mean, 5) == 5


@given(st.integers(1, 500))
def test_a_higher_mean_has_a_higher_bound(mean: int) -> None:
    assert bound(mean, 100_000) <= bound(mean + 1, 100_000)


def test_an_entry_without_a_past_is_a_flood_from_the_least_number_on() -> None:
    made = learned()
    limit = max(5, bound(1, WINDOW))
    assert made.count([7] * (limit - 1), limit - 1) == []
    (flood,) = made.count([7], 1)
    assert (flood.entry, flood.matches, flood.expected, flood.bound) == (7, limit, 1.0, limit)
    assert made.count([8], 1) == []


def test_checks_for_which_a_window_has_no_room_are_of_the_next_one() -> None:
    made = Baseline(WINDOW, 5)
    for _ in range(2 * LEARNING):
        assert made.count([7] * 19, 64) == []
    assert made.windows == 2 * LEARNING - 1
    assert all(made.count([7] * 19, 64) == [] for _ in range(20))


def test_nothing_is_a_flood_while_it_learns_and_what_was_popular_then_is_none_afterwards() -> None:
    made = Baseline(WINDOW, 5)
    for _ in range(LEARNING):
        assert made.count([1] * 60, WINDOW) == []
    assert made.expected(1) == pytest.approx(60, rel=0.2)
    assert made.count([1] * 60, WINDOW) == []
    assert made.count([2] * 60, WINDOW) != []


def test_a_past_fades_and_is_dropped() -> None:
    made = learned()
    made.count([1] * 4, WINDOW)
    assert made.past[1] == Past(4, 1)
    made.count((), WINDOW)
    assert tuple(made.past[1]) == pytest.approx((3.6, 1.9))
    for _ in range(30):
        made.count((), WINDOW)
    assert made.past == {}


def test_a_window_ends_after_so_many_checks() -> None:
    made = learned()
    made.count([1], WINDOW - 1)
    assert (made.windows, made.past) == (LEARNING, {})
    made.count([1], 1)
    assert (made.windows, made.past[1].matches, made.checks) == (LEARNING + 1, 2, 0)


def test_what_is_settled_is_expected_from_then_on_and_twice_as_much_is_no_flood() -> None:
    made = learned()
    assert made.count([1] * 50, 50) != []
    made.settle(1, 50)
    assert made.count([1] * 40, 1) == []
    for _ in range(40):
        made.count((), WINDOW)
    assert made.expected(1) == 50


def test_no_more_entries_are_counted_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "MOST", 4)
    made = learned()
    made.count([1, 1, 1, 2, 2, 3, 4], 1)
    made.count([5], 1)  # each of the others has one less, and two are gone
    made.count((), WINDOW - 2)
    assert {entry: past.matches for entry, past in made.past.items()} == {1: 2, 2: 1, 5: 1}
    made.count([1, 1, 2, 2, 3, 3, 4, 4], 1)
    assert made.count([6], 1) == []
    made.count([7, 8, 9], WINDOW - 2)
    assert len(made.past) <= 4


def test_an_entry_is_not_counted_if_all_the_others_have_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "MOST", 2)
    made = learned()
    made.count([1, 1, 2, 2, 3], WINDOW)
    assert {entry: past.matches for entry, past in made.past.items()} == {1: 1, 2: 1}
