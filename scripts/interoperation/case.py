"""One small log as a directory of files, for implementations by others to verify; it runs in our environment.

checkpoint  tile/...            what a log serves
receipts/<index>.tlog-proof     with leaves/<index>, the bytes that each proves
consistency/<old>-<new>         base64 hashes, one a line; roots/<size> are the roots
checkpoints/<size>  fork        what witnesses are asked to cosign, and what they must not
log.key  witness.key            the verifier keys of the log and its witness
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.log import checkpoint, cosignature, note, proofs, receipt, tiles, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness

ORIGIN: Final = "interop.example/log"
WITNESS: Final = "witness.example/north"
SIZE: Final = 66_000
"""Leaves: enough for full and partial tiles of three levels."""
INDEXES: Final = (0, 1, 255, 256, 12_345, 65_535, 65_536, SIZE - 1)
SIZES: Final = (1, 2, 255, 256, 257, 4_095, 65_536, SIZE)


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


def write(directory: Path) -> None:
    """Write the case into a new directory."""
    log, witness = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    leaves = [b"leaf %d\n" % number * (number % 7) for number in range(SIZE)]
    levels = Levels.of(leaves)
    public = log.public_key().public_bytes_raw()
    stated = Checkpoint(ORIGIN, SIZE, levels.root(SIZE))
    cosigner = Witness(WITNESS, witness.public_key().public_bytes_raw())
    cosigned = cosignature.sign(stated.text(), cosigner, int(time.time()), witness.sign)
    signed = checkpoint.sign(stated, public, log.sign) + cosigned

    def put(path: str, data: bytes) -> None:
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    put("checkpoint", signed)
    for tile in tiles.tiles(SIZE):
        put(tile.path, tiles.hashes(tile, levels.node))
    for tile in tiles.entries(SIZE):
        start = tile.number * tiles.WIDTH
        put(tile.path, tiles.encode_entries(leaves[start : start + tile.width]))
    for index in INDEXES:
        proof = proofs.inclusion(index, SIZE, levels.node)
        put(f"receipts/{index}.tlog-proof", receipt.encode(index, proof, signed))
        put(f"leaves/{index}", leaves[index])
    for new in SIZES:
        put(f"roots/{new}", levels.root(new))
        at_new = Checkpoint(ORIGIN, new, levels.root(new))
        put(f"checkpoints/{new}", checkpoint.sign(at_new, public, log.sign))
        for old in SIZES[: SIZES.index(new) + 1]:
            nodes = proofs.consistency(old, new, levels.node)
            put(f"consistency/{old}-{new}", b"".join(base64.b64encode(node) + b"\n" for node in nodes))
    fork = Checkpoint(ORIGIN, SIZE, tree.leaf_hash(b"fork"))
    put("fork", checkpoint.sign(fork, public, log.sign))
    put("log.key", note.verifier_key(ORIGIN, public).encode())
    put("witness.key", note.verifier_key(WITNESS, cosigner.public, cosignature.ED25519).encode())
