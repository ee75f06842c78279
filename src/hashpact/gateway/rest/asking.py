"""A request as the routes read it: parameters, JSON and forms, with HMA's answers to faults.

A request that breaks its schema is answered with status 422 and a list of faults, as by HMA; any other bad
input with 400 and a message. Everything that is read is bounded.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from hashpact.gateway.rest.multipart import FormPart, form_parts

MAX_JSON: Final = 256 * 1024
"""Bytes of a body of JSON: a note and metadata."""

PATIENCE: Final = 5.0
"""Seconds after which a body has to arrive at `PACE` on the whole: it holds a slot, and others wait."""
PACE: Final = 256 * 1024
"""Bytes a second."""

_BAD, _TOO_SLOW, _TOO_LARGE, _MEDIA, _UNPROCESSABLE = 400, 408, 413, 415, 422
_TRUE: Final = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE: Final = frozenset({"false", "0", "no", "off", "f", "n"})
_FORMS: Final = "multipart/form-data"
_CLOSE: Final = {"Connection": "close"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, with its type in JSON schema."""

    name: str
    about: str
    kind: Literal["string", "boolean"] = "string"
    required: bool = False


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A request. ``query`` has the parameters that its endpoint declares, and no others."""

    request: Request
    query: Mapping[str, Any]

    @classmethod
    def read(cls, request: Request, parameters: tuple[Parameter, ...]) -> RestRequest:
        """The request with its parameters, of each the last. Raises HTTPException for wrong ones."""
        if not parameters:
            return cls(request, {})
        query = request.scope["query_string"].decode("latin-1")
        given, wrong = dict(parse_qsl(query, keep_blank_values=True)), []
        found: dict[str, Any] = {}
        for each in parameters:
            text = given.get(each.name)
            if text is None:
                if each.required:
                    wrong.append(fault("missing", each.name, "Field required", given))
            elif each.kind == "string":
                found[each.name] = text
            elif text.lower() in _TRUE | _FALSE:
                found[each.name] = text.lower() in _TRUE
            else:
                what = "Input should be a valid boolean, unable to interpret input"
                wrong.append(fault("bool_parsing", each.name, what, text))
        if wrong:
            raise HTTPException(_UNPROCESSABLE, wrong)  # type: ignore[arg-type]  # our handler writes any JSON
        return cls(request, found)

    def text(self, name: str) -> str:
        """A parameter, "" if it was not given."""
        found: str = self.query.get(name, "")
        return found

    def flag(self, name: str) -> bool:
        """A parameter, false if it was not given."""
        return bool(self.query.get(name, False))

    def path(self, name: str) -> str:
        """A part of the path."""
        found: str = self.request.path_params[name]
        return found

    @property
    def media_type(self) -> str:
        """The media type of the body, in lower case."""
        return self.request.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def has_content(self) -> bool:
        """Whether it brings content: in a form, or at an address."""
        return bool(self.query.get("url")) or (self.request.method != "GET" and self.media_type == _FORMS)

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON, by its media type."""
        return self.media_type == "application/json" or self.media_type.endswith("+json")

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises HTTPException if it has more than ``limit`` bytes, or arrives too slowly."""
        known: bytes | None = getattr(self.request.state, "body", None)
        if known is None:
            declared = self.request.headers.get("content-length", "0")
            if int(declared) > limit:
                raise _too_large()
            known = self.request.state.body = await self._held(limit)
        return known

    async def _held(self, limit: int) -> bytes:
        held = bytearray()
        try:
            whole = await self._read(limit, held)
        except TimeoutError:
            raise HTTPException(_TOO_SLOW, "the body arrives too slowly", _CLOSE) from None
        if not whole:
            raise _too_large()
        return bytes(held)

    async def _read(self, limit: int, held: bytearray | None = None) -> bool:
        """Read what is left of the body, and add it to ``held``; False once it has more than ``limit`` bytes.

        Raises TimeoutError if it arrives too slowly, and ClientDisconnect.
        """
        size = 0
        async with asyncio.timeout(PATIENCE) as patience:
            began = asyncio.get_running_loop().time()
            async for chunk in self._stream:
                size += len(chunk)
                if size > limit:
                    return False
                if held is not None:
                    held += chunk
                patience.reschedule(began + PATIENCE + size / PACE)
        return True

    @property
    def _stream(self) -> AsyncIterator[bytes]:
        """The body piece by piece, from where it was left. Raises ClientDisconnect."""
        known: AsyncIterator[bytes] | None = getattr(self.request.state, "stream", None)
        if known is None:
            known = self.request.state.stream = self.request.stream()
        return known

    async def pass_over(self, limit: int) -> bool:
        """Read what is left of a body that is not wanted, so that its sender gets the answer.

        False if there is more than ``limit`` bytes of it, or if it arrives too slowly: the connection has to
        end then.
        """
        try:
            return await self._read(limit)
        except TimeoutError:
            return False

    async def json(self, *, other: int = _MEDIA) -> Any:  # noqa: ANN401 - JSON
        """The JSON in the body. ``other`` is the status of another content type. Raises HTTPException.

        Where that is 422, a request without a body is one without fields.
        """
        if not self.is_json:
            if other == _UNPROCESSABLE:
                if await self.body(MAX_JSON):
                    what = "Input should be JSON, with Content-Type: application/json"
                    unprocessable("json_type", "body", what, self.media_type)
                return {}
            raise HTTPException(other, "the body must be JSON, with Content-Type: application/json")
        return parsed(await self.body(MAX_JSON))

    async def form(self, limit: int) -> list[FormPart]:
        """The fields of a form, in all ``limit`` bytes and some text; none for another body."""
        if self.media_type != _FORMS:
            return []
        return form_parts(self.request.headers["content-type"], await self.body(limit + MAX_JSON))


def parsed(data: bytes) -> Any:  # noqa: ANN401 - JSON
    """The value of JSON; numbers that JSON cannot write, such as NaN, are refused. Raises HTTPException."""
    try:
        return json.loads(data, parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError):
        raise HTTPException(_BAD, "the body is not JSON") from None


def fault(kind: str, name: str, what: str, given: object) -> dict[str, Any]:
    """What is wrong with one field of a request, as HMA puts it."""
    return {"type": kind, "loc": [name], "msg": what, "input": given}


def _too_large() -> HTTPException:
    return HTTPException(_TOO_LARGE, "Content too large")


def unprocessable(kind: str, name: str, what: str, given: object) -> NoReturn:
    """Refuse a request whose body breaks its schema."""
    raise HTTPException(_UNPROCESSABLE, [fault(kind, name, what, given)])  # type: ignore[arg-type]  # as above


def fields_of(body: object) -> dict[str, Any]:
    """The fields of a body that is an object. Raises HTTPException with status 422 for another one."""
    if not isinstance(body, dict):
        unprocessable("dict_type", "body", "Input should be a valid dictionary", body)
    return body


def required_text(body: Mapping[str, Any], name: str) -> str:
    """A field that must be there, and text. Raises HTTPException with status 422."""
    if name not in body:
        unprocessable("missing", name, "Field required", dict(body))
    if not isinstance(body[name], str):
        unprocessable("string_type", name, "Input should be a valid string", body[name])
    found: str = body[name]
    return found


def ratio_of(body: Mapping[str, Any], name: str) -> float | None:
    """A field that is a number, or text of one; from 0 to 1, the nearest of these if it is beyond."""
    value = body.get(name)
    if value is None:
        return None
    try:
        number = float(value) if not isinstance(value, list | dict) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if math.isnan(number):
        what = "Input should be a valid number, unable to parse string as a number"
        unprocessable("float_parsing", name, what, value)
    return min(max(number, 0.0), 1.0)


def truth_of(value: object) -> bool | None:
    """A field that is true or false, or text of it; None for anything else."""
    text = str(value).lower()
    return True if text in _TRUE else False if text in _FALSE else None


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
