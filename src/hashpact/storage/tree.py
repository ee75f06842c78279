"""The stored tree and the signed checkpoints of a ledger in SQLite: its `Tree` and its `Checkpoints`.

The tree needs no table of its own: each leaf is stored with the right edge of the tree that ends with it, and
an edge is made of the roots of perfect subtrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final, Protocol, TypeAlias

from hashpact.domain.state import Head, KeptCheckpoint
from hashpact.errors import CorruptError, NotFoundError
from hashpact.log import tree
from hashpact.storage.connection import Bindings, Row
from hashpact.storage.rows import HASH_SIZE, hashes

Read: TypeAlias = Callable[[str, Bindings], list[Row]]

_AT_ONCE: Final = 256


class Writer(Protocol):
    """A transaction that can keep a checkpoint."""

    def keep(self, checkpoint: KeptCheckpoint) -> None:
        """As `Checkpoints.keep`, once the transaction is committed."""
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
        # The edge before the subtree's last leaf holds all its left parts.
        found = self._read(
            "SELECT idx, hash, edge FROM leaves WHERE idx BETWEEN ? AND ? ORDER BY idx",
            (last - (level > 0), last),
        )
        if not found or found[-1][0] != last:
            raise self._missing(last)
        leaf: bytes = found[-1][1]
        if level == 0:
            return leaf
        if found[0][0] != last - 1:
            raise self._missing(last - 1)
        return tree.subtree(_edge(found[0][2], last), level, leaf)

    def edge(self, size: int) -> tuple[bytes, ...]:
        """The right edge of the tree of the first ``size`` leaves."""
        if size == 0:
            return ()
        found = self._read("SELECT edge FROM leaves WHERE idx = ?", (size - 1,))
        if not found:
            raise self._missing(size - 1)
        return _edge(found[0][0], size)

    def extent(self) -> int:
        """One more than the highest index at which a leaf is stored."""
        found = self._read("SELECT max(idx) FROM leaves", ())[0][0]
        return 0 if found is None else int(found) + 1

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


def _edge(blob: bytes, size: int) -> tuple[bytes, ...]:
    """The edge that is stored for a tree of that size. Raises CorruptError if it cannot be one."""
    if len(blob) != HASH_SIZE * size.bit_count():
        msg = f"the edge that is stored with leaf {size - 1} is not that of a tree of size {size}"
        raise CorruptError(msg, index=str(size - 1))
    return hashes(blob)


def _beyond(index: int) -> NotFoundError:
    return NotFoundError(f"the log has no leaf {index} yet", resource=f"leaves/{index}")
