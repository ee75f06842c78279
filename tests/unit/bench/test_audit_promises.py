"""What the benchmark of audits extrapolates."""

from __future__ import annotations

from typing import Any

from benchmarks.audit import promises


def rows(**changed: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of a log of a million leaves, with some figures changed."""
    lines: dict[str, dict[str, Any]] = {
        "half": {"leaves": 500_000, "cpu_s": 55.0, "memory_MB": 300.0},
        "whole": {"leaves": 1_000_000, "cpu_s": 110.0, "memory_MB": 310.0},
        "first": {"leaves": 1_000_000, "cpu_s": 115.0, "memory_MB": 300.0},
        "next": {"leaves": 1_000, "cpu_s": 0.7, "memory_MB": 80.0},
    }
    return [line | changed.get(name, {}) for name, line in lines.items()]


def test_ten_million_leaves_are_extrapolated_from_the_longest_log() -> None:
    time, memory, following = promises(rows())
    assert (time.figure, memory.figure, following.figure) == (550.0, 490.0, 0.7)
    assert all(one.kept for one in (time, memory, following))


def test_each_promise_can_be_broken() -> None:
    slow = promises(rows(whole={"cpu_s": 121.0}))
    large = promises(rows(whole={"memory_MB": 360.0}))
    late = promises(rows(next={"cpu_s": 2.1}))
    assert [one.kept for one in slow] == [False, True, True]
    assert [one.kept for one in large] == [True, False, True]
    assert [one.kept for one in late] == [True, True, False]


def test_memory_that_shrinks_is_not_extrapolated_below_what_was_measured() -> None:
    assert promises(rows(half={"memory_MB": 400.0}))[1].figure == 310.0
