"""The guard: a call ends whatever becomes of what is counted and logged of it."""

from __future__ import annotations

import asyncio

import grpc
from clearinghouse import Clearinghouse
from waits import until

from hashpact.wire.server.ended import Ended
from hashpact.wire.server.identity import CHECK
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
            call = stub.Check(check_pb2.CheckRequest(), timeout=120)
            assert await call.code() is grpc.StatusCode.CANCELLED
    crashes = [event["exception"] for event in founded.events.entries if event["event"] == "rpc crashed"]
    assert crashes == ["builtins.ValueError"] * 2
    await asyncio.wait_for(asyncio.to_thread(founded.server.stop, 0), 60)


async def test_the_time_for_which_a_caller_holds_its_request_back_is_not_the_servers(
    founded: Clearinghouse,
) -> None:
    ended: list[Ended] = []
    await founded.start()
    founded.guard.ended = ended.append
    seconds = [0.0]
    founded.guard.timer = lambda: seconds[0]
    async with founded.channel(founded.tls(founded.member("acme"))) as channel:
        method: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(CHECK)
        call = method(timeout=120)
        await until(lambda: founded.server.loads()["check"][0])
        seconds[0] = 9.0
        await call.write(b"\xff")
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [(one.code, one.seconds) for one in ended] == [("INVALID_ARGUMENT", 0.0)]
