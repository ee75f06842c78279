"""The definitions of a database's tables and indices, compared with those that Hashpact makes.

A trigger, a view or an added index can change what a later write does, and SQLite copies it with the
database. So every object must be there, as it is defined here, and no other.
"""

from __future__ import annotations

import functools
from contextlib import closing
from typing import Final, TypeAlias

import apsw

from hashpact.errors import CorruptError
from hashpact.storage.connection import run

Object: TypeAlias = tuple[str, str]
"""Kind (table, index, trigger or view) and name."""

_SHOWN: Final = 64
"""Characters of a foreign name that an error shows."""
_QUERY: Final = "SELECT type, name, tbl_name, sql FROM sqlite_schema"
_REMEDY: Final = (
    "restore a backup that was made before, with: hashpact restore; "
    "a database made by another build of Hashpact needs that build"
)


def check_definitions(connection: apsw.Connection, sql: str) -> None:
    """Raise CorruptError, naming an object, unless the database is defined exactly as ``sql`` defines it."""
    found, wanted = _defined(connection), _wanted(sql)
    for kind, name in sorted(found.keys() | wanted.keys()):
        if (kind, name) not in wanted:
            what = "is not part of a Hashpact database"
        elif (kind, name) not in found:
            what = "is missing"
        elif found[kind, name] != wanted[kind, name]:
            what = "is not defined as Hashpact defines it"
        else:
            continue
        msg = f"{connection.filename} was changed: the {kind} {name[:_SHOWN]!r} {what}; {_REMEDY}"
        raise CorruptError(msg)


def _defined(connection: apsw.Connection) -> dict[Object, tuple[str, str | None]]:
    """The table and the definition of each object; an index that SQLite makes by itself has none."""
    return {(str(kind), str(name)): (table, sql) for kind, name, table, sql in run(connection, _QUERY)}


@functools.cache
def _wanted(sql: str) -> dict[Object, tuple[str, str | None]]:
    with closing(apsw.Connection(":memory:")) as fresh:
        fresh.execute(sql)
        return _defined(fresh)
