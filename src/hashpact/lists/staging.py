"""Staging: what a run of an import reads is written down first, and applied when all of it is read.

So a document that turns out to be broken has changed nothing, the last record of a key is the one that
counts, and what is known already is neither written nor sent again. Memory does not grow with the list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Final

from hashpact.exchange.formats import Format
from hashpact.exchange.mapping import ClassMap
from hashpact.exchange.rows import (
    NEGATIVE,
    NOT_OWN,
    UNMAPPED_CLASS,
    UNMAPPED_LABEL,
    Delete,
    Put,
    Row,
    Skip,
)
from hashpact.lists.blocks import Kept
from hashpact.lists.compaction import compact
from hashpact.lists.table import RowTable

PUT, DELETE, SAME = 1, 2, 3
_APPLY: Final = (
    """INSERT OR IGNORE INTO dead SELECT row.place FROM stage JOIN row USING (name)
    WHERE does IN (1, 2) AND row.place >= 0""",
    """UPDATE row SET place = -1 - place,
    updated = max(updated, (SELECT updated FROM stage WHERE stage.name = row.name))
    WHERE place >= 0 AND name IN (SELECT name FROM stage WHERE does = 2)""",
    """UPDATE row SET updated = stage.updated FROM stage
    WHERE stage.name = row.name AND does = 3 AND stage.updated > row.updated""",
)
MAX_NAMED: Final = 100
"""Keys of skipped records that a report names, for each reason."""

_DEAD: Final = "INSERT OR IGNORE INTO dead VALUES (?)"
_STAGED: Final = "SELECT does, place, updated, labels FROM stage WHERE name = ?"
_KNOWN: Final = "SELECT digest, place, updated FROM row WHERE name = ?"
_STAGE: Final = "INSERT OR REPLACE INTO stage VALUES (?, ?, ?, ?, ?, ?, ?)"


@dataclass(slots=True)
class ImportReport:
    """What a run has done, by counts; records that were not taken are named by their keys.

    ``older`` records came after a newer one of the same key. ``unknown`` were taken back and never known.
    """

    read: int = 0
    added: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    older: int = 0
    unknown: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    def fields(self) -> dict[str, object]:
        """The report for JSON."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    def skip(self, key: str, reason: str) -> None:
        """A record is not taken."""
        self.skipped[reason] += 1
        named = self.named.setdefault(reason, [])
        if key and len(named) < MAX_NAMED:
            named.append(key)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Counter) else value


@dataclass(frozen=True, slots=True)
class Taking:
    """Which rows of a list are taken, and with which labels.

    ``mapped``: a row without a label is not taken. ``own`` is the list's id of who its rows must be from.
    """

    form: Format
    classes: ClassMap
    mapped: bool
    own: str | None = None
    skip_disputed: bool = False
    min_affirmed: int = 0

    def labels(self, row: Put) -> tuple[str, ...] | Skip:
        """The labels of a row, or why it is not taken."""
        if self.own is not None and row.source != self.own:
            return Skip(row.key, NOT_OWN)
        if (self.skip_disputed and row.disputed) or row.affirmed < self.min_affirmed:
            return Skip(row.key, NEGATIVE)
        labels = self.classes.labels_of(row.classes)
        if self.mapped and not labels:
            return Skip(row.key, UNMAPPED_CLASS if self.form.by_class else UNMAPPED_LABEL)
        return labels


class Staging:
    """Writes rows of one source into the stage of a table, within a transaction of the caller's."""

    def __init__(self, table: RowTable, source: str, taking: Taking, report: ImportReport) -> None:
        self._table = table
        self._source = source.encode()
        self._taking = taking
        self._report = report
        self._turn = 0
        table.sql.execute("DELETE FROM stage")

    def take(self, rows: Iterable[Row]) -> Iterator[int]:
        """Stage the rows; yields how many were read, now and then."""
        for row in rows:
            self._report.read += 1
            match row:
                case Put():
                    self._put(row)
                case Delete():
                    self._delete(row)
                case Skip(key, reason):
                    self._report.skip(key, reason)
            if self._report.read % 1000 == 0:
                yield self._report.read
        self._table.flush()
        yield self._report.read

    def _put(self, row: Put) -> None:
        self._report.dropped.update(row.dropped)
        labels = self._taking.labels(row)
        if isinstance(labels, Skip):
            self._report.skip(labels.key, labels.reason)
            return
        sql, updated = self._table.sql, row.updated or 0
        name = self._table.sealer.name(self._source, row.key.encode())
        staged = sql.execute(_STAGED, (name,)).fetchone()
        known = sql.execute(_KNOWN, (name,)).fetchone()
        if self._is_older(name, staged, known, updated):
            return
        if staged is not None:
            if self._taking.form.united:
                labels = tuple(sorted({*labels, *staged[3].split()}))
            if staged[1] is not None:
                sql.execute(_DEAD, (staged[1],))
        values = sorted((each.type.name, each.value) for each in row.fingerprints)
        parts = [part for kind, value in values for part in (kind.encode(), value)]
        digest = self._table.sealer.name(*parts, " ".join(labels).encode())
        place = None
        same = known is not None and known[1] >= 0 and known[0] == digest
        if not same:
            place = self._table.append(Kept(row.key, row.fingerprints, labels, updated, row.removed or 0))
        self._stage(name, SAME if same else PUT, digest, place, updated, labels)

    def _delete(self, row: Delete) -> None:
        sql, updated = self._table.sql, row.updated or 0
        name = self._table.sealer.name(self._source, row.key.encode())
        staged = sql.execute(_STAGED, (name,)).fetchone()
        known = sql.execute(_KNOWN, (name,)).fetchone()
        if staged is None and (known is None or known[1] < 0):
            self._report.unknown += 1
        elif not self._is_older(name, staged, known, updated):
            if staged is not None and staged[1] is not None:
                sql.execute(_DEAD, (staged[1],))
            self._stage(name, DELETE, b"", None, updated)

    def _is_older(
        self,
        name: bytes,
        staged: tuple[int, int | None, int, str] | None,
        known: tuple[bytes, int, int] | None,
        updated: int,
    ) -> bool:
        """Whether something newer is known of this record, in a list whose order says nothing."""
        if not self._taking.form.by_time:
            return False
        before = staged[2] if staged is not None else known[2] if known is not None else 0
        if updated >= before:
            return False
        self._report.older += 1
        if staged is None and known is not None and known[1] >= 0:
            self._stage(name, SAME, known[0], None, known[2])
        return True

    def _stage(  # noqa: PLR0913, PLR0917 - the columns of the table
        self,
        name: bytes,
        does: int,
        digest: bytes,
        place: int | None,
        updated: int,
        labels: Iterable[str] = (),
    ) -> None:
        self._turn += 1
        self._table.sql.execute(_STAGE, (name, does, digest, place, updated, " ".join(labels), self._turn))


def missing(table: RowTable, source: str) -> None:
    """Stage the removal of all rows of a source that the run has not read: a newer set replaces an older."""
    table.sql.execute(
        "INSERT INTO stage SELECT name, ?, x'', NULL, updated, '', 0 FROM row "
        "WHERE source = ? AND place >= 0 AND name NOT IN (SELECT name FROM stage)",
        (DELETE, source),
    )


def count(table: RowTable, report: ImportReport) -> None:
    """Count what the stage will change."""
    joined = "SELECT count(*) FROM stage LEFT JOIN row USING (name) WHERE does = ? AND "
    report.added = table.one(f"{joined} coalesce(row.place, -1) < 0", (PUT,))
    report.updated = table.one(f"{joined} row.place >= 0", (PUT,))
    report.deleted = table.one(f"{joined} row.place >= 0", (DELETE,))
    report.unchanged = table.one("SELECT count(*) FROM stage WHERE does = ?", (SAME,))


def apply(table: RowTable, source: str) -> None:
    """Make the stage what a private list holds, within the transaction that staged it.

    The list is written anew if most of its blocks are of no use any more. Raises CorruptError.
    """
    for query in _APPLY:
        table.sql.execute(query)
    table.sql.execute(
        "INSERT OR REPLACE INTO row SELECT name, ?, digest, place, updated FROM stage WHERE does = 1",
        (source,),
    )
    table.sql.execute("DELETE FROM stage")
    compact(table)
