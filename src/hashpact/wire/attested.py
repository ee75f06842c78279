"""Attested answers: in responses, in files, and what their bytes say."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from hashpact.domain.attestation import MAX_NOTE, AttestedAnswer
from hashpact.domain.checks import Answer, Check
from hashpact.errors import InvalidInputError, ProofError
from hashpact.wire import codec
from hashpact.wire.fields import limited, within
from hashpact.wire.v1 import check_pb2


def response_to_wire(answer: bytes, note: bytes) -> check_pb2.CheckResponse:
    """The response that carries an attested answer."""
    return check_pb2.CheckResponse(attested=check_pb2.Attested(answer=answer, note=note))


def response_from_wire(request: bytes, response: check_pb2.CheckResponse) -> AttestedAnswer:
    """The attested answer in a response to that request. Raises ProofError if there is none."""
    if not response.HasField("attested"):
        msg = "the server has answered without the attestation that was asked for"
        raise ProofError(msg)
    attested = response.attested
    with within("attested"):
        return AttestedAnswer(request, attested.answer, limited("note", attested.note, MAX_NOTE))


def to_file(attested: AttestedAnswer) -> bytes:
    """An attested answer with its request, as it is kept."""
    answer = check_pb2.Attested(answer=attested.answer, note=attested.note)
    return check_pb2.AttestedCheck(request=attested.request, attested=answer).SerializeToString()


def from_file(data: bytes) -> AttestedAnswer:
    """An attested answer that was kept, not verified. Raises InvalidInputError."""
    try:
        kept = check_pb2.AttestedCheck.FromString(data)
    except DecodeError as error:
        msg = "not a kept answer"
        raise InvalidInputError(msg, field="answer") from error
    return AttestedAnswer(kept.request, kept.attested.answer, kept.attested.note)


def read(attested: AttestedAnswer) -> tuple[Check, Answer]:
    """The check and the answer whose bytes were attested. Raises InvalidInputError."""
    try:
        request = check_pb2.CheckRequest.FromString(attested.request)
        response = check_pb2.CheckResponse.FromString(attested.answer)
    except DecodeError as error:
        msg = "not a check and its answer"
        raise InvalidInputError(msg, field="answer") from error
    check, answer = codec.check_from_wire(request), codec.answer_from_wire(response)
    for match in answer.matches:
        asked = check.queries[match.query].fingerprint.type if match.query < len(check.queries) else None
        if asked is None or asked.name != match.type:
            msg = f"query {match.query} is answered with a match of {match.type}"
            raise InvalidInputError(msg, field="answer")
    return check, answer
