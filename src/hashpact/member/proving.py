"""Proving to others: the steps of comparing checkpoints, and of making bundles of statements with proofs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from hashpact.domain.messages import EntryDetail
from hashpact.domain.statements import MAX_LEAF
from hashpact.durable import read_bytes
from hashpact.log import receipt
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.member.checking.steps import Local, Steps
from hashpact.member.operations import Operations
from hashpact.member.paths import ProfilePaths
from hashpact.member.trusting import bundle
from hashpact.member.trusting.bundle import PRIVATE, PROOF, ROOT, STATEMENT, BundlePart
from hashpact.member.trusting.receipts import bundled
from hashpact.member.trusting.roots import LogHistory, RootChain
from hashpact.wire.client import calls

_MAX_FILE: Final = 64 * 1024
"""Bytes of a receipt's file."""


def compare(
    operations: Operations, one: bytes, other: bytes
) -> Steps[tuple[SignedCheckpoint, SignedCheckpoint]]:
    """The steps of showing that two signed checkpoints are of one history; gives the smaller one first.

    Raises ProofError if one is not the log's, QuorumError if it lacks witnesses, and ForkError if the log
    does not show that the larger tree begins with the smaller.
    """
    chain = yield from operations.roots()
    log = _history(operations, chain)
    smaller, larger = sorted(map(log.signed, (one, other)), key=lambda each: each.checkpoint.size)
    yield from operations.memory.extends(smaller, larger)
    return smaller, larger


def make_bundle(operations: Operations, indexes: Iterable[int], *, private: bool) -> Steps[bytes]:
    """The steps of making a bundle of these leaves, with the root statements of the log; it is verified.

    A leaf whose receipt the profile keeps is any statement; another one has to be an entry, which the server
    is asked for. Raises NotFoundError for others, and as `trusting.receipts.bundled`.
    """
    chain = yield from operations.roots()
    signed = yield from operations.believed(operations.newest)
    parts: list[BundlePart] = []
    for leaf in chain.leaves:
        proof = yield from _proof(leaf.index, signed)
        parts += [BundlePart(ROOT, leaf.index, leaf.statement), BundlePart(PROOF, leaf.index, proof)]
    for index in indexes:
        parts += yield from _leaf(operations, index, signed, private=private)
    list(bundled(parts, _history(operations, chain)))
    return bundle.encode(parts)


def _history(operations: Operations, chain: RootChain) -> LogHistory:
    """The log as its root statements have it, with what the profile demands besides."""
    demands = operations.profile.demands
    return chain.history() if demands is None else chain.history().demanding(demands)


def _leaf(
    operations: Operations, index: int, signed: SignedCheckpoint, *, private: bool
) -> Steps[list[BundlePart]]:
    """The parts of one leaf, as they are kept in the profile or else as the server has them."""
    kept: tuple[bytes, bytes] | None = yield Local(partial(_kept, operations.profile.directory, index))
    if kept is not None and not private:
        statement, proof = kept
        return [BundlePart(STATEMENT, index, statement), BundlePart(PROOF, index, proof)]
    detail: EntryDetail = yield calls.entry(index)
    proof = (yield from _proof(index, signed)) if kept is None else kept[1]
    return [
        BundlePart(STATEMENT, index, detail.statement),
        BundlePart(PROOF, index, proof),
        *(BundlePart(PRIVATE, index, part) for part in detail.private if private),
    ]


def _kept(directory: Path | None, index: int) -> tuple[bytes, bytes] | None:
    """The statement and the tlog-proof of a leaf in the profile; None if they are not both there."""
    if directory is None:
        return None
    receipts = ProfilePaths(directory).receipts
    files = receipts / f"{index}.statement", receipts / f"{index}.tlog-proof"
    if not all(file.exists() for file in files):
        return None
    return read_bytes(files[0], MAX_LEAF), read_bytes(files[1], _MAX_FILE)


def _proof(index: int, signed: SignedCheckpoint) -> Steps[bytes]:
    """The tlog-proof of a leaf in the tree of a checkpoint, as the server gives it."""
    _, proof = yield calls.inclusion(index, signed.checkpoint.size)
    return receipt.encode(index, proof, signed.data)
