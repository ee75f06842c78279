"""ThreatExchange: pages of a privacy group's ``threat_updates``, in JSON.

As `tx` reads them (python-threatexchange 1.2.17, ``exchanges/impl/fb_threatexchange_api.py``). GIFCT's hash
sharing database is served in this form too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from hashpact.domain.fingerprints import MD5, PDQ, SHA256
from hashpact.exchange import streaming
from hashpact.exchange.rows import (
    BELOW_CATEGORY,
    MALFORMED_RECORD,
    NEGATIVE,
    Listed,
    Row,
    Skip,
    moment,
    single,
    taken_back,
    typed,
)

WHAT: Final = "a page of ThreatExchange's threat_updates"
_TYPES: Final = {
    "HASH_PDQ": PDQ,
    "HASH_MD5": MD5,
    "HASH_VIDEO_MD5": MD5,
    "HASH_SHA256": SHA256,
    "HASH_VIDEO_SHA256": SHA256,
}
_WRITTEN: Final = {PDQ: "HASH_PDQ", MD5: "HASH_MD5", SHA256: "HASH_SHA256"}
_AFFIRMS: Final = {"HELPFUL"}
_DISPUTES: Final = {"DISAGREE_WITH_TAGS", "NON_MALICIOUS"}


def read(file: BinaryIO, *, seeds: bool = False) -> Iterator[Row]:
    """The rows of a page. ``seeds`` takes what nobody has called malicious yet. Raises MalformedError."""
    streaming.head(file, WHAT, "data")
    for one in streaming.records(file, WHAT, "data"):
        yield Skip("", MALFORMED_RECORD) if one is None else _row(one, seeds=seeds)


def _row(one: dict[str, Any], *, seeds: bool) -> Row:
    record = typed(one.get("type"), one.get("indicator"), _TYPES)
    if isinstance(record, Skip):
        return record
    name, kind, value = record
    updated = moment(one.get("last_updated"))
    said = _list(one.get("descriptors"))
    if one.get("should_delete") is True or not said:
        return taken_back(name, kind, value, updated)
    owned = [each for each in said if isinstance(each, dict) and _owner(each)]
    tags = {tag: None for each in owned for tag in _tags(each)}
    positive = any(each.get("status") == "MALICIOUS" for each in owned)
    negative = {_owner(each) for each in owned if each.get("status") == "NON_MALICIOUS"}
    affirmed, disputed = (_reacted(owned, kinds) for kinds in (_AFFIRMS, _DISPUTES))
    row = single(
        name,
        kind,
        value,
        classes=tuple(tags),
        updated=updated,
        affirmed=len(affirmed),
        disputed=len(disputed | negative),
        source=_owner(owned[0]) if len({_owner(each) for each in owned}) == 1 else None,
    )
    if isinstance(row, Skip) or positive:
        return row if owned else Skip(row.key, MALFORMED_RECORD)
    if negative:
        return Skip(row.key, NEGATIVE)
    return row if seeds and owned else Skip(row.key, BELOW_CATEGORY if owned else MALFORMED_RECORD)


def _list(value: object) -> list[Any]:
    """A list, which may lie in an object as ``data``."""
    inner = value.get("data") if isinstance(value, dict) else value
    return inner if isinstance(inner, list) else []


def _owner(descriptor: dict[str, Any]) -> str:
    owner = descriptor.get("owner")
    found = owner.get("id") if isinstance(owner, dict) else None
    return str(found) if isinstance(found, str | int) else ""


def _tags(descriptor: dict[str, Any]) -> list[str]:
    texts = (tag.get("text") if isinstance(tag, dict) else tag for tag in _list(descriptor.get("tags")))
    return sorted(text for text in texts if isinstance(text, str))


def _reacted(descriptors: Iterable[dict[str, Any]], kinds: set[str]) -> set[str]:
    """Who has reacted so, over all descriptors."""
    reactions = (
        each for one in descriptors for each in _list(one.get("reactions")) if isinstance(each, dict)
    )
    said = (str(each.get("value", "")) for each in reactions if each.get("key") in kinds)
    return {who for some in said for who in some.split(",") if who}


def write(file: BinaryIO, rows: Iterable[Listed]) -> int:
    """Write the rows as one page; returns how many have nothing that the format can carry."""
    left = 0

    def written() -> Iterator[dict[str, object]]:
        nonlocal left
        for row in rows:
            carried = [each for each in row.fingerprints if each.type in _WRITTEN]
            left += not carried
            for each in carried:
                yield _written(row, _WRITTEN[each.type], each.value.hex())

    streaming.write_list(file, "data", written(), {}, {"paging": {"cursors": {}}})
    return left


def _written(row: Listed, name: str, value: str) -> dict[str, object]:
    known = {"indicator": value, "type": name, "last_updated": row.updated, "should_delete": row.deleted}
    if row.deleted:
        return known
    said = {"owner": {"id": "0"}, "status": "MALICIOUS", "tags": list(row.labels)}
    return known | {"descriptors": {"data": [said]}}
