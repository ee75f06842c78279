"""The files of a home and of a profile."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hashpact.durable import (
    alone,
    claimed,
    private_directory,
    read_bytes,
    read_private,
    write_private,
    write_public,
)
from hashpact.errors import ConfigError
from hashpact.home.paths import HomePaths
from hashpact.member.paths import ProfilePaths

WRITERS = pytest.mark.parametrize("write", [write_private, write_public])
READERS = pytest.mark.parametrize("read", [read_bytes, read_private])


def refusal(call: Callable[[], object], path: Path) -> str:
    """Why the call is refused: one line that names the file."""
    with pytest.raises(ConfigError) as caught:
        call()
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(("write", "mode"), [(write_private, 0o600), (write_public, 0o644)])
def test_a_file_is_written_whole_with_its_mode(
    tmp_path: Path, write: Callable[[Path, bytes], None], mode: int
) -> None:
    path = tmp_path / "file"
    before = os.umask(0)
    try:
        write(path, b"\x00\xff" * 100_000)
    finally:
        os.umask(before)
    assert path.read_bytes() == b"\x00\xff" * 100_000
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_was_never_open_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []

    def fsync(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.delattr(os, "chmod")  # from its creation, not by a change afterwards
    monkeypatch.delattr(os, "fchmod")
    before = os.umask(0)
    try:
        write_private(tmp_path / "key", b"secret")
    finally:
        os.umask(before)
    assert modes == [0o600]


@WRITERS
def test_a_file_that_exists_is_not_overwritten_unless_asked(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    assert "exists already" in refusal(lambda: write(path, b"new"), path)
    assert path.read_bytes() == b"old"
    write(path, b"new", replace=True)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_replaced_file_has_the_mode_of_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_public(path, b"old")
    write_private(path, b"new", replace=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@WRITERS
def test_a_symbolic_link_is_not_followed(tmp_path: Path, write: Callable[..., None]) -> None:
    target, path = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    path.symlink_to(target)
    refusal(lambda: write(path, b"new"), path)
    write(path, b"new", replace=True)
    assert target.read_bytes() == b"old"
    assert not path.is_symlink()


@WRITERS
def test_a_write_is_synced_before_it_has_its_name(
    tmp_path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "file", []

    def fsync(descriptor: int) -> None:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        size = os.fstat(descriptor).st_size if is_file else None
        synced.append(("file", size, path.exists()) if is_file else ("directory", None, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write(path, b"data")
    assert synced == [("file", 4, False), ("directory", None, True)]


@WRITERS
def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fsync(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    assert "No space left" in refusal(lambda: write(path, b"new", replace=True), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@WRITERS
def test_a_write_into_no_directory_is_refused(tmp_path: Path, write: Callable[..., None]) -> None:
    path = tmp_path / "absent" / "file"
    assert "check the path" in refusal(lambda: write(path, b"new"), path)


@READERS
def test_a_file_is_read_up_to_its_limit(tmp_path: Path, read: Callable[[Path, int], bytes]) -> None:
    path = tmp_path / "file"
    write_private(path, b"12345")
    assert read(path, 5) == b"12345"
    assert "more than 4 bytes" in refusal(lambda: read(path, 4), path)


@READERS
def test_an_endless_file_is_refused(read: Callable[[Path, int], bytes]) -> None:
    path = Path("/dev/zero")
    assert "not a plain file" in refusal(lambda: read(path, 10), path)


@READERS
def test_a_pipe_is_refused_at_once(tmp_path: Path, read: Callable[[Path, int], bytes]) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert "not a plain file" in refusal(lambda: read(path, 10), path)


@READERS
def test_a_missing_file_and_a_directory_are_told_apart(
    tmp_path: Path, read: Callable[[Path, int], bytes]
) -> None:
    missing = tmp_path / "missing"
    assert "No such file" in refusal(lambda: read(missing, 10), missing)
    assert "is a directory" in refusal(lambda: read(tmp_path, 10), tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o610, 0o644])
def test_a_private_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "member.key"
    write_private(path, b"secret")
    path.chmod(mode)
    message = refusal(lambda: read_private(path, 100), path)
    assert f"chmod 600 {path}" in message
    assert "secret" not in message
    assert read_bytes(path, 100) == b"secret"


@READERS
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, read: Callable[[Path, int], bytes]) -> None:
    path = tmp_path / "file"
    write_private(path, b"data")
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may read everything
    try:
        assert "Permission denied" in refusal(lambda: read(path, 10), path)
    finally:
        os.seteuid(user)


def test_the_files_of_a_home() -> None:
    home = HomePaths(Path("/srv/hashpact"))
    assert {
        "hashpact.toml": home.config,
        "hashpact.db": home.db,
        "segments": home.segments,
        "pki": home.pki,
        "pki/ca.crt": home.ca_cert,
        "pki/ca.key": home.ca_key,
        "pki/server.crt": home.server_cert,
        "pki/server.key": home.server_key,
        "pki/log.key": home.log_key,
        "pki/admin-first.key": home.admin_key("first"),
    } == {name: Path("/srv/hashpact") / name for name in (
        "hashpact.toml", "hashpact.db", "segments", "pki", "pki/ca.crt", "pki/ca.key", "pki/server.crt",
        "pki/server.key", "pki/log.key", "pki/admin-first.key",
    )}  # fmt: skip


@pytest.mark.parametrize("name", ["", "../ca", "A", "a/b", "a\n", "é", "a" * 65, "a.b"])
def test_a_keys_name_is_no_path(name: str) -> None:
    with pytest.raises(ConfigError, match="a key's name"):
        HomePaths(Path("/srv/hashpact")).admin_key(name)
    with pytest.raises(ConfigError, match="a key's name"):
        ProfilePaths(Path("/home/me/acme")).member_key(name)


def test_the_files_of_a_profile() -> None:
    profile = ProfilePaths(Path("/home/me/acme"))
    assert [
        profile.config.name,
        profile.member_key("2").name,
        profile.tls.name,
        profile.ca_cert.name,
    ] == ["profile.toml", "member-2.key", "tls.pem", "ca.crt"]
    assert profile.tls.parent == profile.directory


def test_who_waits_for_a_directory_gets_it_when_it_is_free(tmp_path: Path) -> None:
    asked, order = threading.Event(), list[str]()

    def wait() -> None:
        asked.set()
        with alone(tmp_path, wait=True):
            order.append("second")

    thread = threading.Thread(target=wait)
    with alone(tmp_path):
        thread.start()
        assert asked.wait(120)
        with pytest.raises(ConfigError, match="another process is changing"), alone(tmp_path):
            pass
        order.append("first")
    thread.join(120)
    assert order == ["first", "second"]


def test_a_claim_is_had_by_one_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with claimed(lock) as mine, claimed(lock) as too:
        assert (mine, too) == (True, False)
    with claimed(lock) as again:
        assert again
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    (tmp_path / "link").symlink_to(lock)
    for wrong in (tmp_path / "link", tmp_path / "gone" / "lock"):
        with pytest.raises(ConfigError, match=f"cannot open {wrong}: "), claimed(wrong):
            pass


def test_a_private_directory_is_its_owners_and_is_made_once(tmp_path: Path) -> None:
    made = tmp_path / "made"
    private_directory(made)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    (made / "file").touch()
    private_directory(made)
    assert (made / "file").exists()
    with pytest.raises(ConfigError, match="cannot make "):
        private_directory(made / "file" / "below")
