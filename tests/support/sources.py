"""Sources for auditors: a ledger with the changes that a test makes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from hashpact.audit.source import LedgerSource, ReportedLeaf
from hashpact.domain.state import Entry, Head, Opinion, Record
from hashpact.log.tiles import Tile


class Altered:
    """A source over a ledger, with the changes that a test makes."""

    def __init__(self, honest: LedgerSource) -> None:
        self.honest = honest
        self.reports = honest.reports
        self.only_standing = False
        self.only_published = False
        self.documents: dict[bytes, bytes | None] = {}
        self.notes: list[bytes] = list(honest.checkpoints())
        self.stop: int | None = None
        self.told: dict[int, ReportedLeaf | Exception] = {}
        self.tiles: dict[Tile, bytes | Exception] = {}
        self.state: list[Record] = list(honest.records(0))
        self.end: Head | None = honest.head()

    def checkpoints(self) -> Iterator[bytes]:
        """The notes."""
        return iter(self.notes)

    def head(self) -> Head | None:
        """The end."""
        return self.end

    def leaves(self, start: int, stop: int) -> Iterator[ReportedLeaf]:
        """What is put in place of a leaf, or the leaf."""
        for reported in self.honest.leaves(start, stop):
            if reported.index == self.stop:
                return
            given = self.told.get(reported.index, reported)
            if isinstance(given, Exception):
                raise given
            yield given

    def tile(self, tile: Tile) -> bytes | None:
        """What is put in place of a tile, or the tile."""
        given = self.tiles.get(tile, self.honest.tile(tile))
        if isinstance(given, Exception):
            raise given
        return given

    def document(self, digest: bytes) -> bytes | None:
        """What is put in place of a document, or the document."""
        return self.documents[digest] if digest in self.documents else self.honest.document(digest)

    def records(self, _stop: int, _entries: Sequence[int] | None = None) -> Iterator[Record]:
        """The state, whatever is asked for."""
        return iter(self.state)


class Endless(Altered):
    """A source whose leaves never end."""

    def leaves(self, start: int, _stop: int) -> Iterator[ReportedLeaf]:
        """Endless leaves."""
        return (next(self.honest.leaves(index, index + 1)) for index in itertools.count(start))


class Growing(Altered):
    """A source whose log is signed up to its end while it is asked for its records."""

    def __init__(self, honest: LedgerSource) -> None:
        super().__init__(honest)
        self.later = self.notes.pop()
        self.end = None
        self.asked: list[Sequence[int] | None] = []

    def records(self, stop: int, entries: Sequence[int] | None = None) -> Iterator[Record]:
        """The state, after which the log is signed to its end."""
        self.asked.append(entries)
        self.notes = [self.later]
        asked = {None, *(range(stop) if entries is None else entries)}
        return (record for record in self.state if _entry(record) in asked)


def _entry(record: Record) -> int | None:
    """The entry that a record is, or is an opinion on."""
    match record:
        case Entry():
            return record.index
        case Opinion():
            return record.entry
        case _:
            return None
