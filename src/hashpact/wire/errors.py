"""Errors across the wire: one table from error class to gRPC status, read in both directions.

An error travels as google.rpc.Status: an ErrorInfo with the class's code, and the standard details
that apply. The client raises the same class again. docs/formats/statuses.md explains the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # ships no type information
from grpc_status import rpc_status

from hashpact import errors
from hashpact.errors import HashpactError

DOMAIN: Final = "hashpact"
"""The ``domain`` of every ErrorInfo, as google.rpc wants one to be named."""

RETRY_AFTER: Final = 0.1
"""Seconds that a client is asked to wait after UNAVAILABLE, at least."""

# A client takes 8 KiB of trailing metadata by default, and each of these is sent in up to three places.
_MAX_MESSAGE: Final = 1000
_MAX_DETAIL: Final = 2000

_Code: Final = grpc.StatusCode

STATUS: Final[Mapping[type[HashpactError], grpc.StatusCode]] = {
    errors.HashpactError: _Code.INTERNAL,
    errors.InvalidInputError: _Code.INVALID_ARGUMENT,
    errors.MalformedError: _Code.INVALID_ARGUMENT,
    errors.UnknownLabelError: _Code.INVALID_ARGUMENT,
    errors.UnusableFingerprintError: _Code.INVALID_ARGUMENT,
    errors.UnusableContentError: _Code.INVALID_ARGUMENT,
    errors.UnauthenticatedError: _Code.UNAUTHENTICATED,
    errors.NotPermittedError: _Code.PERMISSION_DENIED,
    errors.UnknownKeyError: _Code.PERMISSION_DENIED,
    errors.BadSignatureError: _Code.PERMISSION_DENIED,
    errors.MissingSignatureError: _Code.PERMISSION_DENIED,
    errors.NotFoundError: _Code.NOT_FOUND,
    errors.RequestReusedError: _Code.ALREADY_EXISTS,
    errors.ConflictError: _Code.FAILED_PRECONDITION,
    errors.ClockSkewError: _Code.FAILED_PRECONDITION,
    errors.AlreadySharedError: _Code.FAILED_PRECONDITION,
    errors.ElsewhereError: _Code.FAILED_PRECONDITION,
    errors.OverloadedError: _Code.RESOURCE_EXHAUSTED,
    errors.UnavailableError: _Code.UNAVAILABLE,
    errors.BehindError: _Code.UNAVAILABLE,
    errors.LaggingError: _Code.UNAVAILABLE,
    errors.StoppingError: _Code.UNAVAILABLE,
    errors.CommitFailedError: _Code.UNAVAILABLE,
    errors.CertificateError: _Code.UNAVAILABLE,
    errors.DeadlineError: _Code.DEADLINE_EXCEEDED,
    errors.CorruptError: _Code.DATA_LOSS,
    errors.ProofError: _Code.DATA_LOSS,
    errors.LogKeyError: _Code.DATA_LOSS,
    errors.QuorumError: _Code.DATA_LOSS,
    errors.ForkError: _Code.DATA_LOSS,
    errors.ConfigError: _Code.INTERNAL,
}
"""The status of each class. Total: a test walks the tree of errors.py."""

REASONS: Final[Mapping[str, type[HashpactError]]] = {cls.code: cls for cls in STATUS}
"""The class of each ErrorInfo reason."""

FALLBACK: Final[Mapping[grpc.StatusCode, type[HashpactError]]] = {
    _Code.CANCELLED: errors.DeadlineError,
    _Code.UNKNOWN: errors.HashpactError,
    _Code.INVALID_ARGUMENT: errors.InvalidInputError,
    _Code.DEADLINE_EXCEEDED: errors.DeadlineError,
    _Code.NOT_FOUND: errors.NotFoundError,
    _Code.ALREADY_EXISTS: errors.RequestReusedError,
    _Code.PERMISSION_DENIED: errors.NotPermittedError,
    _Code.RESOURCE_EXHAUSTED: errors.OverloadedError,
    _Code.FAILED_PRECONDITION: errors.ConflictError,
    _Code.ABORTED: errors.ConflictError,
    _Code.OUT_OF_RANGE: errors.InvalidInputError,
    _Code.UNIMPLEMENTED: errors.HashpactError,
    _Code.INTERNAL: errors.HashpactError,
    _Code.UNAVAILABLE: errors.UnavailableError,
    _Code.DATA_LOSS: errors.CorruptError,
    _Code.UNAUTHENTICATED: errors.UnauthenticatedError,
}
"""The class of a status that names no reason, or one that this version does not know."""


def status_of(error: HashpactError) -> grpc.StatusCode:
    """The gRPC status of an error; of a class that is not in the table, that of its nearest base."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def to_status(error: HashpactError) -> status_pb2.Status:
    """The google.rpc.Status of an error.

    Long messages and details are cut, so that they fit into every client's metadata limit.
    """
    code: int = status_of(error).value[0]
    message = _cut(error.message, _MAX_MESSAGE)
    status = status_pb2.Status(code=code, message=message)
    for detail in _details(error, message):
        status.details.add().Pack(detail)
    return status


def internal() -> status_pb2.Status:
    """The status of an exception that is not a HashpactError; it reveals nothing about it."""
    return to_status(HashpactError("internal error; the operator's log has it"))


def cut_details(error: HashpactError) -> dict[str, str]:
    """The details of an error, cut as `to_status` cuts them."""
    return {name: _cut(value, _MAX_DETAIL) for name, value in error.details.items()}


def of(code: int, reason: str, message: str, details: Mapping[str, str]) -> HashpactError:
    """The error of a reason, or of a status code (of google.rpc.Code) if this version does not know it."""
    fallback = next((FALLBACK[known] for known in FALLBACK if known.value[0] == code), HashpactError)
    error = REASONS.get(reason, fallback)(message)
    error.details.update(details)
    return error


def from_rpc(failed: grpc.RpcError) -> HashpactError:
    """The error of a failed call, of either kind of client.

    ``failed`` must be a call that has ended, as every RpcError that gRPC raises is.
    """
    code = failed.code()
    message = failed.details() or code.name
    info = _find(failed, error_details_pb2.ErrorInfo())
    if info is None or info.domain != DOMAIN:
        return FALLBACK.get(code, HashpactError)(message)
    return of(code.value[0], info.reason, message, info.metadata)


def is_answer(failed: grpc.RpcError) -> bool:
    """Whether a Hashpact server sent it, and not the channel or something on the way."""
    info = _find(failed, error_details_pb2.ErrorInfo())
    return info is not None and info.domain == DOMAIN


def retry_after(failed: grpc.RpcError) -> float:
    """The seconds that the server asks to wait before another try; 0 if it names none."""
    info = _find(failed, error_details_pb2.RetryInfo())
    return 0.0 if info is None else max(info.retry_delay.ToTimedelta().total_seconds(), 0.0)


def _details(error: HashpactError, message: str) -> Iterator[Message]:
    metadata = cut_details(error)
    yield error_details_pb2.ErrorInfo(reason=error.code, domain=DOMAIN, metadata=metadata)
    field = metadata.get("field")
    if isinstance(error, errors.InvalidInputError) and field is not None:
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        yield error_details_pb2.BadRequest(field_violations=[violation])
    resource = metadata.get("resource")
    if isinstance(error, errors.NotFoundError) and resource is not None:
        kind, _, _ = resource.partition("/")
        yield error_details_pb2.ResourceInfo(resource_type=kind, resource_name=resource)
    member, wait = metadata.get("member"), metadata.get("retry_after")
    if isinstance(error, errors.OverloadedError) and member is not None:
        violation = error_details_pb2.QuotaFailure.Violation(subject=f"members/{member}", description=message)
        yield error_details_pb2.QuotaFailure(violations=[violation])
    if wait is not None or status_of(error) is _Code.UNAVAILABLE:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromMilliseconds(int(float(wait or RETRY_AFTER) * 1000))
        yield info


def _find(failed: grpc.RpcError, wanted: Message) -> error_details_pb2.ErrorInfo | None:
    """The detail of the type of ``wanted``, filled in, or None. A status that cannot be read has none."""
    try:
        status = rpc_status.from_call(cast("grpc.Call", failed))  # has what a Call has
        found = () if status is None else status.details
        return next((wanted for detail in found if detail.Unpack(wanted)), None)
    except (DecodeError, ValueError):  # another server's bytes, or a status that contradicts the call's
        return None


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
