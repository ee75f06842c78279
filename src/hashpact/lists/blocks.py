"""Blocks: up to 4096 rows in columns, so that a list of a million is read in a few hundred pieces."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashpact.domain.fingerprints import TYPES, Fingerprint, FingerprintType

ROWS: Final = 4096
SHIFT: Final = 8
"""Bits of an item's id in an index for which of a row's fingerprints it is; a row has at most 256."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A row as a list keeps it."""

    key: str
    fingerprints: tuple[Fingerprint, ...]
    labels: tuple[str, ...]
    updated: int
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one type in a block: of which row each is, which of its fingerprints, and its bytes."""

    rows: NDArray[np.uint16]
    ordinals: NDArray[np.uint8]
    values: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of a block, as far as they are looked at."""

    keys: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    updated: NDArray[np.int64]
    removed: NDArray[np.int64]
    columns: Mapping[FingerprintType, Column]

    def rows(self) -> list[Kept]:
        """Every row."""
        found: list[dict[int, Fingerprint]] = [{} for _ in self.keys]
        for kind, column in self.columns.items():
            for at, (row, ordinal) in enumerate(zip(column.rows, column.ordinals, strict=True)):
                value = column.values[at * kind.size : (at + 1) * kind.size]
                found[row][int(ordinal)] = Fingerprint(kind, value)
        return [
            Kept(key, tuple(made[at] for at in sorted(made)), labels, int(updated), int(removed))
            for key, made, labels, updated, removed in zip(
                self.keys, found, self.labels, self.updated, self.removed, strict=True
            )
        ]


def write(rows: Sequence[Kept]) -> bytes:
    """The bytes of a block of these rows, at most 4096."""
    sets = sorted({row.labels for row in rows})
    numbered = {labels: number for number, labels in enumerate(sets)}
    columns: dict[str, tuple[list[int], list[int], list[bytes]]] = {}
    for number, row in enumerate(rows):
        for ordinal, made in enumerate(row.fingerprints):
            some, ordinals, values = columns.setdefault(made.type.name, ([], [], []))
            some.append(number)
            ordinals.append(ordinal)
            values.append(made.value)
    keys = [row.key.encode() for row in rows]
    head = {"rows": len(rows), "labels": sets, "types": {name: len(one[0]) for name, one in columns.items()}}
    return b"".join(
        [
            json.dumps(head).encode() + b"\n",
            np.array([numbered[row.labels] for row in rows], "<u2").tobytes(),
            np.array([row.updated for row in rows], "<i8").tobytes(),
            np.array([row.removed for row in rows], "<i8").tobytes(),
            np.array([len(key) for key in keys], "<u2").tobytes(),
            *keys,
            *(
                np.array(some, "<u2").tobytes() + np.array(ordinals, "u1").tobytes() + b"".join(values)
                for some, ordinals, values in columns.values()
            ),
        ]
    )


def read(data: bytes) -> Block:
    """The rows of a block, which was written here: its seal is verified before."""
    line, _, rest = data.partition(b"\n")
    head = json.loads(line)
    count, at = head["rows"], 0

    def taken(size: int) -> bytes:
        nonlocal at
        at += size
        return rest[at - size : at]

    sets = [tuple(labels) for labels in head["labels"]]
    labels = tuple(sets[number] for number in np.frombuffer(taken(2 * count), "<u2"))
    updated, removed = (np.frombuffer(taken(8 * count), "<i8") for _ in range(2))
    sizes = np.frombuffer(taken(2 * count), "<u2").tolist()
    keys = tuple(taken(size).decode() for size in sizes)
    columns = {}
    for name, held in head["types"].items():
        kind = TYPES[name]
        some, ordinals = np.frombuffer(taken(2 * held), "<u2"), np.frombuffer(taken(held), "u1")
        columns[kind] = Column(some, ordinals, taken(held * kind.size))
    return Block(keys, labels, updated, removed, columns)
