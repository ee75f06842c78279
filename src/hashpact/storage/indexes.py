"""The register of saved indexes in a ledger's database: its `SavedIndexes`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from hashpact.storage.connection import Bindings
from hashpact.storage.tree import Read

_KEPT: Final = 2
"""The newest, and the one before, whose manifest is still there if the process ends before it is replaced."""


class Stager(Protocol):
    """A transaction that can stage a statement of SQL."""

    def stage(self, sql: str, bindings: Bindings) -> None:
        """Run it, to be committed with the transaction. Raises CommitFailedError."""
        ...


class SqliteIndexes:
    """The digests in their table. ``begin`` opens the ledger's one write transaction."""

    def __init__(self, read: Read, begin: Callable[[], AbstractContextManager[Stager]]) -> None:
        self._read = read
        self._begin = begin

    def keep(self, digest: bytes) -> None:
        """Register one more, durably, and forget all but the last two."""
        with self._begin() as transaction:
            transaction.stage("INSERT INTO indexes (digest) VALUES (?)", (digest,))
            forgotten = "DELETE FROM indexes WHERE number <= (SELECT max(number) FROM indexes) - ?"
            transaction.stage(forgotten, (_KEPT,))

    def known(self) -> tuple[bytes, ...]:
        """Those that are registered, the oldest first."""
        return tuple(digest for (digest,) in self._read("SELECT digest FROM indexes ORDER BY number", ()))
