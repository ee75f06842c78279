"""The depository: takes checkpoints and leaves of one log, and cosigns a checkpoint whose leaves it holds.

The rules are those of C2SP tlog-mirror (https://c2sp.org/tlog-mirror):

1. A checkpoint is pending once it is signed by a key that the log has, by the mirror's copy, and extends the
   one that was pending, or copied, before (`witness.extending`).
2. A leaf is stored only with the proof that it is of a pending checkpoint, and never replaced.
3. A checkpoint is cosigned once all its leaves are stored, lead to its root, and are not contradicted by the
   copy; it is durable with its cosignature before that is answered, and no smaller one follows it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hashpact.domain.keys import Signer
from hashpact.domain.ports import Clock, Log
from hashpact.domain.state import KeptCheckpoint
from hashpact.errors import ConflictError, NotFoundError, ProofError
from hashpact.log import checkpoint, cosignature, note, tiles, tree
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.log.cosignature import Witness
from hashpact.log.mirroring import MirrorState, Package, Upload
from hashpact.mirror.storing.held import MirroredLog
from hashpact.mirror.storing.pending import Pending
from hashpact.service.prove import Prover
from hashpact.service.publishing.publish import public_documents
from hashpact.witness.extending import Extender, KeysOf

RECENT: Final = 16
"""Checkpoints that were pending before, of which leaves are still taken."""


@dataclass(slots=True)
class Depository:
    """What a mirror stores of the log ``origin`` and cosigns as ``witness``. Any thread may call it.

    ``copy`` is its verified copy, and ``keys_of`` the log's keys by that. ``accuse`` is called with a pending
    checkpoint that contradicts the copy.
    """

    origin: str
    witness: Witness
    signer: Signer = field(repr=False)
    keys_of: KeysOf
    pending: Pending
    held: MirroredLog
    copy: Log
    clock: Clock
    accuse: Callable[[SignedCheckpoint], object] = field(repr=False)
    _recent: OrderedDict[int, SignedCheckpoint] = field(default_factory=OrderedDict, init=False, repr=False)
    _public: set[bytes] = field(default_factory=set, init=False, repr=False)
    _filed: int = field(default=0, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def add_checkpoint(self, body: bytes) -> bytes:
        """Take the checkpoint in a request; the answer is empty. Raises as `Extender.take`."""
        signed = Extender(self.keys_of, self.pending).take(body)
        self._check_copy(signed)
        with self._lock:
            self._recent[signed.checkpoint.size] = signed
            while len(self._recent) > RECENT:
                self._recent.popitem(last=False)
        return b""

    def begin(self, upload: Upload) -> SignedCheckpoint:
        """The checkpoint of which an upload brings leaves.

        Raises NotFoundError for another log; ConflictError, with the pending ``size`` to go on with, for a
        size that is not pending or less than what is cosigned, and for leaves that do not follow.
        """
        if upload.origin != self.origin:
            msg = "this mirror does not store the log"
            raise NotFoundError(msg, resource=f"logs/{upload.origin}")
        known, cosigned = self._known(upload.stop), self.held.cosigned
        if known is None or (cosigned is not None and upload.stop < cosigned.size):
            newest = self.pending.latest(self.origin)
            msg = f"no checkpoint of {upload.stop} leaves is pending"
            raise ConflictError(msg, size=str(0 if newest is None else newest.size))
        if upload.start > self.held.size:
            msg = f"leaves from {self.held.size} on are missing before leaf {upload.start}"
            raise ConflictError(msg, size=str(upload.stop))
        return known

    def take(self, target: SignedCheckpoint, package: Package) -> None:
        """Store the leaves of a package. Raises as `MirroredLog.add`."""
        self.held.add(package, target.checkpoint)

    def finish(self, target: SignedCheckpoint) -> bytes:
        """The cosignature line of a checkpoint, all of whose leaves are stored.

        Raises ProofError if what is stored is not its tree, and ConflictError, with the pending ``size``, if
        a larger one was cosigned meanwhile.
        """
        stated = target.checkpoint
        self.held.check(stated)
        self._check_copy(target)
        line = cosignature.sign(target.note.text, self.witness, self.clock(), self.signer.sign)
        others = [one.line() for one in target.note.signatures if one.name != self.witness.name]
        kept = KeptCheckpoint(stated.size, note.join(target.note.text, [*others, line]))
        try:
            self.held.keep(kept)
        except ConflictError as error:
            newest = self.pending.latest(self.origin)
            size = stated.size if newest is None else newest.size
            raise ConflictError(error.message, size=str(size)) from error
        return line

    def state(self, size: int) -> MirrorState:
        """Where an uploader continues: that size, and the first leaf that is missing."""
        return MirrorState(size, self.held.size, b"")

    def checkpoint(self) -> bytes:
        """The mirror checkpoint, with its cosignature. Raises NotFoundError before there is one."""
        return Prover(self.held.ledger).checkpoint()

    def tile(self, path: str) -> bytes:
        """The tile at that path of the cosigned tree. Raises InvalidInputError, NotFoundError."""
        return Prover(self.held.ledger).tile(path)

    def document(self, digest: bytes) -> bytes:
        """A copied document that is for everybody, by its SHA-256. Raises NotFoundError for any other."""
        with self._lock:
            if digest not in self._public:
                found, self._filed = public_documents(self.copy, self._filed)
                self._public.update(found)
            public = digest in self._public
        document = self.copy.document(digest) if public else None
        if document is None:
            msg = "no document that is for everybody"
            raise NotFoundError(msg, resource=tiles.document_path(digest))
        return document

    def level(self) -> None:
        """Cosign the newest copied checkpoint, if its leaves are stored and no larger one is cosigned."""
        copied, cosigned = self.copy.checkpoints.newest(), self.held.cosigned
        if copied is None or copied.size > self.held.size:
            return
        if cosigned is None or cosigned.size < copied.size:
            self.finish(checkpoint.parse(copied.note))

    def check_posted(self) -> None:
        """Raise ProofError, once it is reported, if the checkpoint posted last contradicts the copy."""
        posted = self.pending.posted.latest(self.origin)
        if posted is not None:
            self._check_copy(checkpoint.parse(posted.note))

    def _known(self, size: int) -> SignedCheckpoint | None:
        """The pending, cosigned or formerly pending checkpoint of that size."""
        with self._lock:
            found = self._recent.get(size)
        for kept in (self.pending.latest(self.origin), self.held.cosigned):
            if found is None and kept is not None and kept.size == size:
                found = checkpoint.parse(kept.note)
        return found

    def _check_copy(self, signed: SignedCheckpoint) -> None:
        stated = signed.checkpoint
        if stated.size > self.copy.head().size or tree.root(self.copy.tree.edge(stated.size)) == stated.root:
            return
        self.accuse(signed)
        msg = f"this checkpoint of {stated.size} leaves is of another tree than the copied one"
        raise ProofError(msg)
