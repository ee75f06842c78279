"""The table of errors and statuses: total, the same in both directions, and as docs/formats says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # ships no type information
from grpc_status import rpc_status

from hashpact import errors as domain
from hashpact.errors import HashpactError, is_fault
from hashpact.wire import errors

DOCS = Path(__file__).resolve().parents[3] / "docs/formats/statuses.md"


def tree(cls: type[HashpactError] = HashpactError) -> Iterator[type[HashpactError]]:
    """The class and all below it, of the domain's own."""
    yield cls
    for each in cls.__subclasses__():
        if each.__module__ == domain.__name__:
            yield from tree(each)


EVERY = sorted(set(tree()), key=lambda cls: cls.__name__)


class Failed(grpc.RpcError):
    """A failed call, as a client sees it."""

    def __init__(self, code: grpc.StatusCode, details: str | None, metadata: object = ()) -> None:
        self._code, self._details, self._metadata = code, details, metadata

    def code(self) -> grpc.StatusCode:
        """The status."""
        return self._code

    def details(self) -> Any:  # noqa: ANN401  # gRPC says str and gives None
        """The message."""
        return self._details

    def trailing_metadata(self) -> Any:  # noqa: ANN401  # any metadata
        """What came after."""
        return self._metadata


def over_the_wire(status: Any) -> Failed:  # noqa: ANN401  # google.rpc has no types
    """The failure that a client sees of a status."""
    sent = rpc_status.to_status(status)
    return Failed(sent.code, sent.details, sent.trailing_metadata)


def details_of(error: HashpactError) -> list[str]:
    return [detail.TypeName().rpartition(".")[2] for detail in errors.to_status(error).details]


def test_the_table_is_total() -> None:
    assert set(errors.STATUS) == set(EVERY)
    assert len(errors.REASONS) == len(EVERY), "two classes share a code"
    assert set(errors.FALLBACK) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


@pytest.mark.parametrize("cls", EVERY)
def test_every_class_arrives_as_itself(cls: type[HashpactError]) -> None:
    error = cls("what is wrong: 'x' đ", field="queries[0]", known="a, b")
    arrived = errors.from_rpc(over_the_wire(errors.to_status(error)))
    assert type(arrived) is cls
    assert (arrived.message, arrived.details) == (error.message, error.details)


@pytest.mark.parametrize("cls", EVERY)
def test_a_class_shares_its_status_with_its_fallback(cls: type[HashpactError]) -> None:
    fallback = errors.FALLBACK[errors.STATUS[cls]]
    assert issubclass(cls, fallback)


def test_a_class_that_the_table_does_not_know_goes_as_its_base() -> None:
    class StrangerError(domain.NotFoundError):
        """Somebody's own."""

    assert errors.status_of(StrangerError("x")) is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_bare_status_has_a_class(code: grpc.StatusCode) -> None:
    error = errors.from_rpc(Failed(code, "said by a proxy"))
    assert type(error) is errors.FALLBACK[code]
    assert error.message == "said by a proxy"
    assert errors.from_rpc(Failed(code, None)).message == code.name
    assert not errors.is_answer(Failed(code, ""))


def test_an_unknown_reason_falls_back_and_keeps_its_details() -> None:
    status = status_pb2.Status(code=9, message="m")
    info = error_details_pb2.ErrorInfo(
        reason="NEW", domain="hashpact", metadata={"message": "m", "self": "s"}
    )
    status.details.add().Pack(info)
    error = errors.from_rpc(over_the_wire(status))
    assert type(error) is domain.ConflictError
    assert error.details == {"message": "m", "self": "s"}


def test_another_services_reason_is_not_ours() -> None:
    status = status_pb2.Status(code=14, message="m")
    info = error_details_pb2.ErrorInfo(reason="CERTIFICATE", domain="example.org", metadata={"a": "b"})
    status.details.add().Pack(info)
    error = errors.from_rpc(over_the_wire(status))
    assert (type(error), error.details) == (domain.UnavailableError, {})


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        (("grpc-status-details-bin", b"\xff\xff"),),
        (("grpc-status-details-bin", status_pb2.Status(code=5, message="other").SerializeToString()),),
    ],
)
def test_a_status_that_cannot_be_read_is_passed_over(metadata: object) -> None:
    failed = Failed(grpc.StatusCode.DATA_LOSS, "m", metadata)
    assert type(errors.from_rpc(failed)) is domain.CorruptError
    assert errors.retry_after(failed) == 0
    assert not errors.is_answer(failed)


def test_the_standard_details_say_what_they_can() -> None:
    assert details_of(domain.InvalidInputError("m", field="f")) == ["ErrorInfo", "BadRequest"]
    assert details_of(domain.InvalidInputError("m")) == ["ErrorInfo"]
    assert details_of(domain.NotFoundError("m", resource="entries/1")) == ["ErrorInfo", "ResourceInfo"]
    assert details_of(domain.UnavailableError("m")) == ["ErrorInfo", "RetryInfo"]
    assert details_of(domain.DeadlineError("m")) == ["ErrorInfo"]
    assert details_of(domain.OverloadedError("m")) == ["ErrorInfo"]
    over = domain.OverloadedError("m", member="acme", quota="submit", retry_after="1.500")
    assert details_of(over) == ["ErrorInfo", "QuotaFailure", "RetryInfo"]
    assert errors.retry_after(over_the_wire(errors.to_status(over))) == 1.5
    assert errors.retry_after(over_the_wire(errors.to_status(domain.UnavailableError("m")))) == 0.1


def test_a_status_fits_into_the_metadata_of_any_client() -> None:
    known = ", ".join("x" * 64 for _ in range(64))
    status = errors.to_status(domain.UnknownLabelError(f"known are {known}", field="label", known=known))
    assert len(status.SerializeToString()) * 4 / 3 + len(status.message) < 8 * 1024


def test_another_exception_tells_nothing() -> None:
    arrived = errors.from_rpc(over_the_wire(errors.internal()))
    assert type(arrived) is HashpactError
    assert arrived.details == {}


def test_faults_are_the_servers_own() -> None:
    faults = {cls.__name__ for cls in EVERY if is_fault(cls("m"))}
    assert faults == {
        *("HashpactError", "ConfigError", "UnavailableError", "CommitFailedError", "CertificateError"),
        *("CorruptError", "ProofError", "LogKeyError", "QuorumError", "ForkError"),
    }
    assert is_fault(ValueError("m"))
    own = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS, grpc.StatusCode.INTERNAL}
    assert {cls.__name__ for cls in EVERY if errors.STATUS[cls] in own} == faults | {
        "BehindError",
        "LaggingError",
        "StoppingError",
    }


def test_the_page_says_the_same() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)` \|", DOCS.read_text(), re.MULTILINE)
    assert {name: (status, reason) for name, status, reason in rows} == {
        cls.__name__: (errors.STATUS[cls].name, cls.code) for cls in EVERY
    }
