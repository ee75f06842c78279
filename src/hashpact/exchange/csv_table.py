"""Any CSV with a header, by the columns that a map names, for lists whose form is not public.

A column holds the digits of a fingerprint type (``"pdq/1" = "PDQ"``), or a key, labels, a time of removal, or
whether the row was taken back. Without a column for it, the key is the first fingerprint of the row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Final

from hashpact.domain.fingerprints import TYPES
from hashpact.errors import ConfigError, MalformedError
from hashpact.exchange import streaming
from hashpact.exchange.rows import (
    HIDDEN,
    MALFORMED_RECORD,
    NO_FINGERPRINT,
    Delete,
    Listed,
    Put,
    Row,
    Skip,
    chosen,
    is_key,
    moment,
    rfc3339,
    value_key,
)

WHAT: Final = "a CSV with a header"
KEY, LABEL, REMOVED, UPDATED, DELETED, SEPARATOR = (
    "key",
    "label",
    "removed",
    "updated",
    "deleted",
    "separator",
)
_FIELDS: Final = (KEY, LABEL, REMOVED, UPDATED, DELETED)
_KINDS: Final = {name: kind for name, kind in TYPES.items() if not kind.is_set}
_NOT: Final = {"", "0", "no", "false"}
OWN: Final = {**dict(zip(_FIELDS, _FIELDS, strict=True)), **{name: name for name in _KINDS}}
"""The columns that `write` writes, and that are read without a map."""


def read(file: BinaryIO, columns: Mapping[str, str]) -> Iterator[Row]:
    """The rows of a CSV, with the ``columns`` of a map; with none, those that `write` writes.

    Raises ConfigError for a column that means nothing here, MalformedError for a file that is no such CSV.
    """
    separator = columns.get(SEPARATOR, ",")
    named = {name: column for name, column in columns.items() if name != SEPARATOR} or OWN
    if unknown := named.keys() - _KINDS.keys() - set(_FIELDS):
        msg = f"columns.{min(unknown)} of the map: a column holds one of {', '.join((*_FIELDS, *_KINDS))}"
        raise ConfigError(msg)
    if len(separator) != 1:
        msg = "columns.separator of the map is one character"
        raise ConfigError(msg)
    lines = csv.reader(streaming.lines(file, WHAT), delimiter=separator, strict=True)
    try:
        header = next(lines, [])
        places = {name: header.index(column) for name, column in named.items() if column in header}
        missing = [] if named is OWN else sorted(set(named) - places.keys())
        if missing or not places.keys() & _KINDS.keys():
            what = missing[0] if missing else "a fingerprint type"
            msg = f"not the CSV of the map: it has no column for {what}"
            raise MalformedError(msg, field="file")
        for cells in lines:
            if len(cells) == len(header):
                yield _row({name: cells[place].strip() for name, place in places.items()})
            else:
                yield Skip("", MALFORMED_RECORD)
    except csv.Error as error:
        msg = f"not {WHAT}: line {lines.line_num} is broken"
        raise MalformedError(msg, field="file") from error


def _row(cells: Mapping[str, str]) -> Row:
    values = [(name, cells[name]) for name in _KINDS if cells.get(name)]
    key = cells.get(KEY) or (value_key(*values[0]) if values else "")
    shown = cells.get(KEY) or (f"{values[0][0]}:{HIDDEN}" if values else "")
    if not is_key(key):
        return Skip("", MALFORMED_RECORD)
    updated = moment(_number(cells.get(UPDATED, "")))
    if cells.get(DELETED, "").lower() not in _NOT:
        return Delete(key, updated)
    if not values:
        return Skip(shown, NO_FINGERPRINT)
    each = ((name, _KINDS[name], digits) for name, some in values for digits in some.split())
    found, unfit, reason = chosen(key, each)
    if reason is not None:
        return Skip(shown, reason)
    labels = tuple(cells.get(LABEL, "").replace(";", " ").split())
    return Put(key, found, labels, updated, moment(_number(cells.get(REMOVED, ""))), unfit)


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def write(file: BinaryIO, rows: Iterable[Listed]) -> int:
    """Write the rows as a CSV that `read` reads without a map, deletions among them; returns 0: all fit."""
    names = (KEY, LABEL, UPDATED, DELETED, *_KINDS)
    file.write((",".join(names) + "\n").encode())
    for row in rows:
        values = [
            " ".join(one.value.hex() for one in row.fingerprints if one.type is kind)
            for kind in _KINDS.values()
        ]
        key = '"' + row.key.replace('"', '""') + '"'
        cells = (key, " ".join(row.labels), rfc3339(row.updated), "yes" if row.deleted else "", *values)
        file.write((",".join(cells) + "\n").encode())
    return 0
