"""The lease: a home belongs to one machine, and no clock is asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hashpact.errors import ConfigError
from hashpact.home.lease import WATCH, Lease, this_machine

HERE = "boot-1 here"
THERE = "boot-2 there"


class Time:
    """Waits for nothing, and lets something happen meanwhile."""

    def __init__(self, happens: Callable[[], object] = lambda: None) -> None:
        self.waited = 0.0
        self._happens = happens

    def __call__(self, seconds: float) -> None:
        """Let it happen."""
        self.waited += seconds
        self._happens()


@pytest.fixture
def here(tmp_path: Path) -> Lease:
    """The end of one machine."""
    return Lease(tmp_path / "machine", HERE)


@pytest.fixture
def there(tmp_path: Path) -> Lease:
    """The end of another machine."""
    return Lease(tmp_path / "machine", THERE)


def test_a_home_of_nobody_is_had_at_once(here: Lease) -> None:
    time = Time()
    here.look(time)
    here.claim()
    assert time.waited == 0
    assert here.path.read_text().startswith("boot-1 here ")


def test_processes_of_one_machine_share_a_home(here: Lease, tmp_path: Path) -> None:
    here.claim()
    time = Time()
    second = Lease(tmp_path / "machine", HERE)
    second.look(time)
    second.claim()
    here.refresh()
    second.give_back()
    here.refresh()
    assert time.waited == 0
    assert here.path.exists()
    here.give_back()
    here.give_back()
    assert not here.path.exists()


def test_33_a_home_that_another_machine_keeps_is_refused(here: Lease, there: Lease) -> None:
    there.claim()
    with pytest.raises(ConfigError, match=r"in use on another machine \(there\)"):
        here.look(Time(there.refresh))
    assert there.path.read_text().startswith("boot-2 there ")


def test_what_another_machine_left_behind_is_taken_over(here: Lease, there: Lease) -> None:
    there.claim()
    time = Time()
    here.look(time)
    assert time.waited == WATCH
    here.claim()
    with pytest.raises(ConfigError, match=r"\(here\)"):
        there.refresh()


def test_a_home_that_is_given_back_while_it_is_watched_is_free(here: Lease, there: Lease) -> None:
    there.claim()
    here.look(Time(there.give_back))


def test_of_two_machines_that_claim_at_once_one_stops(here: Lease, there: Lease) -> None:
    here.look(Time())
    there.look(Time())
    here.claim()
    there.claim()
    there.refresh()
    with pytest.raises(ConfigError):
        here.refresh()
    record = there.path.read_bytes()
    here.give_back()  # a record of another machine stays
    assert there.path.read_bytes() == record
    there.refresh()
    assert there.path.read_text().startswith(f"{there.machine} ")


@pytest.mark.parametrize("data", [b"", b"\n"])
def test_an_empty_record_is_nobodys(here: Lease, data: bytes) -> None:
    here.path.write_bytes(data)
    time = Time()
    here.look(time)
    assert time.waited == 0
    here.refresh()
    assert here.path.read_text().startswith(f"{here.machine} ")


@pytest.mark.parametrize("data", [b"x", b"\xff" * 500, b"boot-1 herewith 1"])
def test_a_damaged_record_is_watched(here: Lease, data: bytes) -> None:
    here.path.write_bytes(data)
    time = Time()
    here.look(time)
    assert time.waited == WATCH
    with pytest.raises(ConfigError, match="another machine"):
        here.look(Time(lambda: here.path.write_bytes(data[::-1] + b"y")))


def test_a_record_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()
    lease = Lease(tmp_path / "machine", HERE)
    with pytest.raises(ConfigError, match=r"cannot read .*machine"):
        lease.look(Time())
    with pytest.raises(ConfigError, match=r"cannot write .*machine"):
        lease.claim()


def test_this_machine_is_the_same_all_day() -> None:
    boot, _, host = this_machine().partition(" ")
    assert this_machine() == f"{boot} {host}"
    assert boot
    assert host


@pytest.mark.parametrize(
    "make",
    [
        lambda path, victim: path.symlink_to(victim),
        lambda path, victim: path.symlink_to(victim.with_name("not there")),
        lambda path, victim: path.hardlink_to(victim),
        lambda path, _: os.mkfifo(path),
        lambda path, _: path.mkdir(),
    ],
    ids=["link", "dangling link", "hard link", "pipe", "directory"],
)
def test_56_a_link_is_not_followed(here: Lease, tmp_path: Path, make: Callable[[Path, Path], object]) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    make(here.path, victim)
    acts: list[Callable[[], None]] = [lambda: here.look(Time()), here.claim, here.refresh, here.give_back]
    for act in acts:
        with pytest.raises(ConfigError, match=f"cannot (read|write) {here.path}"):
            act()
    assert victim.read_text() == "mine"
    assert not (tmp_path / "not there").exists()
