"""Audit: derives everything again from the leaves' bytes and compares it with what a source reports.

What is compared, as the leaves come:

1. Leaf 0 is the genesis statement that is pinned.
2. Every leaf follows the rules: format, signatures, standing. The fold is `rules.Replay`, as everywhere.
3. What a source stores beside a leaf (hash, edge, root, request) follows from the bytes.
4. Private parts, where a source gives them, are what their statement's items commit to. None is withheld
   from a reader who may have them.
5. Every signed checkpoint is signed by a log key that was in force at its size, and has the tree's root.
6. The log begins with the tree of the checkpoint that was audited last.
7. Every hash tile holds the tree's hashes.
8. Every document that a statement names is there, and is that document; from tiles, those that are published.

And at the end:

9. The state that the source reports, record by record, is the one derived from the leaves.
10. The newest statement is not older than was asked for.

Nothing that the source reports is taken on trust, and a source that withholds a leaf is at fault as well.
Memory is bounded by what the log's members have signed; the audit stops at a log with too many faults.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hashpact.audit.private import GivenEntries, GivenEntry, wrong_parts
from hashpact.audit.records import Difference, Finding, differences, records_of, unlike
from hashpact.audit.source import ReportedLeaf, Source, Watcher
from hashpact.audit.tiling import TileRows, first_leaf
from hashpact.domain import keys
from hashpact.domain.kinds import AnyBody, moment
from hashpact.domain.ports import Clock
from hashpact.domain.rules.replay import Replay
from hashpact.domain.state import Entry, Leaf, Record
from hashpact.domain.statements import Statement
from hashpact.errors import BadSignatureError, CorruptError, InvalidInputError, MalformedError, NotFoundError
from hashpact.log import checkpoint, tiles, tree
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.log.tiles import Tile

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how many of how many leaves are done, then with the entries whose state is compared."""

MAX_FINDINGS: Final = 1000
"""Findings after which the rest of the log is not read, which bounds memory."""

_ROUNDS: Final = 10
"""How often the differing records of a log that grows during the audit are read again."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an audit. ``checkpoint`` is the newest signed one, None if nothing is signed yet.

    ``root`` is that of the tree of all ``size`` leaves; ``genesis`` the SHA-256 of leaf 0. ``counts`` are the
    statements by kind; ``newest`` is the moment of the newest one, in Unix seconds. Of so many
    ``administrators`` a ``threshold`` signs, as genesis and root have it in the end. ``withheld`` is whether
    private parts were left out because the reader may not have them. So many kept ``answers`` were compared.
    """

    origin: str | None
    genesis: bytes
    size: int
    root: bytes
    checkpoint: bytes | None
    signed: int
    audited: int
    counts: Mapping[str, int]
    newest: int
    administrators: int
    threshold: int
    withheld: bool
    findings: tuple[Finding, ...]
    answers: int = 0


class _Stop(Exception):  # noqa: N818  # not an error: there is enough evidence
    """Ends an audit before its end."""


class Auditor:
    """Audits one log once. ``genesis`` is the SHA-256 of leaf 0 that is pinned, None to accept any.

    ``audited`` is the signed checkpoint that an earlier audit has ended with. ``max_age`` is how many seconds
    the newest statement may be old. A ``watcher`` follows the leaves.
    """

    def __init__(  # noqa: PLR0913  # what is known beforehand
        self,
        source: Source,
        clock: Clock,
        progress: Progress,
        *,
        genesis: bytes | None = None,
        audited: bytes | None = None,
        max_age: int | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._progress = progress
        self._genesis = genesis
        self._audited = None if audited is None else checkpoint.parse(audited)
        self._max_age = max_age
        self._watcher = watcher
        self._replay = Replay()
        self._edge: tuple[bytes, ...] = ()
        self._rows = TileRows()
        self._hashes = bytearray()
        self._withheld = False
        self._first = b""
        self._counts: Counter[str] = Counter()
        self._documents: set[bytes] = set()
        self._findings: list[Finding] = []
        self._newest: SignedCheckpoint | None = None

    def run(self) -> Report:
        """Audit the whole log.

        Raises UnavailableError, or another error of the source, if it cannot be read. Everything that is
        wrong with its answers is in the report.
        """
        try:
            self._tree()
            self._state()
            self._freshness()
            for finding in () if self._watcher is None else self._watcher.end(self._size):
                self._report(finding)
        except _Stop:
            pass
        except (CorruptError, InvalidInputError, NotFoundError) as error:
            index = int(error.details.get("index", self._size))
            self._findings.append(Finding("source", index, error.message))
        charter = self._replay.state.charter()
        return Report(
            origin=None if charter is None else charter.origin,
            genesis=hashlib.sha256(self._first).digest(),
            size=self._size,
            root=self._root,
            checkpoint=None if self._newest is None else self._newest.data,
            signed=0 if self._newest is None else self._newest.checkpoint.size,
            audited=0 if self._audited is None else self._audited.checkpoint.size,
            counts=dict(sorted(self._counts.items())),
            newest=moment.newest(self._replay.state.times()),
            administrators=0 if charter is None else len(charter.admins),
            threshold=0 if charter is None else charter.threshold,
            withheld=self._withheld,
            findings=tuple(self._findings),
        )

    @property
    def _size(self) -> int:
        return self._replay.size

    @property
    def _root(self) -> bytes:
        return tree.root(self._edge)

    def _served(self) -> bytes:
        return b"" if self._newest is None else self._newest.data

    def _find(self, topic: str, index: int | None, message: str, **evidence: bytes) -> None:
        self._report(Finding(topic, index, message, evidence))

    def _differs(self, found: Difference) -> None:
        self._report(Finding(found.topic, found.index, found.message, {}, found.kind, found.member))

    def _report(self, finding: Finding) -> None:
        self._findings.append(finding)
        if len(self._findings) >= MAX_FINDINGS:
            raise _Stop

    def _tree(self) -> None:
        """Fold every leaf, stopping at each size of which a checkpoint is signed."""
        for note in self._source.checkpoints():
            self._signed(note)
        head = self._source.head()
        if self._newest is None:
            if head is None or self._audited is not None:
                self._find("checkpoint", None, "nothing of this log is signed")
        elif self._audited is not None and self._audited.checkpoint.size > self._newest.checkpoint.size:
            self._find(
                "checkpoint",
                self._newest.checkpoint.size,
                f"the newest checkpoint is of {self._newest.checkpoint.size} leaves, "
                f"fewer than the {self._audited.checkpoint.size} that were audited: the log was rolled back",
                checkpoint=self._newest.data,
                audited=self._audited.data,
            )
        self._compare_partial()
        if head is not None:
            self._fold(head.size)
            if head.edge != self._edge:
                self._find("stored", head.size - 1, f"the head's edge is not that of leaf {head.size - 1}")

    def _signed(self, note: bytes) -> None:
        """Fold the log up to a checkpoint, and compare the two."""
        try:
            signed = checkpoint.parse(note)
        except MalformedError as error:
            self._find("checkpoint", None, f"not a checkpoint: {error}", checkpoint=note)
            return
        size = signed.checkpoint.size
        before = 0 if self._newest is None else self._newest.checkpoint.size
        self._fold(size)
        self._newest = signed
        charter = self._replay.state.charter()
        try:
            if charter is not None:
                checkpoint.verify(signed, charter.origin, charter.log_keys, keys.verify)
        except BadSignatureError as error:
            message = f"the checkpoint of size {size}: {error}"
            self._find("checkpoint", size - 1, message, **{f"checkpoint-{size}": note})
            return
        if signed.checkpoint.root != self._root:
            last = size - 1
            which = f"leaf {last} is" if before == last else f"one of the leaves {before} to {last} is"
            message = f"{which} not the one that the signed checkpoint of size {size} commits to"
            self._find("checkpoint", before, message, **{f"checkpoint-{size}": note})

    def _fold(self, stop: int) -> None:
        if stop <= self._size:
            return
        for reported in self._source.leaves(self._size, stop):
            if reported.index != self._size or self._size == stop:
                message = f"asked for leaf {self._size}, it gave leaf {reported.index}"
                raise CorruptError(message, index=str(self._size))
            self._add(reported)
            self._progress(self._size, stop)
        if self._size != stop:
            message = f"leaf {self._size} of {stop} is held back"
            raise CorruptError(message, index=str(self._size))

    def _add(self, reported: ReportedLeaf) -> None:
        index, data = reported.index, reported.data
        if index == 0:
            self._first = data
            if self._genesis is not None and hashlib.sha256(data).digest() != self._genesis:
                self._find(
                    "leaf", 0, "leaf 0 is not the genesis statement that is pinned", **{"leaf-0": data}
                )
        leaf_hash = tree.leaf_hash(data)
        nodes = tree.completed(index, self._edge, leaf_hash)
        for tile, hashes in self._rows.add((leaf_hash, *nodes)):
            self._compare_tile(tile, hashes)
        self._edge = tree.extend(index, self._edge, leaf_hash)
        self._hashes += leaf_hash
        statement = self._replay.apply(data)
        if statement is not None and not self._replay.faults:
            self._compare_documents(index, statement.body)
        for fault in self._replay.faults:
            self._find("leaf", index, f"leaf {index}: {fault.error}", **{f"leaf-{index}": data})
        self._replay.faults.clear()
        self._counts["malformed" if statement is None else statement.body.kind] += 1
        if statement is not None:
            self._compare_leaf(reported, (leaf_hash, nodes), statement)
        known = self._audited
        if known is not None and known.checkpoint.size == self._size and self._root != known.checkpoint.root:
            message = f"the first {self._size} leaves are not those that were audited: it is another history"
            self._find("checkpoint", 0, message, audited=known.data, checkpoint=self._served())
        if self._watcher is not None:
            body = None if statement is None else statement.body
            for finding in self._watcher.leaf(reported, body, self._replay.state, self._edge):
                self._report(finding)

    def _compare_leaf(
        self, reported: ReportedLeaf, hashes: tuple[bytes, tuple[bytes, ...]], statement: Statement
    ) -> None:
        """Compare the values stored beside a leaf with those derived from its bytes."""
        index, stored = reported.index, reported.stored
        if stored is not None:
            derived = Leaf(
                index=index,
                data=reported.data,
                hash=hashes[0],
                nodes=hashes[1],
                member=statement.member,
                request=statement.request,
                time=statement.time,
            )
            if stored != derived:
                names = unlike(stored, derived)
                self._find("stored", index, f"leaf {index}: {names} stored with it is not that of its bytes")
        parts, kind, member = reported.private, statement.body.kind, statement.member
        wrong = None if parts is None else wrong_parts(statement.body.commitments(), parts)
        if wrong is not None:
            message = f"leaf {index}, a {kind} of {member}: {wrong}"
            self._differs(Difference(message, index, index, "private", kind, member))
        if reported.misplaced:
            message = f"leaf {index}, a {kind} of {member}: private parts are stored for it in a wrong place"
            self._differs(Difference(message, index, index, "private", kind, member))

    def _compare_documents(self, index: int, body: AnyBody) -> None:
        """Look for each document that a statement names, once."""
        if self._source.only_published and not body.published:
            return
        for digest in body.documents():
            if digest in self._documents:
                continue
            self._documents.add(digest)
            try:
                data = self._source.document(digest)
            except (CorruptError, NotFoundError) as error:
                self._find("document", index, f"leaf {index} names a document: {error}")
                continue
            if data is None:
                self._find(
                    "document", index, f"leaf {index} names a document that is missing: {digest.hex()}"
                )
            elif hashlib.sha256(data).digest() != digest:
                message = f"leaf {index} names a document, and there is another under {digest.hex()}"
                self._find("document", index, message, **{f"document-{digest.hex()}": data})

    def _compare_partial(self) -> None:
        """Compare the tiles that are not full yet, which are there for the newest checkpoint."""
        if self._newest is not None and self._newest.checkpoint.size == self._size:
            for tile, hashes in self._rows.partial():
                self._compare_tile(tile, hashes)

    def _compare_tile(self, tile: Tile, hashes: Sequence[bytes]) -> None:
        try:
            data = self._source.tile(tile)
            theirs = None if data is None else tiles.parse_hashes(tile, data)
        except (CorruptError, InvalidInputError, NotFoundError) as error:
            self._find("tile", first_leaf(tile, 0), f"{tile.path}: {error}")
            return
        for place, (derived, served) in enumerate(zip(hashes, theirs or hashes, strict=True)):
            if derived != served:
                index = first_leaf(tile, place)
                message = f"{tile.path}: hash {place}, which begins at leaf {index}, is not the tree's"
                self._find("tile", index, message, **{tile.path.replace("/", "-"): data or b""})
                return

    def _state(self) -> None:
        """Compare the records that the source reports, again while the log grows."""
        if not self._source.reports:
            return
        entries: Sequence[int] = sorted(self._replay.state.entries)
        different = self._different(entries)
        for _ in range(_ROUNDS):
            before = self._size
            if not different or not self._grown():
                break
            again = {each.entry for each in different if each.entry is not None}
            entries = sorted(again | {index for index in self._replay.state.entries if index >= before})
            different = self._different(entries)
        for each in different:
            self._differs(each)

    def _grown(self) -> bool:
        """Fold the leaves that the source has signed since; returns whether there were any."""
        before = self._size
        *_, newest = (b"", *self._source.checkpoints())
        if self._newest is not None and newest != self._newest.data:
            self._signed(newest)
            self._compare_partial()
        return self._size > before

    def _different(self, entries: Sequence[int]) -> list[Difference]:
        beside = GivenEntries(self._replay.state, self._hashes)
        wanted = records_of(self._replay.state, entries, only_standing=self._source.only_standing)
        found = list(differences(self._reported(entries, beside), wanted, self._source.reports))
        self._withheld = self._withheld or beside.withheld
        given = [beside.wrong[index] for index in sorted(beside.wrong)]
        return [*given, *(each for each in found if each.entry not in beside.refused)]

    def _reported(self, entries: Sequence[int], beside: GivenEntries) -> Iterator[Record]:
        done = 0
        for record in self._source.records(entries):
            if isinstance(record, GivenEntry):
                beside.add(record)
                if len(beside.wrong) >= MAX_FINDINGS:
                    return
                continue
            yield record
            if isinstance(record, Entry):
                done += 1
                self._progress(done, len(entries))

    def _freshness(self) -> None:
        newest = moment.newest(self._replay.state.times())
        if self._max_age is not None and self._clock() - newest > self._max_age:
            message = f"the newest statement is {self._clock() - newest} s old, more than {self._max_age} s"
            self._find("freshness", self._size - 1, message)
