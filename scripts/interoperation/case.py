"""One small log as a directory of files, for implementations by others to verify; it runs in our environment.

It has a statement of every kind (`speaking.py`). Its second root statement names two witnesses, both wanted.

checkpoint  tile/...            what a log serves
bundle                          the root statements and one statement of each kind, proved
evidence.bundle                 a fork, with the proof of it
receipts/<index>.tlog-proof     with leaves/<index>, the bytes that each proves
consistency/<old>-<new>         base64 hashes, one a line; roots/<size> are the roots
checkpoints/<size>  fork        what witnesses are asked to cosign, and what they must not
log.key  witness.key            the verifier keys of the log and of its witness in Ed25519
lattice.key                     that of its witness in ML-DSA-44
signers                         the verifier keys of who signs statements, one a line
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from interoperation.speaking import SpokenLog, spoken

from hashpact.demo.quarter.cast import ORIGIN
from hashpact.domain import statements
from hashpact.domain.kinds import KINDS, Body
from hashpact.errors import ProofError
from hashpact.log import checkpoint, cosignature, note, proofs, receipt, tiles, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness
from hashpact.log.lines import hash_line
from hashpact.member.trusting import bundle
from hashpact.member.trusting.bundle import BundlePart
from hashpact.member.trusting.contradiction import Contradiction, Meaning
from hashpact.member.trusting.receipts import bundled
from hashpact.member.trusting.roots import LogHistory

NORTH: Final = "witness.example/north"
LATTICE: Final = "witness.example/lattice"
SIZE: Final = 66_000
"""Leaves: enough for full and partial tiles of three levels."""
INDEXES: Final = (0, 1, 255, 256, 12_345, 65_535, 65_536, SIZE - 1)
SIZES: Final = (1, 2, 255, 256, 257, 4_095, 65_536, SIZE)
FORKED: Final = 65_536
"""The size at which the log of the evidence has signed another tree."""
BRINGING: Final = {name for name, kind in KINDS.items() if kind.brings is not Body.brings}
"""The kinds of statements that bring keys into the log."""


@dataclass
class Levels:
    """Every perfect subtree of a log, level by level."""

    hashes: list[list[bytes]]

    @classmethod
    def of(cls, leaves: list[bytes]) -> Levels:
        """The subtrees over these leaves."""
        levels = [[tree.leaf_hash(leaf) for leaf in leaves]]
        while len(levels[-1]) > 1:
            pairs = zip(levels[-1][::2], levels[-1][1::2], strict=False)
            levels.append([tree.node_hash(left, right) for left, right in pairs])
        return cls(levels)

    def node(self, level: int, number: int) -> bytes:
        """What the builders of proofs ask for."""
        return self.hashes[level][number]

    def root(self, size: int) -> bytes:
        """The root of the first leaves."""
        edge = [
            self.node(level, (size >> level) - 1) for level in range(size.bit_length()) if size >> level & 1
        ]
        return tree.root(tuple(reversed(edge)))


@dataclass(frozen=True)
class Hands:
    """Who signs a checkpoint: the log, and at that time its witnesses."""

    log: Ed25519PrivateKey
    witnesses: tuple[tuple[Witness, note.Sign], ...]
    time: int

    def signed(self, stated: Checkpoint) -> bytes:
        """The checkpoint with the log's signature."""
        return checkpoint.sign(stated, self.log.public_key().public_bytes_raw(), self.log.sign)

    def cosigned(self, stated: Checkpoint) -> bytes:
        """The checkpoint with all signatures."""
        lines = [cosignature.sign(stated.text(), who, self.time, sign) for who, sign in self.witnesses]
        return self.signed(stated) + b"".join(lines)


def write(directory: Path) -> dict[str, int]:
    """Write the case into a new directory; returns the index of the first statement of each kind."""
    now = int(time.time())
    north, lattice = Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate()
    cosigners = (
        (Witness(NORTH, north.public_key().public_bytes_raw()), north.sign),
        (Witness(LATTICE, lattice.public_key().public_bytes_raw(), cosignature.MLDSA44), lattice.sign),
    )
    log = spoken(directory / "home", now, [witness for witness, _ in cosigners], SIZE)
    hands = Hands(log.key, cosigners, now)
    levels = Levels.of(log.leaves)
    stated = Checkpoint(ORIGIN, SIZE, levels.root(SIZE))
    signed = hands.cosigned(stated)
    fork = Checkpoint(ORIGIN, SIZE, tree.leaf_hash(b"fork"))

    def put(path: str, data: bytes) -> None:
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    put("checkpoint", signed)
    put("fork", hands.signed(fork))
    for tile in tiles.tiles(SIZE):
        put(tile.path, tiles.hashes(tile, levels.node))
    for tile in tiles.entries(SIZE):
        start = tile.number * tiles.WIDTH
        put(tile.path, tiles.encode_entries(log.leaves[start : start + tile.width]))
    for index in INDEXES:
        put(f"receipts/{index}.tlog-proof", _receipt(index, levels, signed))
        put(f"leaves/{index}", log.leaves[index])
    for new in SIZES:
        put(f"roots/{new}", levels.root(new))
        put(f"checkpoints/{new}", hands.signed(Checkpoint(ORIGIN, new, levels.root(new))))
        for old in SIZES[: SIZES.index(new) + 1]:
            nodes = proofs.consistency(old, new, levels.node)
            put(f"consistency/{old}-{new}", b"".join(map(hash_line, nodes)))
    parts = tuple(_proved(log, levels, signed))
    evidence = _evidence(hands, levels, signed)
    _check(parts, evidence, log.leaves[0])
    put("bundle", bundle.encode(parts))
    put("evidence.bundle", bundle.encode(evidence.parts()))
    put("log.key", note.verifier_key(ORIGIN, log.key.public_key().public_bytes_raw()).encode())
    for name, (witness, _) in zip(("witness", "lattice"), cosigners, strict=True):
        put(f"{name}.key", witness.key.encode())
    put("signers", "".join(f"{key}\n" for key in dict.fromkeys(_signers(log))).encode())
    return log.first


def _receipt(index: int, levels: Levels, signed: bytes) -> bytes:
    return receipt.encode(index, proofs.inclusion(index, SIZE, levels.node), signed)


def _proved(log: SpokenLog, levels: Levels, signed: bytes) -> Iterator[BundlePart]:
    """The root statements, then a statement of each other kind, with their proofs and private parts."""
    roots = (log.first["genesis"], log.first["root"])
    for index in (*roots, *sorted(set(log.first.values()) - set(roots))):
        yield BundlePart(bundle.ROOT if index in roots else bundle.STATEMENT, index, log.leaves[index])
        yield BundlePart(bundle.PROOF, index, _receipt(index, levels, signed))
        for part in log.private.get(index, ()):
            yield BundlePart(bundle.PRIVATE, index, part)


def _evidence(hands: Hands, levels: Levels, signed: bytes) -> Contradiction:
    """A smaller tree that the log has signed too, and that the tree of the checkpoint does not begin with."""
    forked = Checkpoint(ORIGIN, FORKED, tree.leaf_hash(b"fork"))
    smaller, larger = (checkpoint.parse(each) for each in (hands.cosigned(forked), signed))
    nodes = proofs.consistency(FORKED, SIZE, levels.node)
    return Contradiction(smaller, larger, levels.root(FORKED), nodes)


def _check(parts: tuple[BundlePart, ...], evidence: Contradiction, genesis: bytes) -> None:
    """Raise ProofError unless our own readers accept what others are given."""
    roots = [part for part in parts if part.kind == bundle.ROOT]
    history = LogHistory.from_genesis(roots, hashlib.sha256(genesis).digest())
    proved = sum(1 for _ in bundled(parts, history))
    if (proved, evidence.verify(history)) != (len(KINDS), Meaning.FORK):
        msg = f"{proved} statements are proved, of {len(KINDS)} kinds"
        raise ProofError(msg)


def _signers(log: SpokenLog) -> Iterator[str]:
    """The verifier keys that statements bring into the log."""
    for leaf in log.leaves:
        if statements.kind_of(leaf) in BRINGING:
            said = statements.parse(leaf).statement
            for member, key in said.body.brings(said.member):
                yield note.verifier_key(statements.key_name(member, key.name), key.public)
