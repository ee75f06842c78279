"""The guard: a call ends whatever becomes of what is counted and logged of it."""

from __future__ import annotations

import asyncio

import grpc
from clearinghouse import Clearinghouse

from hashpact.wire.server.ended import Ended
from hashpact.wire.v1 import check_pb2, check_pb2_grpc


async def test_a_call_that_cannot_be_counted_ends_and_the_server_can_stop(founded: Clearinghouse) -> None:
    def fail(_: Ended) -> None:
        msg = "a mistake"
        raise ValueError(msg)

    await founded.start()
    founded.guard.ended = fail
    async with founded.channel(founded.tls(founded.member("acme"))) as channel:
        stub = check_pb2_grpc.CheckServiceStub(channel)
        for _ in range(2):
            call = stub.Check(check_pb2.CheckRequest(), timeout=60)
            assert await call.code() is grpc.StatusCode.CANCELLED
    crashes = [event["exception"] for event in founded.events.entries if event["event"] == "rpc crashed"]
    assert crashes == ["builtins.ValueError"] * 2
    await asyncio.wait_for(asyncio.to_thread(founded.server.stop, 0), 60)
