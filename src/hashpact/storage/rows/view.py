"""The view of a ledger's state that reads the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

import apsw

from hashpact.domain.state import (
    Charter,
    Entry,
    Filing,
    Key,
    Member,
    Opinion,
    RecentTimes,
    Record,
)
from hashpact.storage.connection import Row, run, translated
from hashpact.storage.rows.columns import (
    CHARTER,
    ENTRY,
    FILING,
    KEY,
    MEMBER,
    OPINION,
    TIMES,
)
from hashpact.storage.rows.reading import (
    STATE,
    charter_of,
    decoded,
    entry_of,
    filing_of,
    key_of,
    member_of,
    opinion_of,
    times_of,
)

_T = TypeVar("_T")
_OF_MEMBER: Final = "WHERE about = ? AND kind = ? AND member = ?"


class RowView:
    """The state as one connection sees it; unchanging while the connection is in a transaction.

    It is the `Snapshot` of domain/ports.py. One thread uses it at a time.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def size(self) -> int:
        """The tree size of the state."""
        size: int = run(self._connection, "SELECT size FROM head")[0][0]
        return size

    def charter(self) -> Charter | None:
        """The newest charter."""
        rows = run(self._connection, f"SELECT {CHARTER} FROM charters ORDER BY number DESC LIMIT 1")
        return _first(charter_of, rows)

    def charters(self) -> tuple[Charter, ...]:
        """Every charter, in order."""
        rows = run(self._connection, f"SELECT {CHARTER} FROM charters ORDER BY number")
        return tuple(decoded(charter_of, row) for row in rows)

    def member(self, member_id: str) -> Member | None:
        """The member of that id."""
        rows = run(self._connection, f"SELECT {MEMBER} FROM members WHERE id = ?", (member_id,))
        return _first(member_of, rows)

    def key(self, key_id: bytes) -> Key | None:
        """The key of that id."""
        rows = run(self._connection, f"SELECT {KEY} FROM keys WHERE id = ?", (key_id,))
        return _first(key_of, rows)

    def keys(self, member_id: str) -> tuple[Key, ...]:
        """The member's keys by enrolment, those of one statement by id."""
        sql = f"SELECT {KEY} FROM keys WHERE member = ? ORDER BY enrolled_index, id"
        return tuple(decoded(key_of, row) for row in run(self._connection, sql, (member_id,)))

    def entry(self, index: int) -> Entry | None:
        """The entry at that index."""
        rows = run(self._connection, f"SELECT {ENTRY} FROM entries WHERE idx = ?", (index,))
        return _first(entry_of, rows)

    def opinions(self, entry: int) -> tuple[Opinion, ...]:
        """The opinions on that entry, by member id."""
        sql = f"SELECT {OPINION} FROM opinions WHERE entry = ? ORDER BY member"
        return tuple(decoded(opinion_of, row) for row in run(self._connection, sql, (entry,)))

    def filing(self, index: int) -> Filing | None:
        """The filing at that index."""
        rows = run(self._connection, f"SELECT {FILING} FROM filings WHERE idx = ?", (index,))
        return _first(filing_of, rows)

    def filings(self, kind: str, about: str) -> tuple[Filing, ...]:
        """The filings of that kind about that, in order."""
        sql = f"SELECT {FILING} FROM filings WHERE about = ? AND kind = ? ORDER BY idx"
        return tuple(decoded(filing_of, row) for row in run(self._connection, sql, (about, kind)))

    def newest(self, kind: str, about: str, member: str) -> Filing | None:
        """The member's newest of that kind about that."""
        sql = f"SELECT {FILING} FROM filings {_OF_MEMBER} ORDER BY idx DESC LIMIT 1"
        return _first(filing_of, run(self._connection, sql, (about, kind, member)))

    def request(self, member_id: str, request: bytes) -> int | None:
        """The leaf of that request."""
        sql = "SELECT idx FROM leaves WHERE member = ? AND request = ?"
        rows = run(self._connection, sql, (member_id, request))
        return rows[0][0] if rows else None

    def waiting(self, moment: int) -> tuple[Key, ...]:
        """The keys that begin later than that, by id."""
        sql = f"SELECT {KEY} FROM keys WHERE valid_from > ? ORDER BY id"
        return tuple(decoded(key_of, row) for row in run(self._connection, sql, (moment,)))

    def times(self) -> RecentTimes:
        """The times of the last signers."""
        rows = run(self._connection, f"SELECT {TIMES} FROM times")
        return _first(times_of, rows) or RecentTimes()

    def records(self) -> Iterator[Record]:
        """Every row of the state's tables. Raises CorruptError that names a row which cannot be read."""
        for kind, *_ in STATE:
            yield from self.records_of(kind)

    def records_of(self, kind: type[Record]) -> Iterator[Record]:
        """Every row of one kind of records, as `records`."""
        for each, table, columns, order, convert in STATE:
            if each is not kind:
                continue
            sql = f"SELECT {columns} FROM {table} ORDER BY {order}"
            try:
                for row in self._connection.execute(sql):
                    place = {"index": str(row[0])} if isinstance(row[0], int) else {}
                    yield decoded(convert, row, f"the row {row[0]!r} of {table}", **place)
            except apsw.Error as exc:
                raise translated(exc, self._connection.filename) from exc

    def filed(self, kinds: Sequence[str], after: int, limit: int) -> tuple[Filing, ...]:
        """The first ``limit`` filings of these kinds after that index."""
        marks = ", ".join("?" * len(kinds))
        sql = f"SELECT {FILING} FROM filings WHERE kind IN ({marks}) AND idx > ? ORDER BY idx LIMIT ?"
        rows = run(self._connection, sql, (*kinds, after, limit))
        return tuple(decoded(filing_of, row) for row in rows)

    def members(self, after: str, limit: int) -> tuple[Member, ...]:
        """The first ``limit`` members after that id."""
        sql = f"SELECT {MEMBER} FROM members WHERE id > ? ORDER BY id LIMIT ?"
        return tuple(decoded(member_of, row) for row in run(self._connection, sql, (after, limit)))

    def entries(self, member_id: str, after: int, limit: int) -> tuple[Entry, ...]:
        """The first ``limit`` entries after that index that the member has shared or withdrawn.

        Each search follows an index and ends at the limit, however many entries there are.
        """
        searches: list[tuple[str, str | bytes]] = [("member", member_id)]
        searches += [("withdrawn_by", key.id) for key in self.keys(member_id)]
        found: dict[int, Entry] = {}
        for column, value in searches:
            sql = f"SELECT {ENTRY} FROM entries WHERE {column} = ? AND idx > ? ORDER BY idx LIMIT ?"
            rows = run(self._connection, sql, (value, after, limit))
            found.update((entry.index, entry) for entry in (decoded(entry_of, row) for row in rows))
        return tuple(found[index] for index in sorted(found)[:limit])

    def opinions_of(self, member_id: str, after: int, limit: int) -> tuple[Opinion, ...]:
        """The first ``limit`` opinions of the member on entries after that index."""
        sql = f"SELECT {OPINION} FROM opinions WHERE member = ? AND entry > ? ORDER BY entry LIMIT ?"
        rows = run(self._connection, sql, (member_id, after, limit))
        return tuple(decoded(opinion_of, row) for row in rows)


def _first(convert: Callable[[Row], _T], rows: list[Row]) -> _T | None:
    return decoded(convert, rows[0]) if rows else None
