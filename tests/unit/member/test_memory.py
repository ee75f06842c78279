"""What a client remembers of the log, written by several at the same time."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from depositing import PlainLog

from hashpact import durable
from hashpact.member import memory
from hashpact.member.memory import LogMemory
from hashpact.member.paths import ProfilePaths


def test_one_that_proves_the_same_while_the_first_is_written_has_nothing_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, signed = ProfilePaths(tmp_path), PlainLog(3).signed(3)
    remembering, written = LogMemory(paths, lambda: 1_800_000_000), list[bool]()

    def write(path: Path, data: bytes, *, replace: bool) -> None:
        written.append(path.exists())
        remembering.remember(signed)  # as another thread does, whose answer came meanwhile
        durable.write_public(path, data, replace=replace)

    monkeypatch.setattr(memory, "write_public", write)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        remembering.remember(signed)
    assert written == [False]
    assert LogMemory(paths, lambda: 0).known() == signed
    assert int(paths.remembered.stat().st_mtime) == 1_800_000_000
