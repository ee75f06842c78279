"""Routes 10 to 14: banks and their contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from hashpact.domain.fingerprints import Fingerprint, parse_private
from hashpact.domain.messages import EntryDetail
from hashpact.errors import InvalidInputError, NotFoundError, UnusableFingerprintError
from hashpact.gateway.keeping.banks import ENABLED, FIRST_LOCAL, Addition, Bank, Content
from hashpact.gateway.keeping.listing import ListedContent
from hashpact.gateway.rest.asking import Parameter, RestRequest, fields_of, ratio_of, required_text, truth_of
from hashpact.gateway.rest.contents import MAX_NOTE, hashed_file, hashed_url, note_and_metadata
from hashpact.gateway.rest.declared import (
    ADDED,
    BANK,
    CONTENT,
    FORM_TYPE,
    ID,
    JSON_TYPE,
    SIGNALS,
    TEXT,
    TYPES,
    UPLOAD,
    URL,
    RestEndpoint,
)
from hashpact.gateway.rest.statuses import answer, message
from hashpact.gateway.rest.uses import GatewayUses

_OK, _CREATED, _BAD, _UNPROCESSABLE = 200, 201, 400, 422
_MAX_DIGITS: Final = 16
_MAX_ID: Final = 1 << 53


async def banks(uses: GatewayUses, asked: RestRequest) -> Response:
    """Every bank, in the order of their making."""
    del asked
    return answer([bank.fields() for bank in uses.matcher.index.banks.values()])


async def make_bank(uses: GatewayUses, asked: RestRequest) -> Response:
    """A new bank."""
    given = fields_of(await asked.json(other=_UNPROCESSABLE))
    name, ratio = required_text(given, "name"), ratio_of(given, "enabled_ratio")
    if ratio is None:
        # HMA's Ruby client sends both of these.
        ratio = 0.0 if truth_of(given.get("enabled")) is False else ratio_of(given, "matching_enabled_ratio")
    made = await uses.curator.make(name, 1.0 if ratio is None else ratio)
    return answer(made.fields(), _CREATED)


async def bank(uses: GatewayUses, asked: RestRequest) -> Response:
    """A bank."""
    return answer(uses.curator.bank(asked.path("name")).fields())


async def change_bank(uses: GatewayUses, asked: RestRequest) -> Response:
    """A bank with another name or ratio."""
    given = fields_of(await asked.json(other=_UNPROCESSABLE))
    ratio = ratio_of(given, "enabled_ratio")
    enabled = truth_of(given.get("enabled"))
    if ratio is None and enabled is not None:
        ratio = 1.0 if enabled else 0.0
    new = required_text(given, "name") if "name" in given else None
    return answer((await uses.curator.change(asked.path("name"), new, ratio)).fields())


async def delete_bank(uses: GatewayUses, asked: RestRequest) -> Response:
    """No bank of that name, whether there was one or not."""
    await uses.curator.delete(asked.path("name"))
    return message("Done", _OK)


async def add_content(uses: GatewayUses, asked: RestRequest) -> Response:
    """A new content of a bank, from a file or an address."""
    name = asked.path("name")
    uses.curator.bank(name)
    form = await asked.form(uses.max_upload)
    note, metadata = await note_and_metadata(asked, form)
    if asked.text("url"):
        made = await hashed_url(uses, asked)
    elif any(part.is_file for part in form):
        made = await hashed_file(uses, asked, form)
    else:
        raise HTTPException(_BAD, "Neither `url` nor multipart file upload was received")
    return _added(await uses.curator.add(name, Addition(made, note, metadata)))


async def add_signals(uses: GatewayUses, asked: RestRequest) -> Response:
    """A new content of a bank, from its signals."""
    name = asked.path("name")
    uses.curator.bank(name)
    given = await asked.json()
    if not isinstance(given, dict):
        raise HTTPException(_BAD, "Request input was not a dict")
    note, metadata = await note_and_metadata(asked, ())
    values = {
        key: value
        for key, value in given.items()
        if key not in {"note", "metadata", "content_id", "content_uri"}
    }
    made = {key: _signal(uses, key, value) for key, value in values.items()}
    return _added(await uses.curator.add(name, Addition(made, note, metadata)))


def _signal(uses: GatewayUses, name: str, value: object) -> Fingerprint:
    kind = uses.signals.served.get(name)
    if kind is None:
        msg = f"No such signal type {name}"
        raise InvalidInputError(msg, field="signal_type")
    try:
        return Fingerprint(kind.kind, kind.parse(value if isinstance(value, str) else ""))
    except UnusableFingerprintError as error:
        msg = f"Invalid {name} signal: {error.message}"
        raise UnusableFingerprintError(msg, field=name) from error
    except InvalidInputError as error:
        msg = f"Invalid {name} signal: {error.message}"
        raise InvalidInputError(msg, field=name) from error


def _added(content: Content) -> Response:
    return answer({"id": content.id, "signals": dict(content.signals)})


async def content(uses: GatewayUses, asked: RestRequest) -> Response:
    """A content: what is kept of it here, or what the log has."""
    named = uses.curator.bank(asked.path("name"))
    number = _number(asked)
    found = await uses.curator.content(number)
    shown = _shown(named, number, uses.matcher.index.off.get(number, ENABLED))
    if asked.flag("include_signals"):
        signals = _signals(uses, found)
        shown |= {"signals": dict(signals)} if signals else {}
    if asked.flag("include_metadata"):
        held = uses.matcher.index.bank_of(number) or named
        shown |= {"metadata": _metadata(held, number, found)}
        if isinstance(found, Content) and found.note:
            shown["note"] = found.note
    return answer(shown)


def _shown(bank: Bank, number: int, until: int) -> dict[str, Any]:
    return {"bank": bank.fields(), "disable_until_ts": until, "id": number, "original_media_uri": None}


def _signals(uses: GatewayUses, found: Content | ListedContent | EntryDetail) -> Mapping[str, str]:
    """The signals of a content; of an entry or a row the first of each type that is served.

    Those of an entry may be withheld.
    """
    if isinstance(found, Content):
        return found.signals
    if isinstance(found, ListedContent):
        return found.signals(uses.signals)
    made: dict[str, str] = {}
    parts = [parse_private(part).fingerprint for part in found.private]
    for each in uses.signals.served.values():
        some = [one.value.hex() for one in parts if one.type is each.kind]
        if some:
            made[each.name] = some[0]
    return made


def _metadata(bank: Bank, number: int, found: Content | ListedContent | EntryDetail) -> dict[str, Any]:
    kept = found.metadata if isinstance(found, Content) else {}
    keys = [found.row.key] if isinstance(found, ListedContent) else [f"{number}.0"]
    collab = {} if number >= FIRST_LOCAL else {bank.name: keys}
    return {**{name: kept.get(name) for name in ("content_id", "content_uri", "json")}, "collab": collab}


async def switch_content(uses: GatewayUses, asked: RestRequest) -> Response:
    """A content that matches, or does not until some time."""
    named = uses.curator.bank(asked.path("name"))
    given = fields_of(await asked.json(other=_UNPROCESSABLE))
    number, until = _number(asked), given.get("disable_until_ts")
    if isinstance(until, str) and until.isascii() and until.isdigit() and len(until) <= _MAX_DIGITS:
        until = int(until)
    if isinstance(until, bool) or not isinstance(until, int):
        msg = "disable_until_ts is 0, 1 or a time within 5 years"
        raise InvalidInputError(msg, field="disable_until_ts")
    found = await uses.curator.content(number)
    await uses.curator.switch(number, until)
    kept = found if isinstance(found, Content) else None
    return answer(
        _shown(named, number, until)
        | {
            "collab_metadata": {},
            "note": None if kept is None else kept.note,
            "user_metadata": (kept.metadata or None) if kept is not None else None,
        }
    )


async def delete_content(uses: GatewayUses, asked: RestRequest) -> Response:
    """A content that is gone: how many were removed. An entry of the member is withdrawn."""
    uses.curator.bank(asked.path("name"))
    try:
        number = _number(asked)
    except NotFoundError:
        return answer({"deleted": 0})
    return answer({"deleted": await uses.curator.remove(number)})


def _number(asked: RestRequest) -> int:
    """The id in the path. Raises NotFoundError for what is none."""
    text = asked.path("id")
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and int(text) < _MAX_ID):
        msg = f"content '{text[:64]}' not found"
        raise NotFoundError(msg)
    return int(text)


_RATIO: Final = {"type": "number", "minimum": 0, "maximum": 1}
_NOTED: Final = {
    "note": {"type": "string", "maxLength": MAX_NOTE},
    "metadata": {
        "type": "object",
        "properties": {"content_id": TEXT, "content_uri": TEXT, "json": {"type": "object"}},
    },
}
_SHOWN: Final = {
    "type": "object",
    "properties": {"bank": BANK, "disable_until_ts": {"type": "integer"}, "id": ID, "signals": SIGNALS},
    "required": ["bank", "disable_until_ts", "id"],
}

BANKED: Final[Sequence[RestEndpoint]] = (
    RestEndpoint(10, "GET", "/c/banks", "List the banks.", banks, answer={"type": "array", "items": BANK}),
    RestEndpoint(
        10,
        "POST",
        "/c/banks",
        "Make a bank.",
        make_bank,
        body={
            JSON_TYPE: {
                "type": "object",
                "properties": {"name": TEXT, "enabled_ratio": _RATIO},
                "required": ["name"],
            }
        },
        status=201,
        answer=BANK,
    ),
    RestEndpoint(11, "GET", "/c/bank/{name}", "Show a bank.", bank, answer=BANK),
    RestEndpoint(
        11,
        "PUT",
        "/c/bank/{name}",
        "Rename a bank, or set its ratio.",
        change_bank,
        body={JSON_TYPE: {"type": "object", "properties": {"name": TEXT, "enabled_ratio": _RATIO}}},
        answer=BANK,
    ),
    RestEndpoint(11, "DELETE", "/c/bank/{name}", "Delete a bank with its contents.", delete_bank),
    RestEndpoint(
        12,
        "POST",
        "/c/bank/{name}/content",
        "Add content to a bank.",
        add_content,
        (URL, CONTENT, TYPES),
        {FORM_TYPE: UPLOAD, JSON_TYPE: {"type": "object", "properties": _NOTED}},
        answer=ADDED,
    ),
    RestEndpoint(
        13,
        "POST",
        "/c/bank/{name}/signal",
        "Add signals to a bank.",
        add_signals,
        body={
            JSON_TYPE: {
                "type": "object",
                "properties": {"pdq": TEXT, "video_md5": TEXT, **_NOTED},
            }
        },
        answer=ADDED,
    ),
    RestEndpoint(
        14,
        "GET",
        "/c/bank/{name}/content/{id}",
        "Show a content.",
        content,
        (
            Parameter("include_signals", "With its signals.", "boolean"),
            Parameter("include_metadata", "With its note and metadata.", "boolean"),
        ),
        answer=_SHOWN,
    ),
    RestEndpoint(
        14,
        "PUT",
        "/c/bank/{name}/content/{id}",
        "Disable a content, or enable it.",
        switch_content,
        body={
            JSON_TYPE: {
                "type": "object",
                "properties": {"disable_until_ts": {"type": "integer", "minimum": 0}},
                "required": ["disable_until_ts"],
            }
        },
        answer=_SHOWN,
    ),
    RestEndpoint(
        14,
        "DELETE",
        "/c/bank/{name}/content/{id}",
        "Remove a content; an entry of the member is withdrawn.",
        delete_content,
        answer={"type": "object", "properties": {"deleted": {"type": "integer"}}, "required": ["deleted"]},
    ),
)
