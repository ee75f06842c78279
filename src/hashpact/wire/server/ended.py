"""What is known of a call when it has ended: for metrics, spans and the log, and nothing of its content.

A call has a request id. A caller may give one as the metadata `x-request-id`: up to 40 letters, digits and
``. _ : -``, which is shorter than a PDQ or a SHA-256 in hexadecimal. Any other is replaced by one of ours.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterable
from typing import Final, NamedTuple

import grpc
from google.rpc import status_pb2  # type: ignore[import-untyped]  # it has no types
from grpc_status import rpc_status

from hashpact.domain.kinds import ADMIN
from hashpact.domain.state import Member, Role

REQUEST_ID: Final = "x-request-id"
_PARENT: Final = "traceparent"
_SPELLING: Final = re.compile(r"[A-Za-z0-9._:-]{1,40}")
_TRACE: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_PROCESS: Final = secrets.token_hex(6)
_NUMBERS: Final = itertools.count(1)


class Ended(NamedTuple):
    """A call that has ended: its method, the name of its status, and the seconds that it took.

    ``reason`` is the code of its error, if it has one, and ``caller`` then of what class its caller is.
    ``trace`` is the caller's span as W3C Trace Context has it.
    """

    rpc: str
    code: str
    seconds: float
    reason: str | None
    caller: str
    request: str
    trace: str | None


def named(metadata: Iterable[tuple[str, str | bytes]]) -> tuple[str, str | None]:
    """The request id and the caller's span of a call with that metadata."""
    request = trace = None
    for name, value in metadata:
        if name == REQUEST_ID and isinstance(value, str) and _SPELLING.fullmatch(value):
            request = value
        elif name == _PARENT and isinstance(value, str) and _TRACE.fullmatch(value):
            trace = value
    return request or f"{_PROCESS}-{next(_NUMBERS):x}", trace


def caller_class(member: Member | None) -> str:
    """Of what class a caller is: one of five words, by which no member is named."""
    if member is None:
        return "unknown"
    if member.id == ADMIN:
        return "administrator"
    if Role.CONTRIBUTE in member.roles:
        return "contributor"
    return "checker" if Role.CHECK in member.roles else "reader"


class Refusal(grpc.Status):
    """The status of a call that is refused, with the request id that the operator's log has, too."""

    def __init__(self, status: status_pb2.Status, request: str) -> None:
        plain = rpc_status.to_status(status)
        self.code = plain.code
        self.details = plain.details
        self.trailing_metadata = (*plain.trailing_metadata, (REQUEST_ID, request))


class Gone(grpc.Status):
    """The status of a call whose caller has left."""

    def __init__(self) -> None:
        self.code = grpc.StatusCode.CANCELLED
        self.details = "the caller has left"
        self.trailing_metadata = ()
