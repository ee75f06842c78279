"""A pinned log, and the checks by which a member verifies checkpoints and receipts against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hashpact.domain import keys
from hashpact.domain.state import Receipt
from hashpact.errors import BadSignatureError, LogKeyError, MalformedError, ProofError
from hashpact.log import checkpoint, note, proofs, receipt, tree
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint


@dataclass(frozen=True, slots=True)
class PinnedLog:
    """A log's origin and checkpoint keys, which a reader has learned from a trusted source."""

    origin: str
    keys: tuple[bytes, ...]

    def read(self, data: bytes) -> Checkpoint:
        """The checkpoint in a signed note. Raises as `open`."""
        return self.open(data).checkpoint

    def open(self, data: bytes) -> SignedCheckpoint:
        """The checkpoint in a signed note, with the note.

        Raises ProofError unless it is the one spelling of a checkpoint of this log, and LogKeyError if only a
        signature of one of the log's keys is missing.
        """
        try:
            signed = checkpoint.parse(data)
        except MalformedError as error:
            msg = f"not a checkpoint: {error}"
            raise ProofError(msg) from error
        try:
            checkpoint.verify(signed, self.origin, self.keys, keys.verify)
        except BadSignatureError as error:
            named = (note.signatures(signed.note, self.origin, public) for public in self.keys)
            if signed.checkpoint.origin != self.origin or any(named):
                raise ProofError(error.message) from error
            msg = f"{error}: not one that is pinned"
            raise LogKeyError(msg) from error
        return signed

    def check_receipt(self, statement: bytes, given: Receipt) -> None:
        """Raise ProofError unless the receipt is of these very bytes, in a tree that the log has signed.

        Without the comparison of the bytes, a server could answer with the receipt of another statement
        (CVE-2026-22703).
        """
        if given.leaf_hash != tree.leaf_hash(statement):
            msg = "the receipt is for another statement than the one that was sent"
            raise ProofError(msg)
        signed = self.read(given.checkpoint)
        if (signed.size, signed.root) != (given.tree_size, given.root):
            msg = "the receipt names another tree than its checkpoint"
            raise ProofError(msg)
        proofs.verify_inclusion(given.leaf_hash, given.index, signed.size, given.proof, signed.root)


def check_extends(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> None:
    """Raise ProofError unless the proof shows that the log of ``new`` begins with the log of ``old``."""
    if old.origin != new.origin:
        msg = f"a checkpoint of {old.origin!r} and one of {new.origin!r}"
        raise ProofError(msg)
    proofs.verify_consistency(old.size, old.root, new.size, new.root, proof)


def to_file(given: Receipt) -> bytes:
    """The receipt as a C2SP tlog-proof, which needs only the statement and the log's public key beside it."""
    return receipt.encode(given.index, given.proof, given.checkpoint)


def from_file(data: bytes, statement: bytes) -> Receipt:
    """The receipt in a tlog-proof of that statement, not checked yet. Raises MalformedError."""
    logged = receipt.parse(data)
    signed = logged.signed
    return Receipt(
        logged.index,
        tree.leaf_hash(statement),
        signed.checkpoint.size,
        signed.checkpoint.root,
        logged.proof,
        signed.data,
    )
