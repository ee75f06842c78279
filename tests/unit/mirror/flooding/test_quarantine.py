"""The quarantine: what is held survives, is seen by every process, and ends when a person confirms it."""

from __future__ import annotations

import contextlib
import errno
import math
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hashpact.durable import alone, write_private
from hashpact.errors import ConfigError, HashpactError, NotFoundError
from hashpact.mirror.flooding import quarantine
from hashpact.mirror.flooding.baseline import LEARNING, Flood
from hashpact.mirror.flooding.quarantine import (
    Confirmed,
    Quarantine,
    Quarantined,
    QuarantineTerms,
    confirm,
    read_state,
)
from hashpact.mirror.threads.beside import beside

WINDOW = 100
NOW = 1_800_000_000

Open = Callable[[], Quarantine]


@pytest.fixture
def told() -> list[Flood]:
    """What was told."""
    return []


@pytest.fixture
def failed() -> list[HashpactError]:
    """What has failed."""
    return []


@pytest.fixture
def opened(tmp_path: Path, told: list[Flood], failed: list[HashpactError]) -> Open:
    """Opens the quarantine, as a process does."""
    terms = QuarantineTerms(WINDOW, 5)
    return lambda: Quarantine(tmp_path / "q", terms, lambda: NOW, told.append, failed.append)


def learned(opened: Open) -> Quarantine:
    made = opened()
    for _ in range(LEARNING):
        made.count((), WINDOW)
    return made


def test_a_flood_is_held_reported_once_and_written(opened: Open, told: list[Flood], tmp_path: Path) -> None:
    made = learned(opened)
    made.count([7] * 60, 60)
    assert made.holds(7)
    assert not made.holds(8)
    assert [one.entry for one in told] == [7]
    held = read_state(tmp_path / "q").held[7]
    assert (held.since, held.expected) == (NOW, 1.0)
    assert 30 <= held.matches <= 60
    assert opened().holds(7)


def test_a_person_confirms_and_a_process_that_runs_takes_it_over(
    opened: Open, told: list[Flood], tmp_path: Path
) -> None:
    made = learned(opened)
    made.count([7] * 60, 60)
    done = confirm(tmp_path / "q", 7, lambda: NOW + 5)
    assert done == Confirmed(NOW + 5, done.matches)
    made.count((), WINDOW)
    assert not made.holds(7)
    made.count([7] * 60, 60)
    assert not made.holds(7)
    assert len(told) == 1
    again = opened()
    assert not again.holds(7)
    assert again._baseline.expected(7) == done.matches
    assert read_state(tmp_path / "q").confirmed == {7: done}


def test_an_entry_that_a_person_confirms_while_its_matches_are_written_stays_confirmed(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = learned(opened)
    made.count([7] * 30, 30)

    @contextlib.contextmanager
    def later(directory: Path, *, wait: bool) -> Iterator[None]:
        monkeypatch.undo()
        confirm(directory, 7, lambda: NOW + 5)
        with alone(directory, wait=wait):
            yield

    monkeypatch.setattr(quarantine, "alone", later)
    made.count([7] * 60, 60)
    assert not made.holds(7)
    state = read_state(tmp_path / "q")
    assert (list(state.held), list(state.confirmed)) == ([], [7])


def test_only_what_is_in_quarantine_can_be_confirmed(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="entry 7 is not in quarantine"):
        confirm(tmp_path / "q", 7, lambda: NOW)
    opened()
    with pytest.raises(NotFoundError, match="entry 7 is not in quarantine"):
        confirm(tmp_path / "q", 7, lambda: NOW)


def test_two_processes_hold_what_either_has_seen(opened: Open) -> None:
    one, other = learned(opened), learned(opened)
    one.count([7] * 60, 60)
    other.count([8] * 60, 60)
    one.count((), 1)
    assert all(each.holds(entry) for each in (one, other) for entry in (7, 8))


def test_what_is_counted_is_kept_and_what_is_damaged_is_learned_again(opened: Open, tmp_path: Path) -> None:
    made = opened()
    for _ in range(LEARNING):
        made.count([1] * 60, WINDOW)
    made.save()
    again = opened()
    again.count([1] * 60 + [2] * 60, 60)
    assert (again.holds(1), again.holds(2)) == (False, True)
    counted = tmp_path / "q" / "counted"
    whole = counted.read_bytes()
    wrong = [whole[:-8] + struct.pack("<d", value) for value in (math.nan, math.inf, -1.0)]
    for damaged in (whole[:4], whole[:-1], b"x" + whole[1:], *wrong):
        counted.write_bytes(damaged)
        assert opened()._baseline.windows == 0


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "[" * 100_000,
        '{"held": {}}',
        '{"held": {"x": {}}, "confirmed": {}}',
        '{"held": {"1": {"since": 1, "matches": "2", "expected": 1}}, "confirmed": {}}',
        '{"held": {"1": {"since": 1, "matches": 2, "expected": NaN}}, "confirmed": {}}',
        '{"held": {}, "confirmed": {"1": {"at": 1, "matches": true}}}',
    ],
)
def test_a_damaged_file_is_named(
    opened: Open, failed: list[HashpactError], tmp_path: Path, text: str
) -> None:
    made = learned(opened)
    (tmp_path / "q" / "state.json").write_text(text)
    with pytest.raises(ConfigError, match=r"state\.json is damaged"):
        opened()
    made.count([7], 1)
    made.count([7], 1)
    (error,) = failed
    assert "state.json is damaged" in error.message


def test_a_full_disk_keeps_no_entry_from_being_held(
    opened: Open, failed: list[HashpactError], told: list[Flood], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = learned(opened)

    def full(*_: object, **__: object) -> None:
        raise ConfigError(errno.errorcode[errno.ENOSPC])

    with monkeypatch.context() as patched:
        patched.setattr(quarantine, "write_private", full)
        made.count([7] * 60, 60)
        made.count([8] * 60, 1)
    assert made.holds(7)
    assert made.holds(8)
    assert (len(failed), [one.entry for one in told]) == (1, [7, 8])


def test_many_entries_that_flood_at_once_are_written_once_and_no_other_count_waits(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = learned(opened)
    writing, go_on = threading.Event(), threading.Event()
    writes: list[Path] = []

    def slow(path: Path, data: bytes, *, replace: bool) -> None:
        writes.append(path)
        writing.set()
        assert go_on.wait(120)
        write_private(path, data, replace=replace)

    monkeypatch.setattr(quarantine, "write_private", slow)
    with beside(lambda _: made.count([*range(50)] * 30, 30), "flood"):
        assert writing.wait(120)
        made.count([7, 100], 1)
        assert all(map(made.holds, range(50)))
        go_on.set()
    assert len(writes) == 1
    assert all(map(opened().holds, range(50)))


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot make"):
        Quarantine(tmp_path / "file" / "q", QuarantineTerms(), lambda: NOW, lambda _: None, lambda _: None)


def test_a_callback_may_count_and_what_it_raises_fails_no_check(
    tmp_path: Path, failed: list[HashpactError]
) -> None:
    def told(flood: Flood) -> None:
        made.count((), 1)
        raise OSError(flood.entry)

    def refuse(error: HashpactError) -> None:
        failed.append(error)
        raise OSError

    made = learned(lambda: Quarantine(tmp_path / "q", QuarantineTerms(WINDOW, 5), lambda: NOW, told, refuse))
    made.count([7] * 60, 60)
    assert made.holds(7)
    assert [error.message for error in failed] == ["nobody learnt that entry 7 is in quarantine: OSError"]


def test_no_more_are_held_and_remembered_than_there_is_room_for(
    opened: Open, failed: list[HashpactError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MOST_HELD", 2)
    made = learned(opened)
    for entry in (1, 2, 3, 5):
        made.count([entry] * 30, 1)
    assert [made.holds(entry) for entry in (1, 2, 3)] == [True, True, False]
    (full,) = failed
    assert full.message == "the quarantine is full: it holds 2 entries; confirm some of them"
    confirm(tmp_path / "q", 1, lambda: NOW)
    confirm(tmp_path / "q", 2, lambda: NOW + 1)
    made.count([4] * 30, 1)
    confirm(tmp_path / "q", 4, lambda: NOW + 9)
    state = read_state(tmp_path / "q")
    assert (state.held, sorted(state.confirmed)) == ({}, [2, 4])


def test_what_is_held_has_numbers_only() -> None:
    assert set(Quarantined.__slots__) == {"since", "matches", "expected"}
