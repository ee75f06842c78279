"""What of a page of changes becomes a record of StopNCII's form."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import cast

from builders import NOW, fingerprint, private_part
from starlette.requests import Request

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.messages import ChangedEntries, EntryDetail
from hashpact.domain.state import Basis, Entry, Opinion, Stance
from hashpact.gateway.rest.asking import RestRequest
from hashpact.gateway.rest.stopncii import fetch_hashes
from hashpact.gateway.rest.uses import GatewayUses


def detail(index: int, basis: Basis) -> EntryDetail:
    """An entry that stands, and that the authority it names disowns."""
    entry = Entry(index, "acme", ("meme",), basis, "court", None, (), NOW, NOW, 1, bytes(32))
    opinion = Opinion(index, "court", Stance.DISOWN, index + 1, bytes(32))
    part = private_part(fingerprint(PDQ, str(index)))
    return EntryDetail(entry, b"", (part,), (opinion,), stands=True)


async def test_what_is_known_to_be_harmless_is_no_record() -> None:
    """Its labels are categories, and a policy may have a label of the same name."""
    page = ChangedEntries((detail(1, Basis.BENIGN), detail(2, Basis.LAW)), 9, None, 9, NOW)

    async def changes(*_: object) -> ChangedEntries:
        return page

    async def note(*_: object) -> None: ...

    own = SimpleNamespace(profile=SimpleNamespace(own=SimpleNamespace(never=frozenset())))
    moments = SimpleNamespace(before=lambda _: 0, note=note)
    house = SimpleNamespace(changes=changes, moments=moments, client=own)
    uses = SimpleNamespace(config=SimpleNamespace(stopncii=("meme",)), house=house)
    scope = {"type": "http", "method": "GET", "headers": [], "query_string": b""}
    answer = await fetch_hashes(cast("GatewayUses", uses), RestRequest(Request(scope), {}))
    (record,) = json.loads(bytes(answer.body))["hashRecords"]
    assert record["hashValue"] == fingerprint(PDQ, "2").value.hex()
    assert [(each["source"], each["feedbackValue"]) for each in record["CSPFeedbacks"]] == [
        ("acme", "Blocked"),
        ("court", "NotBlocked"),
    ]
