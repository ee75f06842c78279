"""Sharing what an import has staged: signed entries for new rows, withdrawals for those that are gone.

Each row is applied by itself and noted in the ledger when its receipt is there. A statement is kept in the
profile before it is sent (`member.pending`), so that after an interruption the same bytes are sent again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, Protocol

from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.state import Receipt
from hashpact.errors import AlreadySharedError, ConflictError, NotFoundError
from hashpact.lists.blocks import ROWS, Kept
from hashpact.lists.staging import PUT
from hashpact.lists.table import RowTable

_REPLACED: Final = "replaced"
_DELETED: Final = "source-deleted"


class Sharer(Protocol):
    """What makes entries and takes them back: a client, with the terms that the operator chose."""

    def submit(
        self, fingerprints: Iterable[Fingerprint], labels: Iterable[str], removed: int | None
    ) -> Receipt:
        """Share fingerprints of one content. Raises AlreadySharedError, which names the entry."""

    def withdraw(self, entry: int, reason: str) -> Receipt:
        """Take back an entry. Raises ConflictError if it does not stand."""


def share(table: RowTable, source: str, sharer: Sharer) -> Iterator[int]:
    """Apply the stage of a ledger; yields how many rows are done.

    Raises what the sharer raises; the rows that are done are noted, so that the next run goes on from there.
    """
    block = lru_cache(2)(lambda number: table.block(number).rows())
    query = "SELECT name, does, digest, place, updated FROM stage WHERE does <> 3 ORDER BY turn"
    rows: list[tuple[Any, ...]] = table.sql.execute(query).fetchall()
    for done, (name, does, digest, place, updated) in enumerate(rows, 1):
        _take_back(table, name, sharer, _REPLACED if does == PUT else _DELETED)
        if does == PUT:
            row: Kept = block(place // ROWS)[place % ROWS]
            entry = _entry(sharer, row)
            table.sql.execute(
                "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?)", (name, source, digest, entry, updated)
            )
        yield done
    with table.writing():
        for name in ("stage", "block", "dead"):
            table.sql.execute(f"DELETE FROM {name}")


def _take_back(table: RowTable, name: bytes, sharer: Sharer, reason: str) -> None:
    """Withdraw the entry of a row, unless another row of the list is the same entry."""
    entry = table.one("SELECT place FROM row WHERE name = ? AND place >= 0", (name,))
    if entry is not None:
        if table.one("SELECT count(*) FROM row WHERE place = ?", (entry,)) == 1:
            with contextlib.suppress(ConflictError, NotFoundError):  # it was withdrawn before
                sharer.withdraw(entry, reason)
        table.sql.execute("UPDATE row SET place = -1 - place WHERE name = ?", (name,))


def _entry(sharer: Sharer, row: Kept) -> int:
    try:
        return sharer.submit(row.fingerprints, row.labels, row.removed or None).index
    except AlreadySharedError as error:
        return int(error.details["entry"])
