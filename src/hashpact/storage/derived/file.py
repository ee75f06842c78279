"""The derived state in an SQLite file, on which a log is folded leaf by leaf.

It has the ledger's tables of records, and no leaves: of these only the request ids, which the rules ask for.
What was put up to the last `commit` is there after a crash, and nothing of what came later.
docs/formats/monitor.md describes the file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import apsw

from hashpact.domain.state import Head, LayeredState, Record
from hashpact.errors import ConfigError, CorruptError, HashpactError
from hashpact.storage import rows
from hashpact.storage.connection import Bindings, close, connect, run
from hashpact.storage.definitions import check_definitions
from hashpact.storage.derived.guarded import GuardedView, StateFileError
from hashpact.storage.derived.summed import SUM_SIZE, is_summed, summing
from hashpact.storage.rows.reading import STATE
from hashpact.storage.schema import HEAD_TABLE, STATE_TABLES

APPLICATION_ID: Final = 0x48506473
"""In the header of such a file: "HPds"."""
VERSION: Final = 5
"""The version of its tables. A file of another one is made again from the log."""

_TABLES: Final = f"""
{HEAD_TABLE}
CREATE TABLE leaves (
  member TEXT NOT NULL,
  request BLOB NOT NULL,
  idx INTEGER NOT NULL,
  PRIMARY KEY (member, request)
) STRICT, WITHOUT ROWID;

CREATE TABLE kept (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  number INTEGER PRIMARY KEY,
  line BLOB NOT NULL
) STRICT;
{STATE_TABLES}
"""
_TUNING: Final = "PRAGMA cache_size = -65536; PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY"
"""64 MiB of pages: request ids are random, so all pages of their table are in use. One process at a time."""
_SCRATCH: Final = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF"
_WAIT: Final = 1.0
"""Seconds to wait for another process that has the file."""


class DerivedFile:
    """One derived state; make one with `create` or `open`, and close it.

    ``state`` is the state that the rules work on: what was put since the last `flush` is in memory. ``head``
    is the tree's; the fold sets it. Everything raises StateFileError when the file cannot be read or
    written, or is not as this package wrote it.
    """

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self._path = path
        self._connection = connection
        self._read()

    @classmethod
    def create(cls, path: Path, *, scratch: bool = False) -> Self:
        """A new file of an empty log, readable by its owner only. Raises ConfigError if it cannot be made.

        A ``scratch`` file is for one run: it is not durable, has no checksums, and cannot be rolled back.
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except OSError as exc:
            msg = f"cannot create {path}: {exc.strerror}"
            raise ConfigError(msg) from exc
        try:
            connection = connect(path, _WAIT, vfs=None if scratch else summing())
            try:
                if not scratch:
                    connection.reserve_bytes(reserve=SUM_SIZE)
                run(connection, _TUNING)
                run(connection, _SCRATCH if scratch else "PRAGMA journal_mode = WAL")
                run(connection, f"BEGIN; {_TABLES} COMMIT")
                connection.pragma("application_id", APPLICATION_ID)
                connection.pragma("user_version", VERSION)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            path.unlink()
            raise
        return cls(path, connection)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The file at that path.

        Raises ConfigError if it is another kind of file, of another version, or used by another process.
        """
        if not path.exists():
            msg = f"there is no file {path}"
            raise ConfigError(msg)
        try:
            connection = connect(path, _WAIT, vfs=summing())
            try:
                run(connection, _TUNING)
                _check(path, connection)
                return cls(path, connection)
            except BaseException:
                connection.close()
                raise
        except CorruptError as error:
            raise StateFileError(error.message) from error

    def _read(self) -> None:
        self._view = GuardedView(self._connection)
        self.state = LayeredState(below=self._view)
        ((size, edge),) = self._run("SELECT size, edge FROM head")
        self.head = Head(size, rows.hashes(edge))

    def flush(self, *, requests: bool = True) -> None:
        """Stage what was put, and the head, for the next `commit`; without ``requests`` these stay in memory.

        They are random, so to stage some of them writes pages all over their table: best are many at a time.
        """
        drained = self.state.drain(requests=requests)
        with self._writing():
            rows.put_all(self._connection, drained.records)
            self._connection.executemany(
                "INSERT INTO leaves (member, request, idx) VALUES (?, ?, ?)", drained.requests
            )
            self._connection.execute(
                "UPDATE head SET size = ?, edge = ?", (self.head.size, b"".join(self.head.edge))
            )

    def kept(self, name: str) -> bytes | None:
        """The value that is kept under a name."""
        found = self._run("SELECT value FROM kept WHERE name = ?", (name,))
        return found[0][0] if found else None

    def keep(self, name: str, value: bytes | None) -> None:
        """Stage a value under a name, None for none."""
        with self._writing():
            if value is None:
                self._connection.execute("DELETE FROM kept WHERE name = ?", (name,))
            else:
                self._connection.execute("REPLACE INTO kept (name, value) VALUES (?, ?)", (name, value))

    def queue(self, number: int, line: bytes) -> None:
        """Stage a line that waits to be delivered, under its number."""
        with self._writing():
            self._connection.execute("INSERT INTO outbox (number, line) VALUES (?, ?)", (number, line))

    def queued(self) -> list[tuple[int, bytes]]:
        """The lines that wait to be delivered, in order."""
        return [
            (number, line) for number, line in self._run("SELECT number, line FROM outbox ORDER BY number")
        ]

    def delivered(self, number: int) -> None:
        """Stage that every line up to that number was delivered."""
        with self._writing():
            self._connection.execute("DELETE FROM outbox WHERE number <= ?", (number,))

    def commit(self) -> None:
        """Make what is staged durable. What was put and not flushed is flushed first."""
        self.flush()
        self._run("COMMIT")

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        if self._connection.in_transaction:
            self._run("ROLLBACK")
        self._read()

    def records(self, kind: type[Record]) -> Iterator[Record]:
        """The records of one kind that were flushed, in the order of their identities."""
        return self._view.records_of(kind)

    def count(self, kind: type[Record]) -> int:
        """How many records of one kind were flushed."""
        (table,) = (name for each, name, *_ in STATE if each is kind)
        return int(self._run(f"SELECT count(*) FROM {table}")[0][0])

    def entries_end(self) -> int:
        """One more than the index of the last entry that was flushed, 0 if there is none."""
        last = self._run("SELECT max(idx) FROM entries")[0][0]
        return 0 if last is None else int(last) + 1

    def close(self) -> None:
        """Close the file; what is not committed is forgotten."""
        close(self._connection)

    def _run(self, sql: str, bindings: Bindings = ()) -> list[tuple[Any, ...]]:
        try:
            return run(self._connection, sql, bindings)
        except HashpactError as error:
            raise StateFileError(error.message) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction that lasts beyond the block, until the next commit."""
        if not self._connection.in_transaction:
            self._run("BEGIN IMMEDIATE")
        try:
            yield
        except apsw.Error as exc:
            msg = f"{self._path} cannot be written: {exc}"
            raise StateFileError(msg) from exc


def _check(path: Path, connection: apsw.Connection) -> None:
    """Refuse a file that is not one of these, and keep other processes from it."""
    found = [run(connection, f"PRAGMA {name}")[0][0] for name in ("application_id", "user_version")]
    if found[0] != APPLICATION_ID:
        msg = f"{path} is not the state of a monitor; name another file"
        raise ConfigError(msg)
    if found[1] != VERSION:
        msg = (
            f"{path} has version {found[1]} of the state's tables, this Hashpact knows {VERSION}; "
            "remove it, and the log is audited from its beginning"
        )
        raise ConfigError(msg)
    run(connection, "BEGIN IMMEDIATE; COMMIT")  # in the exclusive mode the lock stays
    if not is_summed(connection):
        msg = f"the pages of {path} have no checksums"
        raise CorruptError(msg)
    check_definitions(connection, _TABLES)
