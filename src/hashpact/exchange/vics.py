"""Hash sets of Project VIC and CAID (VICS), in JSON of any size.

The model is given under agreement only; this is what open forensic tools read (IPED's lookup of Project VIC,
and others), in the shapes 1.x and 2.0. Of a record only its id, category, hashes and date are read: series,
flags of victims and offenders, and Exif data never are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from hashpact.domain.fingerprints import MD5, SHA1, SHA256, SHA512, FingerprintType
from hashpact.exchange import streaming
from hashpact.exchange.rows import (
    CASE_FILE,
    MALFORMED_RECORD,
    UNCATEGORISED,
    ClassOf,
    Listed,
    Put,
    Row,
    Skip,
    chosen,
    is_key,
    moment,
    rfc3339,
)

WHAT: Final = "a VICS hash set"
_LIST: Final = "value"
_TYPES: Final = {"MD5": MD5, "SHA1": SHA1, "SHA256": SHA256, "SHA512": SHA512}
_OTHERS: Final = ("PhotoDNA",)
_CONTEXTS: Final = ("@odata.context", "odata.metadata")
_CASES: Final = re.compile("#cases", re.IGNORECASE)


def read(file: BinaryIO) -> Iterator[Row]:
    """The rows of a hash set; of a case file, which is evidence, one that says so. Raises MalformedError."""
    known = streaming.head(file, WHAT, _LIST)
    if any(_CASES.search(str(known.get(name, ""))) for name in _CONTEXTS):
        yield Skip("", CASE_FILE)
        return
    for one in streaming.records(file, WHAT, _LIST):
        if one is not None and isinstance(one.get("Media"), list):
            yield Skip("", CASE_FILE)
            return
        yield Skip("", MALFORMED_RECORD) if one is None else _row(one)


def _row(one: dict[str, Any]) -> Row:
    known, category = one.get("MediaID"), one.get("Category")
    key = str(known)
    if isinstance(known, bool) or not isinstance(known, int | str) or not is_key(key):
        return Skip("", MALFORMED_RECORD)
    if category in {None, "", 0, "0"}:
        return Skip(key, UNCATEGORISED)
    if isinstance(category, bool) or not isinstance(category, int | str) or not str(category).isdecimal():
        return Skip(key, MALFORMED_RECORD)
    candidates, dropped = _hashes(one)
    found, unfit, reason = chosen(key, candidates)
    if reason is not None:
        return Skip(key, reason)
    updated = moment(one.get("DateUpdated"))
    return Put(key, found, (str(category),), updated, dropped=(*dropped, *unfit))


def _hashes(one: dict[str, Any]) -> tuple[list[tuple[str, FingerprintType, object]], list[str]]:
    """The hashes of a record that have a type, and the names of the others, in the order of the record."""
    named = [(name, value) for name, value in one.items() if name in _TYPES or name in _OTHERS]
    more = one.get("AlternativeHashes")
    named += [
        (each["HashName"].replace("-", "").strip(), each.get("HashValue"))
        for each in (more if isinstance(more, list) else ())
        if isinstance(each, dict) and isinstance(each.get("HashName"), str)
    ]
    named = [(name, value) for name, value in named if value not in {None, ""}]
    spelt = {name.upper(): name for name in _TYPES}
    candidates = [
        (name, _TYPES[spelt[name.upper()]], value) for name, value in named if name.upper() in spelt
    ]
    return candidates, [name for name, _ in named if name.upper() not in spelt]


def write(file: BinaryIO, rows: Iterable[Listed], class_of: ClassOf) -> int:
    """Write the rows as one hash set; returns how many have no hash or category that it can carry.

    The format has no deletions: a newer set replaces an older one, so that deleted rows are left out, too.
    """
    left = 0

    def written() -> Iterator[dict[str, object]]:
        nonlocal left
        for row in rows:
            hashes = {
                name: each.value.hex().upper()
                for name, kind in _TYPES.items()
                for each in row.fingerprints
                if each.type is kind
            }
            category = class_of(row.labels) or ""
            if row.deleted or not hashes or not category.isdecimal():
                left += 1
            else:
                yield {
                    "MediaID": int(row.key) if row.key.isdecimal() else row.key,
                    "Category": int(category),
                    **hashes,
                    "DateUpdated": rfc3339(row.updated),
                }

    streaming.write_list(
        file, _LIST, written(), {"@odata.context": "DataModels/2.0.xml/XX/$metadata#Media"}, {}
    )
    return left
