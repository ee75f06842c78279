"""The one writer's transaction on a ledger in SQLite."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import apsw

from hashpact.domain.ports import ALONE
from hashpact.domain.state import Enclosed, Head, KeptCheckpoint, Leaf, Record
from hashpact.errors import (
    CommitFailedError,
    ConflictError,
    CorruptError,
    RequestReusedError,
    UnavailableError,
)
from hashpact.storage import rows
from hashpact.storage.connection import Bindings, run
from hashpact.storage.private import pack


class SqliteTransaction(rows.RowView):
    """The one writer's view, which sees what it has staged."""

    def __init__(self, connection: apsw.Connection, head: Head) -> None:
        super().__init__(connection)
        self._head = head
        self.failure: apsw.Error | None = None

    def append(
        self, leaf: Leaf, private: Sequence[bytes], records: Sequence[Record], enclosed: Enclosed = ALONE
    ) -> None:
        """Stage one leaf with its private parts, its records and what is enclosed, or nothing of it.

        Raises CorruptError if ``leaf.index`` is not the head's size or a hash does not have 32 bytes,
        RequestReusedError if the member used the request id before, and CommitFailedError if the disk
        fails, after which the transaction cannot be committed.
        """
        if leaf.index != self._head.size:
            msg = f"leaf {leaf.index} does not follow a log of size {self._head.size}"
            raise CorruptError(msg, index=str(leaf.index))
        self._check_open()
        try:
            with self._savepoint("leaf", self._connection.execute):
                self._write(leaf, private, records, enclosed)
        except apsw.ConstraintError as exc:
            if self.request(leaf.member, leaf.request) is not None:
                msg = f"{leaf.member} used this request id before"
                raise RequestReusedError(msg) from exc
            msg = f"leaf {leaf.index} cannot be stored: {exc}"
            raise CorruptError(msg, index=str(leaf.index)) from exc
        except apsw.Error as exc:
            self.failure = exc
            raise commit_failed(self._connection.filename, exc) from exc

    def keep(self, checkpoint: KeptCheckpoint) -> None:
        """Stage a checkpoint.

        Raises ConflictError if one of its size or a larger one is kept, CorruptError if its size is more than
        the log's, and CommitFailedError as in `append`.
        """
        if checkpoint.size > self._head.size:
            msg = f"a checkpoint of size {checkpoint.size} of a log of size {self._head.size}"
            raise CorruptError(msg, index=str(self._head.size))
        largest = run(self._connection, "SELECT max(size) FROM checkpoints")[0][0]
        if largest is not None and largest >= checkpoint.size:
            msg = f"a checkpoint of size {largest} is kept already"
            raise ConflictError(msg)
        row = (checkpoint.size, checkpoint.note)
        self.stage("INSERT INTO checkpoints (size, note) VALUES (?, ?)", row)

    def freshen(self, checkpoint: KeptCheckpoint) -> None:
        """Stage the latest checkpoint with other cosignatures.

        Raises ConflictError if it is not of the latest size, and CommitFailedError as in `append`.
        """
        if run(self._connection, "SELECT max(size) FROM checkpoints")[0][0] != checkpoint.size:
            msg = f"a checkpoint of size {checkpoint.size}, which is not the latest"
            raise ConflictError(msg)
        self.stage("DELETE FROM freshened")
        self.stage("INSERT INTO freshened (size, note) VALUES (?, ?)", (checkpoint.size, checkpoint.note))

    def stage(self, sql: str, bindings: Bindings = ()) -> None:
        """Stage one statement of SQL. Raises CommitFailedError as in `append`."""
        try:
            self._connection.execute(sql, bindings)
        except apsw.Error as exc:
            self.failure = exc
            raise commit_failed(self._connection.filename, exc) from exc

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Keep what the block stages, or nothing of it if it ends with an exception.

        Raises UnavailableError if the transaction has ended, CommitFailedError as `append`.
        """
        self._check_open()
        head = self._head
        try:
            with self._savepoint("unit", self.stage):
                yield
        except BaseException:
            self._head = head
            raise

    def _check_open(self) -> None:
        if not self._connection.in_transaction:
            # Without one, SQLite would commit each leaf, or each savepoint, by itself.
            msg = "the transaction has ended, or a failure of the disk has ended it"
            raise UnavailableError(msg)

    @contextmanager
    def _savepoint(self, name: str, execute: Callable[[str], object]) -> Iterator[None]:
        """Stage the block whole or not at all, even if the transaction goes on after an error."""
        execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # SQLite has rolled back by itself after some failures
                execute(f"ROLLBACK TO {name}; RELEASE {name}")
            raise
        execute(f"RELEASE {name}")

    def _write(
        self, leaf: Leaf, private: Sequence[bytes], records: Sequence[Record], enclosed: Enclosed
    ) -> None:
        execute = self._connection.execute
        nodes = b"".join(leaf.nodes)
        execute(
            f"INSERT INTO leaves ({rows.LEAF}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (leaf.index, leaf.data, leaf.hash, nodes, leaf.member, leaf.request, leaf.time),
        )
        if private:
            execute("INSERT INTO private (leaf, data) VALUES (?, ?)", (leaf.index, pack(private)))
        if enclosed.confidential:
            sql = "INSERT INTO confidential (leaf, data) VALUES (?, ?)"
            execute(sql, (leaf.index, pack(enclosed.confidential)))
        for document in enclosed.documents:
            sql = "INSERT OR IGNORE INTO documents (digest, data) VALUES (?, ?)"
            execute(sql, (hashlib.sha256(document).digest(), document))
        for record in records:
            rows.put(self._connection, record)
        head = self._head.after(leaf)
        execute("UPDATE head SET size = ?, edge = ?", (head.size, b"".join(head.edge)))
        self._head = head


def commit_failed(name: str, failure: apsw.Error) -> CommitFailedError:
    """The error for a commit that failed."""
    return CommitFailedError(
        f"a commit to {name} failed ({failure}): nothing of it was answered ok; "
        "this process must stop and start again"
    )
