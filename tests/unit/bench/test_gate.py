"""The promises are held against what was measured, and what was not measured is no promise kept."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.gate import Promise, promises
from benchmarks.multihash import SETTINGS, SETTINGS_OF_LARGE
from benchmarks.peers import BEST_MULTIHASH, FLAT, OURS
from benchmarks.planting import BITS, RADIUS
from benchmarks.report import figure


def row(codes: int, name: str, side: str, ratio: float, p99: float = 10.0) -> dict[str, Any]:
    return {"codes": codes, "set": name, "side": side, "ratio": ratio, "p99_us": p99}


def a_report() -> dict[str, Any]:
    million = 1_000_000
    return {
        "rows": [
            row(million, "random", OURS, 1),
            row(million, "random", FLAT, 60),
            row(million, "random", BEST_MULTIHASH, 20),
            row(million, "skewed", OURS, 1, p99=50),
            row(10 * million, "random", FLAT, 120),
        ],
        "limits": [{"codes": million, "set": "random", "ratio": 3.0}],
        "inserting": {"ratio": 3.0},
    }


def test_all_promises_are_kept_at_their_bounds() -> None:
    assert [promise.kept for promise in promises(a_report())] == [True] * 6


@pytest.mark.parametrize("which", range(5))
def test_a_figure_just_beyond_its_bound_breaks_a_promise(which: int) -> None:
    report = a_report()
    report["rows"][1]["ratio"] -= which == 0
    report["rows"][2]["ratio"] -= which == 1
    report["rows"][3]["p99_us"] += which == 2
    report["rows"][4]["ratio"] -= which == 3
    report["inserting"]["ratio"] += which == 4
    assert sum(not promise.kept for promise in promises(report)) == 1


def test_what_was_not_measured_is_not_kept() -> None:
    nothing: dict[str, Any] = {"rows": [], "limits": []}
    rows = [promise.row() for promise in promises(nothing)]
    assert {one["verdict"] for one in rows} == {"not measured"}


def test_the_large_set_is_judged_if_it_was_asked_for() -> None:
    figures = {"p50_us": 499.0, "resident_GB": 11.9, "build_s": 239.0, "first_answer_cold_s": 2.1}
    rows = [promise.row()["verdict"] for promise in promises(a_report() | {"large": figures})]
    assert rows == ["pass"] * 9 + ["FAIL"]
    assert [promise.kept for promise in promises(a_report() | {"large": None})][6:] == [False] * 4


def test_a_promise_says_what_it_was_held_against() -> None:
    assert Promise("x", 2.0, most=3).row() == {
        "promise": "x",
        "measured": 2.0,
        "bound": "at most 3",
        "verdict": "pass",
    }


@pytest.mark.parametrize("setting", {*SETTINGS, *SETTINGS_OF_LARGE}, ids=lambda setting: setting.name)
def test_a_multihash_setting_can_find_everything(setting: Any) -> None:  # noqa: ANN401 - a Setting
    assert setting.tables * setting.key_bits <= BITS
    assert setting.tables * (setting.flips + 1) > RADIUS


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (1_234_567, "1,234,567"), (1234.5, "1,234"), (0.01234, "0.0123"), (1.0, "1"), ("a", "a")],
)
def test_a_figure_has_three_digits_that_count(value: object, shown: str) -> None:
    assert figure(value) == shown
