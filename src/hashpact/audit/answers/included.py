"""The proof that an entry is in the log, from a copy of it, beside a finding about the entry."""

from __future__ import annotations

from collections.abc import Iterator

from hashpact.domain.ports import Log
from hashpact.log import receipt
from hashpact.member.trusting.bundle import PROOF, ROOT, STATEMENT, BundlePart, encode
from hashpact.service.prove import Prover


def entry_bundle(log: Log, entry: int, position: int) -> bytes | None:
    """A bundle of the entry's statement and its proof, as `hashpact bundle verify` takes it.

    It has no private parts: the entry's fingerprints are those of somebody's upload, or near. The checkpoint
    is the first of at least ``position`` leaves; None if the entry is not below that, or there is none.
    """
    kept = next(log.checkpoints.since(position), None)
    if kept is None or not 0 <= entry < position:
        return None
    prover = Prover(log)
    _, path = prover.inclusion(entry, kept.size)
    (leaf,) = log.leaves(entry, entry + 1)
    proof = receipt.encode(entry, path, kept.note)
    return encode([*_roots(prover), BundlePart(STATEMENT, entry, leaf.data), BundlePart(PROOF, entry, proof)])


def _roots(prover: Prover) -> Iterator[BundlePart]:
    at = 0
    while found := prover.roots(at):
        yield from (BundlePart(ROOT, leaf.index, leaf.statement) for leaf in found)
        at = found[-1].index + 1
