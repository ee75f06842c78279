"""Backups: archives of a home, made while it is served, and homes restored from them.

An archive holds the configuration, the certificates, the ledger and, only if they are asked for, the keys as
they are in the home. Before them is a manifest with the size and the SHA-256 of each, and the tree's size and
root. docs/operations/backup.md describes it.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeAlias

from hashpact.config import MAX_SIZE
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.ports import Log
from hashpact.durable import new_directory, private_draft, read_bytes, sync_directory
from hashpact.errors import ConfigError, CorruptError
from hashpact.home.archive import DB, LIMIT, MANIFEST, NAMES, Manifest, PackedFile, contents
from hashpact.home.paths import HomePaths
from hashpact.log import tree
from hashpact.service.integrity import LogKeys
from hashpact.service.publishing.publish import check_reaches
from hashpact.storage.copying import copied_ledger
from hashpact.storage.ledgers import open_ledger

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how many of how many bytes are done."""

Accept: TypeAlias = Callable[[Log], None]
"""Called with the ledger; raises if it must not be restored."""

_CHUNK: Final = 1 << 20
_PUBLIC: Final = re.compile(r"hashpact\.toml|pki/[^/]+\.crt", re.ASCII)


def back_up(home: Path, file: Path, progress: Progress, *, keys: bool, now: int) -> Manifest:
    """Write the home to the new archive ``file``, which only its owner can read; returns its manifest.

    A server of the home may run and append meanwhile: the ledger is copied as it stands at one moment. The
    copy is opened and its head checked before the archive appears. ``keys`` includes the private keys.

    Raises ConfigError if there is no home, if ``file`` exists or cannot be written, CorruptError if the
    ledger is damaged, and UnavailableError if it cannot be read.
    """
    if not HomePaths(home).db.exists():
        msg = f"there is no home at {home}: it has no {DB}"
        raise ConfigError(msg)
    small = {name: read_bytes(home / name, LIMIT) for name in _names(home, keys=keys)}
    with (
        private_draft(file) as archive,
        copied_ledger(HomePaths(home).db, file, progress) as copy,
        tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        origin, size, root = _head(copy)
        files = {
            name: PackedFile(len(data), hashlib.sha256(data).hexdigest()) for name, data in small.items()
        }
        length = copy.stat().st_size
        with copy.open("rb") as database:
            hashed = _Hashed(_Counted(database, progress, length, length))
            while hashed.read(_CHUNK):
                pass
            files[DB] = PackedFile(length, hashed.digest.hexdigest())
            manifest = Manifest(origin, size, root, now, files)
            for name, data in {MANIFEST: manifest.text(), **small}.items():
                _add(tar, name, io.BytesIO(data), len(data), now)
            database.seek(0)
            _add(tar, DB, _Counted(database, progress, length, 2 * length), length, now)
    return manifest


def restore(file: Path, home: Path, progress: Progress, accept: Accept) -> Manifest:
    """Restore an archive to the new directory ``home``; returns its manifest.

    Nothing is written unless every header of the archive fits its manifest. Every file must have the SHA-256
    of the manifest, and the ledger its origin, size and root; then ``accept`` may still refuse the ledger,
    for example because others hold a newer one. The home appears whole or not at all. Raises ConfigError if
    ``home`` exists and is not empty or ``file`` cannot be read, and CorruptError if it is not a whole backup.
    """
    with new_directory(home) as draft:
        manifest = _unpack(file, draft, progress)
        try:
            head = _head(draft / DB)
        except CorruptError as error:
            raise _not_whole(file, f"its {error.message.replace(f'{draft}/', '')}") from error
        if head != (manifest.origin, manifest.size, manifest.root):
            msg = f"{file} is damaged: its ledger is not the one that the manifest describes"
            raise CorruptError(msg)
        with closing(open_ledger(draft / DB)) as ledger:
            accept(ledger)
    return manifest


def restore_home(
    file: Path, directory: Path, progress: Progress, newest: Path | None = None
) -> tuple[Manifest, list[Path]]:
    """As `restore`, and returns the paths of the keys that a server needs and the backup did not have.

    ``newest`` is a file with the largest checkpoint of the log that anybody holds: a backup that does not
    reach it is a CorruptError, and nothing is restored.
    """
    note = None if newest is None else read_bytes(newest, MAX_SIZE)
    twice = False

    def accept(log: Log) -> None:
        nonlocal twice
        with log.snapshot() as view:
            charter = view.charter()
        twice = charter is not None and bool(charter.log_mldsa_keys)
        if note is not None and charter is not None:
            known = PinnedLog(charter.origin, LogKeys(log)()).read(note)
            check_reaches(log, known, str(newest))

    manifest = restore(file, directory, progress, accept)
    paths = HomePaths(directory)
    needed = [paths.ca_key, paths.server_key, paths.log_key, *([paths.log_mldsa_key] if twice else [])]
    return manifest, [path for path in needed if not path.exists()]


def _names(home: Path, *, keys: bool) -> Iterator[str]:
    """The files that are copied as they are: all but the ledger and the files derived from it."""
    wanted = NAMES if keys else _PUBLIC
    for path in sorted(path for below in (".", "pki") for path in (home / below).glob("*")):
        name = path.relative_to(home).as_posix()
        if path.is_file() and name != DB and wanted.fullmatch(name):
            yield name


def _head(database: Path) -> tuple[str, int, str]:
    """Origin, tree size and root of a ledger that no other process has open, once it has been checked."""
    with closing(open_ledger(database)) as ledger:
        size = ledger.head().size
        root = tree.root(ledger.tree.edge(size))
        with ledger.snapshot() as view:
            charter = view.charter()
    if charter is None:
        msg = f"{database} has no genesis statement"
        raise ConfigError(msg)
    return charter.origin, size, root.hex()


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class _Counted:
    """A file whose reading is reported as progress; ``before`` bytes of the work were done already."""

    def __init__(self, file: _Readable, progress: Progress, size: int, before: int = 0) -> None:
        self._file = file
        self._progress = progress
        self._done = before
        self._total = before + size

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self._done += len(data)
        self._progress(self._done, self._total)
        return data


class _Hashed:
    """A file that is read, and the SHA-256 of what has been read of it."""

    def __init__(self, file: _Readable) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self.digest.update(data)
        return data


class _Packed:
    """The next ``size`` bytes of an archive, as a file."""

    def __init__(self, archive: BinaryIO, size: int) -> None:
        self._archive = archive
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._archive.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def _add(tar: tarfile.TarFile, name: str, file: _Readable, size: int, now: int) -> None:
    """Add a file to the archive."""
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, now, 0o600
    tar.addfile(member, file)


def _unpack(file: Path, draft: Path, progress: Progress) -> Manifest:
    """Write every file of the archive below ``draft``, compared with the manifest."""
    if not file.is_file():
        msg = f"there is no file {file}"
        raise ConfigError(msg)
    try:
        with file.open("rb") as archive:
            manifest, places = contents(archive)
            for name, packed in manifest.files.items():
                archive.seek(places[name])
                content: _Readable = _Packed(archive, packed.size)
                if name == DB:
                    content = _Counted(content, progress, packed.size)
                if _write(draft, name, content) != packed.sha256:
                    raise _not_whole(file, f"unlike its manifest: {name}")
    except ValueError as exc:
        raise _not_whole(file, str(exc)) from exc
    except OSError as exc:
        msg = f"cannot restore {file}: {exc.strerror}; check its owner and mode, and the room on the disk"
        raise ConfigError(msg) from exc
    return manifest


def _write(draft: Path, name: str, content: _Readable) -> str:
    """Write one file of a home; the SHA-256 of its bytes in hex."""
    path, hashed = draft / name, _Hashed(content)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    mode = 0o644 if _PUBLIC.fullmatch(name) else 0o600
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode), "wb") as file:
        while data := hashed.read(_CHUNK):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
    return hashed.digest.hexdigest()


def _not_whole(file: Path, why: str) -> CorruptError:
    return CorruptError(f"{file} is not a whole backup: {why}; nothing was restored")
