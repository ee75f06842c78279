"""Roots: the statements that name a log's administrators and keys, verified from the genesis on.

A reader that pins the genesis statement needs nothing else: it names the first administrators, and each
root statement after it is signed by a threshold of those before it and of those that it names.
"""

from __future__ import annotations

import hashlib

from hashpact.domain.kinds import Genesis, Root
from hashpact.domain.messages import LeafDetail
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.rules.replay import Replay
from hashpact.domain.state import Charter
from hashpact.errors import ProofError
from hashpact.log import proofs, tree
from hashpact.log.checkpoint import Checkpoint


class RootChain:
    """The genesis statement and every root statement after it, each verified as it is added.

    ``known`` is the log with the keys that were pinned until now, and ``genesis`` the SHA-256 of its leaf 0.
    """

    def __init__(self, known: PinnedLog, genesis: bytes) -> None:
        self._known = known
        self._genesis = genesis
        self._replay = Replay()
        self.leaves: list[LeafDetail] = []

    def add(self, leaf: LeafDetail) -> None:
        """Add the next one. Raises ProofError if it is not the pinned genesis, or not the next root."""
        digest = hashlib.sha256(leaf.statement).digest()
        if not self.leaves and (leaf.index, digest) != (0, self._genesis):
            msg = "the log's leaf 0 is not the genesis that is pinned: it is another log"
            raise ProofError(msg)
        statement = self._replay.apply(leaf.statement)
        for fault in self._replay.faults:
            msg = f"leaf {leaf.index} is not the next root statement of the log: {fault.error}"
            raise ProofError(msg) from fault.error
        if statement is None or not isinstance(statement.body, Genesis | Root):
            msg = f"leaf {leaf.index} is no root statement"
            raise ProofError(msg)
        self.leaves.append(leaf)

    def pinned(self) -> PinnedLog:
        """The log with the keys that the last statement names.

        Raises ProofError if no statement names the keys that were pinned: the list then ends too early, and
        such an answer would roll back a key replacement.
        """
        charters = self._replay.state.charters()
        if not any(set(charter.log_keys) == set(self._known.keys) for charter in charters):
            msg = "the log's root statements do not name the keys by which it was known: some are held back"
            raise ProofError(msg)
        return PinnedLog(self._known.origin, charters[-1].log_keys)

    def charter(self) -> Charter:
        """The offices as the last statement names them, without the policy. Raises ProofError as `pinned`."""
        self.pinned()
        return self._replay.state.charters()[-1]

    def keys(self) -> tuple[bytes, ...]:
        """Every key that the log has had, the newest first; the earlier ones verify old receipts."""
        charters = self._replay.state.charters()
        return tuple(dict.fromkeys(key for charter in reversed(charters) for key in charter.log_keys))

    def data(self) -> bytes:
        """A file of these statements, one after another."""
        return b"".join(leaf.statement for leaf in self.leaves)


def check_included(leaf: LeafDetail, signed: Checkpoint, proof: tuple[bytes, ...]) -> None:
    """Raise ProofError unless the proof shows that the leaf is in the tree of that checkpoint."""
    proofs.verify_inclusion(tree.leaf_hash(leaf.statement), leaf.index, signed.size, proof, signed.root)
