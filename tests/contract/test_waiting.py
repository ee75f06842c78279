"""What domain/ports.py promises of Waiting, asked of each implementation."""

from __future__ import annotations

from pathlib import Path

import pytest
from memory import MemoryWaiting

from hashpact.domain.ports import Waiting
from hashpact.errors import ConfigError
from hashpact.governance.waiting import WaitingFiles

A, B = "a" * 64, "b" * 64


@pytest.fixture(params=["memory", "files"])
def waiting(request: pytest.FixtureRequest, tmp_path: Path) -> Waiting:
    """One in which nothing waits."""
    return MemoryWaiting() if request.param == "memory" else WaitingFiles(tmp_path / "waiting")


def test_what_is_put_is_there_until_it_is_dropped(waiting: Waiting) -> None:
    assert dict(waiting.all()) == {}
    waiting.drop(A)
    waiting.put(B, b"two")
    waiting.put(A, b"one")
    assert list(waiting.all().items()) == [(A, b"one"), (B, b"two")]
    waiting.put(A, b"one, signed")
    waiting.drop(B)
    waiting.drop(B)
    assert dict(waiting.all()) == {A: b"one, signed"}


def test_files_outlive_the_process_that_wrote_them(tmp_path: Path) -> None:
    WaitingFiles(tmp_path / "waiting").put(A, b"one")
    assert dict(WaitingFiles(tmp_path / "waiting").all()) == {A: b"one"}
    assert (tmp_path / "waiting").stat().st_mode & 0o077 == 0


def test_a_place_that_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "waiting").write_text("in the way")
    files = WaitingFiles(tmp_path / "waiting")
    with pytest.raises(ConfigError, match="waiting"):
        files.put(A, b"one")
    with pytest.raises(ConfigError, match="waiting"):
        files.drop(A)
