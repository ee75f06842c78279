"""Records as rows: how each is put, and the view that reads them back.

A list of words is a JSON array, exact for every string and open to SQLite's ``json_each``. A list of hashes
or keys, all of 32 bytes, is one blob.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeAlias, TypeVar

import apsw

from hashpact.domain.keys import NamedKey
from hashpact.domain.state import (
    SERIAL_SIZE,
    Basis,
    Charter,
    Entry,
    Key,
    Leaf,
    Member,
    Opinion,
    RecentTimes,
    Record,
    RevokedCertificate,
    Role,
    SignerTime,
    Stance,
    Use,
)
from hashpact.errors import CorruptError
from hashpact.storage.connection import Row, run, translated

_T = TypeVar("_T")

_Values: TypeAlias = tuple[str | bytes | int | None, ...]

HASH_SIZE: Final = 32
_REMEMBERED: Final = 256
"""Rows of a table whose records are remembered: each append reads the same member and key."""
_CHARTERS: Final = 8
"""The same of charters, which may be large."""
_REVOKED: Final = struct.Struct(f">{SERIAL_SIZE}sqq")
"""A revoked certificate. Every call of its member reads it, so it is no JSON."""

_CHARTER: Final = (
    "origin, admin_names, admin_keys, threshold, log_keys, policy_version, labels, key_delay, root_version, "
    "single_admin, since, allowed, private_quota, quotas, rates, rates_of"
)
_MEMBER: Final = "id, roles, enrolled_at, suspended_at, revoked"
_KEY: Final = (
    "id, member, name, public, expires, enrolled_at, use, valid_from, enrolled_by, rotated_at, rotated_by, "
    "retires, suspended_at, revoked_at, revoked_by, cutoff, stands_below"
)
_ENTRY: Final = (
    "idx, member, labels, basis, authority, article, jurisdictions, removed_at, shared_at, items, "
    "key, withdrawn_at, withdrawn_reason, withdrawn_by, voided_at, voided_reason"
)
_OPINION: Final = "entry, member, stance, idx, key, reason"
_TIMES: Final = "one, signers, moments"
LEAF: Final = "idx, data, hash, nodes, member, request, time"


def hashes(blob: bytes) -> tuple[bytes, ...]:
    """The 32-byte values that stand one after another in ``blob``. Raises ValueError if bytes are left."""
    if len(blob) % HASH_SIZE:
        msg = f"{len(blob)} bytes are not a list of hashes"
        raise ValueError(msg)
    return tuple(blob[at : at + HASH_SIZE] for at in range(0, len(blob), HASH_SIZE))


def decoded(convert: Callable[[Row], _T], row: Row, which: str = "a stored row", **details: str) -> _T:
    """The row as a value. Raises CorruptError, with these details, if it cannot be decoded."""
    try:
        return convert(row)
    except (ValueError, TypeError, RecursionError) as exc:  # the last for JSON that is nested too deeply
        msg = f"{which} cannot be read: {exc}"
        raise CorruptError(msg, **details) from exc


def leaf_of(row: Row) -> Leaf:
    """The leaf in a row of the columns LEAF."""
    index, data, leaf_hash, nodes, *rest = row
    return Leaf(index, data, leaf_hash, hashes(nodes), *rest)


def put(connection: apsw.Connection, record: Record) -> None:
    """Add the record, or replace the one with its identity. Raises apsw.Error."""
    table, columns, values = _row_of(record)
    marks = ", ".join("?" * len(values))
    sql = f"REPLACE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608  # constants of this module
    connection.execute(sql, values)


class RowView:
    """The state as one connection sees it; unchanging while the connection is in a transaction.

    It is the `Snapshot` of domain/ports.py. One thread uses it at a time.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def charter(self) -> Charter | None:
        """The newest charter."""
        rows = run(self._connection, f"SELECT {_CHARTER} FROM charters ORDER BY number DESC LIMIT 1")  # noqa: S608  # constants
        return _first(_charter_of, rows)

    def charters(self) -> tuple[Charter, ...]:
        """Every charter, in order."""
        rows = run(self._connection, f"SELECT {_CHARTER} FROM charters ORDER BY number")  # noqa: S608  # constants
        return tuple(decoded(_charter_of, row) for row in rows)

    def member(self, member_id: str) -> Member | None:
        """The member of that id."""
        rows = run(self._connection, f"SELECT {_MEMBER} FROM members WHERE id = ?", (member_id,))  # noqa: S608  # constants
        return _first(_member_of, rows)

    def key(self, key_id: bytes) -> Key | None:
        """The key of that id."""
        rows = run(self._connection, f"SELECT {_KEY} FROM keys WHERE id = ?", (key_id,))  # noqa: S608  # constants
        return _first(_key_of, rows)

    def keys(self, member_id: str) -> tuple[Key, ...]:
        """The member's keys by enrolment, those of one statement by id."""
        sql = f"SELECT {_KEY} FROM keys WHERE member = ? ORDER BY enrolled_at, id"  # noqa: S608  # constants
        return tuple(decoded(_key_of, row) for row in run(self._connection, sql, (member_id,)))

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

    def waiting(self, moment: int) -> tuple[Key, ...]:
        """The keys that begin later than that, by id."""
        sql = f"SELECT {_KEY} FROM keys WHERE valid_from > ? ORDER BY id"  # noqa: S608  # constants
        return tuple(decoded(_key_of, row) for row in run(self._connection, sql, (moment,)))

    def times(self) -> RecentTimes:
        """The times of the last signers."""
        rows = run(self._connection, f"SELECT {_TIMES} FROM times")  # noqa: S608  # constants
        return _first(_times_of, rows) or RecentTimes()

    def records(self) -> Iterator[Record]:
        """Every row of the state's tables. Raises CorruptError that names a row which cannot be read."""
        for table, columns, order, convert in _STATE:
            sql = f"SELECT {columns} FROM {table} ORDER BY {order}"  # noqa: S608  # constants of this module
            try:
                for row in self._connection.execute(sql):
                    place = {"index": str(row[0])} if isinstance(row[0], int) else {}
                    yield decoded(convert, row, f"the row {row[0]!r} of {table}", **place)
            except apsw.Error as exc:
                raise translated(exc, self._connection.filename) from exc

    def members(self, after: str, limit: int) -> tuple[Member, ...]:
        """The first ``limit`` members after that id."""
        sql = f"SELECT {_MEMBER} FROM members WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608  # constants
        return tuple(decoded(_member_of, row) for row in run(self._connection, sql, (after, limit)))

    def entries(self, member_id: str, after: int, limit: int) -> tuple[Entry, ...]:
        """The first ``limit`` entries of that member after that index."""
        sql = f"SELECT {_ENTRY} FROM entries WHERE member = ? AND idx > ? ORDER BY idx LIMIT ?"  # noqa: S608  # constants
        rows = run(self._connection, sql, (member_id, after, limit))
        return tuple(decoded(_entry_of, row) for row in rows)


def _first(convert: Callable[[Row], _T], rows: list[Row]) -> _T | None:
    return decoded(convert, rows[0]) if rows else None


def _row_of(record: Record) -> tuple[str, str, _Values]:
    """Table, columns and values of the record."""
    match record:
        case Charter():
            names = _array(admin.name for admin in record.admins)
            keys = b"".join(admin.public for admin in record.admins)
            log_keys = b"".join(record.log_keys)
            values = (record.origin, names, keys, record.threshold, log_keys)
            policy = (record.policy_version, _array(record.labels), record.key_delay)
            root = (record.root_version, int(record.single_admin), record.since)
            allowed = _array(f"{name} {label}" for name, label in record.allowed)
            quotas = _array(f"{member} {quota}" for member, quota in record.quotas)
            rates = _array(f"{kind} {most}" for kind, most in record.rates)
            rates_of = _array(f"{who} {kind} {most}" for who, (kind, most) in record.rates_of)
            bounds = (allowed, record.private_quota, quotas, rates, rates_of)
            return "charters", _CHARTER, (*values, *policy, *root, *bounds)
        case Member():
            roles = _array(sorted(role.value for role in record.roles))
            revoked = b"".join(_REVOKED.pack(*one) for one in record.revoked)
            return "members", _MEMBER, (record.id, roles, record.enrolled_at, record.suspended_at, revoked)
        case Key():
            return "keys", _KEY, _values_of_key(record)
        case Entry():
            return "entries", _ENTRY, _values_of_entry(record)
        case Opinion():
            return "opinions", _OPINION, _values_of_opinion(record)
        case RecentTimes():
            signers = _array(each.signer for each in record.signers)
            return "times", _TIMES, (1, signers, json.dumps([each.time for each in record.signers]))


def _values_of_key(key: Key) -> _Values:
    return (
        key.id,
        key.member,
        key.name,
        key.public,
        key.expires,
        key.enrolled_at,
        key.use.value,
        key.valid_from,
        key.enrolled_by,
        key.rotated_at,
        key.rotated_by,
        key.retires,
        key.suspended_at,
        key.revoked_at,
        key.revoked_by,
        key.cutoff,
        key.stands_below,
    )


def _values_of_opinion(opinion: Opinion) -> _Values:
    return (
        opinion.entry,
        opinion.member,
        opinion.stance.value,
        opinion.index,
        opinion.key,
        opinion.reason,
    )


def _values_of_entry(entry: Entry) -> _Values:
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
        entry.key,
        entry.withdrawn_at,
        entry.withdrawn_reason,
        entry.withdrawn_by,
        entry.voided_at,
        entry.voided_reason,
    )


@lru_cache(_CHARTERS)
def _charter_of(row: Row) -> Charter:
    origin, names, keys, threshold, log_keys, version, labels, delay, root, single, since, *bounds = row
    admins = tuple(NamedKey(*admin) for admin in zip(_words(names), hashes(keys), strict=True))
    allowed, quota, quotas, rates, rates_of = bounds
    return Charter(
        origin,
        admins,
        threshold,
        hashes(log_keys),
        version,
        _words(labels),
        delay,
        root,
        bool(single),
        since,
        tuple((name, label) for name, label in map(str.split, _words(allowed))),
        quota,
        tuple((member, int(number)) for member, number in map(str.split, _words(quotas))),
        tuple((kind, int(most)) for kind, most in map(str.split, _words(rates))),
        tuple((member, (kind, int(most))) for member, kind, most in map(str.split, _words(rates_of))),
    )


@lru_cache(_REMEMBERED)
def _member_of(row: Row) -> Member:
    member_id, roles, enrolled, suspended, listed = row
    try:
        revoked = tuple(map(RevokedCertificate._make, _REVOKED.iter_unpack(listed)))
    except struct.error as exc:
        raise ValueError(str(exc)) from exc
    return Member(member_id, frozenset(Role(role) for role in _words(roles)), enrolled, suspended, revoked)


@lru_cache(_REMEMBERED)
def _key_of(row: Row) -> Key:
    key_id, member, name, public, expires, enrolled_at, use, *rest = row
    return Key(key_id, member, name, public, expires, enrolled_at, Use(use), *rest)


def _entry_of(row: Row) -> Entry:
    index, member, labels, basis, authority, article, jurisdictions, *rest = row
    return Entry(
        index, member, _words(labels), Basis(basis), authority, article, _words(jurisdictions), *rest
    )


def _opinion_of(row: Row) -> Opinion:
    entry, member, stance, index, key, reason = row
    return Opinion(entry, member, Stance(stance), index, key, reason)


def _times_of(row: Row) -> RecentTimes:
    _, signers, moments = row
    pairs = zip(_words(signers), json.loads(moments), strict=True)
    return RecentTimes(tuple(SignerTime(signer, int(time)) for signer, time in pairs))


_STATE: Final[Sequence[tuple[str, str, str, Callable[[Row], Record]]]] = (
    ("charters", _CHARTER, "number", _charter_of),
    ("members", _MEMBER, "id", _member_of),
    ("keys", _KEY, "id", _key_of),
    ("entries", _ENTRY, "idx", _entry_of),
    ("opinions", _OPINION, "entry, member", _opinion_of),
    ("times", _TIMES, "one", _times_of),
)
"""The tables of the state: name, columns, order, and what a row is."""


def _array(words: Iterable[str]) -> str:
    return json.dumps(list(words), ensure_ascii=False, separators=(",", ":"))


def _words(array: str) -> tuple[str, ...]:
    return tuple(json.loads(array))
