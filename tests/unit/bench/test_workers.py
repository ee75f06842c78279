"""The benchmark of several workers: what it makes of a turn, and a small run of all of it."""

from __future__ import annotations

import json
import sys

import pytest
from benchmarks import workers
from benchmarks.workers import Turn, rows_of


def test_what_the_clients_took_is_subtracted() -> None:
    assert Turn(1000, 1.0, 1.0).alone(1) == 1000
    assert Turn(1000, 1.2, 0.8).alone(1) == 1000
    assert Turn(1000, 0.5, 0.5).alone(1) == 2000
    assert Turn(1000, 1.0, 1.0).alone(2) == 2000
    one, two = rows_of([{1: Turn(1000, 1.0, 1.0), 2: Turn(900, 1.0, 1.0)}])
    assert (one["x_one"], two["x_one"], two["alone_calls/s"]) == (1.0, 1.8, 1800)
    assert (one["us_a_call"], one["client_cores"]) == (1000, 1.0)


def test_a_small_run_measures_both(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--size", "600", "--rounds", "1", "--seconds", "0.3", "--json"]
    monkeypatch.setattr(sys, "argv", ["workers", *options])
    assert workers.main() == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["workers"] for row in report["rows"]] == [1, 2]
    assert all(row["calls/s"] > 0 and row["server_cores"] > 0 for row in report["rows"])
    (promise,) = report["promises"]
    assert promise["measured"] == report["rows"][1]["x_one"]
    assert promise["verdict"] == ("pass" if promise["measured"] >= workers.GAIN else "FAIL")


@pytest.mark.parametrize(("gain", "verdict", "status"), [(workers.GAIN, "pass", 0), (1.0, "FAIL", 1)])
def test_check_is_an_error_if_two_workers_gain_too_little(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    gain: float,
    verdict: str,
    status: int,
) -> None:
    turns = [{1: Turn(1000, 1.0, 0.0), 2: Turn(1000 * gain, 2.0, 0.0)}]
    report = {"machine": {"load_average": 0}, "rows": list(rows_of(turns))}
    monkeypatch.setattr(workers, "measure", lambda *_: report)
    monkeypatch.setattr(sys, "argv", ["workers", "--check", "--json"])
    assert workers.main() == status
    out, err = capsys.readouterr()
    assert [row["verdict"] for row in json.loads(out)["promises"]] == [verdict]
    assert bool(err) == bool(status)
