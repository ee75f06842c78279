"""The files of `tx` and of Hasher-Matcher-Actioner: what they print, keep and hold.

    tx        the CSV of ``tx dataset -P --csv``: signal_type,signal_str,collab,category,tags
    tx-local  a local_file: ``TYPE VALUE`` a line
    hma       contents of banks, one JSON object a line, as GET /c/bank/N/content/ID answers

Types have the names of python-threatexchange 1.2.17.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Final

from hashpact.domain.fingerprints import MD5, MINHASH, PDQ, PHASH, SHA256
from hashpact.errors import MalformedError
from hashpact.exchange import streaming
from hashpact.exchange.rows import (
    BELOW_CATEGORY,
    DISABLED,
    HIDDEN,
    MALFORMED_RECORD,
    NEGATIVE,
    NO_FINGERPRINT,
    NOT_OWN,
    UNSUPPORTED_TYPE,
    Listed,
    Put,
    Row,
    Skip,
    chosen,
    is_key,
    single,
)

_TYPES: Final = {
    "pdq": PDQ,
    "video_md5": MD5,
    "video_sha256": SHA256,
    "sha256": SHA256,
    "phash": PHASH,
    "minhash": MINHASH,
}
_WRITTEN: Final = {
    PDQ: "pdq",
    MD5: "video_md5",
    SHA256: "video_sha256",
    PHASH: "phash",
    MINHASH: "minhash",
}
_COLUMNS: Final = ("signal_type", "signal_str", "collab", "category", "tags")
_ENABLED: Final = 1
CSV: Final = "a CSV of tx"
LOCAL: Final = "a local file of tx"
CONTENTS: Final = "contents of HMA, one JSON object a line"


def read(file: BinaryIO, *, seeds: bool = False) -> Iterator[Row]:
    """The rows of a CSV. ``seeds`` takes those of INVESTIGATION_SEED, too. Raises MalformedError."""
    reader = csv.reader(streaming.lines(file, CSV), strict=True)
    try:
        if tuple(next(reader, ())) != _COLUMNS:
            msg = f"not {CSV}: its first line is not {','.join(_COLUMNS)}"
            raise MalformedError(msg, field="file")
        for cells in reader:
            yield Skip("", MALFORMED_RECORD) if len(cells) != len(_COLUMNS) else _row(cells, seeds=seeds)
    except csv.Error as error:
        msg = f"not {CSV}: line {reader.line_num} is broken"
        raise MalformedError(msg, field="file") from error


def _row(cells: list[str], *, seeds: bool) -> Row:
    name, value, _, category, tags = cells
    row = _single(name, value, tuple(tags.split()))
    if isinstance(row, Skip) or category == "POSITIVE_CLASS":
        return row
    if category == "INVESTIGATION_SEED":
        return row if seeds else Skip(row.key, BELOW_CATEGORY)
    known = category in {"NEGATIVE_CLASS", "DISPUTED"}
    return Skip(row.key, NEGATIVE if known else MALFORMED_RECORD)


def _single(name: str, value: str, classes: tuple[str, ...] = ()) -> Put | Skip:
    kind = _TYPES.get(name)
    if kind is None:
        return Skip(f"{name if name.isidentifier() else ''}:{HIDDEN}", UNSUPPORTED_TYPE)
    return single(name, kind, value, classes=classes)


def read_local(file: BinaryIO) -> Iterator[Row]:
    """The rows of a local file, every one of which is positive. Raises MalformedError."""
    for line in streaming.lines(file, LOCAL):
        name, _, value = line.strip().partition(" ")
        if name:
            yield _single(name, value)


def read_contents(file: BinaryIO) -> Iterator[Row]:
    """The rows of contents of banks. Raises MalformedError for a line that is not JSON."""
    for number, line in enumerate(streaming.lines(file, CONTENTS), 1):
        if line.strip():
            try:
                one = json.loads(line)
            except (ValueError, RecursionError) as error:
                msg = f"not {CONTENTS}: line {number} is broken, or ends early"
                raise MalformedError(msg, field="file") from error
            yield _content(one) if isinstance(one, dict) else Skip("", MALFORMED_RECORD)


def _content(one: dict[str, Any]) -> Row:
    known, signals, bank, metadata = (one.get(name) for name in ("id", "signals", "bank", "metadata"))
    name = bank.get("name") if isinstance(bank, dict) else None
    if isinstance(known, bool) or not isinstance(known, int) or not isinstance(name, str) or not is_key(name):
        return Skip("", MALFORMED_RECORD)
    key = str(known)
    if isinstance(metadata, dict) and metadata.get("collab"):
        return Skip(key, NOT_OWN)
    if one.get("disable_until_ts") != _ENABLED:
        return Skip(key, DISABLED)
    if not isinstance(signals, dict) or not signals:
        return Skip(key, NO_FINGERPRINT)
    found, unfit, reason = chosen(
        key, [(signal, _TYPES[signal], value) for signal, value in signals.items() if signal in _TYPES]
    )
    if reason is not None:
        return Skip(key, reason)
    dropped = (*(signal for signal in signals if signal not in _TYPES), *unfit)
    return Put(key, found, (name,), dropped=dropped)


def write(file: BinaryIO, rows: Iterable[Listed], collab: str) -> int:
    """Write the rows as a CSV; returns how many have nothing that it can carry, or are deleted."""
    file.write((",".join(_COLUMNS) + "\n").encode())
    return _written(file, rows, lambda name, value, row: _line(name, value, collab, row))


def write_local(file: BinaryIO, rows: Iterable[Listed]) -> int:
    """Write the rows as a local file; returns how many have nothing that it can carry, or are deleted."""
    return _written(file, rows, lambda name, value, _: f"{name} {value}\n")


def _line(name: str, value: str, collab: str, row: Listed) -> str:
    quoted = '"' + collab.replace('"', '""') + '"'
    return f"{name},{value},{quoted},POSITIVE_CLASS,{' '.join(row.labels)}\n"


def _written(file: BinaryIO, rows: Iterable[Listed], line: Callable[[str, str, Listed], str]) -> int:
    left = 0
    for row in rows:
        carried = [each for each in row.fingerprints if each.type in _WRITTEN and not row.deleted]
        left += not carried
        file.writelines(line(_WRITTEN[each.type], each.value.hex(), row).encode() for each in carried)
    return left
