"""Prove: the newest checkpoint, and proofs, tiles and leaves of the signed log, for its readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hashpact.domain.messages import MAX_ROOTS, LeafDetail
from hashpact.domain.ports import Log
from hashpact.errors import NotFoundError
from hashpact.log import proofs, tiles
from hashpact.log.tiles import Tile


@dataclass(frozen=True, slots=True)
class Prover:
    """Answers from the stored tree, up to its newest signed checkpoint."""

    log: Log

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint. Raises NotFoundError before the first."""
        newest = self.log.checkpoints.newest()
        if newest is None:
            msg = "nothing of this log is signed yet"
            raise NotFoundError(msg, resource="checkpoint")
        return newest.note

    def inclusion(self, index: int, size: int) -> tuple[bytes, tuple[bytes, ...]]:
        """The hash of a leaf, and the proof that it is in the tree of that size.

        Raises InvalidInputError unless 0 <= index < size, NotFoundError if the size is not signed yet.
        """
        self._check_signed(size)
        proof = proofs.inclusion(index, size, self.log.tree.node)
        return self.log.tree.node(0, index), proof

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that the tree of size ``new`` begins with that of size ``old``.

        Raises InvalidInputError unless 0 < old <= new, NotFoundError if ``new`` is not signed yet.
        """
        self._check_signed(new)
        return proofs.consistency(old, new, self.log.tree.node)

    def tile(self, path: str) -> bytes:
        """The bytes of the tile at that path. Raises InvalidInputError, NotFoundError."""
        tile = tiles.parse_path(path)
        if tile.stop > self._size():
            msg = f"{path} is not in the tree yet"
            raise NotFoundError(msg, resource=path)
        return tile_of(self.log, tile)

    def leaves(self, start: int, stop: int, *, private: bool) -> Iterator[LeafDetail]:
        """The signed leaves from ``start`` up to ``stop``, 0 for as many as there are.

        Holds few of them at a time; with their private parts, one.
        """
        size = self._size()
        for leaf in self.log.leaves(start, min(stop, size) if stop else size):
            parts = next(self.log.private(leaf.index, leaf.index + 1), (0, ()))[1] if private else ()
            yield LeafDetail(leaf.index, leaf.data, parts)

    def roots(self, start: int) -> tuple[LeafDetail, ...]:
        """The genesis statement and the root statements from that index on that are signed, at most 100."""
        with self.log.snapshot() as view:
            charters = view.charters()
        size = self._size()
        since: dict[int, int] = {}
        for charter in charters:
            since.setdefault(charter.root_version, charter.since)
        wanted = [index for index in since.values() if start <= index < size][:MAX_ROOTS]
        leaves = (leaf for index in wanted for leaf in self.log.leaves(index, index + 1))
        return tuple(LeafDetail(leaf.index, leaf.data) for leaf in leaves)

    def _size(self) -> int:
        latest = self.log.checkpoints.latest()
        return 0 if latest is None else latest.size

    def _check_signed(self, size: int) -> None:
        signed = self._size()
        if size > signed:
            msg = f"the tree of size {size} is not signed yet; the newest checkpoint is of {signed}"
            raise NotFoundError(msg, resource=f"trees/{size}")


def tile_of(log: Log, tile: Tile) -> bytes:
    """The bytes of a tile all of whose leaves are in the log."""
    if tile.level is not None:
        return tiles.hashes(tile, log.tree.node)
    start = tile.number * tiles.WIDTH
    return tiles.encode_entries(leaf.data for leaf in log.leaves(start, start + tile.width))
