"""A source over leaves in memory that grows, and that can be made to fail or to lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from builders import World
from trees import Oracle

from hashpact.audit.source import ReportedLeaf
from hashpact.domain.state import Head, Record
from hashpact.errors import UnavailableError
from hashpact.log import checkpoint, tiles, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.tiles import Tile


class Grown:
    """The first ``size`` leaves of a log, signed; without state. It breaks off before the leaf ``torn``."""

    reports: frozenset[type[Record]] = frozenset()
    only_standing = False
    only_published = True

    def __init__(self, world: World, leaves: Sequence[bytes], size: int | None = None) -> None:
        self.world = world
        self.told = list(leaves)
        self.size = len(leaves) if size is None else size
        self.torn: int | None = None
        self.note: bytes | None = None
        self.gone = False

    def signed(self) -> bytes:
        """The checkpoint of the leaves that it tells."""
        key = self.world.log_key
        hashes = [tree.leaf_hash(leaf) for leaf in self.told[: self.size]]
        signed = Checkpoint(key.origin, self.size, Oracle(hashes).root(0, self.size))
        return checkpoint.sign(signed, key.public, key.signer.sign)

    def checkpoints(self) -> Iterator[bytes]:
        """The newest one, or what a test gives for it."""
        if self.gone:
            msg = "the server is gone"
            raise UnavailableError(msg)
        yield self.signed() if self.note is None else self.note

    def head(self) -> Head | None:
        """Only what is signed."""
        return None

    def leaves(self, start: int, stop: int) -> Iterator[ReportedLeaf]:
        """The leaves, up to where it is torn."""
        for index in range(start, stop):
            if index == self.torn:
                msg = "the connection is lost"
                raise UnavailableError(msg)
            yield ReportedLeaf(index, self.told[index])

    def tile(self, tile: Tile) -> bytes:
        """By the definition of the tree."""
        return tiles.hashes(tile, Oracle([tree.leaf_hash(leaf) for leaf in self.told[: self.size]]).node)

    def document(self, _digest: bytes) -> bytes | None:
        """None: it keeps no documents."""
        return None

    def records(self, _stop: int, _entries: Sequence[int] | None = None) -> Iterator[Record]:
        """None."""
        return iter(())
