"""Integrity: compares what a log has stored with its leaves' bytes and its signed checkpoints.

Every difference raises CorruptError, whose ``details["index"]`` is the first leaf that has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hashpact.domain.keys import verify
from hashpact.domain.ports import Log
from hashpact.domain.state import Charter, Head, KeptCheckpoint, Leaf, Witness
from hashpact.errors import BadSignatureError, CorruptError, MalformedError, NotFoundError
from hashpact.log import checkpoint, tree
from hashpact.log.checkpoint import Checkpoint

EMPTY = Head(0, ())


def nothing(size: int) -> None:
    """No-op progress callback."""


class LogKeys:
    """The keys that the log has had, read again whenever a root statement has changed them."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: tuple[int, tuple[Charter, ...]] = (0, ())

    def __call__(self) -> tuple[bytes, ...]:
        """Every Ed25519 key, those in force first."""
        return tuple(dict.fromkeys(key for one in reversed(self._charters()) for key in one.log_keys))

    def mldsa(self, size: int) -> tuple[Witness, ...]:
        """The ML-DSA-44 keys in force for a tree of that size; none if it needs no such signature."""
        before = [one.log_mldsa_keys for one in self._charters() if one.since < size]
        return before[-1] if before else ()

    def _charters(self) -> tuple[Charter, ...]:
        """The charters; of those since the last root statement perhaps not the newest, which has its keys."""
        known = self._known  # in one piece: several threads ask
        with self._log.snapshot() as view:
            charter = view.charter()
            if charter is not None and charter.root_version != known[0]:
                self._known = known = (charter.root_version, tuple(view.charters()))
        return known[1]


@dataclass(frozen=True, slots=True)
class Integrity:
    """Compares a log with itself. ``keys`` are the public keys that have ever signed its checkpoints."""

    log: Log
    origin: str
    keys: LogKeys

    def head(self) -> Head:
        """The committed head. Raises CorruptError if a leaf is stored beyond it."""
        extent = self.log.tree.extent()
        head = self.log.head()
        if extent > head.size:
            raise corrupt(head.size, f"leaf {head.size} is stored, but the head counts {head.size} leaves")
        return head

    def fold(self, head: Head, stop: int, passed: Callable[[Head], None] | None = None) -> Head:
        """The head at ``stop``, from the bytes of the leaves since ``head``, compared with what is stored.

        ``passed`` is called with the head after each leaf.
        """
        for leaf in self.log.leaves(head.size, stop):
            head = _after(head, leaf)
            if passed is not None:
                passed(head)
        if head.size != stop:
            raise corrupt(head.size, f"leaf {head.size} is missing")
        return head

    def read(self, kept: KeptCheckpoint) -> Checkpoint:
        """The checkpoint in a stored note, whose signature and size are checked."""
        try:
            signed = checkpoint.parse(kept.note)
            checkpoint.verify(signed, self.origin, self.keys(), verify, self.keys.mldsa(kept.size))
        except (MalformedError, BadSignatureError) as error:
            raise corrupt(
                kept.size - 1, f"the stored checkpoint of size {kept.size} is not the log's: {error}"
            ) from error
        if signed.checkpoint.size != kept.size:
            raise corrupt(kept.size - 1, f"the checkpoint stored for size {kept.size} is of another size")
        return signed.checkpoint

    def signed(self, kept: KeptCheckpoint) -> Head:
        """The head that a stored checkpoint signs.

        The right edge is as stored, and leads to the signed root. If it does not, the checkpoints before are
        searched for the first that differs as well: the changed leaf is between it and the one before.
        """
        root = self.read(kept).root
        try:
            edge = self._edge(kept)
            if tree.root(edge) != root:
                raise _misfit(kept.size - 1, kept)
        except CorruptError:
            self._search()
            raise  # pragma: no cover  # the search finds this one at the latest
        return Head(kept.size, edge)

    def check(self, progress: Callable[[int], None] = nothing) -> Head:
        """The head, after every leaf from 0 and every kept checkpoint has been compared."""
        waiting = self.log.checkpoints.since(0)
        pending = next(waiting, None)
        end = self.log.head()
        fits = 0

        def passed(head: Head) -> None:
            nonlocal pending, fits
            if pending is not None and pending.size == head.size:
                if self.read(pending).root != tree.root(head.edge):
                    raise _misfit(fits, pending)
                fits, pending = pending.size, next(waiting, None)
            progress(head.size)

        folded = self.fold(EMPTY, end.size, passed)
        if pending is not None:
            raise _short(end.size, pending)
        self.head()
        if folded.edge != end.edge:
            raise corrupt(end.size - 1, f"the head's edge is not that of leaf {end.size - 1}")
        return folded

    def _search(self) -> None:
        fits = 0
        for kept in self.log.checkpoints.since(0):
            if self.read(kept).root != tree.root(self._edge(kept)):
                raise _misfit(fits, kept)
            fits = kept.size

    def _edge(self, kept: KeptCheckpoint) -> tuple[bytes, ...]:
        try:
            return self.log.tree.edge(kept.size)
        except NotFoundError as error:
            raise _short(self.log.head().size, kept) from error


def corrupt(index: int, message: str) -> CorruptError:
    """The error that names the first leaf at which a log has changed."""
    return CorruptError(message, index=str(index))


def _after(head: Head, leaf: Leaf) -> Head:
    """The head after a leaf, if all that is stored with the leaf follows from its bytes."""
    if leaf.index != head.size:
        raise corrupt(head.size, f"leaf {head.size} is missing")
    hash_ = tree.leaf_hash(leaf.data)
    nodes = tree.completed(head.size, head.edge, hash_)
    for name, stored, derived in (("hash is", leaf.hash, hash_), ("nodes are", leaf.nodes, nodes)):
        if stored != derived:
            raise corrupt(leaf.index, f"the {name} not that of the bytes of leaf {leaf.index}")
    return head.after(leaf)


def _misfit(start: int, kept: KeptCheckpoint) -> CorruptError:
    last = kept.size - 1
    which = f"leaf {last} is" if start == last else f"one of the leaves {start} to {last} is"
    return corrupt(start, f"{which} not the one that the signed checkpoint of size {kept.size} commits to")


def _short(size: int, kept: KeptCheckpoint) -> CorruptError:
    return corrupt(size, f"the log has {size} leaves, fewer than its signed checkpoint of size {kept.size}")
