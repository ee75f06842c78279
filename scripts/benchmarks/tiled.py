"""Logs of any length as directories of tiles, made without a server and without holding their leaves."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.replay import ORIGIN, Scribe

from hashpact.audit.deriving.rows import TileRows
from hashpact.domain.kinds import Withdraw
from hashpact.durable import write_public
from hashpact.log import checkpoint, tiles, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.tiles import WIDTH, Tile

WITHDRAWN = 100
"""One statement in so many withdraws an entry of any age; the others share one."""


@dataclass
class TiledLog:
    """A log that grows in a directory. Its statements are a platform's, its checkpoint is signed."""

    directory: Path
    scribe: Scribe = field(default_factory=Scribe)
    rows: TileRows = field(default_factory=TileRows)
    edge: tuple[bytes, ...] = ()
    size: int = 0
    bundle: list[bytes] = field(default_factory=list)
    withdrawn: set[int] = field(default_factory=set)
    draw: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311  # which entries: a fixed seed

    def __post_init__(self) -> None:
        """Publish the founding."""
        self.first = len(self.scribe.leaves)
        self._take()

    def grow(self, size: int) -> None:
        """Append statements up to that size, and sign a checkpoint."""
        while self.size < size:
            entry = self.draw.randrange(self.first, max(self.size, self.first + 1))
            if self.size % WITHDRAWN == 0 and entry % WITHDRAWN and entry not in self.withdrawn:
                self.withdrawn.add(entry)
                self.scribe.says("acme-video", Withdraw(entry, "mistake"))
            else:
                self.scribe.shares()
            self._take()
        if self.bundle:
            number = self.size // WIDTH
            self._put(Tile(None, number, len(self.bundle)), tiles.encode_entries(self.bundle))
        for tile, hashes in self.rows.partial():
            self._put(tile, b"".join(hashes))
        key = self.scribe.seeded.key("log")
        signed = Checkpoint(ORIGIN, self.size, tree.root(self.edge))
        note = checkpoint.sign(signed, key.public_key().public_bytes_raw(), key.sign)
        write_public(self.directory / "checkpoint", note, replace=True)

    def _take(self) -> None:
        """Move the new leaves into tiles."""
        for leaf in self.scribe.leaves:
            hashed = tree.leaf_hash(leaf)
            nodes = tree.completed(self.size, self.edge, hashed)
            for tile, hashes in self.rows.add((hashed, *nodes)):
                self._put(tile, b"".join(hashes))
            self.edge = tree.extend(self.size, self.edge, hashed)
            self.size += 1
            self.bundle.append(leaf)
            if len(self.bundle) == WIDTH:
                self._put(Tile(None, self.size // WIDTH - 1), tiles.encode_entries(self.bundle))
                self.bundle.clear()
        self.scribe.leaves.clear()

    def _put(self, tile: Tile, data: bytes) -> None:
        path = self.directory / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
