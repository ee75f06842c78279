"""The held log: the public leaves that a mirror stores, their tree, and the checkpoint that it has cosigned.

It is a ledger of its own beside the copy. Leaves come into it before their checkpoint is published, so the
fold cannot have judged them yet; and what is in it is for everybody: no private part, no state.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from hashpact.domain.ports import Log
from hashpact.domain.state import KeptCheckpoint, Leaf
from hashpact.errors import ConflictError, ForkError, ProofError
from hashpact.log import mirroring, proofs, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.mirroring import Package


class MirroredLog:
    """The leaves from 0 on that are durable in a ledger. Any thread may call it."""

    def __init__(self, ledger: Log) -> None:
        self.ledger = ledger
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """The number of leaves: the index of the first that is missing."""
        return self.ledger.head().size

    @property
    def cosigned(self) -> KeptCheckpoint | None:
        """The mirror checkpoint: the newest that was cosigned, with its cosignature."""
        return self.ledger.checkpoints.newest()

    def add(self, package: Package, target: Checkpoint) -> None:
        """Store the leaves of a package that are missing, once it is proved that they are the target's.

        Raises ProofError if they are not, and ConflictError if leaves before them are missing; then nothing
        is stored. Raises CommitFailedError.
        """
        first, stop = mirroring.bounds(package.start, target.size)
        if package.start > self.size:
            msg = f"leaves from {self.size} on are missing before leaf {package.start}"
            raise ConflictError(msg, size=str(target.size))
        edge: tuple[bytes, ...] = ()
        hashes = [self.ledger.tree.node(0, index) for index in range(first, package.start)]
        for place, hashed in enumerate([*hashes, *map(tree.leaf_hash, package.leaves)]):
            edge = tree.extend(place, edge, hashed)
        proofs.verify_subtree(first, stop, tree.root(edge), target.size, target.root, package.proof)
        with self._lock:
            missing = max(self.size - package.start, 0)
            self.store(package.leaves[missing:])

    def extend(self, copy: Log, count: int) -> bool:
        """Store at most ``count`` more leaves of a copy, whose tree is verified; False if it has no more.

        Raises ForkError if what is stored is not how the copy begins.
        """
        with self._lock:
            size, held = self.size, copy.head().size
            shared = min(size, held)
            if tree.root(copy.tree.edge(shared)) != tree.root(self.ledger.tree.edge(shared)):
                msg = f"of the {shared} leaves that were uploaded, some are not those of the copy"
                raise ForkError(msg, topic="fork")
            self.store(leaf.data for leaf in copy.leaves(size, min(held, size + count)))
            return self.size < held

    def check(self, stated: Checkpoint) -> None:
        """Raise ProofError unless the stored leaves begin with the tree of a checkpoint."""
        if self.size < stated.size or tree.root(self.ledger.tree.edge(stated.size)) != stated.root:
            msg = f"what is stored is not the tree of {stated.size} leaves of this checkpoint"
            raise ProofError(msg)

    def keep(self, kept: KeptCheckpoint) -> None:
        """Make a cosigned checkpoint the mirror checkpoint. Raises ConflictError if there is a larger one."""
        with self._lock:
            latest = self.ledger.checkpoints.latest()
            if latest is None or latest.size < kept.size:
                self.ledger.checkpoints.keep(kept)
            else:
                self.ledger.checkpoints.freshen(kept)

    def store(self, leaves: Iterable[bytes]) -> None:
        """Store more leaves, whatever they are, in one transaction. Raises CommitFailedError."""
        head = self.ledger.head()
        size, edge = head.size, head.edge
        with self.ledger.begin() as transaction:
            for data in leaves:
                hashed = tree.leaf_hash(data)
                nodes = tree.completed(size, edge, hashed)
                edge = (*edge[: len(edge) - len(nodes)], (hashed, *nodes)[-1])
                # Of no member: what a leaf says has no effect here.
                transaction.append(Leaf(size, data, hashed, nodes, "", size.to_bytes(16), 0), (), ())
                size += 1
