"""The benchmark of checks in a program that has opened a mirror: a small run of all of it."""

from __future__ import annotations

import json
import sys

import pytest
from benchmarks import mirror


def test_a_small_run_measures_every_side(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mirror", "--sizes", "600", "--checks", "20", "--json", "--check"])
    assert mirror.main() == 0  # the promise is about a larger log
    report = json.loads(capsys.readouterr().out)
    assert [(row["checks"], row["side"]) for row in report["rows"]] == [
        (case, side) for case in ("miss", "match") for side in ("kernel", "mirror", "server")
    ]
    assert all(row["p50_us"] > 0 for row in report["rows"])
    assert report["copied"][0]["items"] == 600
