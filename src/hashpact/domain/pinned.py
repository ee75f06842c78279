"""A pinned log, and the checks by which a member verifies checkpoints and receipts against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from hashpact.domain import keys
from hashpact.domain.state import Charter, Receipt
from hashpact.errors import (
    BadSignatureError,
    LogKeyError,
    MalformedError,
    MissingSignatureError,
    ProofError,
    QuorumError,
)
from hashpact.log import checkpoint, cosignature, note, proofs, receipt, tree
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.log.cosignature import Witness
from hashpact.log.policy import WitnessPolicy, strictest

MAX_AGE: Final = 24 * 3600
"""Seconds within which witnesses have to have cosigned the newest checkpoint, unless others are asked for."""


@dataclass(frozen=True, slots=True)
class PinnedLog:
    """A log's origin, checkpoint keys and witnesses, which a reader has learned from a trusted source.

    ``since`` is the index of the statement that names the keys: they sign trees that have it, and no others.
    Each of the ``policies`` wants its quorum of witnesses to have cosigned. ``attestation_keys`` attest
    answers to checks. If there are ``mldsa_keys``, one of them must have signed beside one of ``keys``.
    """

    origin: str
    keys: tuple[bytes, ...]
    since: int = 0
    policies: tuple[WitnessPolicy, ...] = ()
    attestation_keys: tuple[bytes, ...] = ()
    mldsa_keys: tuple[Witness, ...] = ()

    @classmethod
    def governed(cls, charter: Charter, since: int) -> Self:
        """The log as the statement at index ``since`` has it, which made that charter."""
        policy = WitnessPolicy.threshold(charter.witnesses, charter.witness_quorum)
        policies = (policy,) if charter.witnesses else ()
        attesting, mldsa = charter.attestation_keys, charter.log_mldsa_keys
        return cls(charter.origin, charter.log_keys, since, policies, attesting, mldsa)

    def read(self, data: bytes) -> Checkpoint:
        """The checkpoint in a signed note. Raises as `open`."""
        return self.open(data).checkpoint

    def open(self, data: bytes) -> SignedCheckpoint:
        """The checkpoint in a signed note, with the note.

        Raises ProofError unless it is the one spelling of a checkpoint of this log, LogKeyError if only a
        signature of one of the log's keys is missing, and QuorumError if only cosignatures are.
        """
        try:
            signed = checkpoint.parse(data)
        except MalformedError as error:
            msg = f"not a checkpoint: {error}"
            raise ProofError(msg) from error
        try:
            checkpoint.verify(signed, self.origin, self.keys, keys.verify, self.mldsa_keys)
        except MissingSignatureError as error:
            msg = f"{error}: not one that is pinned"
            raise LogKeyError(msg) from error
        except BadSignatureError as error:
            raise ProofError(error.message) from error
        if 0 < signed.checkpoint.size <= self.since:
            msg = f"a tree of {signed.checkpoint.size} leaves by a key for those of more than {self.since}"
            raise ProofError(msg)
        for policy in self.policies:
            self._check_known(signed, policy)
        self.vouched(signed)
        return signed

    def vouched(self, signed: SignedCheckpoint) -> int | None:
        """The time up to which its witnesses vouch for a checkpoint; None if none are wanted.

        Raises QuorumError if they do not.
        """
        return strictest(self.policies, signed.note, keys.verify)

    def check_fresh(self, signed: SignedCheckpoint, now: int, max_age: int) -> None:
        """Raise QuorumError if its witnesses have not vouched for it in the last ``max_age`` seconds.

        A time that is further ahead than that says nothing of now: such a checkpoint would stay fresh for as
        long as a witness's clock was wrong. If no witnesses are wanted, nothing says how old it is, and it
        passes.
        """
        vouched = self.vouched(signed)
        if vouched is not None and vouched > now + max_age:
            msg = (
                f"witnesses cosigned the newest checkpoint {vouched - now} s ahead of this machine's clock: "
                "one of the clocks is wrong"
            )
            raise QuorumError(msg, cosigned=str(vouched))
        if vouched is not None and vouched < now - max_age:
            msg = (
                f"witnesses cosigned the newest checkpoint {(now - vouched) // 3600} hours ago; the limit is "
                f"{max_age // 3600}: the server holds newer ones back, or it does not reach its witnesses"
            )
            raise QuorumError(msg, cosigned=str(vouched))

    def _check_known(self, signed: SignedCheckpoint, policy: WitnessPolicy) -> None:
        """Raise LogKeyError unless a log of the policy signed it, if the policy names any."""
        if not policy.logs:
            return
        known = [
            Witness(one.origin, one.public, one.kind) for one in policy.logs if one.origin == self.origin
        ]
        try:
            signs = any(_has_signed(signed, one) for one in known)
        except BadSignatureError as error:
            raise ProofError(error.message) from error
        if not signs:
            msg = "no log of the witness policy signed the checkpoint"
            raise LogKeyError(msg)

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


def _has_signed(signed: SignedCheckpoint, key: Witness) -> bool:
    """Whether that key of a log signed the checkpoint. Raises BadSignatureError if its line is forged."""
    if key.kind == note.ED25519:
        return note.verify(signed.note, key.name, key.public, keys.verify)
    return cosignature.verify(signed.note, key, keys.verify) is not None


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
