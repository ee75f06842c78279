"""The benchmark of copies: what it makes of processor times, and a small run of all of it."""

from __future__ import annotations

import json
import sys

import pytest
from benchmarks import follow
from benchmarks.follow import with_workers


def test_the_process_that_takes_most_bounds_the_rate() -> None:
    row = {"cpu_us": 10.0, "server_us": 5.0}
    assert with_workers(row, 1000, 0.0)["two_cores/s"] == 100_000
    assert with_workers({"cpu_us": 5.0, "server_us": 20.0}, 1000, 0.0)["two_cores/s"] == 50_000
    assert with_workers(row, 1000, 0.025)["two_cores/s"] == 50_000  # 40 us of two cores


def test_a_small_run_measures_both_logs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["follow", "--size", "600", "--appends", "3", "--json"])
    assert follow.main() == 0
    report = json.loads(capsys.readouterr().out)
    assert [(row["log"], row["items"]) for row in report["rows"]] == [
        ("bulk", 600),
        ("bulk, from a snapshot", 600),
        ("single", 256),
        ("single, from a snapshot", 256),
    ]
    assert all(row["items/s"] > 0 and row["signatures/s"] > 0 for row in report["rows"])
    assert report["latency"][0]["appends"] == 3
    assert report["latency"][0]["p99_ms"] < 10_000
    assert [one["measured"] for one in report["promises"]] == [
        report["rows"][0]["two_cores/s"],
        report["latency"][0]["p99_ms"],
    ]
