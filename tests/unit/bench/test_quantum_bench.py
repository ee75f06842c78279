"""The benchmark of ML-DSA-44 signatures: a small run of all of it."""

from __future__ import annotations

import json
import sys

import pytest
from benchmarks import quantum
from benchmarks.submissions import ORIGIN


def test_a_small_run_measures_both_logs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["quantum", "--leaves", "32", "--rounds", "2", "--json"])
    assert quantum.main() == 0
    report = json.loads(capsys.readouterr().out)
    rows = {(row["to_a_checkpoint"], row["log"]): row for row in report["rows"]}
    assert rows.keys() == {(group, kind) for group in quantum.GROUPS for kind in quantum.KINDS}
    plain, both = quantum.KINDS
    for group in quantum.GROUPS:
        added = rows[group, both]["receipt_bytes"] - rows[group, plain]["receipt_bytes"]
        # A line has a dash, the name, and in base64 the key id, the time and the signature.
        assert added == len(f"\u2014 {ORIGIN} \n".encode()) + 4 * -(-(4 + 8 + 2420) // 3)
        assert rows[group, both]["cpu_us"] > 0
    assert [row["signature_bytes"] for row in report["signatures"]] == [64, 2420]
