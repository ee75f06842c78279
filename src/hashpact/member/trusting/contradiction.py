"""Contradictions: two signed checkpoints of a log, and what shows that it has two histories.

Two roots of one size prove it by themselves. For two sizes the log itself gives the proof: the root that its
larger tree has at the smaller size, and the consistency proof from there to the root which it has signed.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from hashpact.domain.pinned import check_extends
from hashpact.durable import write_public
from hashpact.errors import (
    CorruptError,
    HashpactError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    ProofError,
)
from hashpact.log import checkpoint, proofs
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.log.lines import hash_bytes, hash_line
from hashpact.member.checking.steps import Steps
from hashpact.member.trusting import bundle
from hashpact.member.trusting.bundle import CHECKPOINT, CONSISTENCY, BundlePart
from hashpact.member.trusting.roots import LogHistory
from hashpact.wire.client import calls

_MAX_NODES: Final = 64


class Meaning(enum.Enum):
    """What evidence shows of a log."""

    FORK = "fork"
    """The log has signed two trees of which neither begins with the other: nobody else can have made this."""
    UNPROVED = "unproved"
    """Both checkpoints are the log's, and it has not shown that one extends the other. Somebody who asks it
    for that proof gets an honest log cleared."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two checkpoints of one log, the smaller first.

    ``root`` is what the larger tree has at the size of the smaller, and ``proof`` leads from there to the
    larger root; None and empty if the log has not said.
    """

    smaller: SignedCheckpoint
    larger: SignedCheckpoint
    root: bytes | None = None
    proof: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, parts: Iterable[BundlePart]) -> Self:
        """The evidence in the parts of a bundle. Raises MalformedError."""
        found = [checkpoint.parse(part.data) for part in parts if part.kind == CHECKPOINT]
        if len(found) != 2:  # noqa: PLR2004 - two histories
            msg = f"evidence has two checkpoints, and this file has {len(found)}"
            raise MalformedError(msg, field="evidence")
        smaller, larger = sorted(found, key=lambda one: one.checkpoint.size)
        hashes: list[bytes] = []
        for part in parts:
            if part.kind == CONSISTENCY:
                lines = part.data.split(b"\n")[:-1]
                if not 0 < len(lines) <= _MAX_NODES:
                    msg = f"consistency: want a root and at most {_MAX_NODES - 1} hashes, each in a line"
                    raise MalformedError(msg, field="evidence")
                hashes = [hash_bytes(line, "consistency", number) for number, line in enumerate(lines, 1)]
        return cls(smaller, larger, hashes[0] if hashes else None, tuple(hashes[1:]))

    def parts(self) -> tuple[BundlePart, ...]:
        """The parts of a bundle that has it."""
        size = self.smaller.checkpoint.size
        shown = (
            BundlePart(CHECKPOINT, size, self.smaller.data),
            BundlePart(CHECKPOINT, self.larger.checkpoint.size, self.larger.data),
        )
        if self.root is None:
            return shown
        hashes = b"".join(map(hash_line, (self.root, *self.proof)))
        return *shown, BundlePart(CONSISTENCY, size, hashes)

    @property
    def sort(self) -> str:
        """``fork`` if it convicts the log, ``unproved`` if others have to ask the log for a proof."""
        alone = self.smaller.checkpoint.size == self.larger.checkpoint.size or self.root is not None
        return "fork" if alone else "unproved"

    def keep(self, directory: Path, roots: Iterable[BundlePart]) -> Path:
        """Write it with the log's root statements into a directory, under a name that follows from it.

        Raises ConfigError and OSError.
        """
        data = bundle.encode([*roots, *self.parts()])
        sizes = f"{self.smaller.checkpoint.size}-{self.larger.checkpoint.size}"
        path = directory / f"{self.sort}-{sizes}-{hashlib.sha256(data).hexdigest()[:8]}.bundle"
        directory.mkdir(mode=0o700, exist_ok=True)
        write_public(path, data, replace=True)
        return path

    def verify(self, log: LogHistory) -> Meaning:
        """What it shows of that log.

        Raises ProofError if a checkpoint is not the log's, or if the two agree: then it shows nothing.
        """
        old, new = (log.signed(one.data).checkpoint for one in (self.smaller, self.larger))
        if old.size == new.size:
            if old.root == new.root:
                msg = f"both are checkpoints of one tree of {old.size} leaves: they agree"
                raise ProofError(msg)
            return Meaning.FORK
        if self.root is None:
            return Meaning.UNPROVED
        proofs.verify_consistency(old.size, self.root, new.size, new.root, self.proof)
        if self.root == old.root:
            msg = f"the tree of {new.size} leaves begins with that of {old.size}: they agree"
            raise ProofError(msg)
        return Meaning.FORK


def contradicting(smaller: SignedCheckpoint, larger: SignedCheckpoint) -> Steps[Contradiction | None]:
    """The steps of having the log prove that one tree begins with another; what shows that it does not."""
    old, new = smaller.checkpoint, larger.checkpoint
    shown = Contradiction(smaller, larger)
    if old.size == new.size:
        return None if old.root == new.root else shown
    proof: tuple[bytes, ...] = ()
    try:
        proof = yield calls.consistency(old.size, new.size)
        check_extends(old, new, proof)
    except (CorruptError, InvalidInputError, NotFoundError):
        with contextlib.suppress(HashpactError):
            leaf_hash, path = yield calls.inclusion(0, old.size)
            root = proofs.inclusion_root(leaf_hash, 0, old.size, path)
            proofs.verify_consistency(old.size, root, new.size, new.root, proof)
            shown = replace(shown, root=root, proof=proof)
        return shown
    return None
