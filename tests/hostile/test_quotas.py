"""37, 65: a member over its rate is asked to wait, by name and for how long, and others are not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import grpc
import pytest
from builders import fingerprint
from google.rpc import error_details_pb2  # type: ignore[import-untyped]  # ships no type information
from grpc_status import rpc_status
from pausing import pauses
from running import BOTH, RunningServer, found

from hashpact.domain.checks import MAX_QUERIES, Answer, Check, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import Policy
from hashpact.domain.state import Role
from hashpact.errors import OverloadedError
from hashpact.home.enrolling import administrators
from hashpact.home.opening import open_home
from hashpact.member.author import Reason
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.wire import codec
from hashpact.wire.server.admission.refusals import EACH, HOLD
from hashpact.wire.v1 import check_pb2_grpc, log_pb2_grpc

REASON = Reason(frozenset({"ncii"}))
CHECK = "/hashpact.wire.v1.CheckService/Check"
PAUSE = 20
"""Seconds in which a client that waits for its turn has had it."""


def home_of(directory: Path, *rates: tuple[str, int]) -> Path:
    """A home of acme and carol, with a policy of these rates."""
    home = found(directory, {"acme": BOTH, "carol": frozenset({Role.CHECK})})
    with open_home(home) as opened:
        charter = opened.charter()
        administrators(opened).say(Policy(charter.policy_version + 1, charter.labels, rates=rates))
    return home


def queries(count: int) -> tuple[Query, ...]:
    """So many unrelated codes."""
    return tuple(Query(fingerprint(PDQ, f"asked {number}")) for number in range(count))


def bare(profile: Profile) -> grpc.Channel:
    """A channel that does not try again."""
    tls = profile.endpoint.tls
    credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
    return grpc.secure_channel(f"{profile.endpoint.host}:{profile.endpoint.port}", credentials)


def refused(profile: Profile) -> grpc.RpcError:
    """The failure of the first of many checks that fails."""
    request = codec.check_to_wire(Check(queries(MAX_QUERIES)))
    with bare(profile) as channel:
        stub = check_pb2_grpc.CheckServiceStub(channel)
        for _ in range(1000):
            failed = stub.Check.future(request, timeout=PAUSE).exception()
            if failed is not None:
                assert isinstance(failed, grpc.RpcError)
                return failed
    pytest.fail("none was refused")


def test_37_statements_beyond_a_rate_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_of(tmp_path, ("submit", 2))
    with RunningServer(home) as server, Client(server.profile("acme")) as client:
        said = [client.author.submit([fingerprint(PDQ, str(number))], REASON) for number in range(3)]
        receipts = [client.append(one) for one in said[:2]]
        waited = pauses(monkeypatch)
        with pytest.raises(
            OverloadedError, match="'acme' has reached its rate of 2 submit statements"
        ) as caught:
            client.append(said[2], timeout=PAUSE)
        assert waited == []  # it would have to wait for longer than its time
        assert caught.value.details["quota"] == "submit"
        assert float(caught.value.details["retry_after"]) > PAUSE
        assert client.policy().rates == (("submit", 2),)
        client.check([fingerprint(PDQ, "another")])
        with pytest.raises(OverloadedError):
            client.append(said[0], timeout=PAUSE)  # what is offered counts, also if it is in the log
    with RunningServer(home) as server, Client(server.profile("acme")) as client:
        assert client.append(said[0]).index == receipts[0].index
        assert client.append(said[2]).index == receipts[1].index + 1


def test_37_each_of_several_processes_takes_its_share(tmp_path: Path) -> None:
    home = home_of(tmp_path, ("submit", 4))
    with RunningServer(home, "--workers", "2") as server, bare(server.profile("acme")) as channel:
        author, stub = server.author("acme"), log_pb2_grpc.LogServiceStub(channel)
        codes = []
        for number in range(4):  # over one connection, and so by one process
            said = codec.submission_to_wire(author.submit([fingerprint(PDQ, str(number))], REASON))
            codes.append(stub.Append.future(said, timeout=PAUSE).code())
        over = grpc.StatusCode.RESOURCE_EXHAUSTED
        assert codes == [grpc.StatusCode.OK, grpc.StatusCode.OK, over, over]


def test_65_checks_beyond_a_rate_are_refused_unread_and_the_sdk_waits(tmp_path: Path) -> None:
    rate = 16 * MAX_QUERIES
    home = home_of(tmp_path, ("check", rate))
    with RunningServer(home) as server:
        acme, carol = server.profile("acme"), server.profile("carol")
        with Client(acme) as client, Client(carol) as innocent:
            failed = refused(acme)
            asked = [query.fingerprint for query in queries(MAX_QUERIES)]
            innocent.check(asked)
            assert client.check(asked[:1], timeout=PAUSE).matches == ()
        status = rpc_status.from_call(cast("grpc.Call", failed))
        assert failed.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        info, quota, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.QuotaFailure(),
            error_details_pb2.RetryInfo(),
        )
        for detail, wanted in zip(status.details, (info, quota, retry), strict=True):
            assert detail.Unpack(wanted)
        assert (info.reason, info.metadata["quota"]) == ("OVERLOADED", "check")
        assert quota.violations[0].subject == "members/acme"
        assert 0 < retry.retry_delay.ToTimedelta().total_seconds() <= 60 * MAX_QUERIES / rate + 0.1
    lines = [json.loads(line) for line in server.log.splitlines()]
    took = [line["duration_ms"] for line in lines if line.get("code") == "RESOURCE_EXHAUSTED"]
    assert min(took) < 1000 * HOLD  # the hold is not counted


def test_65_a_check_beyond_a_rate_is_refused_though_its_request_never_comes(tmp_path: Path) -> None:
    home = home_of(tmp_path, ("check", 1))
    with RunningServer(home) as server, bare(server.profile("acme")) as channel:
        # What an hour gives: nothing is left for the next check, however slow this test is.
        request = codec.check_to_wire(Check(queries(60)))
        check_pb2_grpc.CheckServiceStub(channel).Check(request, timeout=PAUSE)
        over = threading.Event()

        def nothing() -> Iterator[bytes]:
            over.wait()
            yield from ()

        method: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(CHECK)
        silent = method.future(nothing(), timeout=PAUSE)
        assert silent.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        over.set()


def test_65_the_uploads_of_a_stream_count_as_checks_do_and_the_sdk_waits(tmp_path: Path) -> None:
    home = home_of(tmp_path, ("check", 60))
    with RunningServer(home) as server, Client(server.profile("acme")) as client:
        uploads = ([fingerprint(PDQ, str(number))] for number in range(62))
        start = time.monotonic()
        found = list(client.check_stream(uploads, timeout=PAUSE))
        # Sixty at once, and one more in each second after the first was counted.
        assert time.monotonic() - start > 1
        assert [type(one) for one in found] == [Answer] * 62


def test_66_refusals_of_one_member_are_held_back_and_paced(tmp_path: Path) -> None:
    home = home_of(tmp_path, ("check", 1))
    request = codec.check_to_wire(Check(queries(1)))
    with RunningServer(home) as server, bare(server.profile("acme")) as channel:
        stub = check_pb2_grpc.CheckServiceStub(channel)
        stub.Check(request, timeout=PAUSE)
        start = time.monotonic()
        calls = [stub.Check.future(request, timeout=PAUSE) for _ in range(100)]
        with Client(server.profile("carol")) as innocent:
            innocent.check([fingerprint(PDQ, "another")])
        assert {call.code() for call in calls} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert time.monotonic() - start >= HOLD + (len(calls) - 1) / EACH
        held = [stub.Check.future(request, timeout=PAUSE) for _ in range(100)]
        assert server.stop() == 0
        assert grpc.StatusCode.OK not in {call.code() for call in held}
    assert "Traceback" not in server.log


def test_66_metadata_beyond_its_bound_is_refused_and_the_connection_goes_on(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    with RunningServer(home) as server, bare(server.profile("acme")) as channel:
        stub = check_pb2_grpc.CheckServiceStub(channel)
        request = codec.check_to_wire(Check(queries(1)))
        for size in (9000, 15_000, 100_000):
            with pytest.raises(grpc.RpcError) as caught:
                stub.Check(request, metadata=(("x-filler", "x" * size),), timeout=PAUSE)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert not stub.Check(request, metadata=(("x-filler", "x" * 4000),), timeout=PAUSE).matches
