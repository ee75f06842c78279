"""The benchmark of retroactive matching: a small run of all of it."""

from __future__ import annotations

import json
import sys

import pytest
from benchmarks import retro


def test_a_small_run_tells_all_that_was_planted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["retro", "--uploads", "3000", "--entries", "40", "--json", "--check"])
    assert retro.main() == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["uploads"], row["planted"], row["told"], row["told_again"]) == (3000, 4, 4, 0)
