"""Publish: the signed log as static files, which anyone may fetch and keep (C2SP tlog-tiles).

The checkpoint is put after every tile of its tree, so a reader of the checkpoint finds all of them.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace
from typing import Final

from hashpact.domain.kinds import KINDS
from hashpact.domain.kinds.conduct.filed import Filed
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.ports import Log, Publication
from hashpact.domain.state import KeptCheckpoint
from hashpact.errors import CorruptError, NotFoundError, ProofError
from hashpact.log import tiles, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.note import verifier_key
from hashpact.log.policy import KnownLog, WitnessPolicy
from hashpact.log.tiles import Tile
from hashpact.service.integrity import LogKeys
from hashpact.service.prove import tile_of

_PUBLIC: Final = {name: kind for name, kind in KINDS.items() if kind.published and issubclass(kind, Filed)}
"""The kinds of filings whose documents are for everybody."""
_CHUNK: Final = 500

_RECOVER: Final = "; restore a copy of the ledger that is no older (docs/operations/backup.md)"


class Publisher:
    """Brings published files level with the newest signed checkpoint. Any process of the machine may.

    ``place`` is what its errors call the files.
    """

    def __init__(self, log: Log, origin: str, publication: Publication, place: str = "log") -> None:
        self._log = log
        self._origin = origin
        self._keys = LogKeys(log)
        self._publication = publication
        self._place = place
        self._whole = False
        self._filed = 0
        # The last partial bundle that this process has published: its path and bytes.
        self._bundle = ("", 0)
        # Full tiles whose partial ones have not been removed yet, the oldest first.
        self._full: deque[str] = deque()

    def check(self) -> None:
        """Raise CorruptError unless the ledger holds the published log, and at least as much of it.

        This recognises a ledger from an old backup: others have seen more of the log, and appending to
        less would give the same indexes to other statements.
        """
        published, _ = self._published()
        if published is not None:
            check_reaches(self._log, published, f"the published checkpoint ({self._place}/checkpoint)")

    def publish(self) -> int:
        """Publish the newest signed checkpoint and the missing tiles; returns the published size.

        A checkpoint of the same size takes the place of the published one if its cosignatures are others.
        The first time it looks for every tile, because a restored home has only the checkpoint. Raises
        CorruptError if what is published is not the beginning of the log, and then puts nothing.
        """
        while self._full and self._publication.retire(self._full[0]):
            self._full.popleft()
        done, note = self._done()
        newest = self._log.checkpoints.newest()
        if newest is None or (self._whole and not _is_newer(newest, done, note)):
            return done
        with self._publication.alone():
            self.check()
            # Read again: another process may have published a newer one until now.
            done, note = self._done()
            newest = self._log.checkpoints.newest() or newest
            size = max(newest.size, done)
            since = done if self._whole else 0
            for tile in itertools.chain(tiles.tiles(size, since), tiles.entries(size, since)):
                if self._whole or not self._publication.has(tile.path):
                    self._put(tile, done)
                if tile.width == tiles.WIDTH:
                    self._full.append(tile.path)
            self._put_documents()
            self._put_governance()
            if _is_newer(newest, done, note):
                self._publication.put(tiles.CHECKPOINT, newest.note)
            self._whole = True
        return size

    def _put_governance(self) -> None:
        """Publish by what the log is recognised: leaf 0, the keys that sign it now, and its witnesses."""
        with self._log.snapshot() as view:
            charter = view.charter()
        genesis = next(self._log.leaves(0, 1), None)
        if charter is None or genesis is None:  # pragma: no cover  # a signed log has both
            return
        lines = [*(verifier_key(self._origin, public) for public in charter.log_keys)]
        lines += [key.key for key in charter.log_mldsa_keys]
        policy = WitnessPolicy.threshold(charter.witnesses, charter.witness_quorum)
        logs = (
            *(KnownLog(self._origin, public) for public in charter.log_keys),
            *(KnownLog(key.name, key.public, key.kind) for key in charter.log_mldsa_keys),
        )
        wanted = {
            tiles.GENESIS: genesis.data,
            tiles.LOG_KEYS: "".join(f"{line}\n" for line in lines).encode(),
            tiles.POLICY: replace(policy, logs=logs).data(),
        }
        for path, data in wanted.items():
            if self._publication.read(path) != data:
                self._publication.put(path, data)

    def _put_documents(self) -> None:
        """Publish the documents that are for everybody.

        They are named by their SHA-256, so one that is there is never another.
        """
        digests, filed = public_documents(self._log, self._filed)
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

    def _done(self) -> tuple[int, bytes]:
        """The size of the published checkpoint, and its bytes."""
        published, data = self._published()
        return 0 if published is None else published.size, data

    def _published(self) -> tuple[Checkpoint | None, bytes]:
        data = self._publication.read(tiles.CHECKPOINT)
        if data is None:
            return None, b""
        try:
            return PinnedLog(self._origin, self._keys()).read(data), data
        except ProofError as error:
            msg = f"{self._place}/checkpoint is not a checkpoint of this log: {error}"
            raise CorruptError(msg) from error


def public_documents(log: Log, filed: int) -> tuple[list[bytes], int]:
    """The SHA-256 of documents that are for everybody: label texts, methods statements, procedures.

    Those of all policies, and of filings after the index ``filed``; and the index of the last of these. What
    members share among themselves, such as minutes, is for nobody else.
    """
    with log.snapshot() as view:
        texts = [charter.terms.texts for charter in view.charters()]
        digests = [text for text in texts if text is not None]
        while chunk := view.filed(tuple(_PUBLIC), filed, _CHUNK):
            for filing in chunk:
                digests += _PUBLIC[filing.kind].read(filing).documents()
            filed = chunk[-1].index
    return digests, filed


def _is_newer(newest: KeptCheckpoint, done: int, note: bytes) -> bool:
    """Whether a kept checkpoint is to take the place of a published one of size ``done``."""
    return newest.size > done or (newest.size == done and newest.note != note)


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
