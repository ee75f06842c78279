"""What there is to share: pieces of content from files, directories, standard input and tables.

A table is CSV in UTF-8 with a header. A row is one entry: ``path`` names a file, of which ``type`` may choose
the fingerprints, or ``type`` and ``value`` (in hex) hold them. ``label``, ``basis``, ``authority``,
``article``, ``jurisdiction`` and ``removed`` stand in place of the options, each by itself; an authority and
an article of the options go with the basis of the options. Several values of a cell have spaces, commas or
semicolons between.
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import click

from hashpact.cli.options import moment
from hashpact.cli.platform.partial import kept, with_parts
from hashpact.cli.platform.walking import below
from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.state import Basis
from hashpact.errors import InvalidInputError
from hashpact.fingerprint.content import Fingerprinted, fingerprints_of
from hashpact.fingerprint.sniff import Kind

STDIN: Final = "-"

_COLUMNS: Final = (
    *("path", "type", "value", "label", "basis"),
    *("authority", "article", "jurisdiction", "removed"),
)
MAX_TABLE: Final = 16 * 1024 * 1024
"""Characters of a table, which is held in memory as a whole."""

_PLURALS: Final = {"labels": "label", "jurisdictions": "jurisdiction"}
_BASES: Final = tuple(each.value for each in Basis)
_BETWEEN: Final = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class Terms:
    """Why and when content was removed, as the options of the command or a row of a table say it."""

    labels: tuple[str, ...]
    basis: str
    authority: str | None
    article: str | None
    jurisdictions: tuple[str, ...]
    removed: int | None

    def check(self) -> None:
        """Raise InvalidInputError unless an authority and an article come with basis law, and only then."""
        if self.basis not in _BASES:
            msg = f"basis is one of {', '.join(_BASES)}"
            raise InvalidInputError(msg, field="basis")
        law = self.basis == Basis.LAW.value
        if (self.authority is not None, self.article is not None) != (law, law):
            msg = "--basis law, and only it, takes --authority and --article"
            raise InvalidInputError(msg, field="basis")


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of content: its name for people, how to fingerprint it, and the terms it is shared on.

    ``read`` takes the key of the log, for folded/1, which is made only if it is named. It raises
    InvalidInputError, as does ``terms`` for a row that breaks the format.
    """

    name: str
    read: Callable[[bytes], Fingerprinted]
    terms: Callable[[], Terms]


def named(  # noqa: PLR0913 - what two options ask for
    names: Sequence[str],
    types: Sequence[str] | None,
    terms: Terms,
    failed: Callable[[OSError], None],
    *,
    parts: bool = False,
    ocr: bool = False,
) -> list[Piece]:
    """The files of these names, all below each directory among them, and standard input for ``-``.

    ``parts``: pictures with their parts. ``ocr``: pictures with the text in them.

    In a directory, names that begin with a dot and links that lead out of it are passed over; ``failed`` is
    given what cannot be listed.
    """
    return [
        Piece(name, partial(_content, name, types, parts=parts, ocr=ocr), lambda: terms)
        for given in names
        for name in (below(given, failed) if os.path.isdir(given) else (given,))  # noqa: PTH112 - any bytes
    ]


def rows(path: str, types: Sequence[str] | None, terms: Terms) -> list[Piece]:
    """The rows of a table. Raises InvalidInputError if it is none, OSError if it cannot be read."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 - shown as it was given
            text = file.read(MAX_TABLE + 1)
        if len(text) > MAX_TABLE:
            msg = f"{path}: the table is over the limit of {MAX_TABLE} characters; share it in parts"
            raise InvalidInputError(msg, field="csv")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        columns = [_PLURALS.get(name.strip().lower(), name.strip().lower()) for name in next(reader, [])]
        _check_header(path, columns)
        return [_row(f"{path}:{reader.line_num}", columns, cells, types, terms) for cells in reader if cells]
    except (csv.Error, UnicodeDecodeError) as error:
        msg = f"{path}: not a table in CSV and UTF-8: {error}"
        raise InvalidInputError(msg, field="csv") from error


def _content(name: str, types: Sequence[str] | None, key: bytes, *, parts: bool, ocr: bool) -> Fingerprinted:
    content = kept(name, STDIN) if parts else sys.stdin.buffer if name == STDIN else name
    found = fingerprints_of(content, types, key=key if types else None, ocr=ocr)
    return with_parts(found, content) if parts else found


def _check_header(path: str, columns: list[str]) -> None:
    unknown = [name for name in columns if name not in _COLUMNS]
    if unknown or len(set(columns)) != len(columns) or not {"path", "value"} & set(columns):
        msg = (
            f"{path}: the first row names columns, each once: path, or type and value, and any of "
            f"{', '.join(_COLUMNS[3:])}" + (f"; not {unknown[0]!r}" if unknown else "")
        )
        raise InvalidInputError(msg, field="csv")


def _row(name: str, columns: list[str], cells: list[str], types: Sequence[str] | None, terms: Terms) -> Piece:
    row = {column: cell.strip() for column, cell in zip(columns, cells, strict=False) if cell.strip()}
    path = row.get("path")

    def read(key: bytes) -> Fingerprinted:
        if len(cells) != len(columns) or (path is None) == ("value" not in row):
            msg = f"a row has {len(columns)} cells, and either a path or a type and a value"
            raise InvalidInputError(msg, field="csv")
        if path is None:
            return _given(row, types)
        named = _BETWEEN.split(row["type"]) if "type" in row else types
        return fingerprints_of(path, named, key=key if named else None)

    return Piece(name if path is None else path, read, lambda: _terms(row, terms))


def _given(row: dict[str, str], types: Sequence[str] | None) -> Fingerprinted:
    """The fingerprints that a row holds, of these types."""
    names, values = (_BETWEEN.split(row.get(column, "")) for column in ("type", "value"))
    try:
        pairs = [(name, bytes.fromhex(value)) for name, value in zip(names, values, strict=True)]
    except ValueError as error:
        msg = "type and value hold the same number of each, and values are hex digits"
        raise InvalidInputError(msg, field="value") from error
    found = [Fingerprint(name, value) for name, value in pairs if types is None or name in types]
    if not found:
        msg = "the row has no fingerprint of the types that --type names"
        raise InvalidInputError(msg, field="type")
    if len({(each.type.name, each.value) for each in found}) < len(found):
        msg = "the row holds a fingerprint twice; give each once"
        raise InvalidInputError(msg, field="value")
    return Fingerprinted(tuple(found), (), Kind.OTHER)


def _terms(row: dict[str, str], default: Terms) -> Terms:
    """The terms of a row: its own where it has any."""
    try:
        removed = moment(row["removed"]) if "removed" in row else default.removed
    except click.BadParameter as error:
        raise InvalidInputError(error.message, field="removed") from error
    basis = row.get("basis", default.basis)
    law = (default.authority, default.article) if basis == default.basis else (None, None)
    own = Terms(
        labels=tuple(_BETWEEN.split(row["label"])) if "label" in row else default.labels,
        basis=basis,
        authority=row.get("authority", law[0]),
        article=row.get("article", law[1]),
        jurisdictions=(
            tuple(_BETWEEN.split(row["jurisdiction"])) if "jurisdiction" in row else default.jurisdictions
        ),
        removed=removed,
    )
    own.check()
    return own
