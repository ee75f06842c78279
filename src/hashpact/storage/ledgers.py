"""Makes and opens the ledger of a home: the one place that chooses the database."""

from __future__ import annotations

from pathlib import Path

from hashpact.domain.ports import Log
from hashpact.storage.sqlite import SqliteLedger


def create_ledger(path: Path) -> Log:
    """A new, empty ledger in a new file. Raises ConfigError if it cannot be made."""
    return SqliteLedger.create(path)


def open_ledger(path: Path, *, check_head: bool = True, read_only: bool = False) -> Log:
    """The ledger in a file. Raises ConfigError, CorruptError.

    Without ``check_head`` a head that is not that of the last leaf is left for an audit to find. With
    ``read_only`` it opens on a full disk too, and refuses every write.
    """
    return SqliteLedger.open(path, check_head=check_head, read_only=read_only)
