"""Witness: cosigns checkpoints of known logs, each only if it extends the one before.

Rules of `Cosigner.add`, in this order, from C2SP tlog-witness (https://c2sp.org/tlog-witness):

1. The request is the one spelling of a request; its origin is known; a key of that log signed the checkpoint.
2. The old size is at most the checkpoint's, and is the size that was cosigned last (0 before the first).
3. The same size has the same root, and the consistency proof verifies; from size 0 there is none.
4. What was cosigned last is replaced, at once and durably, only if it is still what rule 2 compared.

Only then is the checkpoint signed. A request that breaks rule 3, or has a second root for the size that was
cosigned last, is kept as evidence against the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hashpact.domain import keys
from hashpact.domain.keys import Signer
from hashpact.domain.ports import Clock, Cosigned
from hashpact.domain.state import Evidence, KeptCheckpoint
from hashpact.errors import ConflictError, InvalidInputError, NotFoundError, ProofError
from hashpact.log import checkpoint, cosignature, proofs, witnessing
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness
from hashpact.log.tree import EMPTY_ROOT
from hashpact.log.witnessing import AddCheckpoint


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness. ``logs`` are the public keys of each log by its origin. Any thread may call it.

    ``also`` is another key by which it cosigns, with what signs.
    """

    witness: Witness
    signer: Signer = field(repr=False)
    logs: Mapping[str, tuple[bytes, ...]]
    cosigned: Cosigned
    clock: Clock
    also: tuple[Witness, Signer] | None = field(default=None, repr=False)

    def add(self, body: bytes) -> bytes:
        """The cosignature lines for the checkpoint in a request, one for each key.

        Raises MalformedError, InvalidInputError if the old size is larger than the checkpoint's,
        NotFoundError for a log that is not known, BadSignatureError if none of its keys signed, ProofError
        if the proof does not verify; ConflictError with the ``size`` that was cosigned last if it is not the
        old one, and ``evidence`` if it has another root; UnavailableError or CorruptError from the storage.
        """
        request = witnessing.parse(body)
        stated = request.signed.checkpoint
        publics = self.logs.get(stated.origin)
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
        pairs = [(self.witness, self.signer), *([] if self.also is None else [self.also])]
        text, time = request.signed.note.text, self.clock()
        return b"".join(cosignature.sign(text, named, time, signer.sign) for named, signer in pairs)

    def _check(self, request: AddCheckpoint, known: Checkpoint, cosigned: bytes, body: bytes) -> None:
        """Rules 2 and 3, against what was cosigned last."""
        stated = request.signed.checkpoint
        if stated.size == known.size and stated.root != known.root:
            self._keep(request, cosigned, body, certain=True)
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
            self._keep(request, cosigned, body, certain=False)
            raise

    def _keep(self, request: AddCheckpoint, cosigned: bytes, body: bytes, *, certain: bool) -> None:
        evidence = Evidence(request.signed.note.text, cosigned, body, certain)
        self.cosigned.keep_evidence(request.signed.checkpoint.origin, evidence)


def _check_empty(proof: tuple[bytes, ...]) -> None:
    if proof:
        msg = "nothing is proven from size 0, so the proof is empty"
        raise ProofError(msg)
