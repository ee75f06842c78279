"""Sources: where an auditor reads a log, and the source over a ledger at hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from hashpact.audit.private import GivenEntry
from hashpact.domain.kinds import Submit
from hashpact.domain.ports import Log, Snapshot
from hashpact.domain.state import (
    Charter,
    Entry,
    Filing,
    Head,
    Key,
    Leaf,
    Member,
    Opinion,
    RecentTimes,
    Record,
)
from hashpact.domain.statements import kind_of
from hashpact.errors import CorruptError, NotFoundError
from hashpact.log import tiles
from hashpact.log.lines import MAX_INTEGER
from hashpact.log.tiles import Tile

EVERY_KIND: Final[frozenset[type[Record]]] = frozenset(
    {Charter, Member, Key, Entry, Opinion, Filing, RecentTimes}
)


@dataclass(frozen=True, slots=True)
class ReportedLeaf:
    """A leaf as a source reports it.

    ``private`` are its private parts in item order, None if the source has none to give. ``stored`` is what
    the source stores beside the bytes, None if it reports nothing. ``misplaced`` is whether private parts are
    stored for it where those of another kind of statement are, and others read them.
    """

    index: int
    data: bytes
    private: Sequence[bytes] | None = None
    stored: Leaf | None = None
    misplaced: bool = False


class Source(Protocol):
    """Where a log is read from: a home's ledger, a server, a directory of tiles.

    Damage raises CorruptError, MalformedError or NotFoundError. What cannot be given now raises
    UnavailableError, which ends the audit without a verdict. Answers are bounded:
    an endless one raises CorruptError too.
    """

    def checkpoints(self) -> Iterator[bytes]:
        """Every signed checkpoint that it has, by size; the last is the newest."""
        ...

    def head(self) -> Head | None:
        """The head that it reports, which may be beyond what is signed; None if it reports none."""
        ...

    def leaves(self, start: int, stop: int) -> Iterator[ReportedLeaf]:
        """The leaves with start <= index < stop, in order."""
        ...

    def tile(self, tile: Tile) -> bytes | None:
        """The bytes of a hash tile, None if it has no tiles."""
        ...

    def document(self, digest: bytes) -> bytes | None:
        """What it has as the document with that SHA-256, None if nothing."""
        ...

    def records(self, stop: int, entries: Sequence[int] | None = None) -> Iterator[Record | GivenEntry]:
        """The state as it reports it: members, their keys, and entries below ``stop`` with their opinions.

        All of these entries, or at least ``entries``, which are in order. It also reports records that no
        leaf made, if it can list its records; and what it gives beside an entry's record, unless that comes
        with the leaves.
        """
        ...

    @property
    def reports(self) -> frozenset[type[Record]]:
        """The kinds of records that it reports."""
        ...

    @property
    def only_standing(self) -> bool:
        """Whether it reports only the opinions that stand, as members see them."""
        ...

    @property
    def only_published(self) -> bool:
        """Whether it has, of the documents that statements name, only those that are for everybody."""
        ...


@dataclass(slots=True)
class _Beside:
    """The rows of a table of private parts, by the ascending indices of leaves."""

    rows: Iterator[tuple[int, Sequence[bytes]]]
    _next: tuple[int, Sequence[bytes]] = (-1, ())

    def of(self, index: int) -> Sequence[bytes] | None:
        """The parts that are stored for that leaf, None if there is no row."""
        while self._next[0] < index:
            self._next = next(self.rows, (MAX_INTEGER, ()))  # no leaf has that index
        return tuple(self._next[1]) if self._next[0] == index else None


class LedgerSource:
    """A ledger as it was at one moment, with all that it stores. Make one with `ledger_source`."""

    def __init__(self, log: Log, view: Snapshot, head: Head, *, confidential: bool) -> None:
        self._log = log
        self._confidential = confidential
        self._view = view
        self._head = head

    @property
    def reports(self) -> frozenset[type[Record]]:
        """Every kind of record."""
        return EVERY_KIND

    @property
    def only_standing(self) -> bool:
        """False: it reports every opinion, whether it stands or not."""
        return False

    @property
    def only_published(self) -> bool:
        """False: it has every document."""
        return False

    def checkpoints(self) -> Iterator[bytes]:
        """The signed checkpoints up to that moment, and any that the ledger does not reach."""
        newest = self._log.checkpoints.newest()
        for kept in self._log.checkpoints.since(0):
            if kept.size <= self._head.size or kept.size > self._log.head().size:
                yield kept.note
                if newest is not None and newest.size == kept.size and newest.note != kept.note:
                    yield newest.note

    def head(self) -> Head:
        """The head at that moment. Raises CorruptError if leaves are stored beyond the head."""
        extent, head = self._log.tree.extent(), self._log.head()
        if extent > head.size:
            msg = f"leaf {head.size} is stored, but the head counts {head.size} leaves"
            raise CorruptError(msg, index=str(head.size))
        return self._head

    def leaves(self, start: int, stop: int) -> Iterator[ReportedLeaf]:
        """The leaves with all that is stored beside them."""
        shared = _Beside(_readable(self._log.private, start, stop))
        confidential = _Beside(_readable(self._log.confidential, start, stop))
        for leaf in self._log.leaves(start, stop):
            own, other = shared.of(leaf.index), confidential.of(leaf.index)
            missing: tuple[bytes, ...] | None = ()
            if kind_of(leaf.data) != Submit.kind:
                own, other = other, own
                missing = () if self._confidential else None
            # Nothing at all is stored for a leaf without private parts.
            misplaced = other is not None or own == ()
            yield ReportedLeaf(leaf.index, leaf.data, own or missing, leaf, misplaced)

    def tile(self, tile: Tile) -> bytes:
        """The bytes of a hash tile, from the stored tree."""
        return tiles.hashes(tile, self._log.tree.node)

    def document(self, digest: bytes) -> bytes | None:
        """The document that is stored under that SHA-256."""
        return self._log.document(digest)

    def records(self, _stop: int, _entries: Sequence[int] | None = None) -> Iterator[Record]:
        """Every row of the state's tables at that moment."""
        return self._view.records()


def _readable(
    read: Callable[[int, int], Iterator[tuple[int, Sequence[bytes]]]], start: int, stop: int
) -> Iterator[tuple[int, Sequence[bytes]]]:
    """The private parts of leaves, without those that cannot be read."""
    while start < stop:
        try:
            yield from read(start, stop)
        except CorruptError as error:
            if "index" not in error.details:
                raise
            start = int(error.details["index"]) + 1
        else:
            return


@contextmanager
def ledger_source(log: Log, *, confidential: bool = True) -> Iterator[LedgerSource]:
    """The ledger as it is now, for the length of the block, unaffected by appends.

    One that is not ``confidential``, a mirror's, is given no private parts but those of entries.
    """
    while True:
        head = log.head()
        with log.snapshot() as view:
            if log.head() == head:
                yield LedgerSource(log, view, head, confidential=confidential)
                return


def wrong_document(source: Source, digest: bytes) -> tuple[str | None, bytes | None]:
    """What is wrong with the document of that SHA-256, None for nothing; and the bytes of another one."""
    try:
        data = source.document(digest)
    except (CorruptError, NotFoundError) as error:
        return f": {error}", None
    if data is None:
        return f" that is missing: {digest.hex()}", None
    if hashlib.sha256(data).digest() != digest:
        return f", and there is another under {digest.hex()}", data
    return None, None
