"""Endpoints as declarations, from which come the routes, how a request is read, and the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from starlette.responses import Response

from hashpact.gateway.rest.asking import Parameter, RestRequest
from hashpact.gateway.rest.uses import GatewayUses

Schema: TypeAlias = Mapping[str, Any]
Handle: TypeAlias = Callable[[GatewayUses, RestRequest], Awaitable[Response]]
Method: TypeAlias = Literal["GET", "POST", "PUT", "DELETE"]

JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "multipart/form-data"
TEXT: Final[Schema] = {"type": "string"}
MESSAGE: Final[Schema] = {"type": "object", "properties": {"message": TEXT}, "required": ["message"]}
BANK: Final[Schema] = {
    "type": "object",
    "properties": {"name": TEXT, "matching_enabled_ratio": {"type": "number"}},
    "required": ["name", "matching_enabled_ratio"],
}
ID: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": (1 << 53) - 1}
SIGNALS: Final[Schema] = {"type": "object", "additionalProperties": TEXT}
ADDED: Final[Schema] = {
    "type": "object",
    "properties": {"id": ID, "signals": SIGNALS},
    "required": ["id", "signals"],
}
URL: Final = Parameter("url", "Where content is.")
CONTENT: Final = Parameter(
    "content_type", "photo or video, instead of the media type with which the address answers."
)
TYPES: Final = Parameter("types", "Types of signals, separated by commas.")
UPLOAD: Final[Schema] = {
    "type": "object",
    "description": "One file, in the field that is named as its type of content: photo or video.",
    "properties": {name: {"type": "string", "format": "binary"} for name in ("photo", "video")},
}

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_REFUSALS: Final = {
    "422": {
        "description": "The request breaks its schema.",
        "content": {JSON_TYPE: {"schema": {"type": "array", "items": {"type": "object"}}}},
    },
    "default": {"description": "An error.", "content": {JSON_TYPE: {"schema": MESSAGE}}},
}


@dataclass(frozen=True, slots=True)
class RestEndpoint:
    """One method of one path: what it takes, what does it, and the schema of a good answer.

    ``row`` is its number in docs/integrations/hma.md. ``body`` has a schema for each media type.
    """

    row: int
    method: Method
    path: str
    summary: str
    handle: Handle
    query: Sequence[Parameter] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)
    status: int = 200
    answer: Schema = field(default_factory=lambda: MESSAGE)
    media: str = JSON_TYPE
    plain: Mapping[int, str] = field(default_factory=dict)
    """Further statuses whose answers are plain text, with their descriptions."""


def openapi(endpoints: Sequence[RestEndpoint], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of some endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    about = "The REST interface of Hasher-Matcher-Actioner, answered by a member of a Hashpact clearinghouse."
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hashpact gateway", "version": version, "description": about},
        "paths": paths,
    }


def _operation(each: RestEndpoint) -> dict[str, Any]:
    placeholders = [
        {"name": name, "in": "path", "required": True, "schema": TEXT}
        for name in _PLACEHOLDER.findall(each.path)
    ]
    queries = [
        {
            "name": one.name,
            "in": "query",
            "required": one.required,
            "description": one.about,
            "schema": {"type": one.kind},
        }
        for one in each.query
    ]
    good = {"description": "Done.", "content": {each.media: {"schema": each.answer}}}
    texts = {
        str(status): {"description": about, "content": {"text/plain": {"schema": TEXT}}}
        for status, about in each.plain.items()
    }
    found: dict[str, Any] = {
        "summary": each.summary,
        "operationId": f"{each.method.lower()}{re.sub('[^a-z0-9]+', '_', each.path)}",
        "parameters": [*placeholders, *queries],
        "responses": {str(each.status): good, **texts, **_REFUSALS},
    }
    if each.body:
        content = {media: {"schema": schema} for media, schema in each.body.items()}
        found["requestBody"] = {"required": False, "content": content}
    return found
