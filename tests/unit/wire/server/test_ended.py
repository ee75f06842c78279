"""What is known of a call when it has ended: its request id, and the class of its caller."""

from __future__ import annotations

import grpc
import pytest

from hashpact.domain.kinds import ADMIN
from hashpact.domain.state import Member, Role
from hashpact.errors import OverloadedError
from hashpact.wire import errors
from hashpact.wire.server.ended import Refusal, caller_class, named

TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"


@pytest.mark.parametrize("given", ["r", "8f14e45f-ceea-467f-a9d2-9c1d3c4f0a11", "A.b_c:d-9", "x" * 40])
def test_a_caller_names_its_request(given: str) -> None:
    assert named([("user-agent", "x"), ("x-request-id", given), ("traceparent", TRACE)]) == (given, TRACE)


@pytest.mark.parametrize(
    "given", ["", "x" * 41, "a" * 64, "two words", "line\nline", 'quote"', "é", "=", b"bytes"]
)
def test_what_is_no_name_is_replaced(given: str | bytes) -> None:
    request, trace = named([("x-request-id", given), ("traceparent", given)])
    assert given not in {request, request.encode()}
    assert trace is None
    assert named([("x-request-id", request)])[0] == request
    assert named([])[0] != request


@pytest.mark.parametrize(
    ("member", "known"),
    [
        (None, "unknown"),
        (Member(ADMIN, frozenset(), 0), "administrator"),
        (Member("a", frozenset({Role.CHECK, Role.CONTRIBUTE}), 1), "contributor"),
        (Member("a", frozenset({Role.CHECK, Role.AUDIT}), 1), "checker"),
        (Member("a", frozenset({Role.AUTHORITY}), 1), "reader"),
    ],
)
def test_a_caller_is_of_a_class(member: Member | None, known: str) -> None:
    assert caller_class(member) == known


def test_a_refusal_has_the_request_id_beside_its_details() -> None:
    refusal = Refusal(errors.to_status(OverloadedError("too many")), "r-1")
    assert (refusal.code, refusal.details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
    assert [name for name, _ in refusal.trailing_metadata] == ["grpc-status-details-bin", "x-request-id"]
    assert refusal.trailing_metadata[-1] == ("x-request-id", "r-1")
