"""Processors: those of the machine, or fewer where a control group says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashpact.serving.processors import processors

HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, HERE),
        ({"": "max 100000"}, HERE),
        ({"": "100000 100000"}, 1),
        ({"": "1000 100000"}, 1),
        ({"": "99900000 100000"}, HERE),
        ({"unit": "100000 100000", "": "max 100000"}, 1),
        ({"unit/own": "max 100000", "unit": "50000 100000"}, 1),
        ({"unit/own": "junk"}, HERE),
        ({"other": "100000 100000"}, HERE),
    ],
)
def test_the_smallest_limit_counts(tmp_path: Path, limits: dict[str, str], expected: int) -> None:
    (tmp_path / "own").write_text("0::/unit/own\n")
    for group in ("groups", "groups/unit/own", "groups/other"):
        (tmp_path / group).mkdir(parents=True, exist_ok=True)
    for group, limit in limits.items():
        (tmp_path / "groups" / group / "cpu.max").write_text(limit + "\n")
    assert processors(tmp_path / "groups", tmp_path / "own") == expected


def test_a_share_of_two_and_a_half_counts_as_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    (tmp_path / "own").write_text("0::/\n")
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert processors(tmp_path, tmp_path / "own") == 3


def test_a_system_without_control_groups_has_all(tmp_path: Path) -> None:
    assert processors(tmp_path, tmp_path / "nowhere") == HERE
