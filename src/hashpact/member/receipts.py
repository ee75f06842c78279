"""Kept receipts: files, each beside its statement, that are verified without a server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hashpact.domain import statements
from hashpact.domain.messages import LeafDetail
from hashpact.domain.pinned import PinnedLog, from_file
from hashpact.domain.state import Receipt
from hashpact.domain.statements import MAX_LEAF, Statement
from hashpact.durable import read_bytes
from hashpact.errors import LogKeyError
from hashpact.governance import drafts
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import config_of
from hashpact.member.roots import RootChain

_MAX_FILE: Final = 64 * 1024
"""Bytes of a receipt: 63 hashes at most, and a checkpoint of some lines."""


@dataclass(frozen=True, slots=True)
class LogHistory:
    """The pinned log, and the same with its earlier keys too, for old receipts."""

    now: PinnedLog
    before: PinnedLog

    @classmethod
    def by_profile(cls, directory: Path) -> LogHistory:
        """The history of a profile's log.

        Raises ConfigError; MalformedError and ProofError if its root statements were altered.
        """
        paths = ProfilePaths(directory.expanduser())
        config = config_of(paths)
        log = PinnedLog(config.origin, config.log_key)
        if not paths.roots.exists():
            return cls(log, log)
        chain = RootChain(log, config.genesis)
        for place, root in enumerate(drafts.parse(read_bytes(paths.roots, drafts.MAX_FILE))):
            chain.add(LeafDetail(place, root.data))
        return cls(chain.pinned(), replace(log, keys=chain.keys()))


@dataclass(frozen=True, slots=True)
class Proved:
    """A statement that its receipt proves to be in the log; ``key_replaced`` if that log key was replaced."""

    statement: Statement
    receipt: Receipt
    key_replaced: bool


def verify(receipt: Path, statement: Path, log: LogHistory) -> Proved:
    """Verify the receipt in one file for the statement in another.

    Raises ConfigError if a file cannot be read, MalformedError, and ProofError if it proves nothing.
    """
    leaf = read_bytes(statement, MAX_LEAF)
    given = from_file(read_bytes(receipt, _MAX_FILE), leaf)
    replaced = False
    try:
        log.now.check_receipt(leaf, given)
    except LogKeyError:
        log.before.check_receipt(leaf, given)
        replaced = True
    return Proved(statements.parse(leaf).statement, given, replaced)
