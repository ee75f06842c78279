"""The files of a home and of a profile: where they are, and how they are read and written.

Every failure is a ConfigError of one line that names the file and what to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from hashpact.domain.errors import ConfigError

_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644
_OTHERS: Final = 0o077
_NAME: Final = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class HomePaths:
    """The files of a clearinghouse, all below its home directory. docs/formats/home.md describes them."""

    home: Path

    @property
    def config(self) -> Path:
        """The configuration, in TOML."""
        return self.home / "hashpact.toml"

    @property
    def db(self) -> Path:
        """The ledger."""
        return self.home / "hashpact.db"

    @property
    def bound(self) -> Path:
        """The HOST:PORT at which a server of the home was last bound, in one line."""
        return self.home / "bound"

    @property
    def machine(self) -> Path:
        """Which machine serves the home now, in one line."""
        return self.home / "machine"

    @property
    def log(self) -> Path:
        """The directory of the published log: the checkpoint and the tiles, for anyone to copy."""
        return self.home / "log"

    @property
    def segments(self) -> Path:
        """The directory of the index; it can be made again from the ledger."""
        return self.home / "segments"

    @property
    def pki(self) -> Path:
        """The directory of keys and certificates."""
        return self.home / "pki"

    @property
    def ca_cert(self) -> Path:
        """The certificate of the authority that signs members' certificates."""
        return self.pki / "ca.crt"

    @property
    def ca_key(self) -> Path:
        """That authority's private key."""
        return self.pki / "ca.key"

    @property
    def server_cert(self) -> Path:
        """The server's certificate."""
        return self.pki / "server.crt"

    @property
    def server_key(self) -> Path:
        """The server's private key."""
        return self.pki / "server.key"

    @property
    def log_key(self) -> Path:
        """The private key that signs checkpoints."""
        return self.pki / "log.key"

    def admin_key(self, name: str) -> Path:
        """The private key of the administrator ``name``. Raises ConfigError unless it is a plain name."""
        return self.pki / f"admin-{_plain(name)}.key"


@dataclass(frozen=True, slots=True)
class WitnessPaths:
    """The files of a witness, all in one directory. docs/operations/witness.md describes them."""

    directory: Path

    @property
    def config(self) -> Path:
        """The configuration, in TOML."""
        return self.directory / "witness.toml"

    @property
    def key(self) -> Path:
        """The private key that cosigns."""
        return self.directory / "witness.key"

    @property
    def db(self) -> Path:
        """What it has cosigned, and the evidence that it keeps."""
        return self.directory / "witness.db"


@dataclass(frozen=True, slots=True)
class ProfilePaths:
    """The files by which a member's machine reaches a clearinghouse, all in one directory."""

    directory: Path

    @property
    def config(self) -> Path:
        """The configuration, in TOML."""
        return self.directory / "profile.toml"

    def member_key(self, name: str) -> Path:
        """The private key that signs statements, by its name in the log. Raises ConfigError as above."""
        return self.directory / f"member-{_plain(name)}.key"

    @property
    def join(self) -> Path:
        """What administrators need in order to enrol the member; it has no secret."""
        return self.directory / "join"

    @property
    def rotation(self) -> Path:
        """The signed replacement of the member's key, from before it is sent until it is done."""
        return self.directory / "rotation"

    @property
    def tls(self) -> Path:
        """The channel's private key, followed by its certificate: one file, so that both change at once."""
        return self.directory / "tls.pem"

    @property
    def ca_cert(self) -> Path:
        """The certificate by which the clearinghouse's is checked."""
        return self.directory / "ca.crt"

    @property
    def receipts(self) -> Path:
        """The directory of the member's statements and their receipts."""
        return self.directory / "receipts"

    @property
    def roots(self) -> Path:
        """The statements from which the log's keys follow that took the place of the first ones."""
        return self.directory / "roots"

    @property
    def audited(self) -> Path:
        """The checkpoint that was audited last."""
        return self.directory / "audited-checkpoint"


def _plain(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        msg = f"a key's name has 1 to 64 of the characters a-z, 0-9 and -, unlike {name!r}"
        raise ConfigError(msg)
    return name


def write_private(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a file that only its owner can read, and never could anyone else.

    As `write_public` otherwise.
    """
    _write(path, data, _PRIVATE, replace=replace)


def write_public(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a file whole and durably: whoever opens ``path`` finds the old bytes, all the new, or no file.

    Raises ConfigError if the file exists (unless ``replace``) or cannot be written.
    """
    _write(path, data, _PUBLIC, replace=replace)


def private_draft(path: Path) -> contextlib.AbstractContextManager[BinaryIO]:
    """A file to write piece by piece, for its owner only; it appears whole and durable, or not at all.

    Raises ConfigError if the file exists or cannot be written.
    """
    return _draft(path, _PRIVATE, replace=False)


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
def alone(directory: Path) -> Iterator[None]:
    """Be the only process that changes a directory's files, as far as others ask too.

    Raises ConfigError if another one is at it, or there is no such directory.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as exc:
        msg = f"cannot open {directory}: {exc.strerror}; {_advice(exc)}"
        raise ConfigError(msg) from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        msg = f"another process is changing {directory}; wait until it is done"
        raise ConfigError(msg) from exc
    finally:
        os.close(descriptor)


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file of at most ``limit`` bytes.

    Raises ConfigError if it is missing, not a plain file, larger, or not readable.
    """
    return _read(path, limit, forbidden=0)


def read_private(path: Path, limit: int) -> bytes:
    """As `read_bytes`, for a private key: raises ConfigError as well if others than its owner can read it."""
    return _read(path, limit, forbidden=_OTHERS)


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
    try:
        # Non-blocking, so that a named pipe is refused below and not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _check_mode(path, os.fstat(descriptor).st_mode, forbidden)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(limit + 1)
        finally:
            os.close(descriptor)
    except OSError as exc:
        msg = f"cannot read {path}: {exc.strerror}; {_advice(exc)}"
        raise ConfigError(msg) from exc
    if len(data) > limit:
        msg = f"{path} has more than {limit} bytes; it cannot be the file that is meant"
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
