"""Files on disk that survive a crash: written whole, synced, locked, and read within a limit.

Every failure is a ConfigError of one line that names the file and what to do.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from hashpact.errors import ConfigError

_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644
_EVERYBODY: Final = 0o755
_OWNER: Final = 0o700
_OTHERS: Final = 0o077
_NAME: Final = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)


def plain_name(name: str) -> str:
    """The name of a key, as part of a file's name. Raises ConfigError if it could leave the directory."""
    if _NAME.fullmatch(name) is None:
        msg = f"a key's name has 1 to 64 of the characters a-z, 0-9 and -, unlike {name!r}"
        raise ConfigError(msg)
    return name


def write_private(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a file that only its owner can read, at no moment anyone else.

    Otherwise as `write_public`.
    """
    _write(path, data, _PRIVATE, replace=replace)


def write_public(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a file whole and durably: a reader of ``path`` finds the old bytes, all the new, or no file.

    Raises ConfigError if the file exists (unless ``replace``) or cannot be written.
    """
    _write(path, data, _PUBLIC, replace=replace)


def extend_public(path: Path, before: Path, size: int, data: bytes) -> bool:
    """As `write_public` of the ``size`` bytes in ``before`` and then ``data``; False if it has not so many.

    A file system that can share blocks between files (XFS, Btrfs) writes only the new ones.
    """
    if not before.is_file() or before.stat().st_size != size:
        return False
    with _draft(path, _PUBLIC, replace=True) as file, before.open("rb") as source:
        copied = 0
        with contextlib.suppress(OSError, AttributeError):  # not on this file system, or not Linux
            while count := os.copy_file_range(source.fileno(), file.fileno(), size - copied):
                copied += count
        if copied != size:
            source.seek(0)
            file.truncate(0)
            file.seek(0)
            shutil.copyfileobj(source, file)
        file.seek(0, os.SEEK_END)
        file.write(data)
    return True


def private_draft(path: Path, *, replace: bool = False) -> contextlib.AbstractContextManager[BinaryIO]:
    """A file to write piece by piece, for its owner only; it appears whole and durable, or not at all.

    Raises ConfigError if the file exists (unless ``replace``) or cannot be written.
    """
    return _draft(path, _PRIVATE, replace=replace)


@contextlib.contextmanager
def new_directory(directory: Path) -> Iterator[Path]:
    """A draft that becomes ``directory`` when the block ends well, and is gone otherwise.

    Raises ConfigError if ``directory`` exists and is not empty, or cannot be made.
    """
    if directory.is_symlink() or (directory.exists() and not _is_empty(directory)):
        msg = f"{directory} exists and is not an empty directory; name a new one"
        raise ConfigError(msg)
    draft = directory.with_name(f".{directory.name}.{secrets.token_hex(8)}.new")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
        yield draft
        draft.rename(directory)
        sync_directory(directory.parent)
    except OSError as error:
        msg = f"cannot make {directory}: {error.strerror}"
        raise ConfigError(msg) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _is_empty(directory: Path) -> bool:
    return directory.is_dir() and not any(directory.iterdir())


@contextlib.contextmanager
def alone(directory: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the advisory lock of a directory, so that one process at a time changes its files.

    Waits for a process that holds it, or raises ConfigError, as it does if there is no such directory.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as exc:
        msg = f"cannot open {directory}: {exc.strerror}; {_advice(exc)}"
        raise ConfigError(msg) from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    except BlockingIOError as exc:
        msg = f"another process is changing {directory}; wait until it is done"
        raise ConfigError(msg) from exc
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold the advisory lock of a file, which is made, for the length of the block.

    False, at once, if another process holds it. Raises ConfigError if the file cannot be opened.
    """
    try:
        descriptor = open_plain(path, os.O_RDWR | os.O_CREAT)
    except OSError as exc:
        msg = f"cannot open {path}: {exc.strerror}; {_advice(exc)}"
        raise ConfigError(msg) from exc
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            mine = False
        else:
            mine = True
        yield mine
    finally:
        os.close(descriptor)


def private_directory(directory: Path) -> None:
    """Make a directory that only its owner can use. One that exists is left as it is. Raises ConfigError."""
    try:
        directory.mkdir(mode=_OWNER, exist_ok=True)
    except OSError as exc:
        msg = f"cannot make {directory}: {exc.strerror}; {_advice(exc)}"
        raise ConfigError(msg) from exc


def public_directory(directory: Path) -> None:
    """Make a directory, and those above it that are missing, which everybody can read whatever the umask.

    One that is there is left as it is. Raises ConfigError.
    """
    if directory.is_dir():
        return
    try:
        if not directory.parent.is_dir():
            public_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        directory.chmod(_EVERYBODY)
    except OSError as exc:
        msg = f"cannot make {directory}: {exc.strerror}; {_advice(exc)}"
        raise ConfigError(msg) from exc


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file of at most ``limit`` bytes.

    Raises ConfigError if it is missing, not a plain file, larger, or not readable.
    """
    return _read(path, limit, forbidden=0)


def read_private(path: Path, limit: int) -> bytes:
    """As `read_bytes`, for a private key: raises ConfigError as well if others than its owner can read it."""
    return _read(path, limit, forbidden=_OTHERS)


def open_to_read(path: Path, forbidden: int = 0) -> BinaryIO:
    """A plain file, to read piece by piece.

    Raises ConfigError if it is missing, not a plain file, or not readable, or if its mode has ``forbidden``
    bits.
    """
    try:
        # Non-blocking, so that a named pipe is refused below and not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    try:
        _check_mode(path, os.fstat(descriptor).st_mode, forbidden)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def unreadable(path: Path, exc: OSError) -> ConfigError:
    """The error for a file that cannot be read."""
    return ConfigError(f"cannot read {path}: {exc.strerror}; {_advice(exc)}")


def open_plain(path: Path, flags: int) -> int:
    """A descriptor of a file of ours, which is made with mode 600.

    Raises OSError for a link, or anything else that is not a plain file with one name.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, _PRIVATE)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:  # 0: it was just removed
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ELOOP, "a link, or not a plain file")


def is_full(exc: OSError) -> bool:
    """Whether a file could not be written because its disk, or its owner's part of it, is full."""
    return exc.errno in {errno.ENOSPC, errno.EDQUOT}


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, data: bytes, mode: int, *, replace: bool) -> None:
    with _draft(path, mode, replace=replace) as file:
        file.write(data)


@contextlib.contextmanager
def _draft(path: Path, mode: int, *, replace: bool) -> Iterator[BinaryIO]:
    """A file that gets the name ``path``, synced, when the block ends well, and is gone otherwise."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if mode == _PUBLIC:
                    os.fchmod(descriptor, mode)  # whatever the umask has left of it
                yield file
                file.flush()
                os.fsync(descriptor)
            if replace:
                temporary.rename(path)
            else:
                path.hardlink_to(temporary)  # unlike a rename, refuses a name that is taken
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(path.parent)
    except FileExistsError as exc:
        msg = f"{path} exists already; move it away first"
        raise ConfigError(msg) from exc
    except OSError as exc:
        msg = f"cannot write {path}: {exc.strerror}; {_advice(exc)}"
        raise ConfigError(msg) from exc


def _read(path: Path, limit: int, *, forbidden: int) -> bytes:
    with open_to_read(path, forbidden) as file:
        try:
            data = file.read(limit + 1)
        except OSError as exc:
            raise unreadable(path, exc) from exc
    if len(data) > limit:
        msg = f"{path} has more than {limit} bytes; it cannot be the right file"
        raise ConfigError(msg)
    return data


def _check_mode(path: Path, mode: int, forbidden: int) -> None:
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "not a plain file"
        msg = f"{path} is {kind}; name a file"
        raise ConfigError(msg)
    if mode & forbidden:
        msg = f"others can read the private key {path}; run: chmod 600 {path}"
        raise ConfigError(msg)


def _advice(exc: OSError) -> str:
    match exc:
        case FileNotFoundError():
            return "check the path and its directory"
        case PermissionError():
            return "check its owner and mode, and its directory's"
        case _:
            return "check the disk and the path"
