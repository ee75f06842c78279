"""A log that answers its copy without a wire, and the copy: for tests of what a mirror verifies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders import BOTH, Identity, World, check_log
from histories import Cosigning
from memory import MemoryLedger

from hashpact.domain.fingerprints import commitment
from hashpact.domain.messages import Followed, Submission
from hashpact.domain.state import Head, Member
from hashpact.errors import NotFoundError
from hashpact.log import checkpoint, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.mirror.believing import Announced, Trust
from hashpact.mirror.replica import Copied, Replica
from hashpact.service.following import Following
from hashpact.service.prove import Prover
from hashpact.service.read import PrivateParts
from hashpact.service.sign import LogKey, SigningGuard
from hashpact.storage.sqlite import SqliteLedger
from hashpact.wire import evidence
from hashpact.wire.client.calls import Call
from hashpact.wire.v1 import conduct_pb2, log_pb2


@dataclass
class Source:
    """A log that answers the calls of a copy of it, without a wire."""

    world: World
    ledger: MemoryLedger
    asked: list[str] = field(default_factory=list)
    roots: Callable[[int], Any] | None = None

    def ask(self, call: Call[Any]) -> Any:  # noqa: ANN401  # of any call
        """What it answers."""
        name, prover = call.method.rpartition("/")[2], Prover(self.ledger)
        self.asked.append(name)
        message: Any
        if name == "GetCheckpoint":
            message = evidence.checkpoint_to_wire(prover.checkpoint())
        elif name == "ListRoots":
            start = log_pb2.ListRootsRequest.FromString(call.request).start
            message = evidence.roots_to_wire((self.roots or prover.roots)(start))
        elif name == "GetConsistencyProof":
            sizes = log_pb2.GetConsistencyProofRequest.FromString(call.request)
            message = evidence.consistency_to_wire(prover.consistency(sizes.old_size, sizes.new_size))
        elif name == "GetInclusionProof":
            place = log_pb2.GetInclusionProofRequest.FromString(call.request)
            message = evidence.inclusion_to_wire(*prover.inclusion(place.index, place.tree_size))
        else:
            digest = conduct_pb2.GetDocumentRequest.FromString(call.request).digest
            document = self.ledger.document(digest)
            if document is None:
                msg = "no statement names a document with that SHA-256"
                raise NotFoundError(msg)
            message = conduct_pb2.GetDocumentResponse(document=document)
        return call.read(message.SerializeToString())

    def append(self, *submitted: Submission) -> int:
        """Append these; the size then."""
        self.world.appender(self.ledger).append_all(None, submitted)
        return self.ledger.head().size

    def signed(self, key: Identity | None = None, *witnesses: Identity) -> bytes:
        """The newest checkpoint, signed by that key and cosigned by these."""
        who = key or Identity.of("log")
        cosigners = Cosigning(self.world, witnesses) if witnesses else None
        SigningGuard(self.ledger, LogKey(self.world.origin, who.public, who.private), cosigners).sign()
        newest = self.ledger.checkpoints.newest()
        assert newest is not None
        return newest.note


@dataclass
class Copy:
    """A copy of it."""

    source: Source
    directory: Path

    def __post_init__(self) -> None:
        """Nothing is there yet."""
        genesis = seeded_genesis(self.source.ledger)
        self.ledger = SqliteLedger.create(self.directory / "copy.db")
        self.replica = Replica(
            self.ledger, Trust(self.source.world.pinned, genesis), self.directory, self.source.world.clock
        )

    def batches(self, target: Announced) -> list[Followed]:
        """What the source sends up to a target."""
        world = self.source.world
        sent = Following(Prover(self.source.ledger), PrivateParts(self.source.ledger, world.clock), float)
        member = Member("acme", BOTH, 0)
        return list(sent.leaves(member, self.replica.position, target.size, private=True))

    def take(self, batch: Followed, target: Announced) -> Copied:
        """Take a batch."""
        return next(self.replica.take_all(iter((batch,)), target, self.source.ask))

    def level(self, note: bytes) -> None:
        """Take all up to a checkpoint."""
        target = self.replica.announce(note, self.source.ask)
        for batch in self.batches(target):
            self.take(batch, target)
        check_log(self.ledger)
        kept = self.ledger.checkpoints.latest()
        assert kept is not None
        assert (kept.size, kept.note) == (target.size, note)


def seeded_genesis(ledger: MemoryLedger) -> bytes:
    """The SHA-256 of leaf 0."""
    return commitment(next(ledger.leaves(0, 1)).data)


def stated(world: World, head: Head, key: Identity) -> bytes:
    """A checkpoint of that head, whatever the log says of its key and its witnesses."""
    new = Checkpoint(world.origin, head.size, tree.root(head.edge))
    return checkpoint.sign(new, key.public, key.private.sign)
