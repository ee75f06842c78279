"""The tree of a ledger in SQLite, its signed checkpoints, and the register of saved indexes.

The tree needs no table of its own: each leaf is stored with the roots of the perfect subtrees that end with
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final, Protocol, TypeAlias

from hashpact.domain.state import Head, KeptCheckpoint
from hashpact.errors import CorruptError, NotFoundError
from hashpact.storage.connection import Bindings, Row
from hashpact.storage.rows import HASH_SIZE

Read: TypeAlias = Callable[[str, Bindings], list[Row]]

_AT_ONCE: Final = 256
_KEPT: Final = 2
"""The newest, and the one before, whose manifest is still there if the process ends before it is replaced."""
_ENDS: Final = "SELECT idx, hash, nodes FROM leaves WHERE idx IN ({})"
"""The leaves that end subtrees."""


class Writer(Protocol):
    """A transaction that can keep a checkpoint."""

    def freshen(self, checkpoint: KeptCheckpoint) -> None:
        """Stage the latest with other cosignatures."""
        ...

    def keep(self, checkpoint: KeptCheckpoint) -> None:
        """As `Checkpoints.keep`, once the transaction is committed."""
        ...


class Stager(Protocol):
    """A transaction that can stage a statement of SQL."""

    def stage(self, sql: str, bindings: Bindings) -> None:
        """Run it, to be committed with the transaction. Raises CommitFailedError."""
        ...


class SqliteTree:
    """The tree as it is stored. ``read`` runs a query, ``head`` returns the committed head."""

    def __init__(self, read: Read, head: Callable[[], Head]) -> None:
        self._read = read
        self._head = head

    def node(self, level: int, number: int) -> bytes:
        """The root of the perfect subtree of 2^level leaves that starts at number * 2^level."""
        last = ((number + 1) << level) - 1
        if number < 0:
            raise _beyond(last)
        found = self._read(_ENDS.format("?"), (last,))
        if not found:
            raise self._missing(last)
        return _ended(found[0], level)

    def edge(self, size: int) -> tuple[bytes, ...]:
        """The right edge of the tree of the first ``size`` leaves."""
        try:
            return stored_edge(self._read, size)
        except NotFoundError as error:
            raise self._missing(size - 1) from error

    def extent(self) -> int:
        """One more than the highest index at which a leaf, or private parts of one, are stored."""
        columns = ("idx", "leaves"), ("leaf", "private"), ("leaf", "confidential")
        found = [self._read(f"SELECT max({index}) FROM {table}", ())[0][0] for index, table in columns]
        return max((int(index) + 1 for index in found if index is not None), default=0)

    def _missing(self, index: int) -> CorruptError | NotFoundError:
        if 0 <= index < self._head().size:
            return CorruptError(f"leaf {index} is missing", index=str(index))
        return _beyond(index)


class SqliteCheckpoints:
    """The checkpoints in their table. ``begin`` opens the ledger's one write transaction."""

    def __init__(self, read: Read, begin: Callable[[], AbstractContextManager[Writer]]) -> None:
        self._read = read
        self._begin = begin

    def keep(self, checkpoint: KeptCheckpoint) -> None:
        """Keep one more, durably. Raises ConflictError, CorruptError, CommitFailedError."""
        with self._begin() as transaction:
            transaction.keep(checkpoint)

    def latest(self) -> KeptCheckpoint | None:
        """The largest that is kept."""
        found = self._read("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1", ())
        return KeptCheckpoint(*found[0]) if found else None

    def freshen(self, checkpoint: KeptCheckpoint) -> None:
        """Keep the latest with other cosignatures, durably. Raises ConflictError, CommitFailedError."""
        with self._begin() as transaction:
            transaction.freshen(checkpoint)

    def newest(self) -> KeptCheckpoint | None:
        """The latest, with the cosignatures that it got last."""
        sql = (
            "SELECT size, ifnull(freshened.note, checkpoints.note) FROM checkpoints "
            "LEFT JOIN freshened USING (size) ORDER BY size DESC LIMIT 1"
        )
        found = self._read(sql, ())
        return KeptCheckpoint(*found[0]) if found else None

    def since(self, size: int) -> Iterator[KeptCheckpoint]:
        """Those of at least that size, read in batches; no lock is held between them."""
        last = self.latest()
        stop = 0 if last is None else last.size
        at_once = 1  # most callers read only the first
        while size <= stop:
            sql = "SELECT size, note FROM checkpoints WHERE size BETWEEN ? AND ? ORDER BY size LIMIT ?"
            chunk = self._read(sql, (size, stop, at_once))
            yield from (KeptCheckpoint(*row) for row in chunk)
            size = chunk[-1][0] + 1 if chunk else stop + 1
            at_once = _AT_ONCE


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


def stored_edge(read: Read, size: int) -> tuple[bytes, ...]:
    """The right edge of the tree of the first ``size`` leaves, as it is stored.

    Each of its subtrees ends with another leaf. Raises NotFoundError if there is no leaf ``size - 1``,
    CorruptError for another that is missing, and for one that is stored with too few nodes.
    """
    levels = [level for level in range(size.bit_length()) if size >> level & 1]
    lasts = [(size >> level << level) - 1 for level in levels]
    found = {row[0]: row for row in read(_ENDS.format(", ".join("?" * len(lasts))), lasts)} if lasts else {}
    for last in lasts:
        if last not in found:
            raise (
                _beyond(last)
                if last == size - 1
                else CorruptError(f"leaf {last} is missing", index=str(last))
            )
    edge = [_ended(found[last], level) for level, last in zip(levels, lasts, strict=True)]
    return tuple(reversed(edge))


def _ended(row: Row, level: int) -> bytes:
    """The root of the subtree of 2^level leaves that ends with the leaf of a row of `_ENDS`."""
    index, hash_, nodes = row
    ends = (index ^ (index + 1)).bit_length() - 1
    if len(nodes) != ends * HASH_SIZE:
        msg = f"leaf {index} ends {ends} subtrees, and {len(nodes)} bytes of their roots are stored with it"
        raise CorruptError(msg, index=str(index))
    root: bytes = nodes[(level - 1) * HASH_SIZE : level * HASH_SIZE] if level else hash_
    return root


def _beyond(index: int) -> NotFoundError:
    return NotFoundError(f"the log has no leaf {index} yet", resource=f"leaves/{index}")
