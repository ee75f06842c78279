"""A flow of uploads through both clients, against a real server: order, bounds, losses, refusals."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import fingerprint, near
from clearinghouse import Clearinghouse, Connect
from running import BOTH, RunningServer, found
from waits import until

from hashpact.domain.checks import Answer, Filter
from hashpact.domain.fingerprints import PDQ, SHA256, Fingerprint
from hashpact.domain.kinds import MemberSuspend
from hashpact.errors import (
    BehindError,
    HashpactError,
    InvalidInputError,
    NotPermittedError,
    UnavailableError,
    UnknownLabelError,
)
from hashpact.member.awaiting import AsyncClient
from hashpact.member.clients import Client
from hashpact.wire.client.flow import IN_FLIGHT

PICTURES = [fingerprint(PDQ, f"shared {number}") for number in range(5)]


def upload(number: int) -> list[Fingerprint]:
    """The fingerprints of one: every third is a copy of one of the first pictures."""
    code = near(PICTURES[number // 3 % 5], 2) if number % 3 == 0 else fingerprint(PDQ, f"new {number}")
    return [fingerprint(SHA256, f"bytes {number}"), code]


def matched(outcome: Answer | HashpactError) -> list[tuple[int, int]]:
    """The query and the entry of each match."""
    assert isinstance(outcome, Answer)
    return [(match.query, match.entry) for match in outcome.matches]


async def test_uploads_are_answered_in_their_order(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    entries = [(await caller("submit", [code], labels="ncii")).index for code in PICTURES]
    outcomes = await caller("check_stream", map(upload, range(500)))
    assert [matched(one) for one in outcomes] == [
        [(1, entries[number // 3 % 5])] if number % 3 == 0 else [] for number in range(500)
    ]
    assert await caller("check_stream", []) == []
    narrow = Filter(labels=frozenset({"hate"}))
    outcomes = await caller("check_stream", [upload(0)] * 3, filter=narrow)
    assert list(map(matched, outcomes)) == [[], [], []]


async def test_an_upload_that_cannot_be_checked_has_its_error_and_the_others_go_on(
    house: Clearinghouse, connect: Connect
) -> None:
    caller = connect(house.profile("acme"))
    bad: list[list[Any]] = [[], upload(1) * 33, ["deadbeef"]]
    for uploads in (
        [upload(1), bad[0], bad[1], upload(2), bad[2]],
        [bad[0], upload(1)],
        [bad[0]],
    ):
        outcomes = await caller("check_stream", uploads)
        assert [type(one) for one in outcomes] == [
            InvalidInputError if one in bad else Answer for one in uploads
        ]
    strange = Filter(labels=frozenset({"no-such-label"}))
    refused = await caller("check_stream", [upload(1), upload(2)], filter=strange)
    assert [type(one) for one in refused] == [UnknownLabelError] * 2
    assert "no-such-label" in refused[0].message


async def test_what_is_wrong_with_the_call_is_raised(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    for bound in (0, 100_000):
        with pytest.raises(InvalidInputError, match="in_flight"):
            await caller("check_stream", [upload(1)], in_flight=bound)
    hasty = connect(house.profile("acme"), timeout=0.3)
    with pytest.raises(BehindError):
        await hasty("check_stream", [upload(1)], min_position=10**6)
    with pytest.raises(NotPermittedError, match="not enrolled"):
        await connect(house.profile("stranger"))("check_stream", [upload(1)])

    def uploads() -> Iterator[list[Fingerprint]]:
        yield upload(1)
        msg = "the disk is gone"
        raise OSError(msg)

    with pytest.raises(OSError, match="the disk is gone"):
        await caller("check_stream", uploads())


async def test_answers_do_not_wait_for_uploads_that_are_slow_to_come(house: Clearinghouse) -> None:
    waiting: queue.SimpleQueue[list[Fingerprint] | None] = queue.SimpleQueue()

    def conversation() -> None:
        with Client(house.profile("acme")) as client:
            outcomes = client.check_stream(iter(waiting.get, None))
            for number in (1, 2, 3):
                waiting.put(upload(number))
                assert isinstance(next(outcomes), Answer)
            waiting.put([])
            assert isinstance(next(outcomes), InvalidInputError)
            waiting.put(None)
            assert list(outcomes) == []

    await asyncio.wait_for(asyncio.to_thread(conversation), 60)

    async def come() -> AsyncIterator[list[Fingerprint]]:
        while True:
            yield await coming.get()

    coming: asyncio.Queue[list[Fingerprint]] = asyncio.Queue()
    async with AsyncClient(house.profile("acme")) as client:
        outcomes = client.check_stream(come())
        for number in (1, 2, 3):
            coming.put_nowait(upload(number))
            assert isinstance(await asyncio.wait_for(anext(outcomes), 60), Answer)
        coming.put_nowait([])
        assert isinstance(await asyncio.wait_for(anext(outcomes), 60), InvalidInputError)
        await outcomes.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_no_more_uploads_are_read_than_wait_for_answers(house: Clearinghouse) -> None:
    read: list[int] = []

    def uploads() -> Iterator[list[Fingerprint]]:
        for number in range(1000):
            read.append(number)
            yield upload(number)

    def conversation() -> None:
        with Client(house.profile("acme")) as client:
            outcomes = client.check_stream(uploads())
            for taken in range(1, 200):
                next(outcomes)
                # One more is in the hands of the thread that reads them.
                assert len(read) <= taken + IN_FLIGHT + 16 + 1
            outcomes.close()  # type: ignore[attr-defined]  # it is a generator
        assert len(read) < 300

    await asyncio.to_thread(conversation)


async def test_a_stream_that_is_idle_is_opened_again_when_an_upload_comes(house: Clearinghouse) -> None:
    waiting: queue.SimpleQueue[list[Fingerprint] | None] = queue.SimpleQueue()
    ended = threading.Event()

    def conversation() -> None:
        with Client(house.profile("acme"), timeout=2) as client:
            outcomes = client.check_stream(iter(waiting.get, None))
            waiting.put(upload(1))
            next(outcomes)
            ended.wait(120)
            waiting.put(upload(2))
            next(outcomes)
            waiting.put(None)
            assert list(outcomes) == []

    under_way = asyncio.create_task(asyncio.to_thread(conversation))
    await until(lambda: house.events.entries)
    ended.set()
    await asyncio.wait_for(under_way, 60)
    assert [one["code"] for one in house.events.entries] == ["OK"] * len(house.events.entries)


async def test_a_member_that_is_suspended_gets_no_more_answers(
    house: Clearinghouse, connect: Connect
) -> None:
    caller = connect(house.profile("acme"))

    def uploads() -> Iterator[list[Fingerprint]]:
        yield from map(upload, range(100))
        suspension = house.world.author("acme").say(MemberSuspend("acme", "keys-stolen"))
        house.intake.append("acme", suspension)
        yield from map(upload, range(100_000))

    with pytest.raises(NotPermittedError, match="suspended"):
        await caller("check_stream", uploads(), in_flight=1)
    (line,) = [one for one in house.events.entries if one["rpc"].endswith("/CheckStream")]
    assert (line["code"], line["reason"]) == ("PERMISSION_DENIED", "NOT_PERMITTED")


async def test_no_fingerprint_of_a_stream_reaches_the_log(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    uploads: list[list[Any]] = [*map(upload, range(20)), []]
    outcomes = await caller("check_stream", uploads)
    logged = repr(house.events.entries) + repr(outcomes) + repr(caller.client)
    assert "CheckStream" in logged
    for code in (code for one in uploads for code in one):
        assert code.value.hex() not in logged
        assert repr(code.value)[2:-1] not in logged


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_flow_goes_on_when_the_server_is_started_again(tmp_path: Path, how: str) -> None:
    home = found(tmp_path, {"acme": BOTH})
    server = RunningServer(home)
    port = int(server.address.rpartition(":")[2])
    try:
        with Client(server.profile("acme"), timeout=120) as client:
            entries = [client.submit([code], labels="ncii").index for code in PICTURES]
            outcomes = []
            for number, outcome in enumerate(client.check_stream(map(upload, range(3000)))):
                outcomes.append(outcome)
                if number in {500, 2000}:
                    assert getattr(server, how)() == (-9 if how == "kill" else 0)
                    server = RunningServer(home, port=port)
        assert [matched(one) for one in outcomes] == [
            [(1, entries[number // 3 % 5])] if number % 3 == 0 else [] for number in range(3000)
        ]
        codes = [code.value.hex() for number in range(3000) for code in upload(number)]
        assert not any(code in server.log for code in codes)
        if how == "stop":
            assert '"reason": "STOPPING"' in server.log
    finally:
        server.kill()


async def test_a_server_that_stops_answers_what_it_has_read(house: Clearinghouse) -> None:
    outcomes: list[Answer | HashpactError] = []

    def conversation() -> None:
        with Client(house.profile("acme"), timeout=3) as client:
            outcomes.extend(client.check_stream(map(upload, range(1_000_000))))

    under_way = asyncio.create_task(asyncio.to_thread(conversation))
    await until(lambda: len(outcomes) > 100)
    await asyncio.to_thread(house.server.stop, 60)  # which does not wait that long: the stream ends
    with pytest.raises(UnavailableError):
        await asyncio.wait_for(under_way, 60)
    lines = [one for one in house.events.entries if one["rpc"].endswith("/CheckStream")]
    assert {(one["code"], one["reason"]) for one in lines} == {("UNAVAILABLE", "STOPPING")}
