"""Sign: checkpoints of the log, after checking that its committed bytes add up to them.

Before each signature the guard

1. re-derives every leaf since the last signed size from its bytes, and compares hash, edge and root;
2. makes sure that no leaf is stored past the head, and that the log is not shorter than what was signed;
3. verifies the consistency proof from the last checkpoint to the new one, as a reader would;
4. has the witnesses cosign, if there are any, and keeps the checkpoint durably.

Only then does it leave the guard. docs/decisions/signing.md explains why.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

from hashpact.domain import keys
from hashpact.domain.keys import Signer
from hashpact.domain.ports import Log
from hashpact.domain.state import Charter, Head, KeptCheckpoint, Leaf, Receipt
from hashpact.errors import (
    ConflictError,
    CorruptError,
    MalformedError,
    ProofError,
    QuorumError,
    UnavailableError,
)
from hashpact.log import checkpoint, cosignature, proofs, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness
from hashpact.log.policy import WitnessPolicy
from hashpact.service.integrity import EMPTY, Integrity, LogKeys, corrupt

_CHECKPOINTS: Final = 64
_NODES: Final = 4096
"""Remembered subtrees, of 32 bytes: those of a few hundred receipts."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """The key that signs the checkpoints of the log ``origin``.

    ``mldsa`` is its ML-DSA-44 key, if it has one, which signs beside it once a governing statement names it.
    """

    origin: str
    public: bytes
    signer: Signer = field(repr=False)
    mldsa: tuple[Witness, Signer] | None = field(default=None, repr=False)

    def sign(self, stated: Checkpoint, charter: Charter) -> bytes:
        """The checkpoint with the signatures of the log that the charter wants.

        Raises UnavailableError if it does not name these keys.
        """
        if self.public not in charter.log_keys:
            msg = "pki/log.key is not a key of the log; put the one there that the last root statement names"
            raise UnavailableError(msg)
        note = checkpoint.sign(stated, self.public, self.signer.sign)
        if not charter.log_mldsa_keys:
            return note
        if self.mldsa is None or self.mldsa[0] not in charter.log_mldsa_keys:
            msg = (
                "pki/log-mldsa.key is not an ML-DSA-44 key of the log; put the one there that the last root "
                "statement names"
            )
            raise UnavailableError(msg)
        key, signer = self.mldsa
        return note + cosignature.sign(stated.text(), key, cosignature.NO_TIME, signer.sign)


class Cosigners(Protocol):
    """The witnesses that a log asks before it shows a checkpoint."""

    def cosign(self, note: bytes, size: int, consistency: Callable[[int], tuple[bytes, ...]]) -> bytes:
        """The signed checkpoint with the cosignatures of enough witnesses.

        ``consistency(old)`` is the proof from a witness's last size, 0 < old <= size, to this one. Raises
        DeadlineError without a quorum; then the checkpoint is not kept, and a later one is asked for.
        Raises ConflictError if another process of this home had a larger one cosigned, CorruptError if a
        witness has cosigned more than the log holds.
        """
        ...


class SigningGuard:
    """Signs the checkpoints of a log, and makes receipts from them. Any thread may call it.

    Once it has found stored data changed, this object signs nothing more: every call that needs a signature
    raises the same CorruptError, which names the leaf.
    """

    def __init__(self, log: Log, key: LogKey, cosigners: Cosigners | None = None) -> None:
        self._log = log
        self._key = key
        self._cosigners = cosigners
        self._integrity = Integrity(log, key.origin, LogKeys(log))
        # Neither a kept checkpoint nor a subtree ever changes, and many receipts need the same ones.
        self._read = lru_cache(_CHECKPOINTS)(self._integrity.read)
        self._node = lru_cache(_NODES)(log.tree.node)
        self._lock = threading.Lock()
        self._last: tuple[KeptCheckpoint, Head] | None = None
        self._refusal: CorruptError | None = None

    def check_sound(self) -> None:
        """Raise the CorruptError that stopped signing, if there is one."""
        if self._refusal is not None:
            raise CorruptError(self._refusal.message, **self._refusal.details) from self._refusal

    def sign(self) -> KeptCheckpoint:
        """A kept checkpoint of at least the log's size now: the latest if it is large enough, else a new one.

        Raises CorruptError if stored data has changed, UnavailableError if the log's key is not
        in force, DeadlineError if too few witnesses answered, CommitFailedError.
        """
        with self._lock, self._refusing():
            self.check_sound()
            while True:
                # In this order: a checkpoint is kept after the leaves that it signs, and of the charters
                # before and after the head the key is in force in both, so at the head as well.
                before = self._charter()
                last, head = self._verified(), self._integrity.head()
                if last is not None and head.size <= last[1].size:
                    return self._same(last, head)
                try:
                    kept = self._signed(None if last is None else last[1], head, before)
                    self._log.checkpoints.keep(kept)
                except ConflictError:  # another process was quicker, or a root statement came in between
                    continue
                self._last = kept, head
                return kept

    def freshen(self) -> None:
        """Have the witnesses cosign the latest checkpoint again: it is still the newest.

        Does nothing without witnesses. Raises as `sign`.
        """
        with self._lock, self._refusing():
            self.check_sound()
            last = self._verified()
            if self._cosigners is None or last is None:
                return
            kept = last[0]
            stated = checkpoint.parse(kept.note).checkpoint
            with contextlib.suppress(ConflictError):  # another process has signed a larger one meanwhile
                note = self._cosigned(stated, self._in_force())
                self._log.checkpoints.freshen(KeptCheckpoint(kept.size, note))

    def covers(self, leaf: Leaf) -> bool:
        """Whether a kept checkpoint holds the leaf already."""
        latest = self._log.checkpoints.latest()
        return latest is not None and leaf.index < latest.size

    def receipt(self, leaf: Leaf) -> Receipt:
        """The receipt of a committed leaf: always the same, from the first kept checkpoint that holds it.

        Signs one if there is none yet, and then raises as `sign`.
        """
        kept = next(self._log.checkpoints.since(leaf.index + 1), None)
        if kept is None:
            self.sign()
            kept = next(self._log.checkpoints.since(leaf.index + 1))
        with self._refusing():
            signed = self._read(kept)
            proof = proofs.inclusion(leaf.index, kept.size, self._node)
            try:
                proofs.verify_inclusion(leaf.hash, leaf.index, kept.size, proof, signed.root)
            except ProofError as error:
                raise self._located(error) from error
            return Receipt(leaf.index, leaf.hash, kept.size, signed.root, proof, kept.note)

    def _verified(self) -> tuple[KeptCheckpoint, Head] | None:
        """The latest kept checkpoint and the head that it signs, remembered once it has been seen."""
        latest = self._log.checkpoints.latest()
        if self._last is not None:
            known, _ = self._last
            if latest == known:
                return self._last
            if latest is None or latest.size <= known.size:
                raise corrupt(known.size - 1, f"the checkpoint of size {known.size} is not kept any more")
        self._last = None if latest is None else (latest, self._integrity.signed(latest))
        return self._last

    def _same(self, last: tuple[KeptCheckpoint, Head], head: Head) -> KeptCheckpoint:
        """The last checkpoint, if the log is still the one that it signs."""
        kept, signed = last
        if head.size < signed.size:
            msg = f"the log has {head.size} leaves, fewer than its signed checkpoint of size {signed.size}"
            raise corrupt(head.size, msg)
        if head.edge != signed.edge:
            raise corrupt(head.size - 1, f"the head's edge is not that of leaf {head.size - 1}")
        return kept

    def _signed(self, last: Head | None, head: Head, before: Charter | None) -> KeptCheckpoint:
        """A new checkpoint of ``head``, signed and cosigned, not kept yet.

        Raises ConflictError if a root statement came after ``before``, the charter from before the head.
        """
        folded = self._integrity.fold(last or EMPTY, head.size)
        if folded.edge != head.edge:
            raise corrupt(head.size - 1, f"the head's edge is not that of leaf {head.size - 1}")
        root = tree.root(folded.edge)
        if last is not None:
            proof = self._consistency(last.size, head.size)
            try:
                proofs.verify_consistency(last.size, tree.root(last.edge), head.size, root, proof)
            except ProofError as error:
                raise self._located(error) from error
        charter = self._in_force()
        if before is None or before.root_version != charter.root_version:
            msg = "a root statement has changed the log's keys"
            raise ConflictError(msg)
        new = Checkpoint(self._key.origin, head.size, root)
        return KeptCheckpoint(head.size, self._cosigned(new, charter))

    def _cosigned(self, new: Checkpoint, charter: Charter) -> bytes:
        """The checkpoint with the log's signatures and those of its witnesses.

        Raises UnavailableError if they are fewer than the charter wants or more than a note has room for, and
        as `LogKey.sign` and `Cosigners.cosign`.
        """
        note = self._key.sign(new, charter)
        if self._cosigners is not None:
            note = self._cosigners.cosign(note, new.size, lambda old: self._consistency(old, new.size))
        wanted = WitnessPolicy.threshold(charter.witnesses, charter.witness_quorum)
        try:
            wanted.cosigned(checkpoint.parse(note).note, keys.verify)
        except MalformedError as error:
            msg = f"hashpact.toml has more witnesses than a checkpoint has room for: {error}"
            raise UnavailableError(msg) from error
        except QuorumError as error:
            msg = (
                f"the last root statement wants {charter.witness_quorum} of the log's witnesses, and "
                f"hashpact.toml does not reach as many of them: {error}"
            )
            raise UnavailableError(msg) from error
        return note

    def _consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        return proofs.consistency(old, new, self._log.tree.node)

    def _in_force(self) -> Charter:
        """The charter. Raises UnavailableError if the log has none."""
        charter = self._charter()
        if charter is None:
            msg = "the log has no genesis statement, so no key of it can sign"
            raise UnavailableError(msg)
        return charter

    def _charter(self) -> Charter | None:
        with self._log.snapshot() as view:
            return view.charter()

    def _located(self, error: ProofError) -> CorruptError:
        """The error for a tree whose own proof fails; it names the leaf if a full check finds it."""
        try:
            self._integrity.check()
        except CorruptError as found:
            return found
        return CorruptError(f"a proof made from the stored tree does not verify: {error}")

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        """Remember a CorruptError of the block, for `check_sound`."""
        try:
            yield
        except CorruptError as error:
            self._refusal = self._refusal or error
            raise
