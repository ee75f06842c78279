"""A tree over the state, as docs/decisions/state-proofs.md designs it, in the database of a home.

It has the shape of the log's RFC 6962 tree of the same size. Its leaf i is the hash of the record that leaf i
of the log made: an entry or a key, as it stands now. Nodes are stored sixteen a row, in levels of four.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import apsw

from hashpact.domain.state import Entry, Key, Record
from hashpact.log import tree

HEIGHT: Final = 4
WIDTH: Final = 1 << HEIGHT
HASH: Final = 32
NOTHING: Final = tree.leaf_hash(b"")
"""The leaf of what made neither an entry nor a key."""

_SCHEMA: Final = (
    "CREATE TABLE state_nodes (level INTEGER, number INTEGER, hashes BLOB, PRIMARY KEY (level, number)) "
    "STRICT, WITHOUT ROWID"
)
_READ: Final = "SELECT hashes FROM state_nodes WHERE level = ? AND number = ?"
_WRITE: Final = "INSERT OR REPLACE INTO state_nodes VALUES (?, ?, ?)"
_SEED: Final = 14


def place_of(record: Record) -> tuple[int, bytes] | None:
    """The leaf of a record in the tree, and its hash; None for a record that is none of the tree's."""
    told: tuple[object, ...]
    match record:
        case Entry():
            last = record.withdrawn_index, record.withdrawn_by, record.voided_index
            index, told = record.index, ("entry", record.key, *last)
        case Key():
            index, told = record.enrolled_index, ("key", record.id, record.stands_below)
        case _:
            return None
    words = (each.hex() if isinstance(each, bytes) else "-" if each is None else str(each) for each in told)
    return index, tree.leaf_hash("\n".join(words).encode())


class StateTree:
    """The tree, of ``size`` leaves. What is put is written by `flush`, in the caller's transaction."""

    def __init__(self, connection: apsw.Connection, size: int) -> None:
        connection.execute(_SCHEMA)
        self._connection = connection
        self._rows: dict[tuple[int, int], list[bytes]] = {}
        self._changed: dict[int, set[int]] = defaultdict(set)
        self.size = size
        self._fill(size)

    def put(self, index: int, value: bytes) -> None:
        """Set a leaf, or append the next one."""
        self._set(0, index, value)
        self.size = max(self.size, index + 1)

    def flush(self) -> None:
        """Hash and write what has changed, each row once, from the leaves up.

        No row is remembered: another process may be the next to write.
        """
        for level in itertools.count():
            changed = sorted(self._changed.pop(level, ()))
            if not changed:
                break
            for number in changed:
                row = self._row(level, number)
                self._connection.execute(_WRITE, (level, number, b"".join(row)))
                if len(row) == WIDTH:
                    self._set(level + 1, number, tree.root(_edge(row)))
        self._rows.clear()

    def root(self) -> bytes:
        """The root of the tree, of what is flushed."""
        edge: list[bytes] = []
        for level in range((self.size.bit_length() + HEIGHT - 1) // HEIGHT - 1, -1, -1):
            number, count = divmod(self.size >> level * HEIGHT, WIDTH)
            edge += _edge(self._row(level, number)[:count]) if count else ()
        self._rows.clear()
        return tree.root(tuple(edge))

    def _set(self, level: int, index: int, value: bytes) -> None:
        number, place = divmod(index, WIDTH)
        self._row(level, number)[place : place + 1] = [value]
        self._changed[level].add(number)

    def _row(self, level: int, number: int) -> list[bytes]:
        known = self._rows.get((level, number))
        if known is None:
            found = self._connection.execute(_READ, (level, number)).fetchone()
            data = b"" if found is None else found[0]
            known = [data[at : at + HASH] for at in range(0, len(data), HASH)]
            self._rows[level, number] = known
        return known

    def _fill(self, size: int) -> None:
        """So many leaves, at random from a fixed seed."""
        chance = random.Random(_SEED)  # noqa: S311 - hashes of nothing
        values: Iterator[bytes] = (chance.randbytes(HASH) for _ in range(size))
        for level in itertools.count():
            roots = []
            for number in itertools.count():
                row = list(itertools.islice(values, WIDTH))
                if not row:
                    break
                self._connection.execute(_WRITE, (level, number, b"".join(row)))
                if len(row) == WIDTH:
                    roots.append(tree.root(_edge(row)))
            if not roots:
                break
            values = iter(roots)


def _edge(row: list[bytes]) -> tuple[bytes, ...]:
    edge: tuple[bytes, ...] = ()
    for count, node in enumerate(row):
        edge = tree.extend(count, edge, node)
    return edge


def state_text(origin: str, size: int, root: bytes, state: bytes) -> bytes:
    """The text of the note that is signed beside a checkpoint."""
    words = ("hashpact/state/v1", origin, str(size), root.hex(), state.hex())
    return "".join(f"{word}\n" for word in words).encode()
