"""Audit: derives everything again from the leaves' bytes and compares it with what a source reports.

What is compared, as the leaves come:

1. Leaf 0 is the genesis statement that is pinned.
2. Every leaf follows the rules: format, signatures, standing. The fold is `rules.Replay`, as everywhere.
3. What a source stores beside a leaf (hash, edge, root, request) follows from the bytes.
4. Private parts, where a source gives them, are what their statement's items commit to.
5. Every signed checkpoint is signed by a log key that was in force at its size, and has the tree's root.
6. The log begins with the tree of the checkpoint that was audited last.
7. Every hash tile holds the tree's hashes.
8. Every document that a statement names is there, and is that document; from tiles, those that are published.

And at the end:

9. The state that the source reports, record by record, is the one derived from the leaves.
10. The witnesses that the log names, and those that are demanded besides, vouch for the newest checkpoint of
    what is read from elsewhere than its home, and have done so lately; of a log without witnesses, the newest
    statement is not older than was asked for.
11. The receipts and the checkpoint that a profile keeps are of this log (`HeldWatch`).

Nothing that the source reports is taken on trust, and a source that withholds a leaf is at fault as well.
What is derived lies in a file (`Fold`), so memory does not grow with the log; an audit may go on from what an
earlier one has saved there. The audit stops at a log with too many faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from hashpact.audit.deriving.fold import Fold, Folded, scratch
from hashpact.audit.deriving.ordered import judged_leaves
from hashpact.audit.deriving.rows import first_leaf
from hashpact.audit.findings import MAX_FINDINGS, Finding, Progress, Report
from hashpact.audit.private import GivenEntries, GivenEntry, LeafHashes, wrong_parts
from hashpact.audit.records import Difference, Requested, differences, entry_of, unlike
from hashpact.audit.source import ReportedLeaf, Source, wrong_document
from hashpact.audit.vouching import unvouched
from hashpact.domain import keys
from hashpact.domain.kinds import AnyBody, moment
from hashpact.domain.ports import Clock
from hashpact.domain.state import Entry, Leaf, Record
from hashpact.errors import (
    BadSignatureError,
    CorruptError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
)
from hashpact.log import checkpoint, tiles
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.log.policy import WitnessPolicy
from hashpact.log.tiles import Tile

_ROUNDS: Final = 10
"""How often the differing records of a log that grows during the audit are read again."""
_DIFFERENT: Final = 100_000
"""Differing records that are read again at most."""
_REPORTED: Final = 64
"""Leaves between two reports of progress."""
_SAVED: Final = 500_000
"""Leaves between two calls of ``saved``."""


class _Stop(Exception):  # noqa: N818  # not an error: there is enough evidence
    """Ends an audit before its end."""


class Auditor:
    """Audits one log once, from where its fold stands. ``genesis`` is the SHA-256 of leaf 0 that is pinned.

    Without ``genesis`` any is accepted. ``audited`` is the signed checkpoint that an earlier audit has ended
    with. ``max_age`` is how many seconds ago witnesses may have cosigned the newest checkpoint (None: 24
    hours); of a log without witnesses, how old the newest statement may be. ``demands`` is a witness policy
    besides the log's own. ``seen`` is called with each leaf that is folded, ``saved`` every 500,000 leaves.
    """

    def __init__(  # noqa: PLR0913  # what is known beforehand
        self,
        source: Source,
        clock: Clock,
        progress: Progress,
        fold: Fold,
        *,
        genesis: bytes | None = None,
        audited: bytes | None = None,
        max_age: int | None = None,
        demands: WitnessPolicy | None = None,
        seen: Callable[[Folded], None] = lambda _: None,
        saved: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._progress = progress
        self._fold = fold
        self._genesis = genesis
        self._audited = None if audited is None else checkpoint.parse(audited)
        self._max_age = max_age
        self._demands = demands
        self._read = True
        self._seen = seen
        self._saved = saved
        self._start = fold.size
        self._compared = self._start > 0 and audited is not None  # until then every entry is asked for
        self._touched: set[int] = set()
        self._hashes = LeafHashes(self._start)
        self._withheld = False
        self._documents: set[bytes] = set()
        self._findings: list[Finding] = []
        self._newest: SignedCheckpoint | None = None

    def run(self) -> Report:
        """Audit what is new: the whole log, if nothing was folded before.

        Raises UnavailableError, or another error of the source, if it cannot be read. Everything that is
        wrong with its answers is in the report.
        """
        try:
            self._tree()
            self._state()
            self._freshness()
        except _Stop:
            pass
        except (CorruptError, InvalidInputError, NotFoundError) as error:
            index = int(error.details.get("index", self._size))
            self._findings.append(Finding("source", index, error.message))
        state = self._fold.file.state
        charter = state.charter()
        return Report(
            origin=None if charter is None else charter.origin,
            genesis=self._fold.genesis,
            size=self._size,
            root=self._fold.root,
            checkpoint=None if self._newest is None else self._newest.data,
            signed=0 if self._newest is None else self._newest.checkpoint.size,
            audited=0 if self._audited is None else self._audited.checkpoint.size,
            counts=dict(sorted(self._fold.counts.items())),
            newest=moment.newest(state.times()),
            administrators=0 if charter is None else len(charter.admins),
            threshold=0 if charter is None else charter.threshold,
            withheld=self._withheld,
            findings=tuple(self._findings),
        )

    @property
    def _size(self) -> int:
        return self._fold.size

    def _served(self) -> bytes:
        return b"" if self._newest is None else self._newest.data

    def _find(self, topic: str, index: int | None, message: str, **evidence: bytes) -> None:
        self._keep(Finding(topic, index, message, evidence))

    def _fork(self, index: int, message: str, **evidence: bytes) -> None:
        self._keep(Finding("checkpoint", index, message, evidence, fork=True))

    def _differs(self, found: Difference) -> None:
        self._keep(Finding(found.topic, found.index, found.message, {}, found.kind, found.member))

    def _keep(self, finding: Finding) -> None:
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
            self._fork(
                self._newest.checkpoint.size,
                f"the newest checkpoint is of {self._newest.checkpoint.size} leaves, "
                f"fewer than the {self._audited.checkpoint.size} that were audited: the log was rolled back",
                checkpoint=self._newest.data,
                audited=self._audited.data,
            )
        self._compare_partial()
        self._read = head is None  # as readers do; a home is not asked what its witnesses say
        if head is not None:
            self._extend(head.size)
            if head.edge != self._fold.file.head.edge:
                self._find("stored", head.size - 1, f"the head's edge is not that of leaf {head.size - 1}")

    def _signed(self, note: bytes) -> None:
        """Fold the log up to a checkpoint, and compare the two."""
        try:
            signed = checkpoint.parse(note)
        except MalformedError as error:
            self._find("checkpoint", None, f"not a checkpoint: {error}", checkpoint=note)
            return
        size = signed.checkpoint.size
        before = self._start if self._newest is None else self._newest.checkpoint.size
        self._extend(size)
        self._newest = signed
        charter = self._fold.file.state.charter()
        try:
            if charter is not None:
                mldsa = charter.log_mldsa_keys
                checkpoint.verify(signed, charter.origin, charter.log_keys, keys.verify, mldsa)
        except BadSignatureError as error:
            message = f"the checkpoint of size {size}: {error}"
            self._find("checkpoint", size - 1, message, **{f"checkpoint-{size}": note})
            return
        if size < self._start and self._audited is None:
            message = f"a checkpoint of {size} leaves, fewer than the {self._start} that were read before"
            self._find("checkpoint", size, message, **{f"checkpoint-{size}": note})
        if size >= self._start and signed.checkpoint.root != self._fold.root:
            last = size - 1
            which = f"leaf {last} is" if before >= last else f"one of the leaves {before} to {last} is"
            message = f"{which} not the one that the signed checkpoint of size {size} commits to"
            if self._audited is not None and self._start:
                evidence = {f"checkpoint-{size}": note, "audited": self._audited.data}
                self._fork(before, message, **evidence)
            else:
                self._find("checkpoint", before, message, **{f"checkpoint-{size}": note})

    def _extend(self, stop: int) -> None:
        """Fold the leaves up to ``stop``."""
        since = self._size
        for reported, found in judged_leaves(self._source, since, stop, self._fold.known):
            self._add(reported, self._fold.add(reported.data, found))
            if self._size % _REPORTED == 0 or self._size == stop:
                self._progress(self._size, stop)
            if self._size % _SAVED == 0:
                self._saved()

    def _add(self, reported: ReportedLeaf, leaf: Folded) -> None:
        """Compare everything about a leaf that was folded."""
        index, data, statement = leaf.index, leaf.data, leaf.judged.statement
        if index == 0 and self._genesis not in {None, self._fold.genesis}:
            self._find("leaf", 0, "leaf 0 is not the genesis statement that is pinned", **{"leaf-0": data})
        for tile, hashes in self._fold.rows.add((leaf.hash, *leaf.nodes)):
            self._compare_tile(tile, hashes)
        self._seen(leaf)
        if leaf.error is not None:
            self._find("leaf", index, f"leaf {index}: {leaf.error}", **{f"leaf-{index}": data})
        elif statement is not None:
            self._compare_documents(index, statement.body)
        if self._source.reports:
            self._hashes.add(leaf.hash)
        if self._compared and self._source.reports:
            self._touched.update(entry for record in leaf.records if (entry := entry_of(record)) is not None)
        if statement is not None:
            self._compare_leaf(reported, leaf)
        known = self._audited
        if known is None or known.checkpoint.size != self._size:
            return
        if self._fold.root != known.checkpoint.root:
            message = f"the first {self._size} leaves are not those that were audited: it is another history"
            evidence = {"audited": known.data, "checkpoint": self._served()}
            self._fork(0, message, **evidence)

    def _compare_leaf(self, reported: ReportedLeaf, leaf: Folded) -> None:
        """Compare the values stored beside a leaf with those derived from its bytes."""
        index, stored, statement = leaf.index, reported.stored, leaf.judged.statement
        assert statement is not None  # noqa: S101  # who calls it has looked
        if stored is not None:
            derived = Leaf(
                index=index,
                data=leaf.data,
                hash=leaf.hash,
                nodes=leaf.nodes,
                member=statement.member,
                request=statement.request,
                time=statement.time,
            )
            if stored != derived:
                names = unlike(stored, derived)
                self._find("stored", index, f"leaf {index}: {names} stored with it is not that of its bytes")
        kind, member, parts = statement.body.kind, statement.member, reported.private
        altered = None if parts is None else wrong_parts(statement.body.commitments(), parts)
        misplaced = "private parts are stored for it in a wrong place" if reported.misplaced else None
        for wrong in filter(None, (altered, misplaced)):
            message = f"leaf {index}, a {kind} of {member}: {wrong}"
            self._differs(Difference(message, index, index, "private", kind, member))

    def _compare_documents(self, index: int, body: AnyBody) -> None:
        """Look for each document that a statement names, once."""
        if self._source.only_published and not body.published:
            return
        for digest in (one for one in body.documents() if one not in self._documents):
            self._documents.add(digest)
            wrong, data = wrong_document(self._source, digest)
            if wrong is not None:
                evidence = {} if data is None else {f"document-{digest.hex()}": data}
                self._find("document", index, f"leaf {index} names a document{wrong}", **evidence)

    def _compare_partial(self) -> None:
        """Compare the tiles that are not full yet, which are there for the newest checkpoint."""
        if self._newest is not None and self._newest.checkpoint.size == self._size:
            for tile, hashes in self._fold.rows.partial():
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
        """Compare the records that the source reports, again while the log grows.

        An audit that goes on from an earlier one asks only for the entries that have changed since.
        """
        if not self._source.reports:
            return
        different = self._different(sorted(self._touched) if self._compared else None)
        self._compared = True
        for _ in range(_ROUNDS):
            if not different or not self._grown():
                break
            again = {each.entry for each in different if each.entry is not None}
            different = self._different(sorted(again | self._touched))
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

    def _different(self, entries: Sequence[int] | None) -> list[Difference]:
        self._fold.file.flush()
        beside = GivenEntries(self._fold.file.state, self._hashes)
        asked = Requested(self._source.reports, self._source.only_standing, entries)
        found = list(islice(differences(self._reported(entries, beside), self._fold.file, asked), _DIFFERENT))
        self._withheld = self._withheld or beside.withheld
        given = [beside.wrong[index] for index in sorted(beside.wrong)]
        differing = {each.entry for each in found}
        placed = [beside.placed[index] for index in sorted(beside.placed.keys() - differing)]
        return [*given, *placed, *(each for each in found if each.entry not in beside.refused)]

    def _reported(self, entries: Sequence[int] | None, beside: GivenEntries) -> Iterator[Record]:
        done = 0
        total = self._fold.file.count(Entry) if entries is None else len(entries)
        for record in self._source.records(self._fold.file.entries_end(), entries):
            if isinstance(record, GivenEntry):
                beside.add(record)
                if max(len(beside.wrong), len(beside.placed)) >= MAX_FINDINGS:
                    return
                continue
            yield record
            if isinstance(record, Entry):
                done += 1
                self._progress(done, total)

    def _freshness(self) -> None:
        """Look whether witnesses vouch for the newest checkpoint, and how old what is newest is."""
        state, limit, finding = self._fold.file.state, self._max_age, None
        charter = state.charter() if self._read else None
        if charter is not None and self._newest is not None and (charter.witnesses or self._demands):
            finding = unvouched(charter, self._newest, self._demands, self._clock(), limit)
        else:
            age = self._clock() - moment.newest(state.times())
            if limit is not None and age > limit:
                message = f"the newest statement is {age} s old, more than {limit} s"
                finding = Finding("freshness", self._size - 1, message)
        if finding is not None:
            self._keep(finding)


def audit_whole(  # noqa: PLR0913  # as the Auditor
    source: Source,
    clock: Clock,
    progress: Progress,
    *,
    genesis: bytes | None = None,
    audited: bytes | None = None,
    max_age: int | None = None,
    demands: WitnessPolicy | None = None,
) -> Report:
    """Audit a log from its first leaf. Raises as `Auditor.run`, and UnavailableError as `scratch`."""
    with scratch() as fold:
        return Auditor(
            source, clock, progress, fold, genesis=genesis, audited=audited, max_age=max_age, demands=demands
        ).run()
