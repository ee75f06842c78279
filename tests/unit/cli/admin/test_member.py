"""Enrolment at the home: member enrol."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashpact.cli.main import run


def test_a_missing_administrator_is_told(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "pki" / "admin-2.key").unlink()
    enrol = ["member", "enrol", str(home), "acme", "--roles", "check", "--out", str(tmp_path / "p")]
    assert run([*enrol, "--unencrypted"]) == 2
    assert "2 administrators must sign" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()
