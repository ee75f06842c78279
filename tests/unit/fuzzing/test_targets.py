"""The fuzz targets: they start from inputs that are accepted, and see a promise that is broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import targets

from hashpact.errors import MalformedError
from hashpact.log import note, tiles

ROOT = Path(__file__).resolve().parents[3]
NOT_INSTALLED = 77


@pytest.mark.parametrize("target", targets.TARGETS)
def test_every_seed_is_accepted(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = []
    monkeypatch.setattr(targets, "same", lambda written, given: accepted.append(written == given))
    for count, seed in enumerate(targets.seeds(target), 1):
        targets.TARGETS[target](seed)
        assert len(accepted) == count
    assert accepted
    assert all(accepted)


def test_a_second_spelling_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "encode_entries", b"".join)
    with pytest.raises(AssertionError, match="would write"):
        targets.fuzz_tile(b"\x00\x00\x04leaf")


def test_an_error_of_another_kind_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_data: bytes, _size: int) -> note.Note:
        raise KeyError

    monkeypatch.setattr(note, "parse", failing)
    with pytest.raises(KeyError):
        targets.fuzz_note(b"")


def test_a_refusal_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(_data: bytes, _size: int) -> note.Note:
        raise MalformedError("no", field="note")  # noqa: EM101 - only its class matters

    monkeypatch.setattr(note, "parse", refusing)
    targets.fuzz_note(b"")


@pytest.mark.slow
def test_a_short_run_of_every_target_finds_nothing() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "fuzz"), "5"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if run.returncode == NOT_INSTALLED:
        pytest.skip(f"atheris cannot be installed here: {run.stderr.strip().splitlines()[-1]}")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert run.stdout.count("DONE") == len(targets.TARGETS)
