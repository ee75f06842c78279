"""The content hash list v2 of the Terrorist Content Analytics Platform (Tech Against Terrorism), in JSON.

Documented at terrorismanalytics.org/docs/hash-list-v2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from hashpact.domain.fingerprints import MD5, PDQ, SHA256, SHA512
from hashpact.exchange import streaming
from hashpact.exchange.rows import (
    MALFORMED_RECORD,
    UNSUPPORTED_TYPE,
    ClassOf,
    Delete,
    Listed,
    Put,
    Row,
    Skip,
    chosen,
    is_key,
    moment,
    rfc3339,
)

WHAT: Final = "a page of the TCAP content hash list v2"
_TYPES: Final = {"PDQ": PDQ, "MD5": MD5, "SHA256": SHA256, "SHA512": SHA512}
_WRITTEN: Final = {kind: name for name, kind in _TYPES.items()}


def read(file: BinaryIO) -> Iterator[Row]:
    """The rows of a page. Raises MalformedError."""
    streaming.head(file, WHAT, "results")
    for one in streaming.records(file, WHAT, "results"):
        yield Skip("", MALFORMED_RECORD) if one is None else _row(one)


def _row(one: dict[str, Any]) -> Row:
    known, name = one.get("id"), one.get("algorithm")
    key = str(known)
    if (
        isinstance(known, bool)
        or not isinstance(known, int | str)
        or not is_key(key)
        or not isinstance(name, str)
    ):
        return Skip("", MALFORMED_RECORD)
    updated = moment(one.get("updated_on"))
    if one.get("deleted") is True:
        return Delete(key, updated)
    kind = _TYPES.get(name)
    if kind is None:
        return Skip(key, UNSUPPORTED_TYPE)
    found, _, reason = chosen(key, [(name, kind, one.get("hash_digest"))])
    if reason is not None:
        return Skip(key, reason)
    ideology = one.get("ideology")
    return Put(key, found, (ideology,) if isinstance(ideology, str) and ideology else (), updated)


def write(file: BinaryIO, rows: Iterable[Listed], class_of: ClassOf) -> int:
    """Write the rows as one page; returns how many have nothing that the format can carry.

    A record of the format has one hash: a row with several has one of each type, with ``/`` and its name
    behind the id.
    """
    left = 0

    def written() -> Iterator[dict[str, object]]:
        nonlocal left
        for row in rows:
            carried = [each for each in row.fingerprints if each.type in _WRITTEN]
            left += not carried
            for number, each in enumerate(carried):
                yield {
                    "hash_digest": each.value.hex(),
                    "algorithm": _WRITTEN[each.type],
                    "ideology": class_of(row.labels),
                    "deleted": row.deleted,
                    "updated_on": float(row.updated),
                    "created_on": rfc3339(row.updated),
                    "id": _id(row.key if number == 0 else f"{row.key}/{number}"),
                }

    streaming.write_list(file, "results", written(), {"next": None, "previous": None}, {})
    return left


def _id(key: str) -> int | str:
    return int(key) if key.isdecimal() and str(int(key)) == key else key
