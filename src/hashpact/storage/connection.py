"""SQLite connections: opening them, running SQL, and translating apsw's exceptions.

SQLite's failures are raised from this package only as these:

    apsw                                   hashpact
    BusyError, LockedError                 UnavailableError: the wait for the lock is over
    NotADBError                            ConfigError: another kind of file
    CantOpenError, ReadOnlyError,
    PermissionsError, AuthError            ConfigError: path or permissions
    IOError of a page's checksum           CorruptError
    CorruptError, SQLError                 CorruptError: pages or tables are not what they should be
    all others (disk full, I/O, memory)    UnavailableError
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw

from hashpact.errors import ConfigError, CorruptError, HashpactError, UnavailableError

Row: TypeAlias = tuple[Any, ...]
Bindings: TypeAlias = Sequence[str | bytes | int | None]

_MILLISECONDS: Final = 1000
_POWERS: Final = (
    apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER,
    apsw.SQLITE_DBCONFIG_ENABLE_VIEW,
    apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA,
)
"""What a database could do by itself, and Hashpact does not use."""
_LEAST_ROOM: Final = 256 * 1024
"""Bytes: the shared memory of a write-ahead log (32 KiB), and some pages of the log itself."""


def translated(exc: apsw.Error, name: str) -> HashpactError:
    """The HashpactError for an apsw exception about the database ``name``; raise it ``from exc``."""
    match exc:
        case apsw.BusyError() | apsw.LockedError():
            return UnavailableError(f"{name} is locked by another writer; try again")
        case apsw.NotADBError():
            return ConfigError(f"{name} is not a Hashpact database")
        case apsw.CantOpenError() | apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError():
            return ConfigError(
                f"cannot open {name} for writing ({exc}); "
                "check that it exists and that you may write to it and its directory"
            )
        case apsw.IOError() if getattr(exc, "extendedresult", None) == apsw.SQLITE_IOERR_DATA:
            return CorruptError(f"{name} is damaged: a page has another checksum")
        case apsw.CorruptError() | apsw.SQLError():
            return CorruptError(f"{name} is damaged: {exc}")
        case _:
            full = (
                ""
                if _room(name)
                else f"; the disk of {Path(name).parent} is full: make room, then start again"
            )
            return UnavailableError(f"{name} cannot be read or written: {type(exc).__name__}: {exc}{full}")


def _room(name: str) -> bool:
    """Whether the disk has room for the files that SQLite needs to open the database; True if unknown."""
    try:
        found = os.statvfs(Path(name).parent)
    except OSError:
        return True
    return found.f_bavail * found.f_frsize >= _LEAST_ROOM


def connect(path: Path, wait: float, *, alone: bool = False, vfs: str | None = None) -> apsw.Connection:
    """A connection to the existing database at ``path`` that waits ``wait`` seconds for a lock.

    Commits are durable: with a write-ahead log, ``synchronous=FULL`` syncs it at every commit (NORMAL would
    lose acknowledged commits on power loss). Several threads may use it, one at a time. Triggers and views
    do not work, because Hashpact has none: those of somebody else have no effect on what it reads and writes.

    ``alone`` keeps what processes share about the write-ahead log in memory, so that opening needs no room on
    the disk. Only this process can then use the database; all its connections must be opened so. ``vfs`` is
    SQLite's name of the layer by which it reads and writes files, `summing` for one with checksums.
    """
    # An absolute path, because SQLite gives "" and ":memory:" meanings of their own.
    name = str(path.absolute())
    try:
        vfs = "unix-excl" if alone else vfs
        connection = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
        try:
            connection.set_busy_timeout(int(wait * _MILLISECONDS))
            connection.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
            for power in _POWERS:
                connection.config(power, 0)
            if connection.readonly("main"):  # SQLite falls back to that silently
                raise apsw.ReadOnlyError("attempt to write a readonly database")  # noqa: EM101, TRY003, TRY301  # SQLite's words
        except BaseException:
            connection.close()
            raise
    except apsw.Error as exc:
        raise translated(exc, name) from exc
    return connection


def run(connection: apsw.Connection, sql: str, bindings: Bindings = ()) -> list[Row]:
    """Every row of the statement. Raises a HashpactError if SQLite refuses it."""
    try:
        return connection.execute(sql, bindings).fetchall()
    except apsw.Error as exc:
        raise translated(exc, connection.filename) from exc


def close(connection: apsw.Connection) -> None:
    """Close the connection. Raises a HashpactError if that fails; what is committed stays committed."""
    name = connection.filename
    try:
        connection.close()
    except apsw.Error as exc:
        raise translated(exc, name) from exc


class Readers:
    """A pool of connections for reading, each used by one reader at a time."""

    def __init__(self, path: Path, wait: float, *, alone: bool = False) -> None:
        self._path = path
        self._wait = wait
        self._alone = alone
        self._idle: list[apsw.Connection] = []
        self._closed = False

    def take(self) -> apsw.Connection:
        """A connection for one caller until it is given back. It refuses to write."""
        if self._closed:
            msg = f"{self._path} is closed"
            raise UnavailableError(msg)
        try:
            return self._idle.pop()
        except IndexError:
            connection = connect(self._path, self._wait, alone=self._alone)
            run(connection, "PRAGMA query_only = ON")
            return connection

    def give(self, connection: apsw.Connection) -> None:
        """Give a connection back. Its read transaction ends, so that it does not hold back checkpointing."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except apsw.Error:
            # Nothing was written and the caller has its rows; this connection is just not used again.
            close(connection)
            return
        self._idle.append(connection)
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close what is idle now, and every other connection when it is given back."""
        self._closed = True
        while self._idle:
            close(self._idle.pop())
