"""Checks of a stream across the wire: a request for each upload, and several answers in a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hashpact.domain.checks import Answer, Check
from hashpact.errors import HashpactError, InvalidInputError
from hashpact.wire import codec, errors
from hashpact.wire.v1 import check_pb2

MAX_STREAMED: Final = codec.MAX_CHECK
"""The largest CheckStreamRequest, in bytes as encoded."""


def request_to_wire(check: Check) -> check_pb2.CheckStreamRequest:
    """The request of one check."""
    return check_pb2.CheckStreamRequest(check=codec.check_to_wire(check))


def request_from_wire(request: check_pb2.CheckStreamRequest) -> Check:
    """The check that a request asks for. Raises InvalidInputError for an attested one: those have calls."""
    if request.check.attest:
        msg = "a stream attests no answers; ask for them with Check"
        raise InvalidInputError(msg, field="check.attest")
    return codec.check_from_wire(request.check)


def add_outcome(
    response: check_pb2.CheckStreamResponse,
    number: int,
    outcome: Answer | HashpactError,
    pause: Callable[[], object] = bool,
) -> check_pb2.StreamedAnswer:
    """Put what became of the request of that number into a response. ``pause`` is called after each match."""
    if isinstance(outcome, Answer):
        streamed = response.answers.add(request=number)
        streamed.answer.SetInParent()
        codec.answer_to_wire(outcome, pause, streamed.answer)
        return streamed
    status = errors.to_status(outcome)
    refusal = check_pb2.Refusal(
        code=status.code, reason=outcome.code, message=status.message, details=errors.cut_details(outcome)
    )
    return response.answers.add(request=number, refusal=refusal)


def outcome_from_wire(
    streamed: check_pb2.StreamedAnswer, read: Callable[[check_pb2.CheckResponse], Answer]
) -> Answer | HashpactError:
    """What became of a request, whose answer ``read`` reads."""
    match streamed.WhichOneof("outcome"):
        case "answer":
            return read(streamed.answer)
        case "refusal":
            refusal = streamed.refusal
            return errors.of(refusal.code, refusal.reason, refusal.message, refusal.details)
        case _:
            msg = "an answer of a stream has an outcome"
            raise InvalidInputError(msg, field="outcome")
