"""What a witness has cosigned, in a small SQLite database of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import apsw

from hashpact.domain.state import Evidence, KeptCheckpoint
from hashpact.errors import ConfigError, ConflictError
from hashpact.storage.connection import close, connect, run, translated

MAX_EVIDENCE: Final = 100
"""Pieces of evidence of each of the two sorts that are kept for one log."""
WAIT: Final = 5.0
"""Seconds that a write waits for the one before it."""

_APPLICATION: Final = 0x48507774  # "HPwt"
_SCHEMA: Final = f"""
CREATE TABLE cosigned (
  origin TEXT PRIMARY KEY,
  size INTEGER NOT NULL CHECK (size >= 0),
  note BLOB NOT NULL
) STRICT;

CREATE TABLE evidence (
  number INTEGER PRIMARY KEY,
  origin TEXT NOT NULL,
  certain INTEGER NOT NULL CHECK (certain IN (0, 1)),
  text BLOB NOT NULL,
  cosigned BLOB NOT NULL,
  offered BLOB NOT NULL,
  UNIQUE (origin, certain, text)
) STRICT;

PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = 1;
"""


class SqliteCosigned:
    """`Cosigned` in SQLite, for the threads of a process and all processes of one machine."""

    def __init__(self, path: Path, wait: float = WAIT) -> None:
        """Open the database at ``path``. Raises ConfigError if it is not a witness's, CorruptError."""
        self._connection = connect(path, wait)
        self._lock = threading.Lock()
        if run(self._connection, "PRAGMA application_id")[0][0] != _APPLICATION:
            close(self._connection)
            msg = f"{path} is not the database of a witness"
            raise ConfigError(msg)

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make the database. Raises ConfigError if the file exists or cannot be made."""
        try:
            path.touch(mode=0o600, exist_ok=False)
            connection = connect(path, WAIT)
        except OSError as exc:
            msg = f"cannot make {path}: {exc.strerror}"
            raise ConfigError(msg) from exc
        run(connection, "PRAGMA journal_mode = WAL")
        run(connection, _SCHEMA)
        close(connection)
        return cls(path)

    def latest(self, origin: str) -> KeptCheckpoint | None:
        """The newest checkpoint of the log that was cosigned."""
        with self._lock:
            return self._latest(origin)

    def advance(self, origin: str, last: KeptCheckpoint | None, new: KeptCheckpoint) -> None:
        """Replace ``last`` by ``new`` in one transaction."""
        if new.size <= (-1 if last is None else last.size):
            msg = "a witness never goes back"
            raise ValueError(msg)
        with self._transaction():
            newest = self._latest(origin)
            if newest != last:
                size = 0 if newest is None else newest.size
                msg = f"size {size} was cosigned meanwhile"
                raise ConflictError(msg, size=str(size))
            run(
                self._connection,
                "INSERT INTO cosigned (origin, size, note) VALUES (?, ?, ?) "
                "ON CONFLICT (origin) DO UPDATE SET size = excluded.size, note = excluded.note",
                (origin, new.size, new.note),
            )

    def keep_evidence(self, origin: str, evidence: Evidence) -> None:
        """Keep it, at most `MAX_EVIDENCE` of its sort."""
        with self._transaction():
            sort = (origin, int(evidence.certain))
            query = (
                "SELECT count(*), min(number), max(text = ?) FROM evidence WHERE origin = ? AND certain = ?"
            )
            count, oldest, known = run(self._connection, query, (evidence.text, *sort))[0]
            if known or (count >= MAX_EVIDENCE and evidence.certain):
                return
            if count >= MAX_EVIDENCE:
                run(self._connection, "DELETE FROM evidence WHERE number = ?", (oldest,))
            run(
                self._connection,
                "INSERT INTO evidence (origin, certain, text, cosigned, offered) VALUES (?, ?, ?, ?, ?)",
                (*sort, evidence.text, evidence.cosigned, evidence.offered),
            )

    def evidence(self, origin: str) -> list[Evidence]:
        """What is kept of a log, oldest first."""
        query = "SELECT text, cosigned, offered, certain FROM evidence WHERE origin = ? ORDER BY number"
        with self._lock:
            rows = run(self._connection, query, (origin,))
        return [Evidence(text, cosigned, offered, bool(certain)) for text, cosigned, offered, certain in rows]

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            close(self._connection)

    def _latest(self, origin: str) -> KeptCheckpoint | None:
        rows = run(self._connection, "SELECT size, note FROM cosigned WHERE origin = ?", (origin,))
        return KeptCheckpoint(*rows[0]) if rows else None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it on the disk when the block ends, or nothing of it."""
        with self._lock:
            run(self._connection, "BEGIN IMMEDIATE")
            try:
                yield
                run(self._connection, "COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    try:
                        self._connection.execute("ROLLBACK")
                    except apsw.Error as exc:
                        raise translated(exc, self._connection.filename) from exc
                raise
