"""Extending: takes checkpoints of known logs, each only if it extends the one before.

Rules of `Extender.take`, in this order, from C2SP tlog-witness (https://c2sp.org/tlog-witness):

1. The request is the one spelling of a request; its origin is known; a key of that log signed the checkpoint.
2. The old size is at most the checkpoint's, and is the size that was taken last (0 before the first).
3. The same size has the same root, and the consistency proof verifies; from size 0 there is none.
4. What was taken last is replaced, at once and durably, only if it is still what rule 2 compared.

A request that breaks rule 3, or has a second root for the size that was taken last, is kept as evidence
against the log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from hashpact.domain import keys
from hashpact.domain.ports import Cosigned
from hashpact.domain.state import Evidence, KeptCheckpoint
from hashpact.errors import ConflictError, InvalidInputError, NotFoundError, ProofError
from hashpact.log import checkpoint, proofs, witnessing
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.log.tree import EMPTY_ROOT
from hashpact.log.witnessing import AddCheckpoint

KeysOf: TypeAlias = Callable[[SignedCheckpoint], tuple[bytes, ...] | None]
"""The public keys that the checkpoint's log has for trees of its size; None if the log is not known."""


@dataclass(frozen=True, slots=True)
class Extender:
    """Takes checkpoints of the logs that ``keys_of`` knows. Any thread may call it."""

    keys_of: KeysOf
    cosigned: Cosigned

    def take(self, body: bytes) -> SignedCheckpoint:
        """The checkpoint in a request, once it is the newest of its log.

        Raises MalformedError, InvalidInputError if the old size is larger than the checkpoint's,
        NotFoundError for a log that is not known, BadSignatureError if none of its keys signed, ProofError
        if the proof does not verify; ConflictError with the ``size`` that was taken last if it is not the
        old one, and ``evidence`` if it has another root; UnavailableError or CorruptError from the storage.
        """
        request = witnessing.parse(body)
        stated = request.signed.checkpoint
        publics = self.keys_of(request.signed)
        if publics is None:
            msg = "this witness does not know the log"
            raise NotFoundError(msg, resource=f"logs/{stated.origin}")
        checkpoint.verify(request.signed, stated.origin, publics, keys.verify)
        if request.old > stated.size:
            msg = f"the old size {request.old} is larger than the checkpoint's {stated.size}"
            raise InvalidInputError(msg, field="old")
        last = self.cosigned.latest(stated.origin)
        if last is None:
            self._check(request, Checkpoint(stated.origin, 0, EMPTY_ROOT), b"", body)
        else:
            self._check(request, checkpoint.parse(last.note).checkpoint, last.note, body)
        if last is None or last.size < stated.size:
            self.cosigned.advance(stated.origin, last, KeptCheckpoint(stated.size, request.signed.data))
        return request.signed

    def _check(self, request: AddCheckpoint, known: Checkpoint, taken: bytes, body: bytes) -> None:
        """Rules 2 and 3, against what was taken last."""
        stated = request.signed.checkpoint
        if stated.size == known.size and stated.root != known.root:
            self._keep(request, taken, body, certain=True)
            msg = f"another root was cosigned for size {known.size}; this is kept as evidence"
            raise ConflictError(msg, size=str(known.size), evidence="kept")
        if request.old != known.size:
            msg = f"size {known.size} was cosigned last, not {request.old}"
            raise ConflictError(msg, size=str(known.size))
        if known.size == 0:
            _check_empty(request.proof)
            return
        try:
            proofs.verify_consistency(known.size, known.root, stated.size, stated.root, request.proof)
        except ProofError:
            self._keep(request, taken, body, certain=False)
            raise

    def _keep(self, request: AddCheckpoint, taken: bytes, body: bytes, *, certain: bool) -> None:
        evidence = Evidence(request.signed.note.text, taken, body, certain)
        self.cosigned.keep_evidence(request.signed.checkpoint.origin, evidence)


def _check_empty(proof: tuple[bytes, ...]) -> None:
    if proof:
        msg = "nothing is proven from size 0, so the proof is empty"
        raise ProofError(msg)
