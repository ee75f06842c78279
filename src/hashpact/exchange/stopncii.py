"""StopNCII hash sharing v1: pages of ``FetchHashes``, in JSON.

The service does not document it publicly; this is what `tx` reads (python-threatexchange 1.2.17,
``exchanges/clients/stopncii``). Case numbers are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from hashpact.domain.fingerprints import MD5, PDQ
from hashpact.exchange import streaming
from hashpact.exchange.rows import (
    BELOW_CATEGORY,
    MALFORMED_RECORD,
    UNKNOWN_STATUS,
    Listed,
    Row,
    Skip,
    moment,
    single,
    taken_back,
    typed,
)

WHAT: Final = "a page of StopNCII's FetchHashes"
_TYPES: Final = {"ImagePDQ": PDQ, "VideoMD5": MD5}
_WRITTEN: Final = {PDQ: "ImagePDQ", MD5: "VideoMD5"}
_GONE: Final = {"Withdrawn", "Deleted"}


def read(file: BinaryIO, *, received: bool = False) -> Iterator[Row]:
    """The rows of a page. ``received`` takes what nobody has looked at yet. Raises MalformedError."""
    streaming.head(file, WHAT, "hashRecords")
    for one in streaming.records(file, WHAT, "hashRecords"):
        yield Skip("", MALFORMED_RECORD) if one is None else _row(one, received=received)


def _row(one: dict[str, Any], *, received: bool) -> Row:
    record, status = typed(one.get("signalType"), one.get("hashValue"), _TYPES), one.get("hashStatus")
    if isinstance(record, Skip):
        return record
    name, kind, value = record
    updated = moment(one.get("lastModtimestamp"))
    if status in _GONE:
        return taken_back(name, kind, value, updated)
    said = one.get("CSPFeedbacks")
    opinions = [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []
    row = single(
        name,
        kind,
        value,
        updated=updated,
        affirmed=_count(opinions, "Blocked"),
        disputed=_count(opinions, "NotBlocked"),
    )
    if isinstance(row, Skip) or status == "Active":
        return row
    if status == "Received":
        return row if received else Skip(row.key, BELOW_CATEGORY)
    return Skip(row.key, UNKNOWN_STATUS)


def _count(opinions: list[dict[str, Any]], said: str) -> int:
    return len({str(each.get("source")) for each in opinions if each.get("feedbackValue") == said})


def write(file: BinaryIO, rows: Iterable[Listed]) -> int:
    """Write the rows as one page; returns how many have nothing that the format can carry."""
    left = 0
    after: dict[str, object] = {"count": 0, "nextSetTimestamp": 0}

    def written() -> Iterator[dict[str, object]]:
        nonlocal left
        count = newest = 0
        for row in rows:
            carried = [each for each in row.fingerprints if each.type in _WRITTEN]
            left += not carried
            newest = max(newest, row.updated)
            for each in carried:
                count += 1
                after.update(count=count, nextSetTimestamp=newest)
                yield {
                    "lastModtimestamp": row.updated,
                    "signalType": _WRITTEN[each.type],
                    "hashValue": each.value.hex(),
                    "hashStatus": "Withdrawn" if row.deleted else "Active",
                    "caseNumbers": {},
                    "CSPFeedbacks": [],
                }

    before = {"nextPageToken": None, "hasMoreRecords": False}
    streaming.write_list(file, "hashRecords", written(), before, after)
    return left
