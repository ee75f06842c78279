"""The tables of ``hashpact.db``, how they are made, and what is checked when they are opened.

docs/formats/home.md describes the columns.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import apsw

from hashpact.errors import ConfigError, CorruptError
from hashpact.storage.connection import run, translated
from hashpact.storage.definitions import check_definitions
from hashpact.storage.tree import stored_edge

APPLICATION_ID: Final = 0x48504354
"""What ``file`` and SQLite read in the header of our databases: "HPCT"."""

VERSION: Final = 7
"""The schema's version, SQLite's ``user_version``. A change of the tables raises it."""

HEAD_TABLE: Final = """
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  size INTEGER NOT NULL,
  edge BLOB NOT NULL
) STRICT;

INSERT INTO head VALUES (1, 0, x'');
"""
"""The table of the head, of an empty log."""

# The state's tables do not refer to each other: which record may follow which is decided in
# the domain's rules alone.
STATE_TABLES: Final = """
CREATE TABLE charters (
  number INTEGER PRIMARY KEY,
  origin TEXT NOT NULL,
  admin_names TEXT NOT NULL,
  admin_keys BLOB NOT NULL,
  threshold INTEGER NOT NULL,
  log_keys BLOB NOT NULL,
  policy_version INTEGER NOT NULL,
  labels TEXT NOT NULL,
  key_delay INTEGER,
  root_version INTEGER NOT NULL,
  single_admin INTEGER NOT NULL,
  since INTEGER NOT NULL,
  allowed TEXT NOT NULL,
  private_quota INTEGER,
  quotas TEXT NOT NULL,
  rates TEXT NOT NULL,
  rates_of TEXT NOT NULL,
  terms TEXT NOT NULL,
  witnesses TEXT NOT NULL,
  witness_quorum INTEGER NOT NULL,
  attestation_keys BLOB NOT NULL CHECK (length(attestation_keys) % 32 = 0),
  matching TEXT NOT NULL,
  log_mldsa_keys TEXT NOT NULL
) STRICT;

CREATE TABLE members (
  id TEXT PRIMARY KEY,
  roles TEXT NOT NULL,
  enrolled_index INTEGER NOT NULL,
  suspended_index INTEGER,
  revoked BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
  id BLOB PRIMARY KEY,
  member TEXT NOT NULL,
  name TEXT NOT NULL,
  public BLOB NOT NULL,
  expires INTEGER NOT NULL,
  enrolled_index INTEGER NOT NULL,
  use TEXT NOT NULL,
  valid_from INTEGER NOT NULL,
  enrolled_by BLOB,
  rotated_index INTEGER,
  rotated_by BLOB,
  retires INTEGER,
  suspended_index INTEGER,
  revoked_index INTEGER,
  revoked_by BLOB,
  cutoff INTEGER,
  stands_below INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_of_member ON keys (member, enrolled_index);

CREATE TABLE entries (
  idx INTEGER PRIMARY KEY,
  member TEXT NOT NULL,
  labels TEXT NOT NULL,
  basis TEXT NOT NULL,
  authority TEXT,
  article TEXT,
  jurisdictions TEXT NOT NULL,
  removed_at INTEGER NOT NULL,
  shared_at INTEGER NOT NULL,
  items INTEGER NOT NULL,
  key BLOB NOT NULL,
  withdrawn_index INTEGER,
  withdrawn_reason TEXT,
  withdrawn_by BLOB,
  voided_index INTEGER,
  voided_reason TEXT
) STRICT;

CREATE INDEX entries_of_member ON entries (member, idx);

CREATE INDEX entries_withdrawn ON entries (withdrawn_by, idx) WHERE withdrawn_by IS NOT NULL;

CREATE TABLE opinions (
  entry INTEGER NOT NULL,
  member TEXT NOT NULL,
  stance TEXT NOT NULL,
  idx INTEGER NOT NULL,
  key BLOB NOT NULL,
  reason TEXT,
  PRIMARY KEY (entry, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX opinions_of_member ON opinions (member, entry);

CREATE TABLE filings (
  idx INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  about TEXT NOT NULL,
  member TEXT NOT NULL,
  key BLOB NOT NULL,
  moment INTEGER NOT NULL,
  lines BLOB NOT NULL
) STRICT;

CREATE INDEX filings_of_kind ON filings (kind, idx);

CREATE INDEX filings_about ON filings (about, kind, member, idx);

CREATE TABLE times (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  signers TEXT NOT NULL,
  moments TEXT NOT NULL
) STRICT;
"""
"""The tables of the records, which `storage.rows` reads and writes."""

# Private parts without their leaf could only be a fault of this package.
_LEDGER_TABLES: Final = """
CREATE TABLE leaves (
  idx INTEGER PRIMARY KEY,
  member TEXT NOT NULL,
  request BLOB NOT NULL,
  time INTEGER NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  nodes BLOB NOT NULL CHECK (length(nodes) % 32 = 0),
  data BLOB NOT NULL,
  UNIQUE (member, request)
) STRICT;

CREATE TABLE private (
  leaf INTEGER PRIMARY KEY REFERENCES leaves (idx),
  data BLOB NOT NULL
) STRICT;

CREATE TABLE confidential (
  leaf INTEGER PRIMARY KEY REFERENCES leaves (idx),
  data BLOB NOT NULL
) STRICT;

CREATE TABLE documents (
  digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
  data BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoints (
  size INTEGER PRIMARY KEY CHECK (size > 0),
  note BLOB NOT NULL
) STRICT;

CREATE TABLE freshened (
  size INTEGER PRIMARY KEY REFERENCES checkpoints (size),
  note BLOB NOT NULL
) STRICT;

CREATE TABLE indexes (
  number INTEGER PRIMARY KEY,
  digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;
"""
_TABLES: Final = HEAD_TABLE + _LEDGER_TABLES + STATE_TABLES


def create(connection: apsw.Connection) -> None:
    """Make the tables of an empty log in an empty database. Raises ConfigError if they cannot be made."""
    _use_wal(connection)
    try:
        with connection:
            connection.execute(_TABLES)
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", VERSION)
    except apsw.Error as exc:
        raise translated(exc, connection.filename) from exc


def check(connection: apsw.Connection, *, head: bool) -> None:
    """Refuse a database that is not Hashpact's, not of this version, or not as this package makes it.

    Raises ConfigError for the first two. Raises CorruptError, naming what differs, if its tables, indices or
    encoding are not those that `create` makes, or if ``head`` is asked for and is not its last leaf's.
    Changes nothing before the database is known to be Hashpact's.
    """
    name = connection.filename
    if _number(connection, "application_id") != APPLICATION_ID:
        msg = f"{name} is not a Hashpact database"
        raise ConfigError(msg)
    version = _number(connection, "user_version")
    if version != VERSION:
        msg = (
            f"{name} has schema version {version}, this Hashpact knows {VERSION}; "
            "use the release of Hashpact that wrote it, or a newer one"
        )
        raise ConfigError(msg)
    check_definitions(connection, _TABLES)
    if (encoding := run(connection, "PRAGMA encoding")[0][0]) != "UTF-8":  # it decides the order of texts
        msg = f"{name} was changed: its encoding is {encoding}, not UTF-8; restore a backup"
        raise CorruptError(msg)
    _use_wal(connection)
    if head:
        _check_head(connection)


def _check_head(connection: apsw.Connection) -> None:
    run(connection, "BEGIN")  # so that a commit of another process cannot fall between two reads
    try:
        heads = run(connection, "SELECT size, edge FROM head")
        if not heads:
            msg = f"{connection.filename} is damaged: it has no head"
            raise CorruptError(msg)
        size, edge = heads[0]
        last = run(connection, "SELECT max(idx) FROM leaves")[0][0]
        if last != (size - 1 if size else None):
            first_wrong = 0 if last is None else min(size, last + 1)
            msg = (
                f"{connection.filename} is damaged: the head counts {size} leaves, "
                f"but the last one stored is {'none' if last is None else f'index {last}'}"
            )
            raise CorruptError(msg, index=str(first_wrong))
        try:
            stored = b"".join(stored_edge(partial(run, connection), size))
        except CorruptError as error:
            msg = f"{connection.filename} is damaged: {error.message}"
            raise CorruptError(msg, **error.details) from error
        if edge != stored:
            msg = f"{connection.filename} is damaged: the head is not that of the last leaf, index {last}"
            raise CorruptError(msg, index=str(last))
    finally:
        run(connection, "ROLLBACK")


def _number(connection: apsw.Connection, pragma: str) -> int:
    value = run(connection, f"PRAGMA {pragma}")[0][0]
    return int(value)


def _use_wal(connection: apsw.Connection) -> None:
    (mode,) = run(connection, "PRAGMA journal_mode = WAL")[0]
    if mode != "wal":
        msg = f"{connection.filename} cannot keep a write-ahead log (mode {mode}); put it on a local disk"
        raise ConfigError(msg)
