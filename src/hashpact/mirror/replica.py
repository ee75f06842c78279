"""A replica: a ledger whose leaves come from another log, each batch of them verified before it is kept.

Of a batch are verified, in this order:

1. that it follows the leaves which are here;
2. by its proof, that the tree that ends with it begins the tree of a believed checkpoint (`believing`);
3. every signature and every rule, by the fold that the source itself runs: a leaf that breaks a rule is kept,
   as it is in the log, and has no effect;
4. that private parts are what the statements commit to, and documents those that statements name;
5. of the batch that completes that tree, that the statements themselves name its keys and witnesses.

Then all of it is committed in one transaction, with the checkpoint; or nothing of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from hashpact.audit.deriving.judging import Judge, JudgedLeaf
from hashpact.audit.deriving.ordered import judged_batches
from hashpact.audit.private import wrong_parts
from hashpact.domain.fingerprints import Fingerprint, parse_private
from hashpact.domain.kinds import AnyBody, Root, Submit
from hashpact.domain.messages import Followed, LeafDetail
from hashpact.domain.ports import Clock, Log
from hashpact.domain.rules.replay import Fault
from hashpact.domain.state import Enclosed, Head, KeptCheckpoint, LayeredState, Leaf, RecentTimes, Record
from hashpact.errors import ConfigError, CorruptError, InvalidInputError, NotFoundError, ProofError
from hashpact.log import checkpoint, proofs, tree
from hashpact.mirror.believing import Announced, Ask, Believer, Trust
from hashpact.wire.client import desk

Taken: TypeAlias = "tuple[Leaf, AnyBody | None, tuple[Fingerprint, ...]]"
"""A leaf that was committed, with its body and an entry's fingerprints; without them if it has no effect."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a batch: its leaves as they were committed, and those that break a rule."""

    leaves: tuple[Taken, ...]
    faults: tuple[Fault, ...]

    @property
    def stop(self) -> int:
        """The index after the last leaf."""
        return self.leaves[-1][0].index + 1


@dataclass(frozen=True, slots=True)
class _Staged:
    """A leaf with what is to be kept of it."""

    leaf: Leaf
    body: AnyBody | None
    fingerprints: tuple[Fingerprint, ...]
    private: Sequence[bytes]
    records: tuple[Record, ...]


class Replica:
    """The one writer of a ledger that copies a log. ``directory`` is for evidence; one thread calls it."""

    def __init__(self, ledger: Log, trust: Trust, directory: Path, clock: Clock) -> None:
        self._ledger = ledger
        self._trust = trust
        self._believer = Believer(ledger, trust, directory, clock)
        self._judge = Judge()

    @property
    def position(self) -> int:
        """The number of leaves that are verified and durable here."""
        return self._ledger.head().size

    def announce(self, note: bytes, ask: Ask) -> Announced:
        """Believe a signed checkpoint that the source announces, and keep it if the copy has its tree.

        ``ask`` makes calls to the source. Raises as `Believer.open`.
        """
        announced = self._believer.open(note, ask)
        if announced.size == self.position:
            self._keep(announced)
        return announced

    def check_fresh(self, announced: Announced) -> None:
        """Raise QuorumError if that is the newest checkpoint, and it has become too old."""
        self._believer.check_fresh(announced)

    def announce_older(self, note: bytes, newest: bytes, ask: Ask) -> Announced:
        """Believe the checkpoint of a snapshot, of any age, which the log's ``newest`` one extends.

        Raises as `Believer.open`, and ConfigError if the copy was begun with another checkpoint.
        """
        known, shown = self._believer.known(), checkpoint.parse(note).checkpoint
        if known is not None and known.checkpoint != shown:
            msg = (
                f"the copy has been begun, up to {known.checkpoint.size} leaves: "
                "a snapshot is for its start; leave --snapshot out"
            )
            raise ConfigError(msg, field="snapshot")
        return self._believer.open_older(note, newest, ask)

    def take_all(self, batches: Iterator[Followed], target: Announced, ask: Ask) -> Iterator[Copied]:
        """Verify and commit each batch up to a target, as `take`; few of them are held at a time."""
        left = target.size - self.position
        for batch, found in judged_batches(batches, _statements, left, self._judge.known):
            yield self.take(batch, found, target, ask)

    def take(self, batch: Followed, judged: Sequence[JudgedLeaf], target: Announced, ask: Ask) -> Copied:
        """Verify and commit a batch whose proof leads to the target.

        ``judged`` is what was found of each leaf alone. Raises CorruptError, whose ``topic`` says what is
        wrong, ForkError with evidence if the log has signed another history, and CommitFailedError.
        """
        head = self._ledger.head()
        hashed = self._proved(batch, head, target, ask)
        bodies = [None if found.statement is None else found.statement.body for found in judged]
        if batch.stop < target.size and any(isinstance(body, Root) for body in bodies):
            self._believer.confirm_later(target, ask)
        staged, faults = self._staged(batch, judged, hashed, target)
        documents = self._documents(staged, ask)
        if batch.stop < target.size:
            self._believer.reach_for(target)
        with self._ledger.begin() as transaction:
            for one, enclosed in zip(staged, documents, strict=True):
                transaction.append(one.leaf, one.private, one.records, enclosed)
            if batch.stop == target.size:
                transaction.keep(KeptCheckpoint(target.size, target.signed.data))
        return Copied(tuple((one.leaf, one.body, one.fingerprints) for one in staged), tuple(faults))

    def _keep(self, announced: Announced) -> None:
        """Keep a checkpoint of the tree that is here, or its newer cosignatures."""
        kept = KeptCheckpoint(announced.size, announced.signed.data)
        latest = self._ledger.checkpoints.latest()
        if latest is None or latest.size < kept.size:
            self._ledger.checkpoints.keep(kept)
        elif self._believer.fresher(announced):
            self._ledger.checkpoints.freshen(kept)

    def _proved(
        self, batch: Followed, head: Head, target: Announced, ask: Ask
    ) -> list[tuple[bytes, tuple[bytes, ...]]]:
        """The hash of each leaf with the subtrees that it ends, once the tree that they end is proved."""
        if batch.start != head.size or batch.stop > target.size or not batch.leaves:
            msg = f"leaves {batch.start} to {batch.stop} were sent where {head.size} to {target.size} are due"
            raise CorruptError(msg, topic="order", index=str(head.size))
        if head.size == 0 and hashlib.sha256(batch.leaves[0].statement).digest() != self._trust.genesis:
            msg = "the log's leaf 0 is not the genesis that is pinned: it is another log"
            raise ProofError(msg, topic="leaf")
        hashed = []
        size, edge = head.size, head.edge
        for leaf in batch.leaves:
            leaf_hash = tree.leaf_hash(leaf.statement)
            nodes = tree.completed(size, edge, leaf_hash)
            edge = (*edge[: len(edge) - len(nodes)], (leaf_hash, *nodes)[-1])
            size += 1
            hashed.append((leaf_hash, nodes))
        try:
            proofs.verify_consistency(size, tree.root(edge), target.size, target.root, batch.proof)
        except ProofError as error:
            which = f"leaves {head.size} to {size - 1}"
            msg = f"the {which} are not proved to be of the checkpoint of {target.size}"
            raise (
                self._believer.forked(target, ask)
                or CorruptError(f"{msg}: {error}", topic="proof", index=str(head.size))
            ) from error
        return hashed

    def _staged(
        self,
        batch: Followed,
        judged: Sequence[JudgedLeaf],
        hashed: Sequence[tuple[bytes, tuple[bytes, ...]]],
        target: Announced,
    ) -> tuple[list[_Staged], list[Fault]]:
        """Each leaf with what it puts, by the rules; and those that break one."""
        staged: list[_Staged] = []
        faults: list[Fault] = []
        with self._ledger.snapshot() as view:
            state = LayeredState(below=view)
            for sent, found, (leaf_hash, nodes) in zip(batch.leaves, judged, hashed, strict=True):
                records, error = self._judge.records(state, sent.index, sent.statement, found)
                statement = found.statement
                if statement is None or error is not None:
                    assert error is not None  # noqa: S101  # of a leaf that is no statement
                    faults.append(Fault(sent.index, sent.statement, error))
                    staged.append(_Staged(_without_effect(sent, leaf_hash, nodes), None, (), (), ()))
                    continue
                state.take(sent.index, (statement.member, statement.request), records)
                leaf = Leaf(
                    index=sent.index,
                    data=sent.statement,
                    hash=leaf_hash,
                    nodes=nodes,
                    member=statement.member,
                    request=statement.request,
                    time=statement.time,
                )
                fingerprints = _fingerprints(sent, statement.body)
                staged.append(_Staged(leaf, statement.body, fingerprints, sent.private, records))
            if batch.stop == target.size:
                self._believer.confirm(target, state.charters())
        return _with_last_times(staged), faults

    def _documents(self, staged: Sequence[_Staged], ask: Ask) -> list[Enclosed]:
        """The documents that each leaf names first, as the source has them."""
        fetched: set[bytes] = set()
        found = []
        for one in staged:
            documents: list[bytes] = []
            for digest in () if one.body is None else one.body.documents():
                if digest not in fetched and self._ledger.document(digest) is None:
                    documents.append(_document(digest, one.leaf.index, ask))
                    fetched.add(digest)
            found.append(Enclosed((), tuple(documents)))
        return found


def _statements(batch: Followed) -> list[bytes]:
    return [leaf.statement for leaf in batch.leaves]


def _with_last_times(staged: Sequence[_Staged]) -> list[_Staged]:
    """The same without the signers' times that a later leaf of the batch replaces."""
    last = max((place for place, one in enumerate(staged) if one.records), default=0)
    return [
        one if place >= last else replace(one, records=tuple(filter(_stays, one.records)))
        for place, one in enumerate(staged)
    ]


def _stays(record: Record) -> bool:
    return not isinstance(record, RecentTimes)


def _without_effect(sent: LeafDetail, leaf_hash: bytes, nodes: tuple[bytes, ...]) -> Leaf:
    """A leaf that breaks a rule, which is of no member: nobody may have used its request id by it."""
    request = sent.index.to_bytes(16)
    return Leaf(
        index=sent.index, data=sent.statement, hash=leaf_hash, nodes=nodes, member="", request=request, time=0
    )


def _fingerprints(sent: LeafDetail, body: AnyBody) -> tuple[Fingerprint, ...]:
    """An entry's fingerprints, once its private parts are known to be what it commits to."""
    wanted = body.fingerprints() if isinstance(body, Submit) else ()
    wrong = wrong_parts(wanted, sent.private)
    if wrong is not None:
        msg = f"leaf {sent.index}: {wrong}"
        raise CorruptError(msg, topic="private", index=str(sent.index))
    try:
        return tuple([parse_private(part).fingerprint for part in sent.private])
    except InvalidInputError as error:
        msg = f"leaf {sent.index} commits to a private part that is no fingerprint"
        raise CorruptError(msg, topic="private", index=str(sent.index)) from error


def _document(digest: bytes, index: int, ask: Ask) -> bytes:
    try:
        found: bytes = ask(desk.document(digest))
    except (CorruptError, NotFoundError) as error:
        msg = f"leaf {index} names a document that the source does not give: {error}"
        raise CorruptError(msg, topic="document", index=str(index)) from error
    return found
