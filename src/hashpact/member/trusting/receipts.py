"""Kept receipts: files, each beside its statement, that are verified without a server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashpact.domain import statements
from hashpact.domain.pinned import from_file
from hashpact.domain.state import Receipt
from hashpact.domain.statements import MAX_LEAF, Statement
from hashpact.durable import read_bytes
from hashpact.member.trusting.roots import LogHistory

_MAX_FILE: Final = 64 * 1024
"""Bytes of a receipt: 63 hashes at most, and a checkpoint of some lines."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A statement that its receipt proves to be in the log.

    ``key_replaced`` if a later root statement has given the log other keys than those of the receipt's tree.
    """

    statement: Statement
    receipt: Receipt
    key_replaced: bool


def verify(receipt: Path, statement: Path, log: LogHistory) -> Proved:
    """Verify the receipt in one file for the statement in another.

    Raises ConfigError if a file cannot be read, MalformedError, and ProofError if it proves nothing.
    """
    leaf = read_bytes(statement, MAX_LEAF)
    given = from_file(read_bytes(receipt, _MAX_FILE), leaf)
    log.check_receipt(leaf, given)
    replaced = log.at(given.tree_size) != log.now
    return Proved(statements.parse(leaf).statement, given, replaced)
