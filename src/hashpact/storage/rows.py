"""Records as rows: how each is put, and the view that reads them back.

A list of words is a JSON array, exact for every string and open to SQLite's ``json_each``. A list of hashes
or keys, all of 32 bytes, is one blob.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import apsw

from hashpact.domain.errors import CorruptError
from hashpact.domain.keys import NamedKey
from hashpact.domain.state import Basis, Charter, Entry, Key, Leaf, Member, Opinion, Record, Role, Stance
from hashpact.storage.connection import Row, run

_T = TypeVar("_T")

HASH_SIZE: Final = 32

_CHARTER: Final = "origin, admin_names, admin_keys, threshold, log_keys, policy_version, labels"
_MEMBER: Final = "id, roles, enrolled_at"
_KEY: Final = "id, member, name, public, expires, enrolled_at"
_ENTRY: Final = (
    "idx, member, labels, basis, authority, article, jurisdictions, removed_at, shared_at, items, "
    "withdrawn_at, withdrawn_reason"
)
_OPINION: Final = "entry, member, stance, idx"
LEAF: Final = "idx, data, hash, root, edge, member, request"


def hashes(blob: bytes) -> tuple[bytes, ...]:
    """The 32-byte values that stand one after another in ``blob``. Raises ValueError if bytes are left."""
    if len(blob) % HASH_SIZE:
        msg = f"{len(blob)} bytes are not a list of hashes"
        raise ValueError(msg)
    return tuple(blob[at : at + HASH_SIZE] for at in range(0, len(blob), HASH_SIZE))


def decoded(convert: Callable[[Row], _T], row: Row) -> _T:
    """The row as a value. Raises CorruptError if it holds what we never write."""
    try:
        return convert(row)
    except (ValueError, TypeError) as exc:
        msg = f"a stored row cannot be read: {exc}"
        raise CorruptError(msg) from exc


def leaf_of(row: Row) -> Leaf:
    """The leaf in a row of the columns LEAF."""
    index, data, leaf_hash, root, edge, member, request = row
    return Leaf(index, data, leaf_hash, root, hashes(edge), member, request)


def put(connection: apsw.Connection, record: Record) -> None:
    """Add the record, or replace the one with its identity. Raises apsw.Error."""
    table, columns, values = _row_of(record)
    marks = ", ".join("?" * len(values))
    sql = f"REPLACE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608  # constants of this module
    connection.execute(sql, values)


class View:
    """The state as one connection sees it; unchanging while the connection is in a transaction.

    It is the `Snapshot` of domain/ports.py. One thread uses it at a time.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def charter(self) -> Charter | None:
        """The newest charter."""
        rows = run(self._connection, f"SELECT {_CHARTER} FROM charters ORDER BY number DESC LIMIT 1")  # noqa: S608  # constants
        return _first(_charter_of, rows)

    def member(self, member_id: str) -> Member | None:
        """The member of that id."""
        rows = run(self._connection, f"SELECT {_MEMBER} FROM members WHERE id = ?", (member_id,))  # noqa: S608  # constants
        return _first(_member_of, rows)

    def key(self, key_id: bytes) -> Key | None:
        """The key of that id."""
        rows = run(self._connection, f"SELECT {_KEY} FROM keys WHERE id = ?", (key_id,))  # noqa: S608  # constants
        return _first(_key_of, rows)

    def entry(self, index: int) -> Entry | None:
        """The entry at that index."""
        rows = run(self._connection, f"SELECT {_ENTRY} FROM entries WHERE idx = ?", (index,))  # noqa: S608  # constants
        return _first(_entry_of, rows)

    def opinions(self, entry: int) -> tuple[Opinion, ...]:
        """The opinions on that entry, by member id."""
        sql = f"SELECT {_OPINION} FROM opinions WHERE entry = ? ORDER BY member"  # noqa: S608  # constants
        return tuple(decoded(_opinion_of, row) for row in run(self._connection, sql, (entry,)))

    def request(self, member_id: str, request: bytes) -> int | None:
        """The leaf of that request."""
        sql = "SELECT idx FROM leaves WHERE member = ? AND request = ?"
        rows = run(self._connection, sql, (member_id, request))
        return rows[0][0] if rows else None

    def members(self, after: str, limit: int) -> tuple[Member, ...]:
        """The first ``limit`` members after that id."""
        sql = f"SELECT {_MEMBER} FROM members WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608  # constants
        return tuple(decoded(_member_of, row) for row in run(self._connection, sql, (after, limit)))

    def keys(self, member_id: str) -> tuple[Key, ...]:
        """The member's keys by enrolment, those of one statement by id."""
        sql = f"SELECT {_KEY} FROM keys WHERE member = ? ORDER BY enrolled_at, id"  # noqa: S608  # constants
        return tuple(decoded(_key_of, row) for row in run(self._connection, sql, (member_id,)))


def _first(convert: Callable[[Row], _T], rows: list[Row]) -> _T | None:
    return decoded(convert, rows[0]) if rows else None


def _row_of(record: Record) -> tuple[str, str, tuple[str | bytes | int | None, ...]]:
    """Table, columns and values of the record."""
    match record:
        case Charter():
            names = _array(admin.name for admin in record.admins)
            keys = b"".join(admin.public for admin in record.admins)
            log_keys = b"".join(record.log_keys)
            values = (record.origin, names, keys, record.threshold, log_keys)
            return "charters", _CHARTER, (*values, record.policy_version, _array(record.labels))
        case Member():
            roles = _array(sorted(role.value for role in record.roles))
            return "members", _MEMBER, (record.id, roles, record.enrolled_at)
        case Key():
            identity = (record.id, record.member, record.name, record.public)
            return "keys", _KEY, (*identity, record.expires, record.enrolled_at)
        case Entry():
            return "entries", _ENTRY, _values_of_entry(record)
        case Opinion():
            return "opinions", _OPINION, (record.entry, record.member, record.stance.value, record.index)


def _values_of_entry(entry: Entry) -> tuple[str | int | None, ...]:
    return (
        entry.index,
        entry.member,
        _array(entry.labels),
        entry.basis.value,
        entry.authority,
        entry.article,
        _array(entry.jurisdictions),
        entry.removed_at,
        entry.shared_at,
        entry.items,
        entry.withdrawn_at,
        entry.withdrawn_reason,
    )


def _charter_of(row: Row) -> Charter:
    origin, names, keys, threshold, log_keys, version, labels = row
    admins = tuple(NamedKey(*admin) for admin in zip(_words(names), hashes(keys), strict=True))
    return Charter(origin, admins, threshold, hashes(log_keys), version, _words(labels))


def _member_of(row: Row) -> Member:
    member_id, roles, enrolled_at = row
    return Member(member_id, frozenset(Role(role) for role in _words(roles)), enrolled_at)


def _key_of(row: Row) -> Key:
    return Key(*row)


def _entry_of(row: Row) -> Entry:
    index, member, labels, basis, authority, article, jurisdictions, *rest = row
    return Entry(
        index, member, _words(labels), Basis(basis), authority, article, _words(jurisdictions), *rest
    )


def _opinion_of(row: Row) -> Opinion:
    entry, member, stance, index = row
    return Opinion(entry, member, Stance(stance), index)


def _array(words: Iterable[str]) -> str:
    return json.dumps(list(words), ensure_ascii=False, separators=(",", ":"))


def _words(array: str) -> tuple[str, ...]:
    return tuple(json.loads(array))
