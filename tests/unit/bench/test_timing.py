"""The arithmetic of the benchmark, and that contenders take turns."""

from __future__ import annotations

import gc
import time

import numpy as np
import pytest
from benchmarks.timing import (
    FEWEST_PER_BLOCK,
    Side,
    Timings,
    blocks_of,
    interleave,
    no_collections,
    percentile,
    ratio,
)


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 5), (51, 6), (90, 9), (99, 10), (100, 10)]
)
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([7, 3, 10, 1, 5, 9, 2, 8, 4, 6], percent) == expected


def test_a_percentile_is_the_nearest_rank_that_numpy_calls_inverted_cdf() -> None:
    values = np.random.default_rng(1).exponential(size=333)
    for percent in (1, 25, 50, 99):
        assert percentile(values.tolist(), percent) == np.percentile(values, percent, method="inverted_cdf")


def test_nothing_has_no_percentile_and_is_no_measure() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)
    with pytest.raises(ValueError, match="no measure"):
        ratio(1.0, 0.0)


def test_a_ratio_says_how_many_times_ours_it_is() -> None:
    assert ratio(120.0, 2.0) == 60


@pytest.mark.parametrize(("count", "blocks"), [(100, 10), (101, 10), (7, 10), (1, 1), (0, 3)])
def test_blocks_cover_every_call_once(count: int, blocks: int) -> None:
    runs = blocks_of(count, blocks)
    assert [i for run in runs for i in run] == list(range(count))
    assert max(map(len, runs)) - min(map(len, runs)) <= 1


def test_a_slow_side_makes_the_first_calls_of_each_block_only() -> None:
    sides = [Side("slow", lambda _i: time.sleep(0.002)), Side("fast", lambda _i: None)]
    slow, fast = interleave(sides, 100, blocks=5, budget=0.0)
    assert slow.calls == [first + i for first in range(0, 100, 20) for i in range(FEWEST_PER_BLOCK)]
    assert len(interleave(sides, 20, blocks=2, budget=60)[0].calls) == 20
    assert len(fast.calls) >= len(slow.calls)


def test_waiting_is_no_work() -> None:
    (waiting,) = interleave([Side("waiting", lambda _i: time.sleep(0.01))], 5)
    assert min(waiting.waited) >= 10_000
    assert waiting.p50 < 5_000


def test_sides_take_turns_in_blocks_and_keep_every_timed_answer() -> None:
    asked: list[str] = []
    kept: dict[int, int] = {}

    def first(i: int) -> int:
        asked.append("first")
        return i * i

    def second(_i: int) -> None:
        asked.append("second")

    sides = [Side("first", first, kept.__setitem__), Side("second", second)]
    timings = interleave(sides, 40, blocks=4)
    assert kept == {i: i * i for i in range(40)}
    assert [timing.calls for timing in timings] == [list(range(40))] * 2
    turns = [name for name, before in zip(asked, ["", *asked], strict=False) if name != before]
    assert turns == ["first", "second"] * 4


def test_timings_are_summed_up_by_their_median_and_tail() -> None:
    timing = Timings(calls=list(range(100)), taken=[float(i) for i in range(1, 101)])
    assert (timing.p50, timing.p99) == (50, 99)


def test_the_collector_is_off_only_while_it_is_measured() -> None:
    assert gc.isenabled()
    with no_collections():
        assert not gc.isenabled()
    assert gc.isenabled()
