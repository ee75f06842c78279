"""A stream answers each request as a call of its own would, whatever comes before and after it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest
from builders import fingerprint, near
from clearinghouse import HOST, Clearinghouse
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped]  # ships no types
from grpc_status import rpc_status
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact.domain.fingerprints import MD5, MINHASH, PDQ, PHASH, SHA256, WINNOW
from hashpact.domain.kinds import GiveOpinion
from hashpact.domain.state import Stance
from hashpact.member.author import Reason
from hashpact.wire.server.conversations import IN_FLIGHT, TOGETHER
from hashpact.wire.server.identity import CHECK, CHECK_STREAM
from hashpact.wire.v1 import check_pb2

KINDS = (PDQ, PHASH, SHA256, MD5, MINHASH, WINNOW)
SHARED = 12
"""Entries that were shared; every other one is endorsed, and every third disputed."""


@dataclass(frozen=True)
class Wire:
    """Both ways to ask the same server, as bytes."""

    call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    stream: grpc.StreamStreamMultiCallable[bytes, bytes]

    def called(self, request: bytes) -> tuple[object, ...]:
        """What a call is answered with."""
        try:
            return ("answer", self.call(request, timeout=120))
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it is one
            assert isinstance(status, status_pb2.Status)
            info = error_details_pb2.ErrorInfo()
            assert any(detail.Unpack(info) for detail in status.details)
            return ("refusal", status.code, info.reason, status.message, dict(info.metadata))

    def streamed(self, requests: list[bytes]) -> list[tuple[object, ...]]:
        """What the requests of one stream are answered with, in order."""
        found: list[tuple[object, ...]] = []
        for data in self.stream(iter(requests), timeout=120):
            response = check_pb2.CheckStreamResponse.FromString(data)
            assert 1 <= len(response.answers) <= TOGETHER
            for one in response.answers:
                assert one.request == len(found)
                if one.WhichOneof("outcome") == "answer":
                    found.append(("answer", one.answer.SerializeToString()))
                else:
                    refusal = one.refusal
                    found.append(
                        (
                            "refusal",
                            refusal.code,
                            refusal.reason,
                            refusal.message,
                            dict(refusal.details),
                        )
                    )
        return found


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    """A server with some entries of every kind, each with opinions."""
    house = Clearinghouse()
    reasons = (Reason(frozenset({"ncii"})), Reason(frozenset({"hate"}), jurisdictions=frozenset({"VN"})))
    for number in range(SHARED):
        author = house.world.author("acme")
        shared = [fingerprint(kind, f"entry {number % 7}") for kind in KINDS]
        house.intake.append("acme", author.submit(shared, reasons[number % 2]))
        entry = house.ledger.head().size - 1
        for every, stance in ((2, Stance.ENDORSE), (3, Stance.DISPUTE)):
            if number % every == 0:
                opinion = house.world.author("bolt").say(GiveOpinion(entry, stance))
                house.intake.append("bolt", opinion)
    asyncio.run(house.start())
    tls = house.tls(house.member("acme"))
    credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
    with grpc.secure_channel(f"{HOST}:{house.server.port}", credentials) as channel:
        yield Wire(channel.unary_unary(CHECK), channel.stream_stream(CHECK_STREAM))
    asyncio.run(house.stop())


@st.composite
def queries(draw: st.DrawFn) -> check_pb2.Query:
    """A query near an entry, or of nothing; one in a few is wrong."""
    kind = draw(st.sampled_from(KINDS))
    code = fingerprint(kind, f"entry {draw(st.integers(0, 9))}")
    if kind in {PDQ, PHASH} and draw(st.booleans()):
        code = near(code, draw(st.integers(1, 12)))
    value = code.value[:-1] if draw(st.integers(0, 9)) == 0 else code.value
    query = check_pb2.Query(fingerprint=check_pb2.Fingerprint(type=kind.name, value=value))
    if kind is PDQ and draw(st.booleans()):
        query.max_distance = draw(st.integers(0, 40))
    return query


FILTERS = st.builds(
    check_pb2.Filter,
    labels=st.lists(st.sampled_from(["ncii", "hate", "unknown"]), max_size=2, unique=True),
    bases=st.lists(st.sampled_from(["law", "guideline", "whim"]), max_size=1),
    min_endorsed_by=st.integers(-1, 2),
    without_disputed=st.booleans(),
)
CHECKS = st.builds(
    check_pb2.CheckRequest,
    queries=st.lists(queries(), max_size=4),
    filter=st.none() | FILTERS,
    limit=st.sampled_from([0, 1, 2, 1000, 1001]),
    min_position=st.sampled_from([0, 0, 0, 5, -1]),
)


@settings(max_examples=40)
@given(st.lists(CHECKS, min_size=1, max_size=12))
def test_each_request_of_a_stream_is_answered_as_a_call(
    wire: Wire, checks: list[check_pb2.CheckRequest]
) -> None:
    requests = [check_pb2.CheckStreamRequest(check=check).SerializeToString() for check in checks]
    expected = [wire.called(check.SerializeToString()) for check in checks]
    assert wire.streamed(requests) == expected


def test_many_requests_at_once_are_answered_in_order(wire: Wire) -> None:
    rng = random.Random(7)
    checks = []
    for _ in range(5 * IN_FLIGHT):
        code = fingerprint(rng.choice(KINDS), f"entry {rng.randrange(9)}")
        query = check_pb2.Query(fingerprint=check_pb2.Fingerprint(type=code.type.name, value=code.value))
        checks.append(check_pb2.CheckRequest(queries=[query], limit=3))
    requests = [check_pb2.CheckStreamRequest(check=check).SerializeToString() for check in checks]
    assert wire.streamed(requests) == [wire.called(check.SerializeToString()) for check in checks]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (b"\xff\xff", "the request is not a protobuf message of its type"),
        (b"", "queries"),
        (bytes(1024 * 1024 + 1), "the request has 1048577 bytes; the limit is 1048576"),
    ],
    ids=["no message", "empty", "too large"],
)
def test_a_request_that_cannot_be_read_is_refused_and_the_others_are_answered(
    wire: Wire, request_: bytes, message: str
) -> None:
    code = fingerprint(PDQ, "entry 1")
    query = check_pb2.Query(fingerprint=check_pb2.Fingerprint(type="pdq/1", value=code.value))
    good = check_pb2.CheckStreamRequest(check=check_pb2.CheckRequest(queries=[query])).SerializeToString()
    first, refused, last = wire.streamed([good, request_, good])
    assert first == last
    assert first[0] == "answer"
    assert refused[:3] == ("refusal", code_pb2.INVALID_ARGUMENT, "INVALID_INPUT")
    assert message in str(refused[3])


def test_a_request_that_the_server_is_behind_of_is_refused_alone(wire: Wire) -> None:
    code = fingerprint(PDQ, "entry 1")
    query = check_pb2.Query(fingerprint=check_pb2.Fingerprint(type="pdq/1", value=code.value))
    checks = [check_pb2.CheckRequest(queries=[query], min_position=place) for place in (0, 10**6, 1)]
    requests = [check_pb2.CheckStreamRequest(check=check).SerializeToString() for check in checks]
    found = wire.streamed(requests)
    assert [one[0] for one in found] == ["answer", "refusal", "answer"]
    assert found[1][1:3] == (code_pb2.UNAVAILABLE, "BEHIND")
