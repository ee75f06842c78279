"""The reserve: space that is really held, and a disk without room for it."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hashpact.errors import ConfigError, UnavailableError
from hashpact.home import reserve as module
from hashpact.home.lease import Lease
from hashpact.home.reserve import SIZE, Reserve, wait_for_room


@pytest.fixture
def reserve(tmp_path: Path) -> Reserve:
    """A reserve that is not made yet."""
    return Reserve(tmp_path / "reserve")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that allocates half of what is asked for, and nothing more."""
    allocate = os.posix_fallocate

    def fail(descriptor: int, offset: int, length: int) -> None:
        allocate(descriptor, offset, length // 2)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fail)


def test_58_it_is_allocated_for_its_owner_only(reserve: Reserve) -> None:
    for _ in range(2):
        assert reserve.make()
        held = reserve.path.stat()
        assert (held.st_mode & 0o777, held.st_size) == (0o600, SIZE)
        assert held.st_blocks * 512 >= SIZE
    reserve.free()
    assert not reserve.path.exists()
    reserve.free()


@pytest.mark.usefixtures("full")
def test_58_a_full_disk_has_none(reserve: Reserve) -> None:
    assert not reserve.make()
    assert not reserve.path.exists()


def test_58_one_that_is_held_stays_on_a_full_disk(reserve: Reserve, request: pytest.FixtureRequest) -> None:
    assert reserve.make()
    request.getfixturevalue("full")
    assert not reserve.make()
    assert reserve.path.stat().st_size == SIZE


def test_58_room_is_waited_for_until_there_is_some_or_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([0, 2 * SIZE - 1, 2 * SIZE, 0])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
    monkeypatch.setattr(module, "_LOOK", 0.0)
    stop = threading.Event()
    assert wait_for_room(tmp_path, stop)
    assert next(free) == 0
    stop.set()
    assert not wait_for_room(tmp_path, stop)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_58_no_other_file_is_changed(
    reserve: Reserve, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    link(other, reserve.path)
    with pytest.raises(ConfigError, match="it must be a plain file"):
        reserve.make()
    assert other.read_text() == "mine"


def test_58_a_disk_without_a_name_to_spare_has_none(
    reserve: Reserve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "open", fail)
    assert not reserve.make()


def test_58_a_lease_on_a_full_disk_is_not_another_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease(tmp_path / "machine", "boot-1 here")
    lease.claim()

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(UnavailableError, match="the disk is full"):
        lease.refresh()
