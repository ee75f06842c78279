"""An attacker with a ledger's file but no key: edits the database, and rebuilds what can be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from hashpact.domain import statements
from hashpact.domain.rules.replay import replay
from hashpact.errors import HashpactError
from hashpact.log import tree
from hashpact.storage import rows
from hashpact.storage.private import pack, unpack

FAR = 1_000_000


@dataclass(slots=True)
class Stored:
    """A leaf's bytes and its private parts."""

    data: bytes
    private: list[bytes]


class Forger:
    """Edits the database at a path, which no other process has open."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sql(self, sql: str, *bindings: Any) -> None:  # noqa: ANN401  # whatever SQLite takes
        """Run any SQL."""
        with closing(apsw.Connection(str(self._path))) as connection:
            connection.execute(sql, bindings)
            assert connection.total_changes() or "CREATE" in sql, "nothing was changed"

    @contextmanager
    def leaves(self, *, rebuild: bool) -> Iterator[list[Stored]]:
        """The leaves as a list to edit; written back with new numbers.

        What is stored beside a leaf stays with its bytes, unless everything that takes no key is to be
        rebuilt: hashes, requests, times, the head, and every row of the state.
        """
        with closing(apsw.Connection(str(self._path))) as connection:
            stored = list(connection.execute(f"SELECT {rows.LEAF} FROM leaves ORDER BY idx"))  # noqa: S608  # a constant
            private: dict[int, list[bytes]] = {}
            for index, data in connection.execute("SELECT leaf, data FROM private"):
                private[index] = list(unpack(data))
            beside = {bytes(row[1]): row[2:] for row in stored}
            count = len(stored)
            edited = [Stored(row[1], private.get(row[0], [])) for row in stored]
            yield edited
            with connection:
                connection.execute("DELETE FROM private; DELETE FROM leaves")
                edge: tuple[bytes, ...] = ()
                for index, leaf in enumerate(edited):
                    hash_ = tree.leaf_hash(leaf.data)
                    nodes = tree.completed(index, edge, hash_)
                    edge = tree.extend(index, edge, hash_)
                    values = (hash_, b"".join(nodes), *_named(leaf.data, index))
                    if not rebuild and len(edited) == count and leaf.data not in beside:
                        values = stored[index][2:]
                    elif not rebuild and leaf.data in beside:
                        values = beside[leaf.data]
                    marks = ", ".join("?" * 7)
                    connection.execute(
                        f"INSERT INTO leaves ({rows.LEAF}) VALUES ({marks})",  # noqa: S608  # a constant
                        (index, leaf.data, *values),
                    )
                    if leaf.private:
                        connection.execute("INSERT INTO private VALUES (?, ?)", (index, pack(leaf.private)))
                if rebuild:
                    self._rebuild(connection, edited, edge)

    @staticmethod
    def _rebuild(connection: apsw.Connection, leaves: list[Stored], edge: tuple[bytes, ...]) -> None:
        folded = replay(leaf.data for leaf in leaves)
        for table in ("charters", "members", "keys", "entries", "opinions", "filings", "times"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  # names of tables
        for record in folded.state.records():
            rows.put(connection, record)
        connection.execute("UPDATE head SET size = ?, edge = ?", (len(leaves), b"".join(edge)))


def _named(data: bytes, index: int) -> tuple[str, bytes, int]:
    """Member, request and time of a leaf, or anything that the table takes."""
    try:
        statement = statements.parse(data).statement
    except HashpactError:
        return f"forged-{index}", b"", 0
    return statement.member, statement.request, statement.time
