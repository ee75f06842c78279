"""Refusals: every call that is refused as it arrives gets its answer, whatever the system lacks meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from typing import Any

import grpc
import pytest
from clearinghouse import Clearinghouse

from hashpact.wire.server.admission import refusals
from hashpact.wire.server.transport import Limits
from hashpact.wire.v1 import check_pb2, check_pb2_grpc

REFUSED = grpc.StatusCode.RESOURCE_EXHAUSTED


@contextlib.asynccontextmanager
async def refusing(house: Clearinghouse) -> Any:  # noqa: ANN401  # a stub has no types
    """What checks at a server that takes no checks."""
    house.limits = Limits(member_calls=0)
    await house.start()
    async with house.channel(house.tls(house.member("acme"))) as channel:
        await channel.channel_ready()
        yield check_pb2_grpc.CheckServiceStub(channel)


def without_thread(monkeypatch: pytest.MonkeyPatch, times: int = 1000) -> threading.Event:
    """Have the system give no thread for refusals, so many times; the event says that one was wanted."""
    start, wanted, tried = threading.Thread.start, threading.Event(), itertools.count()

    def start_others(thread: threading.Thread) -> None:
        if thread.name == "hashpact-refusals" and next(tried) < times:
            wanted.set()
            msg = "can't start new thread"
            raise RuntimeError(msg)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_others)
    return wanted


async def test_a_refusal_waits_while_the_system_has_no_thread_to_give(
    founded: Clearinghouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = without_thread(monkeypatch, times=1)
    async with refusing(founded) as stub:
        first = stub.Check(check_pb2.CheckRequest(), timeout=120)
        await asyncio.to_thread(lacking.wait, 60)
        second = stub.Check(check_pb2.CheckRequest(), timeout=120)
        assert [await call.code() for call in (first, second)] == [REFUSED] * 2


async def test_refusals_that_are_held_are_answered_before_a_server_stops(
    founded: Clearinghouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse, held = refusals.Refusals.refuse, threading.Semaphore(0)

    def counted(*arguments: Any) -> None:  # noqa: ANN401  # those of `refuse`
        refuse(*arguments)
        held.release()

    monkeypatch.setattr(refusals.Refusals, "refuse", counted)
    monkeypatch.setattr(refusals, "EACH", 1)  # some would be held for longer than the server gives them
    async with refusing(founded) as stub:
        calls = [stub.Check(check_pb2.CheckRequest(), timeout=600) for _ in range(100)]
        for _ in calls:
            assert await asyncio.to_thread(held.acquire, timeout=120)
        await asyncio.to_thread(founded.server.stop, 60)
        assert {await call.code() for call in calls} == {REFUSED}


async def test_refusals_that_no_thread_could_hold_are_answered_before_a_server_stops(
    founded: Clearinghouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = without_thread(monkeypatch)
    async with refusing(founded) as stub:
        call = stub.Check(check_pb2.CheckRequest(), timeout=120)
        await asyncio.to_thread(refused.wait, 60)
        await asyncio.to_thread(founded.server.stop, 120)
        assert await call.code() == REFUSED
