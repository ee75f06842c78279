"""What the tests of the commands run against."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashpact.cli.main import run


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A home with two administrators, both of whose keys are in it."""
    path = tmp_path / "home"
    assert run(["init", str(path), "--origin", "test.example/log", "--unencrypted"]) == 0
    capsys.readouterr()
    return path
