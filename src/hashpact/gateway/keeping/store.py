"""The file of a gateway's banks, in SQLite: each row sealed, so that the file shows numbers and times only.

bank      a bank by its number
content   a content of a local or shared bank, by its id: signals, note and metadata
off       ids of disabled entries, also of views, and until when they are disabled
label     labels for which a view was made, by keyed names
waiting   what was sent to be shared and has no receipt yet, by its subject
meta      the salt, the next id, and the moments that were given out (`keeping.moments`), sealed

Rows are sealed as private lists are (`lists.sealing`), by a key of the gateway's own. A content is not a row
of such a list: it has an id and metadata, and a list is read anew as a whole after each change.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import apsw

from hashpact.durable import open_plain
from hashpact.errors import ConfigError, CorruptError, UnavailableError
from hashpact.gateway.keeping.banks import ENABLED, FIRST_LOCAL, Bank, BankKind, Content, ViewFilter
from hashpact.lists.sealing import SALT_SIZE, Sealer

_APPLICATION: Final = 0x68_70_67_31
"""Which files are ours: "hpg1", in the header that SQLite keeps for that."""
_WAIT: Final = 10_000
_AT_ONCE: Final = 256
"""Contents that are read together, each of up to 256 KiB."""
_SEALED: Final = frozenset({"signals", "note", "metadata", "added"})
"""The fields of a content that are sealed; the others are columns."""
_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE bank (number INTEGER PRIMARY KEY AUTOINCREMENT, sealed BLOB);
CREATE TABLE content (id INTEGER PRIMARY KEY, bank INTEGER, disabled INTEGER, sealed BLOB);
CREATE INDEX banked ON content (bank);
CREATE TABLE off (id INTEGER PRIMARY KEY, until INTEGER);
CREATE TABLE label (name BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE waiting (number INTEGER PRIMARY KEY, name BLOB UNIQUE, sealed BLOB);
"""


@dataclass(frozen=True, slots=True)
class Unreceipted:
    """What was sent to be shared, by the subject of its statement: a content that has no id yet."""

    subject: str
    bank: int
    content: Content


class BankStore:
    """The open file; close it, or use ``with``. Any thread may call it: they take turns.

    A change is on the disk when its method returns. Raises ConfigError if the file cannot be used,
    CorruptError if it is damaged or not a gateway's, UnavailableError if the disk refuses a change.
    """

    def __init__(self, path: Path, master: bytes) -> None:
        self.path = path
        self._turn = threading.RLock()
        try:
            os.close(open_plain(path, os.O_RDWR | os.O_CREAT))
            self._sql = apsw.Connection(str(path))
            self._sql.set_busy_timeout(_WAIT)
            self._sql.pragma("journal_mode", "wal")
            self._sql.pragma("synchronous", "full")
            self._sql.pragma("secure_delete", True)  # noqa: FBT003 - the value of a pragma
            self._sql.pragma("temp_store", "memory")
            with self._writing():
                if self._sql.pragma("application_id") == 0:
                    self._sql.execute(_SCHEMA)
                    self._sql.pragma("application_id", _APPLICATION)
                    self._sql.execute(
                        "INSERT INTO meta VALUES ('salt', ?)", (secrets.token_bytes(SALT_SIZE),)
                    )
            salt: bytes = self._one("SELECT value FROM meta WHERE name = 'salt'")
        except OSError as error:
            msg = f"cannot open {path}: {error.strerror}; check its owner and mode"
            raise ConfigError(msg) from error
        except apsw.Error as error:
            raise self._damaged() from error
        self._banks, self._contents, self._names, self._pending, self._passed = (
            Sealer.of(master, salt + part) for part in (b"bank", b"content", b"name", b"waiting", b"moments")
        )

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def banks(self) -> list[Bank]:
        """Every bank, in the order of their making. Raises CorruptError for a row that was altered."""
        rows = self._all("SELECT number, sealed FROM bank ORDER BY number")
        return [_bank(number, self._read(self._banks, number, sealed)) for number, sealed in rows]

    def put(self, bank: Bank) -> Bank:
        """Keep a bank, under a number of its own if it has none (0)."""
        with self._writing():
            number = bank.number
            if not number:
                self._sql.execute("INSERT INTO bank VALUES (NULL, x'')")
                number = self._sql.last_insert_rowid()
            self._sql.execute("UPDATE bank SET sealed = ? WHERE number = ?", (self._of(bank, number), number))
        return replace(bank, number=number)

    def _of(self, bank: Bank, number: int) -> bytes:
        kept = {"name": bank.name, "kind": bank.kind, "ratio": bank.ratio, "enabled": bank.enabled}
        return self._banks.seal(number, _json(kept | {"view": bank.view.fields()}))

    def drop(self, bank: Bank) -> None:
        """Forget a bank with its contents."""
        with self._writing():
            self._sql.execute("DELETE FROM bank WHERE number = ?", (bank.number,))
            self._sql.execute("DELETE FROM content WHERE bank = ?", (bank.number,))

    def contents(self) -> Iterator[list[Content]]:
        """Every content, in the order of their ids, some at a time. Raises CorruptError."""
        query = "SELECT id, bank, disabled, sealed FROM content WHERE id > ? ORDER BY id LIMIT ?"
        last = -1
        while rows := self._all(query, (last, _AT_ONCE)):
            yield [self._content(*row) for row in rows]
            last = rows[-1][0]

    def next_id(self) -> int:
        """The id after the largest that a local content has ever had."""
        return int(self._one("SELECT coalesce(max(value), 0) FROM meta WHERE name = 'next'"))

    def content(self, number: int) -> Content | None:
        """The content of an id, None if there is none. Raises CorruptError."""
        rows = self._all("SELECT id, bank, disabled, sealed FROM content WHERE id = ?", (number,))
        return self._content(*rows[0]) if rows else None

    def _content(self, number: int, bank: int, disabled: int, sealed: bytes) -> Content:
        kept = self._read(self._contents, number, sealed)
        return Content(number, bank, disabled=disabled, **kept)

    def add(self, content: Content, subject: str | None = None) -> None:
        """Keep a content, in place of one of its id; what waited under ``subject`` waits no longer."""
        kept = {each: value for each, value in content.fields().items() if each in _SEALED}
        row = (content.id, content.bank, content.disabled, self._contents.seal(content.id, _json(kept)))
        with self._writing():
            self._sql.execute("INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?)", row)
            if content.id >= FIRST_LOCAL:
                self._sql.execute("INSERT OR REPLACE INTO meta VALUES ('next', ?)", (content.id + 1,))
            if subject is not None:
                self._sql.execute("DELETE FROM waiting WHERE name = ?", (self._name(subject),))

    def remove(self, number: int) -> None:
        """Forget a content."""
        with self._writing():
            self._sql.execute("DELETE FROM content WHERE id = ?", (number,))

    def off(self) -> dict[int, int]:
        """The disabled entries, each with the time until which it is (0: for good)."""
        return dict(self._all("SELECT id, until FROM off"))

    def switch(self, number: int, until: int, *, kept: bool) -> None:
        """Let a content match, or not: one that is ``kept`` here, or an entry."""
        with self._writing():
            if kept:
                self._sql.execute("UPDATE content SET disabled = ? WHERE id = ?", (until, number))
                # It may have been switched as an entry, before it was kept here.
                self._sql.execute("DELETE FROM off WHERE id = ?", (number,))
            elif until == ENABLED:
                self._sql.execute("DELETE FROM off WHERE id = ?", (number,))
            else:
                self._sql.execute("INSERT OR REPLACE INTO off VALUES (?, ?)", (number, until))

    def has_labels(self) -> bool:
        """Whether a view was ever made for any label."""
        return bool(self._all("SELECT 1 FROM label LIMIT 1"))

    def is_new(self, label: str) -> bool:
        """Whether no view was ever made for a label."""
        return not self._all("SELECT 1 FROM label WHERE name = ?", (self._name(label),))

    def seen(self, label: str) -> None:
        """Remember that a view was made for a label, even if it is deleted later."""
        with self._writing():
            self._sql.execute("INSERT OR IGNORE INTO label VALUES (?)", (self._name(label),))

    def wait(self, waiting: Unreceipted) -> None:
        """Keep what is about to be sent, in place of what was sent under its subject before."""
        name, content = self._name(waiting.subject), waiting.content
        with self._writing():
            self._sql.execute("INSERT OR IGNORE INTO waiting VALUES (NULL, ?, x'')", (name,))
            number = self._one("SELECT number FROM waiting WHERE name = ?", (name,))
            kept = {"subject": waiting.subject, "bank": waiting.bank, "content": content.fields()}
            sealed = self._pending.seal(number, _json(kept))
            self._sql.execute("UPDATE waiting SET sealed = ? WHERE number = ?", (sealed, number))

    def waits(self) -> list[Unreceipted]:
        """What was sent and has no receipt yet. Raises CorruptError."""
        found = []
        for number, sealed in self._all("SELECT number, sealed FROM waiting ORDER BY number"):
            kept = self._read(self._pending, number, sealed)
            found.append(Unreceipted(kept["subject"], kept["bank"], Content(**kept["content"])))
        return found

    def forget(self, subject: str) -> None:
        """Wait no longer for what was refused."""
        with self._writing():
            self._sql.execute("DELETE FROM waiting WHERE name = ?", (self._name(subject),))

    def passed(self, scope: str) -> dict[int, int]:
        """The positions by moments that were kept last, if it was for that scope. Raises CorruptError."""
        rows = self._all("SELECT value FROM meta WHERE name = 'moments'")
        kept = self._read(self._passed, 0, rows[0][0]) if rows else {}
        return dict(kept["positions"]) if kept.get("scope") == scope else {}

    def keep_passed(self, scope: str, positions: Mapping[int, int]) -> None:
        """Keep positions by moments, in place of others."""
        with self._writing():
            # Read in here, so that of two threads the one that writes last has the newest.
            kept = {"scope": scope, "positions": list(positions.items())}
            sealed = self._passed.seal(0, _json(kept))
            self._sql.execute("INSERT OR REPLACE INTO meta VALUES ('moments', ?)", (sealed,))

    def _name(self, text: str) -> bytes:
        return self._names.name(text.encode("utf-8", "surrogatepass"))

    def _read(self, sealer: Sealer, number: int, sealed: bytes) -> Any:  # noqa: ANN401 - JSON
        return json.loads(sealer.unseal(number, sealed, self.path))

    def _all(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._turn:
            try:
                return list(self._sql.execute(query, values))
            except apsw.CorruptError as error:
                raise self._damaged() from error

    def _one(self, query: str, values: tuple[Any, ...] = ()) -> Any:  # noqa: ANN401 - what the column holds
        return self._all(query, values)[0][0]

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all that is done in the block, or nothing."""
        with self._turn:
            try:
                with self._sql:
                    yield
            except (apsw.FullError, apsw.IOError) as error:
                msg = f"cannot write {self.path}; check the disk"
                raise UnavailableError(msg) from error
            except apsw.CorruptError as error:
                raise self._damaged() from error

    def _damaged(self) -> CorruptError:
        return CorruptError(f"{self.path} is damaged, or is not a gateway's; move it away, or restore a copy")


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode("ascii")


def _bank(number: int, kept: Mapping[str, Any]) -> Bank:
    view = ViewFilter.parse(kept["view"])
    return Bank(number, kept["name"], BankKind(kept["kind"]), kept["ratio"], view, kept["enabled"])
