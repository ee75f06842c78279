"""Publish: the signed log as static files, which anyone may fetch and keep (C2SP tlog-tiles).

The checkpoint is put after every tile of its tree, so a reader of the checkpoint finds all of them.
"""

from __future__ import annotations

import itertools
from typing import Final

from hashpact.domain.kinds import KINDS
from hashpact.domain.kinds.conduct.filed import Filed
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.ports import Log, Publication
from hashpact.errors import CorruptError, NotFoundError, ProofError
from hashpact.log import tiles, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.tiles import Tile
from hashpact.service.integrity import LogKeys
from hashpact.service.prove import tile_of

CHECKPOINT: Final = "checkpoint"
_PUBLIC: Final = {name: kind for name, kind in KINDS.items() if kind.published and issubclass(kind, Filed)}
"""The kinds of filings whose documents are for everybody."""
_CHUNK: Final = 500

_RECOVER: Final = "; restore a copy of the ledger that is no older (docs/operations/backup.md)"


class Publisher:
    """Brings the published files level with the newest signed checkpoint. Any process of the machine may."""

    def __init__(self, log: Log, origin: str, publication: Publication) -> None:
        self._log = log
        self._origin = origin
        self._keys = LogKeys(log)
        self._publication = publication
        self._whole = False
        self._shown = b""
        self._filed = 0
        # The last partial bundle that this process has published: its path and bytes.
        self._bundle = ("", 0)

    def check(self) -> None:
        """Raise CorruptError unless the ledger holds the published log, and at least as much of it.

        This recognises a ledger from an old backup: others have seen more of the log, and appending to
        less would give the same indexes to other statements.
        """
        published = self._published()
        if published is not None:
            check_reaches(self._log, published, "the published checkpoint (log/checkpoint)")

    def publish(self) -> int:
        """Publish the newest signed checkpoint and the missing tiles; returns the published size.

        The first time it looks for every tile, because a restored home has only the checkpoint. Raises
        CorruptError if what is published is not the beginning of the log, and then puts nothing.
        """
        newest = self._log.checkpoints.newest()
        done = self._done()
        if newest is None or (self._whole and (newest.size < done or newest.note == self._shown)):
            return done
        with self._publication.alone():
            self.check()
            done = self._done()
            size = max(newest.size, done)
            since = done if self._whole else 0
            for tile in itertools.chain(tiles.tiles(size, since), tiles.entries(size, since)):
                if self._whole or not self._publication.has(tile.path):
                    self._put(tile, done)
            self._put_documents()
            if newest.size >= done and newest.note != self._publication.checkpoint():
                self._publication.put(CHECKPOINT, newest.note)
            self._whole, self._shown = True, newest.note
        return size

    def _put_documents(self) -> None:
        """Publish the documents that are for everybody: label texts, methods statements, procedures.

        They are named by their SHA-256, so one that is there is never another. What members share among
        themselves, such as minutes, is not published.
        """
        digests: list[bytes] = []
        filed = self._filed
        with self._log.snapshot() as view:
            for charter in view.charters():
                digests += [] if charter.terms.texts is None else [charter.terms.texts]
            while chunk := view.filed(tuple(_PUBLIC), filed, _CHUNK):
                for filing in chunk:
                    digests += _PUBLIC[filing.kind].read(filing).documents()
                filed = chunk[-1].index
        for digest in digests:
            path = tiles.document_path(digest)
            document = None if self._publication.has(path) else self._log.document(digest)
            if document is not None:
                self._publication.put(path, document)
        self._filed = filed  # only now: if one cannot be written, the next time begins with it

    def _put(self, tile: Tile, done: int) -> None:
        """Publish a tile. A bundle of leaves that is still partial adds the new ones to the one before.

        That is one that this process has published, of as many bytes. A full one is made from the ledger, so
        that a partial one that was damaged does not live on in it.
        """
        start = tile.number * tiles.WIDTH
        if tile.level is None and start < done and tile.width < tiles.WIDTH:
            before, size = self._bundle
            if before == Tile(None, tile.number, done - start).path:
                new = tiles.encode_entries(leaf.data for leaf in self._log.leaves(done, start + tile.width))
                if self._publication.extend(tile.path, before, size, new):
                    self._bundle = (tile.path, size + len(new))
                    return
        data = tile_of(self._log, tile)
        self._publication.put(tile.path, data)
        if tile.level is None:
            self._bundle = (tile.path, len(data))

    def _done(self) -> int:
        published = self._published()
        return 0 if published is None else published.size

    def _published(self) -> Checkpoint | None:
        data = self._publication.checkpoint()
        if data is None:
            return None
        try:
            return PinnedLog(self._origin, self._keys()).read(data)
        except ProofError as error:
            msg = f"log/checkpoint is not a checkpoint of this log: {error}"
            raise CorruptError(msg) from error


def check_reaches(log: Log, known: Checkpoint, name: str) -> None:
    """Raise CorruptError unless the ledger begins with the tree of a checkpoint that others know."""
    size = log.head().size
    what = f"{name} is of {known.size} leaves"
    if size < known.size:
        msg = f"the ledger has {size} leaves, and {what}{_RECOVER}"
        raise CorruptError(msg, index=str(size))
    try:
        root = tree.root(log.tree.edge(known.size))
    except NotFoundError as error:  # pragma: no cover  # the size was compared above
        raise CorruptError(error.message) from error
    if root != known.root:
        msg = f"{what} that are not those of the ledger{_RECOVER}"
        raise CorruptError(msg, index=str(known.size - 1))
