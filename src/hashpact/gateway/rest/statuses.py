"""Answers: JSON as HMA writes it, and the status of every error.

error                                              status
InvalidInputError and below, MalformedError        400
NotPermittedError and below                        403
NotFoundError                                      404
RequestReusedError, ConflictError and below        409
OverloadedError                                    429, with Retry-After
UnauthenticatedError, CertificateError             502: a certificate is at fault, not the caller
DeadlineError                                      504 of a write
UnavailableError and below                         503
any other                                          500
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hashpact import errors
from hashpact.errors import HashpactError
from hashpact.gateway.fetching import TooLargeError

NOT_READY: Final = "index not yet ready"
TRUNCATED: Final = "Hashpact-Truncated"
STATUS: Final[Mapping[type[HashpactError], int]] = {
    errors.HashpactError: 500,
    errors.InvalidInputError: 400,
    errors.NotPermittedError: 403,
    errors.NotFoundError: 404,
    errors.RequestReusedError: 409,
    errors.ConflictError: 409,
    errors.OverloadedError: 429,
    errors.UnauthenticatedError: 502,
    errors.CertificateError: 502,
    errors.UnavailableError: 503,
    errors.DeadlineError: 504,
}
"""The status of each class; a class that is not here has that of its nearest base."""

_OK: Final = 200
_BROKEN: Final = 500
_LATER: Final = {429: {"Retry-After": "1"}, 503: {"Retry-After": "1"}}
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class JsonAnswer(Response):
    """An answer of JSON, in ASCII: what a caller sent may hold half of a character."""

    def __init__(self, value: Any, status: int, headers: Mapping[str, str] | None) -> None:  # noqa: ANN401 - JSON
        # As Response's own, without looking through headers that are known.
        self.status_code, self.background = status, None
        self.body = _ENCODER.encode(value).encode("ascii")
        self.raw_headers = [
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", b"application/json"),
        ]
        if headers:
            self.headers.update(headers)


def answer(value: Any, status: int = _OK, headers: Mapping[str, str] | None = None) -> Response:  # noqa: ANN401 - JSON
    """An answer of JSON."""
    return JsonAnswer(value, status, headers)


def message(text: str, status: int) -> Response:
    """An error, or a plain acknowledgement."""
    return answer({"message": text}, status, _LATER.get(status))


def status_of(error: HashpactError) -> int:
    """The status by which an error is answered."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def refused(error: HashpactError, *, lookup: bool) -> Response:
    """The answer to an error; for a ``lookup`` an unreachable clearinghouse is an index not yet ready.

    A certificate error is reported as such, because it does not pass by itself.
    """
    status = status_of(error)
    if (
        lookup
        and isinstance(error, errors.UnavailableError)
        and not isinstance(error, errors.CertificateError)
    ):
        return message(NOT_READY, STATUS[errors.UnavailableError])
    return message("internal error" if status == _BROKEN else error.message, status)


async def refuse(_request: Request, error: Exception) -> Response:
    """The answer of what a route raises for HTTP's own reasons."""
    if isinstance(error, TooLargeError):
        return message("Content too large", 413)
    assert isinstance(error, HTTPException)  # noqa: S101 - it is the handler of these
    detail: object = error.detail  # a list where a request breaks its schema
    shown = {"message": detail} if isinstance(detail, str) else detail
    return answer(shown, error.status_code, error.headers)
