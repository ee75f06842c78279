"""The promises about texts: kept at their bounds, broken beyond them."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.minhash import OUR_RECALL, OURS, OURS_OF_LESS, OWN_BANDING, SKETCHING, promises


def a_report() -> dict[str, Any]:
    return {
        "signatures": [{"side": "hashpact", "ratio": 1.0}, {"side": SKETCHING, "ratio": 8.0}],
        "searches": [
            {"threshold": threshold, "side": side, "ratio_at_equal_recall": ratio, "recall": recall}
            for threshold in (0.5, 0.6)
            for side, ratio, recall in (
                (OURS, 1.0, 0.99),
                (f"{OUR_RECALL} (42 x 3)", 8.0, 1.0),
                (OURS_OF_LESS, 1.0, 0.9),
                (f"{OWN_BANDING} (25 x 5)", 8.0, 0.9),
            )
        ],
        "recall": [
            {
                "similarity": 0.5,
                "theory_for_0.5": 0.75,
                "measured_for_0.5": 0.74,
                "theory_for_it": 1.0,
                "measured_for_it": 0.99,
            }
        ],
    }


def test_all_promises_are_kept_at_their_bounds() -> None:
    assert [promise.kept for promise in promises(a_report())] == [True] * 11


@pytest.mark.parametrize(
    ("part", "row", "key"),
    [
        ("signatures", 1, "ratio"),
        ("searches", 1, "ratio_at_equal_recall"),
        ("searches", 3, "ratio_at_equal_recall"),
        ("searches", 0, "recall"),
        ("searches", 2, "recall"),
        ("searches", 7, "ratio_at_equal_recall"),
        ("recall", 0, "measured_for_0.5"),
        ("recall", 0, "measured_for_it"),
    ],
)
def test_a_figure_just_beyond_its_bound_breaks_a_promise(part: str, row: int, key: str) -> None:
    report = a_report()
    report[part][row][key] *= 0.999
    assert sum(not promise.kept for promise in promises(report)) == 1
