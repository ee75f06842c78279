"""The file of a list, in SQLite: rows by names that show nothing of them, and sealed blocks.

row     what is known of a record: who its list is, a digest, and the place of its row (or its entry in
        the log); of one that was taken back -1 minus that place
block   rows, sealed (`blocks`)
dead    places in blocks that hold nothing any more
stage   what an import has read and not applied yet
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import apsw
import numpy as np
from numpy.typing import NDArray

from hashpact.durable import alone, open_plain, write_private
from hashpact.errors import ConfigError, CorruptError, HashpactError, UnavailableError
from hashpact.exchange.rows import Listed
from hashpact.lists import blocks
from hashpact.lists.blocks import ROWS, Block, Kept
from hashpact.lists.sealing import NONCE_SIZE, SALT_SIZE, Sealer

_APPLICATION: Final = 0x68_70_6C_31
"""Which files are ours: "hpl1", in the header that SQLite keeps for that."""
_WAIT: Final = 10_000
_CACHE: Final = -32 * 1024
"""Pages in memory, in KiB: names are spread over the whole of the table."""
_BESIDE: Final = ("-wal", "-shm")
"""What the names of the files end with that SQLite keeps beside one."""
_DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError)
"""What SQLite raises of a damaged file: where its own bytes are wrong, or a table is missing."""
_PLACE: Final = (apsw.CantOpenError, apsw.ReadOnlyError)
_DISK: Final = (apsw.FullError, apsw.IOError)
_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE row (
    name BLOB PRIMARY KEY, source TEXT, digest BLOB, place INTEGER, updated INTEGER
) WITHOUT ROWID;
CREATE INDEX placed ON row (place);
CREATE TABLE block (number INTEGER PRIMARY KEY, sealed BLOB);
CREATE TABLE dead (place INTEGER PRIMARY KEY);
CREATE TABLE stage (
    name BLOB PRIMARY KEY, does INTEGER, digest BLOB, place INTEGER, updated INTEGER, labels TEXT,
    turn INTEGER
) WITHOUT ROWID;
"""


class RowTable:
    """The open file of a list; close it, or use ``with``. One thread uses it.

    Raises FileNotFoundError if it is not there, ConfigError if it cannot be used, CorruptError if it is none
    of a list.
    """

    def __init__(self, path: Path, master: bytes, *, make: bool = False) -> None:
        self.path = path
        if make and not path.exists():
            empty = _empty()
            with alone(path.parent, wait=True):
                if not path.exists():
                    forget(path)
                    write_private(path, empty)
        try:
            self._file = _inode(path)
            self.sql = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            self.sql.set_busy_timeout(_WAIT)
            self.sql.pragma("cache_size", _CACHE)
            self.sql.pragma("secure_delete", True)  # noqa: FBT003 - the value of a pragma
            self.sql.pragma("temp_store", "memory")
            if make:
                self.sql.pragma("journal_mode", "wal")  # who checks goes on while somebody imports
            salt = self.one("SELECT value FROM meta WHERE name = 'salt'")
            last = self.one("SELECT max(number) FROM block")
        except FileNotFoundError:
            raise
        except OSError as error:
            msg = f"cannot open {path}: {error.strerror}; check its owner and mode"
            raise ConfigError(msg) from error
        except apsw.Error as error:
            raise _explained(path, error) or _damaged(path) from error
        self.sealer = Sealer.of(master, salt)
        self._waiting: list[Kept] = []
        self._number = 1 + (last or 0)

    def version(self) -> int:
        """A number that changes when another connection has changed the file."""
        found = self.sql.pragma("data_version")
        assert isinstance(found, int)  # noqa: S101 - SQLite's own number
        return found

    def close(self) -> None:
        """Close the file."""
        self.sql.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.close()
        if (known := _explained(self.path, error)) is not None:
            raise known from error

    @contextlib.contextmanager
    def sound(self) -> Iterator[None]:
        """Raise a HashpactError that names the file where SQLite fails in the block; so does ``with``."""
        try:
            yield
        except apsw.Error as error:
            if (known := _explained(self.path, error)) is not None:
                raise known from error
            raise

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: all that is done in the block, or nothing.

        Raises UnavailableError if the file is not at its path any more.
        """
        self.sql.execute("BEGIN IMMEDIATE")
        try:
            self._check_place()
            yield
        except BaseException:
            self._roll_back()
            raise
        self.sql.execute("COMMIT")

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """What is read in the block is of one state of the file."""
        if self.sql.in_transaction:
            yield
            return
        self.sql.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    def _roll_back(self) -> None:
        if self.sql.in_transaction:  # a disk that is full, or cannot be read, may have ended it
            self.sql.execute("ROLLBACK")

    def generation(self) -> int:
        """How often the blocks were written anew."""
        return self.one("SELECT value FROM meta WHERE name = 'generation'") or 0

    def rewind(self) -> None:
        """Fill the blocks anew, from the first one on; `end` removes those that are not needed."""
        self.sql.execute("INSERT OR REPLACE INTO meta VALUES ('generation', ?)", (self.generation() + 1,))
        self._number = 1

    def end(self) -> None:
        """The block that is being filled is the last one."""
        self.flush()
        self.sql.execute("DELETE FROM block WHERE number >= ?", (self._number,))

    def _check_place(self) -> None:
        """A list that was removed or replaced since it was opened would be written to for nothing."""
        try:
            found = self.path.stat().st_ino
        except FileNotFoundError:
            found = None
        if found != self._file:
            msg = f"another process has removed or replaced {self.path}; try again"
            raise UnavailableError(msg)

    def one(self, query: str, values: tuple[Any, ...] = ()) -> Any:  # noqa: ANN401 - what the column holds
        """The first value of the first row; None if there is none."""
        found = self.sql.execute(query, values).fetchone()
        return None if found is None else found[0]

    def append(self, row: Kept) -> int:
        """Add a row to the block that is being filled, and return its place; `flush` writes the last one."""
        self._waiting.append(row)
        place = self._number * ROWS + len(self._waiting) - 1
        if len(self._waiting) == ROWS:
            self.flush()
        return place

    def flush(self) -> None:
        """Seal the block that is being filled, and write it."""
        if self._waiting:
            sealed = self.sealer.seal(self._number, blocks.write(self._waiting))
            self.sql.execute("INSERT OR REPLACE INTO block VALUES (?, ?)", (self._number, sealed))
            self._waiting = []
            self._number += 1

    def numbers(self) -> list[int]:
        """The numbers of the blocks, in order."""
        return [number for (number,) in self.sql.execute("SELECT number FROM block ORDER BY number")]

    def dead(self) -> NDArray[np.int64]:
        """The places that hold nothing any more, in order."""
        places = self.sql.execute("SELECT place FROM dead ORDER BY place")
        return np.fromiter((place for (place,) in places), np.int64)

    def nonce(self, number: int) -> bytes:
        """The first bytes of a sealed block, which no other has; empty if there is no such block."""
        try:
            sealed = self.sql.blob_open("main", "block", "sealed", number, False)  # noqa: FBT003 - to read it
        except apsw.SQLError:
            return b""
        with contextlib.closing(sealed):
            return sealed.read(NONCE_SIZE)

    def blocks(self) -> Iterator[tuple[int, Block]]:
        """Every block with its number. Raises CorruptError for one that was altered."""
        for number in self.numbers():
            yield number, self.block(number)

    def block(self, number: int) -> Block:
        """The block of that number. Raises CorruptError if it is not there, or was altered."""
        sealed = self.one("SELECT CAST(sealed AS BLOB) FROM block WHERE number = ?", (number,))
        if sealed is None:
            raise _damaged(self.path)
        return blocks.read(self.sealer.unseal(number, sealed, self.path))


def forget(path: Path) -> None:
    """Remove what SQLite has kept beside a file that is gone: it would take it for that of the next one.

    A process that still reads the removed file keeps its own.
    """
    for suffix in _BESIDE:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _inode(path: Path) -> int:
    """The number of a plain file that can be written. Raises OSError."""
    descriptor = open_plain(path, os.O_RDWR)
    try:
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def _empty() -> bytes:
    """The bytes of a list without rows: a file that appears with these is a list from its first moment."""
    with contextlib.closing(apsw.Connection(":memory:")) as sql:
        sql.execute(_SCHEMA)
        sql.pragma("application_id", _APPLICATION)
        sql.execute("INSERT INTO meta VALUES ('salt', ?)", (secrets.token_bytes(SALT_SIZE),))
        return sql.serialize("main")


def _explained(path: Path, error: object) -> HashpactError | None:
    """The error for what SQLite raises of a file, its place, its disk or its other users; None for others."""
    if isinstance(error, _DAMAGE):
        return _damaged(path)
    if isinstance(error, _PLACE):
        return ConfigError(f"cannot open {path} to write; check its owner and mode, and its directory's")
    if isinstance(error, _DISK):
        return UnavailableError(f"cannot write {path}; check the disk")
    if isinstance(error, apsw.BusyError):
        return UnavailableError(f"another process is changing {path}; try again once it is done")
    return None


def _damaged(path: Path) -> CorruptError:
    return CorruptError(f"{path} is damaged, or is no list; move it away, and import the list anew")


def listed(table: RowTable, source: str | None = None) -> Iterator[Listed]:
    """Every row of a list, and every one that was taken back, in the order of the file."""
    known = "SELECT place, source FROM row WHERE place = ? OR place = ?"
    with table.reading():
        for number, block in table.blocks():
            for at, row in enumerate(block.rows()):
                place = number * ROWS + at
                found = table.sql.execute(known, (place, -1 - place)).fetchone()
                if found is not None and source in {None, found[1]}:
                    yield Listed(row.key, row.fingerprints, row.labels, row.updated, found[0] < 0)


def sizes(table: RowTable) -> dict[str, int]:
    """How many rows of each source a list has."""
    query = "SELECT source, count(*) FROM row WHERE place >= 0 GROUP BY source ORDER BY source"
    return dict(table.sql.execute(query))
