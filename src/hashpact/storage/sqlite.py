"""The ledger in an SQLite database: one file, one transaction an append, any number of readers.

It implements `Ledger`, `Transaction`, `Snapshot`, `Tree`, `Checkpoints` and `SavedIndexes` of
domain/ports.py, for the threads of a process and for all processes of one machine.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import apsw

from hashpact.domain.ports import Snapshot
from hashpact.domain.state import Head, Leaf
from hashpact.durable import sync_directory
from hashpact.errors import (
    CommitFailedError,
    ConfigError,
    CorruptError,
    UnavailableError,
)
from hashpact.storage import rows, schema
from hashpact.storage.connection import Bindings, Readers, Row, close, connect, run
from hashpact.storage.private import unpack
from hashpact.storage.transaction import SqliteTransaction, commit_failed
from hashpact.storage.tree import SqliteCheckpoints, SqliteIndexes, SqliteTree

WAIT: Final = 5.0
"""Seconds that a write waits for the one before it."""

_LEAVES_AT_ONCE: Final = 64
"""Of at most 32 KiB each: 2 MiB."""

_BLOBS_AT_ONCE: Final = 16
"""Of at most 1.5 MiB each: 24 MiB."""


class SqliteLedger:
    """A log and its state in one SQLite database on a local disk.

    Any thread may call any method; a snapshot or transaction belongs to the thread that opened it. Another
    process of the same machine may have the same file open and write to it. Make one with `create` or
    `open`; nothing but SQLite may open the file meanwhile, because closing it would drop SQLite's locks.
    ``tree``, ``checkpoints`` and ``indexes`` use the same file.
    """

    def __init__(
        self, path: Path, writer: apsw.Connection, readers: Readers, wait: float, *, read_only: bool = False
    ) -> None:
        self._path = path
        self._writer = writer
        self._wait = wait
        self._writing = threading.Lock()
        self._readers = readers
        self._read_only = read_only
        self._broken = False
        self._closed = False
        self.tree = SqliteTree(self._read, self.head)
        self.checkpoints = SqliteCheckpoints(self._read, self.begin)
        self.indexes = SqliteIndexes(self._read, self.begin)

    @classmethod
    def create(cls, path: Path, wait: float = WAIT) -> Self:
        """A new, empty ledger, readable by its owner only.

        Raises ConfigError if the file exists or cannot be made.
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except FileExistsError as exc:
            msg = f"{path} exists already; a ledger is never overwritten"
            raise ConfigError(msg) from exc
        except OSError as exc:
            msg = f"cannot create {path}: {exc.strerror}"
            raise ConfigError(msg) from exc
        try:
            writer = connect(path, wait)
            try:
                schema.create(writer)
                sync_directory(path.parent)
            except BaseException:
                writer.close()
                raise
        except BaseException:
            path.unlink()
            raise
        return cls(path, writer, Readers(path, wait), wait)

    @classmethod
    def open(
        cls, path: Path, wait: float = WAIT, *, check_head: bool = True, read_only: bool = False
    ) -> Self:
        """The ledger at ``path``. Without ``check_head`` a damaged head is left for an audit to find.

        With ``read_only``, for a full disk, every write is refused, and opening needs no room: if SQLite
        cannot share the ledger with other processes for lack of it, this one has the ledger alone.

        Raises ConfigError if there is none, if the file is something else or of another schema version, or
        if it may not be written; CorruptError if its head and its last leaf disagree, naming the index.
        """
        if not path.exists():
            msg = f"there is no database at {path}"
            raise ConfigError(msg)
        try:
            writer, alone = _checked(path, wait, head=check_head, alone=False), False
        except UnavailableError:
            if not read_only:
                raise
            writer, alone = _checked(path, wait, head=check_head, alone=True), True
        return cls(path, writer, Readers(path, wait, alone=alone), wait, read_only=read_only)

    @contextmanager
    def begin(self) -> Iterator[SqliteTransaction]:
        """Take the write lock; commit at the end of the block, roll back on an exception.

        Raises UnavailableError if the ledger is read-only, or if another writer keeps the lock for longer
        than the wait, and CommitFailedError if the commit fails, and at every later call. Whether a failed
        commit is on the disk is not known before the next start; nothing of it is visible until then.
        """
        with self._alone():
            transaction = SqliteTransaction(self._writer, self._begin())
            try:
                yield transaction
            except BaseException:
                self._roll_back(transaction.failure)
                raise
            self._commit(transaction.failure)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One unchanging view of what is committed, for the length of the block."""
        with self._reader() as connection:
            run(connection, "BEGIN")
            run(connection, "SELECT size FROM head")  # SQLite takes its snapshot at the first read
            yield rows.RowView(connection)

    def leaves(self, start: int, stop: int) -> Iterator[Leaf]:
        """The leaves in that range that are committed when the iteration begins, in order.

        Holds 64 leaves at a time and no lock or snapshot between them, so it may be left at any point.
        Raises CorruptError, naming the index, where one is missing.
        """
        sql = f"SELECT {rows.LEAF} FROM leaves WHERE idx >= ? AND idx < ? ORDER BY idx"
        index, stop = max(start, 0), min(stop, self.head().size)
        while index < stop:
            chunk = self._read(sql, (index, min(index + _LEAVES_AT_ONCE, stop)))
            for row in chunk or [(None,)]:
                if row[0] != index:
                    msg = f"{self._path} is damaged: leaf {index} is missing"
                    raise CorruptError(msg, index=str(index))
                yield rows.decoded(rows.leaf_of, row, index=str(index))
                index += 1

    def private(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """``(index, private parts in item order)`` of the leaves that have any, read as in `leaves`.

        Raises CorruptError, naming the index, for parts that cannot be read.
        """
        return self._parts("private", start, stop)

    def confidential(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """``(index, private parts in order)`` of the filings that have any, as `private`."""
        return self._parts("confidential", start, stop)

    def document(self, digest: bytes) -> bytes | None:
        """The document with that SHA-256. Raises CorruptError if what is kept is another."""
        kept = self._read("SELECT data FROM documents WHERE digest = ?", (digest,))
        if not kept:
            return None
        data: bytes = kept[0][0]
        if hashlib.sha256(data).digest() != digest:
            msg = f"{self._path} is damaged: the document {digest.hex()} is another"
            raise CorruptError(msg)
        return data

    def _parts(self, table: str, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        sql = f"SELECT leaf, data FROM {table} WHERE leaf >= ? AND leaf < ? ORDER BY leaf LIMIT ?"
        stop = min(stop, self.head().size)
        while chunk := self._read(sql, (start, stop, _BLOBS_AT_ONCE)):
            for row in chunk:
                yield row[0], rows.decoded(_parts_of, row, "a private part", index=str(row[0]))
            start = chunk[-1][0] + 1

    def head(self) -> Head:
        """The committed head: one row read."""
        return rows.decoded(_head_of, self._read("SELECT size, edge FROM head")[0])

    def close(self) -> None:
        """Close the file once the current write has ended. A second call does nothing.

        Raises UnavailableError if the write does not end within the wait, or if the disk fails; what is
        committed stays committed.
        """
        with self._lock():
            if not self._closed:
                self._closed = True
                self._readers.close()
                close(self._writer)

    def _read(self, sql: str, bindings: Bindings = ()) -> list[Row]:
        with self._reader() as connection:
            return run(connection, sql, bindings)

    @contextmanager
    def _reader(self) -> Iterator[apsw.Connection]:
        connection = self._readers.take()
        try:
            yield connection
        finally:
            self._readers.give(connection)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=self._wait):
            msg = f"{self._path} is locked by another writer; try again"
            raise UnavailableError(msg)
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock():
            if self._closed:
                msg = f"{self._path} is closed"
                raise UnavailableError(msg)
            if self._read_only:
                msg = f"the disk of {self._path.parent} is full: nothing is appended; free space and restart"
                raise UnavailableError(msg)
            if self._broken:
                msg = f"a commit to {self._path} has failed; this process must stop and start again"
                raise CommitFailedError(msg)
            yield

    def _begin(self) -> Head:
        """Take SQLite's write lock; the head under it."""
        run(self._writer, "BEGIN IMMEDIATE")
        try:
            return rows.decoded(_head_of, run(self._writer, "SELECT size, edge FROM head")[0])
        except BaseException:
            self._roll_back(None)
            raise

    def _commit(self, failure: apsw.Error | None) -> None:
        """Commit what is staged, unless staging it has failed already."""
        if failure is None:
            try:
                self._writer.execute("COMMIT")
            except apsw.Error as exc:
                failure = exc
        if failure is not None:
            self._roll_back(failure)
            raise commit_failed(str(self._path), failure) from failure

    def _roll_back(self, failure: apsw.Error | None) -> None:
        """Undo what is staged. After a failure of the disk, or of the rollback, nothing more is written."""
        self._broken = self._broken or failure is not None
        try:
            if self._writer.in_transaction:  # SQLite has rolled back by itself after some failures
                self._writer.execute("ROLLBACK")
        except apsw.Error:
            self._broken = True  # the cause is being raised; without a commit nothing becomes visible


def _checked(path: Path, wait: float, *, head: bool, alone: bool) -> apsw.Connection:
    """A connection to a database that is what it should be."""
    connection = connect(path, wait, alone=alone)
    try:
        schema.check(connection, head=head)
    except BaseException:
        connection.close()
        raise
    return connection


def _parts_of(row: Row) -> tuple[bytes, ...]:
    return unpack(row[1])


def _head_of(row: Row) -> Head:
    size, edge = row
    return Head(size, rows.hashes(edge))
