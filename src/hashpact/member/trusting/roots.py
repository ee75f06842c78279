"""Roots: the statements that name a log's administrators, keys and witnesses, verified from the genesis on.

A reader that pins the genesis statement needs nothing else: it names the first administrators, and each
root statement after it is signed by a threshold of those before it and of those that it names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from hashpact.domain.kinds import Genesis, Root
from hashpact.domain.messages import LeafDetail
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.rules.replay import Replay
from hashpact.domain.state import Charter, Receipt
from hashpact.errors import MalformedError, ProofError
from hashpact.log import checkpoint, proofs, tree
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.log.policy import WitnessPolicy
from hashpact.member.trusting import bundle
from hashpact.member.trusting.bundle import ROOT, BundlePart


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
        if self.leaves and leaf.index <= self.leaves[-1].index:
            msg = f"leaf {leaf.index} is no later root statement than leaf {self.leaves[-1].index}"
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
        """The log with the keys and witnesses that the last statement names.

        Raises ProofError if no statement names the keys that were pinned, or the list ends before the
        statement that did: such an answer would roll back a key replacement.
        """
        charters = self._replay.state.charters()
        known = self._known
        named = any(set(charter.log_keys) == set(known.keys) for charter in charters)
        if not named or known.since > self.leaves[-1].index:
            msg = "the log's root statements do not name the keys by which it was known: some are held back"
            raise ProofError(msg)
        return replace(self.history().now, origin=known.origin)

    def history(self) -> LogHistory:
        """The log as each statement has it."""
        charters = self._replay.state.charters()
        logs = (
            PinnedLog.governed(charter, leaf.index)
            for charter, leaf in zip(charters, self.leaves, strict=True)
        )
        return LogHistory(tuple(logs))

    def charter(self) -> Charter:
        """The offices as the last statement names them, without the policy. Raises ProofError as `pinned`."""
        self.pinned()
        return self._replay.state.charters()[-1]

    def charter_at(self, index: int) -> Charter:
        """The offices by which the statement at that index is judged; those of the genesis for leaf 0."""
        charters = self._replay.state.charters()
        before = [charter for charter, leaf in zip(charters, self.leaves, strict=True) if leaf.index < index]
        return before[-1] if before else charters[0]

    def data(self) -> bytes:
        """A file of these statements: a bundle of roots."""
        return bundle.encode(BundlePart(ROOT, leaf.index, leaf.statement) for leaf in self.leaves)


@dataclass(frozen=True, slots=True)
class LogHistory:
    """A log as each of its root statements has it, the earliest first; at least one.

    The keys and witnesses of a statement are believed for the trees that have it, up to the next one: what a
    key signs that was stolen after it had been replaced is believed for no tree which the log did not have.
    """

    logs: tuple[PinnedLog, ...]

    @classmethod
    def of(cls, roots: Iterable[BundlePart], known: PinnedLog, genesis: bytes) -> Self:
        """The history that the roots of a bundle give. Raises ProofError as `RootChain.add`."""
        chain = RootChain(known, genesis)
        for part in roots:
            chain.add(LeafDetail(part.index, part.data))
        chain.pinned()
        return cls(chain.history().logs)

    @classmethod
    def from_genesis(cls, roots: Iterable[BundlePart], genesis: bytes) -> Self:
        """As `of`, for who knows nothing of the log but the SHA-256 of its leaf 0. Raises ProofError too."""
        chain = RootChain(PinnedLog("", ()), genesis)
        for part in roots:
            chain.add(LeafDetail(part.index, part.data))
        if not chain.leaves:
            msg = "the file has no root statements, so nothing in it tells what keys the log has"
            raise ProofError(msg)
        return cls(chain.history().logs)

    @property
    def now(self) -> PinnedLog:
        """The log as its last statement has it."""
        return self.logs[-1]

    def at(self, size: int) -> PinnedLog:
        """The log as it was when it had so many leaves."""
        return next((log for log in reversed(self.logs) if log.since < size), self.logs[0])

    def signed(self, data: bytes) -> SignedCheckpoint:
        """As `PinnedLog.open`, by the keys and witnesses of the checkpoint's tree."""
        try:
            size = checkpoint.parse(data).checkpoint.size
        except MalformedError as error:
            msg = f"not a checkpoint: {error}"
            raise ProofError(msg) from error
        return self.at(size).open(data)

    def check_receipt(self, statement: bytes, given: Receipt) -> None:
        """As `PinnedLog.check_receipt`, by the keys and witnesses of the receipt's tree."""
        self.at(given.tree_size).check_receipt(statement, given)

    def demanding(self, policy: WitnessPolicy) -> Self:
        """The same, with the witnesses that a policy wants besides, whatever the tree."""
        return replace(self, logs=tuple(replace(log, policies=(*log.policies, policy)) for log in self.logs))


def check_included(leaf: LeafDetail, signed: Checkpoint, proof: tuple[bytes, ...]) -> None:
    """Raise ProofError unless the proof shows that the leaf is in the tree of that checkpoint."""
    proofs.verify_inclusion(tree.leaf_hash(leaf.statement), leaf.index, signed.size, proof, signed.root)
