"""Leaves as bytes: the signed note around a statement, and the statement's lines."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

MOST_LEAF = 32768
MOST_LINE = 4096
MOST_SIGNATURES = 16
DASH = "\u2014 ".encode()


class Refused(Exception):  # noqa: N818 - it is a verdict, and no error of the reader
    """Why a leaf has no effect."""


@dataclass(frozen=True)
class Line:
    """A row of a table: the field's name, whether a value is well spelt, and how often it occurs."""

    name: str
    good: Callable[[str], bool]
    low: int = 1
    high: int = 1
    ordered: bool = False


@dataclass(frozen=True)
class Said:
    """A statement as its lines: the values of each field, and the signature lines (name, key id, value)."""

    text: bytes
    values: dict[str, list[str]]
    signatures: list[tuple[str, bytes, bytes]]

    def one(self, name: str) -> str:
        """The value of a field that is there once."""
        return self.values[name][0]

    def some(self, name: str) -> str | None:
        """The value of a field that may be missing."""
        found = self.values.get(name)
        return found[0] if found else None

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return self.values.get(name, [])


def need(holds: bool, why: str) -> None:  # noqa: FBT001 - the condition is what it is called for
    """Refuse the leaf unless that holds."""
    if not holds:
        raise Refused(why)


def open_note(leaf: bytes) -> tuple[bytes, list[tuple[str, bytes, bytes]]]:
    """The text that is signed, and the signature lines."""
    need(len(leaf) <= MOST_LEAF, "the leaf is too long")
    head, blank, tail = leaf.partition(b"\n\n")
    need(blank != b"" and tail.endswith(b"\n"), "not a text, an empty line and signature lines")
    lines = tail[:-1].split(b"\n")
    need(len(lines) <= MOST_SIGNATURES, "too many signature lines")
    return head + b"\n", [signature(line) for line in lines]


def signature(line: bytes) -> tuple[str, bytes, bytes]:
    """The name, the key id and the rest of a signature line."""
    need(len(line) <= MOST_LINE, "a signature line is too long")
    match = re.fullmatch(re.escape(DASH) + rb"([!-*,-~]+) ([A-Za-z0-9+/]+=*)", line)
    if match is None:
        why = "not a signature line"
        raise Refused(why)
    try:
        value = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        why = "not base64"
        raise Refused(why) from None
    need(base64.b64encode(value) == match[2], "not the one spelling in base64")
    need(len(value) > 4, "too short for a key id and a signature")
    return match[1].decode(), value[:4], value[4:]


def read_lines(text: bytes, first: str) -> list[tuple[str, str]]:
    """The fields and values of a text, below its first line."""
    need(re.fullmatch(rb"(?:[\x20-\x7e]+\n)+", text) is not None, "not lines of printable ASCII")
    top, *lines = text.decode("ascii")[:-1].split("\n")
    need(top == first, "another first line")
    pairs = [line.partition(" ") for line in lines]
    need(all(space for _, space, _ in pairs), "a line without a value")
    return [(name, value) for name, _, value in pairs]


def take(lines: list[tuple[str, str]], table: list[Line]) -> dict[str, list[str]]:
    """The values of each field of the table; refused unless these are all lines, in its order."""
    values: dict[str, list[str]] = {}
    place = 0
    for row in table:
        found = []
        while place < len(lines) and lines[place][0] == row.name:
            found.append(lines[place][1])
            place += 1
        need(row.low <= len(found) <= row.high, f"{row.name}: occurs {len(found)} times")
        need(all(row.good(value) for value in found), f"{row.name}: not its spelling")
        need(len(set(found)) == len(found), f"{row.name}: a value twice")
        need(not row.ordered or found == sorted(found), f"{row.name}: not sorted")
        values[row.name] = found
    need(place == len(lines), "a line too many or in another place")
    return values
