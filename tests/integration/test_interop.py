"""Implementations by others verify what our log writes, and refuse it when it is tampered with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_INSTALLED = 77


@pytest.mark.slow
def test_others_accept_what_we_write_and_refuse_what_is_tampered_with() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "interop")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if run.returncode == NOT_INSTALLED:
        pytest.skip(f"their packages cannot be installed here: {run.stderr.strip().splitlines()[-1]}")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert "tlog_scales: receipt 65999: accepted" in run.stdout
    assert "tlog_scales: receipt 65999 for another leaf: refused" in run.stdout
    assert "tlog_scales: root of the tiles over HTTP: accepted" in run.stdout
    assert "SURPRISE" not in run.stdout
    if "aics_witness: not installed" not in run.stdout:
        assert "aics_tlog: every tile over HTTP: accepted" in run.stdout
        assert "aics_tlog: tiles with a bit changed over HTTP: refused" in run.stdout
        assert "ours asks aics_witness: a fork: refused" in run.stdout
        assert "aics_witness.feeder asks ours: a fork: refused" in run.stdout
