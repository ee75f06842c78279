"""What a request brings: content at an address or in a form, with note and metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException

from hashpact.domain.fingerprints import Fingerprint
from hashpact.errors import InvalidInputError
from hashpact.gateway.rest.asking import MAX_JSON, RestRequest, fields_of, parsed
from hashpact.gateway.rest.multipart import FormPart
from hashpact.gateway.rest.uses import GatewayUses
from hashpact.gateway.signals import CONTENT_TYPES, PHOTO, VIDEO, SignalType

MAX_NOTE: Final = 255
_NO_HASHING: Final = "Hashing is disabled, missing role"
_BAD, _FORBIDDEN, _TOO_LARGE = 400, 403, 413
_MEDIA: Final = {"image": PHOTO, "video": VIDEO}
_KNOWN: Final = ("content_id", "content_uri", "json")
_ENCODED: Final = "application/x-www-form-urlencoded"


async def hashed_url(uses: GatewayUses, asked: RestRequest) -> dict[str, Fingerprint]:
    """The signals of what is at the address in ``url``. Raises what fetching and hashing do."""
    if not (uses.config.hashing and uses.retriever.enabled):
        raise HTTPException(_FORBIDDEN, _NO_HASHING)
    named = asked.text("content_type")
    if named:
        _check_content_type(named)
    found = await uses.retriever.fetch(asked.text("url"))
    content = named or _MEDIA.get(found.media_type.partition("/")[0], "")
    if not content:
        msg = f"unsupported url ContentType: '{found.media_type[:64]}', name one with content_type"
        raise InvalidInputError(msg, field="content_type")
    return await uses.hasher.signals(found.data, chosen(uses, content, asked.text("types")))


async def hashed_file(
    uses: GatewayUses, asked: RestRequest, form: Sequence[FormPart]
) -> dict[str, Fingerprint]:
    """The signals of the one file of a form, whose field is named as its type of content."""
    if not uses.config.hashing:
        raise HTTPException(_FORBIDDEN, _NO_HASHING)
    files = [part for part in form if part.is_file]
    if not files:
        raise HTTPException(_BAD, "Missing multipart/form-data file upload")
    if len(files) > 1:
        raise HTTPException(_BAD, "Only one file allowed per request")
    _check_content_type(files[0].name)
    return await uses.hasher.signals(files[0].data, chosen(uses, files[0].name, asked.text("types")))


def chosen(uses: GatewayUses, content: str, names: str) -> Sequence[SignalType]:
    """The types that a request names, with commas between, or all that the type of content has."""
    possible = uses.signals.of_content(content)
    if names:
        for name in names.split(","):
            if name not in uses.signals.served:
                msg = f"signal type '{name}' doesn't exist or is disabled"
                raise InvalidInputError(msg, field="types")
        possible = tuple(each for each in possible if each.name in names.split(","))
    if not possible:
        msg = "empty signal type selection"
        raise InvalidInputError(msg, field="types")
    return possible


async def note_and_metadata(
    asked: RestRequest, form: Sequence[FormPart]
) -> tuple[str | None, dict[str, Any]]:
    """Note and metadata of a content, in any form that callers use. Raises HTTPException.

    Metadata is never refused: if its form is not HMA's, it is kept under ``json``.
    """
    fields: Mapping[str, Any] = {part.name: _text(part) for part in form if not part.is_file}
    if asked.media_type == _ENCODED:
        pairs = parse_qsl((await asked.body(MAX_JSON)).decode("utf-8", "replace"), max_num_fields=64)
        fields = dict(pairs)
    elif not form and asked.is_json and (body := await asked.body(MAX_JSON)):
        fields = fields_of(parsed(body))
    note = fields.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > MAX_NOTE):
        msg = f"note is text of at most {MAX_NOTE} characters"
        raise InvalidInputError(msg, field="note")
    metadata = _metadata(fields.get("metadata"))
    for name in ("content_id", "content_uri"):
        if fields.get(name) is not None and name not in metadata:
            metadata[name] = str(fields[name])
    return note, metadata


def _metadata(given: object) -> dict[str, Any]:
    if isinstance(given, str):
        try:
            given = parsed(given.encode("utf-8", "surrogatepass"))
        except HTTPException:
            return {"json": {"text": given}}
    if given is None:
        return {}
    if not isinstance(given, dict) or not given.keys() <= set(_KNOWN):
        return {"json": given if isinstance(given, dict) else {"value": given}}
    found = {name: given[name] for name in _KNOWN if given.get(name) is not None}
    return {name: value if name == "json" else str(value) for name, value in found.items()}


def _text(part: FormPart) -> str:
    if len(part.data) > MAX_JSON:
        raise HTTPException(_TOO_LARGE, "Content too large")
    return part.data.decode("utf-8", "replace")


def _check_content_type(name: str) -> None:
    if name not in CONTENT_TYPES:
        msg = f"no such content_type: '{name[:64]}'"
        raise InvalidInputError(msg, field="content_type")
