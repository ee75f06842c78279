"""Implementations by others verify what our log writes, and refuse it when it is tampered with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hashpact.domain.kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]
NOT_INSTALLED = 77


def interop(*options: str) -> str:
    """What the script prints; the test is skipped if what it needs is not installed."""
    run = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "interop"), *options],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if run.returncode == NOT_INSTALLED:
        pytest.skip(f"not installed here: {run.stderr.strip().splitlines()[-1]}")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    return run.stdout


@pytest.mark.slow
def test_others_accept_what_we_write_and_refuse_what_is_tampered_with() -> None:
    said = interop()
    assert "tlog_scales: receipt 65999: accepted" in said
    assert "tlog_scales: receipt 65999 for another leaf: refused" in said
    assert "tlog_scales: checkpoint with another time of lattice: refused" in said
    assert "tlog_scales: evidence: the larger tree: accepted" in said
    assert "tlog_scales: root of the tiles over HTTP: accepted" in said
    assert "SURPRISE" not in said
    if "aics_witness: not installed" not in said:
        assert "aics_tlog: every tile over HTTP: accepted" in said
        assert "aics_tlog: tiles with a bit changed over HTTP: refused" in said
        assert "ours asks aics_witness: a fork: refused" in said
        assert "aics_witness.feeder asks ours: a fork: refused" in said


@pytest.mark.slow
def test_go_accepts_what_we_write_and_refuses_what_is_tampered_with() -> None:
    log, *verdicts, sums = map(json.loads, interop("--go", "--json").splitlines())
    assert log["kinds"].keys() == KINDS.keys()
    assert sums["surprises"] == 0
    assert sums["refused"] == sum(verdict["tampered"] for verdict in verdicts)
    assert sums["accepted"] == len(verdicts) - sums["refused"]
    asked = {verdict["what"] for verdict in verdicts}
    for kind, index in log["kinds"].items():
        assert {f"receipt {index}, {kind}", f"statement {index}, {kind}"} <= asked
        assert f"receipt {index}, {kind} with another root" in asked
    assert "a byte changed in tile/1/000" in asked
