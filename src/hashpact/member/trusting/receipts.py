"""Kept receipts: files, each beside its statement, that are verified without a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashpact.domain import statements
from hashpact.domain.fingerprints import commitment
from hashpact.domain.pinned import from_file
from hashpact.domain.state import Receipt
from hashpact.domain.statements import MAX_LEAF, Statement
from hashpact.durable import read_bytes
from hashpact.errors import MalformedError, ProofError
from hashpact.member.trusting.bundle import PRIVATE, PROOF, ROOT, STATEMENT, BundlePart
from hashpact.member.trusting.roots import LogHistory

_MAX_FILE: Final = 64 * 1024
"""Bytes of a receipt: 63 hashes at most, and a checkpoint of some lines."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A statement that its receipt proves to be in the log.

    ``key_replaced`` if a later root statement has given the log other keys than those of the receipt's tree.
    ``private`` are the private parts that it commits to, as far as they were there.
    """

    statement: Statement
    receipt: Receipt
    key_replaced: bool
    private: tuple[bytes, ...] = ()


def verify(receipt: Path, statement: Path, log: LogHistory) -> Proved:
    """Verify the receipt in one file for the statement in another.

    Raises ConfigError if a file cannot be read, MalformedError, and ProofError if it proves nothing.
    """
    leaf = read_bytes(statement, MAX_LEAF)
    return proved(leaf, read_bytes(receipt, _MAX_FILE), (), log)


def proved(leaf: bytes, receipt: bytes, private: tuple[bytes, ...], log: LogHistory) -> Proved:
    """What a receipt proves of a statement, and the statement of its private parts, if there are any.

    Raises MalformedError, and ProofError if it proves nothing or a private part is another.
    """
    given = from_file(receipt, leaf)
    log.check_receipt(leaf, given)
    said = statements.parse(leaf).statement
    if private and tuple(map(commitment, private)) != said.body.commitments():
        msg = f"the private parts of leaf {given.index} are not what it commits to"
        raise ProofError(msg)
    return Proved(said, given, log.at(given.tree_size).keys != log.now.keys, private)


def bundled(parts: Sequence[BundlePart], log: LogHistory) -> Iterator[Proved]:
    """What the statements and roots of a bundle prove, one after another.

    Raises MalformedError if a statement has no proof, or a proof no statement, and as `proved`.
    """
    waiting = list(reversed(parts))
    while waiting:
        part = waiting.pop()
        if part.kind not in {ROOT, STATEMENT}:
            msg = f"a part {part.kind} of leaf {part.index}, which does not follow its statement"
            raise MalformedError(msg, field="bundle")
        receipt = _next(waiting, PROOF, part.index)
        if receipt is None and part.kind == STATEMENT:
            msg = f"the statement of leaf {part.index} has no tlog-proof after it"
            raise MalformedError(msg, field="bundle")
        private: list[bytes] = []
        while part.kind == STATEMENT and (item := _next(waiting, PRIVATE, part.index)) is not None:
            private.append(item)
        if receipt is not None:
            found = proved(part.data, receipt, tuple(private), log)
            if found.receipt.index != part.index:
                msg = f"the tlog-proof of leaf {part.index} is of leaf {found.receipt.index}"
                raise ProofError(msg)
            yield found


def _next(waiting: list[BundlePart], kind: str, index: int) -> bytes | None:
    """The next part, if it is of that kind and leaf."""
    if waiting and (waiting[-1].kind, waiting[-1].index) == (kind, index):
        return waiting.pop().data
    return None
