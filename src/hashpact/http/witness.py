"""A witness over HTTP: POST /add-checkpoint of C2SP tlog-witness, and nothing else.

error                     status
InvalidInputError         400
BadSignatureError         403
NotFoundError             404
ConflictError             409, with the size that was cosigned last
ProofError                422
UnavailableError          503
any other                 500
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.typing import FilteringBoundLogger

from hashpact.errors import (
    BadSignatureError,
    ConflictError,
    HashpactError,
    InvalidInputError,
    NotFoundError,
    ProofError,
    UnavailableError,
)
from hashpact.http.door import read_body
from hashpact.log import witnessing

SIZE_TYPE: Final = "text/x.tlog.size"

_TEXT: Final = "text/plain; charset=utf-8"
_OK, _BAD, _FORBIDDEN, _NOT_FOUND, _CONFLICT = 200, 400, 403, 404, 409
_TOO_LARGE, _UNPROCESSABLE, _BROKEN, _UNAVAILABLE = 413, 422, 500, 503

Add: TypeAlias = Callable[[bytes], bytes]
"""The body of a request to the lines of its answer; raises HashpactError."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A response: its status, body and content type; ``alarm`` if a log seems to have forked."""

    status: int
    body: bytes
    kind: str = _TEXT
    alarm: bool = False


def respond(add: Add, body: bytes) -> Verdict:
    """The response to a request."""
    try:
        return Verdict(_OK, add(body))
    except ConflictError as error:
        size = witnessing.size_body(int(error.details["size"]))
        return Verdict(_CONFLICT, size, SIZE_TYPE, alarm="evidence" in error.details)
    except HashpactError as error:
        return Verdict(status_of(error), f"{error.message}\n".encode(), alarm=isinstance(error, ProofError))


def status_of(error: HashpactError) -> int:
    """The status by which an error is answered."""
    match error:
        case InvalidInputError():
            return _BAD
        case BadSignatureError():
            return _FORBIDDEN
        case NotFoundError():
            return _NOT_FOUND
        case ProofError():
            return _UNPROCESSABLE
        case UnavailableError():
            return _UNAVAILABLE
        case _:
            return _BROKEN


def checkpoint_route(add: Add, log: FilteringBoundLogger) -> Route:
    """POST /add-checkpoint. ``add`` runs in a thread; ``log`` gets a line for each answer."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            body = await read_body(request, witnessing.MAX_SIZE)
        except ClientDisconnect:
            return response_of(Verdict(_BAD, b""))
        if body is None:
            return response_of(Verdict(_TOO_LARGE, b"the request is too large\n"))
        # A cosignature that was made must be answered even if the connection is being ended.
        verdict = await asyncio.shield(asyncio.to_thread(respond, add, body))
        if verdict.alarm:
            log.error("a checkpoint is inconsistent with the last cosigned one", status=verdict.status)
        elif verdict.status in {_OK, _CONFLICT}:
            log.info("answered", status=verdict.status)
        else:
            log.warning("answered", status=verdict.status)
        return response_of(verdict)

    return Route("/add-checkpoint", add_checkpoint, methods=["POST"])


def witness_app(add: Add, log: FilteringBoundLogger) -> Starlette:
    """The app of one witness, as `checkpoint_route`."""

    async def refuse(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # it is the handler of these
        return response_of(Verdict(error.status_code, b"there is only POST /add-checkpoint\n"))

    app = Starlette(
        routes=[checkpoint_route(add, log)],
        exception_handlers={HTTPException: refuse},
    )
    app.router.redirect_slashes = False
    return app


def response_of(verdict: Verdict) -> Response:
    """A response; a refusal ends the connection, whose request may not have been read to its end."""
    ends = verdict.status >= _BAD and verdict.status != _CONFLICT
    headers = {"Content-Type": verdict.kind} | ({"Connection": "close"} if ends else {})
    return Response(verdict.body, verdict.status, headers)
