"""Hostile bytes, lost answers, lying servers, failing disks: what the wire makes of them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import grpc
import pytest
from builders import fingerprint
from clearinghouse import Clearinghouse, Connect
from google.rpc import error_details_pb2  # type: ignore[import-untyped]  # ships no type information
from grpc_status import rpc_status
from pausing import pauses
from waits import until

from hashpact.domain.checks import Answer, Check, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.messages import EntryDetail, Page, PageRequest
from hashpact.errors import CommitFailedError, CorruptError, HashpactError, OverloadedError, UnavailableError
from hashpact.member.author import Reason
from hashpact.service.append import Appender, Group, Pause, Unit
from hashpact.wire import codec
from hashpact.wire.server.transport import Limits

CHECK = "/hashpact.wire.v1.CheckService/Check"
APPEND = "/hashpact.wire.v1.LogService/Append"
PICTURE = fingerprint(PDQ, "one")
REQUEST = codec.check_to_wire(Check((Query(PICTURE),))).SerializeToString()
OK = grpc.StatusCode.OK
INVALID = grpc.StatusCode.INVALID_ARGUMENT
Raw: TypeAlias = Callable[..., Awaitable[tuple[grpc.StatusCode, str, bytes | None]]]


async def test_rich_details_are_the_standard_ones(house: Clearinghouse) -> None:
    found = {}
    async with house.channel(house.tls(house.member("acme"))) as channel:
        for method, request in (
            (CHECK, b""),
            ("/hashpact.wire.v1.LogService/GetEntry", b"\x0a\x0aentries/99"),
        ):
            multi: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await multi(request, timeout=120)
            error: Any = refused.value  # not a grpc.Call by its type, but it has all that from_call reads
            for detail in rpc_status.from_call(error).details:
                for kind in ("ErrorInfo", "BadRequest", "ResourceInfo"):
                    message = getattr(error_details_pb2, kind)()
                    if detail.Unpack(message):
                        found[kind, method] = message
    assert found["ErrorInfo", CHECK].reason == "INVALID_INPUT"
    assert found["ErrorInfo", CHECK].domain == "hashpact"
    assert found["BadRequest", CHECK].field_violations[0].field == "queries"
    (resource,) = [value for (kind, _), value in found.items() if kind == "ResourceInfo"]
    assert (resource.resource_type, resource.resource_name) == ("entries", "entries/99")


@dataclass(slots=True)
class Stub:
    """Stands in for an appender: raises what it is told to, then answers through the real one."""

    real: Appender
    errors: list[Exception] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)
    late: bool = False

    def append_group(self, units: Sequence[Unit], pause: Pause) -> Group:
        """Fail or append."""
        self.seen += [one.signed.data for unit in units for one in unit]
        group = self.real.append_group(units, pause) if self.late else None
        if self.errors:
            raise self.errors.pop(0)
        return group or self.real.append_group(units, pause)


async def served(house: Clearinghouse, **changes: Any) -> None:  # noqa: ANN401  # stand-ins of any class
    house.alter(**changes)
    await house.start()


@pytest.mark.parametrize("lost", ["the request", "the answer"])
async def test_the_same_bytes_are_sent_until_the_server_answers(
    founded: Clearinghouse, connect: Connect, lost: str
) -> None:
    flaky = Stub(founded.intake.appender, [UnavailableError("not now")] * 2, late=lost == "the answer")
    await served(founded, appender=flaky)
    size = founded.ledger.head().size
    receipt = await connect(founded.profile("acme"))("submit", [PICTURE], labels=["ncii"])
    assert receipt.index == size
    assert founded.ledger.head().size == size + 1
    assert len(flaky.seen) == 3
    assert flaky.seen[0] == flaky.seen[1] == flaky.seen[2]


async def test_a_server_that_comes_back_is_found_again(
    house: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = connect(house.profile("acme"))
    await caller("check", [PICTURE])
    port = house.server.port
    await asyncio.to_thread(house.server.stop, 0)
    lost = pauses(monkeypatch)
    waiting = asyncio.create_task(caller("submit", [PICTURE], labels=["ncii"], removed=1))
    await until(lambda: lost)
    await house.start(port)
    assert (await waiting).tree_size == house.ledger.head().size


async def test_an_answer_that_breaks_the_protocol_is_corrupt(
    founded: Clearinghouse, connect: Connect
) -> None:
    real = founded.services.reader

    class Liar:
        member = real.member

        def entry(self, index: int) -> EntryDetail:
            good = real.entry(index - 1)
            return replace(good, private=good.private[:-1]) if index % 2 else good

        def page(self, request: PageRequest) -> Page:
            return Page(real.page(request).members[::-1])

    first = founded.world.author("acme").submit([PICTURE, fingerprint(PDQ, "2")], Reason(frozenset({"ncii"})))
    index = real.ledger.head().size
    founded.intake.appender.append("acme", first)
    founded.intake.appender.append("acme", first)
    await served(founded, reader=Liar())
    caller = connect(founded.profile("acme"))
    with pytest.raises(CorruptError):
        await caller("entry", index + 1)
    with pytest.raises(CorruptError, match="order"):
        await caller("members")


async def test_a_failed_commit_reaches_the_process_and_a_refusal_does_not(
    founded: Clearinghouse, connect: Connect
) -> None:
    broken = CommitFailedError("the disk is full")
    crash = ZeroDivisionError("secret 1234")
    await served(founded, appender=Stub(founded.intake.appender, [broken, crash]))
    caller = connect(founded.profile("acme"))
    with pytest.raises(HashpactError) as internal:
        await caller("submit", [PICTURE], labels=["ncii"])
    assert type(internal.value) is HashpactError
    assert "secret" not in str(internal.value)
    with pytest.raises(HashpactError):
        await caller("submit", [PICTURE], labels=["nonsense"])
    assert founded.faults == [broken, crash]
    (crashed,) = [event for event in founded.events.entries if event["event"] == "rpc crashed"]
    assert crashed["exception"] == "builtins.ZeroDivisionError"
    assert "test_wire_hostile.py" in crashed["traceback"]
    assert "secret" not in repr(founded.events.entries)


async def test_an_append_is_finished_when_its_caller_has_gone(
    founded: Clearinghouse, connect: Connect
) -> None:
    real = founded.intake.appender
    entered, go = threading.Event(), threading.Event()
    broken = CommitFailedError("the disk is full")

    class Slow:
        def append_group(self, units: Sequence[Unit], pause: Pause) -> Group:
            entered.set()
            go.wait(120)
            real.append_group(units, pause)
            raise broken

    await served(founded, appender=Slow())
    size = founded.ledger.head().size
    with pytest.raises(UnavailableError):
        await connect(founded.profile("acme"), timeout=0.2)("submit", [PICTURE], labels=["ncii"])
    assert entered.is_set()
    assert founded.faults == []
    go.set()
    await until(lambda: bool(founded.faults))
    assert founded.ledger.head().size == size + 1
    assert founded.faults == [broken]


async def test_a_slow_append_holds_up_no_check(founded: Clearinghouse, connect: Connect) -> None:
    go = threading.Event()
    real = founded.intake.appender

    class Slow:
        def append_group(self, units: Sequence[Unit], pause: Pause) -> Group:
            go.wait(120)
            return real.append_group(units, pause)

    await served(founded, appender=Slow())
    caller = connect(founded.profile("acme"))
    writing = asyncio.create_task(caller("submit", [PICTURE], labels=["ncii"]))
    await caller("check", [PICTURE], timeout=120)
    assert not writing.done()
    go.set()
    await writing


async def test_too_many_calls_at_once_are_overloaded(founded: Clearinghouse, connect: Connect) -> None:
    founded.limits = Limits(member_calls=2)
    held = threading.Event()
    real = founded.services.checker

    class Held:
        def check(self, check: Check, *waiting: Callable[[], Any]) -> Answer:
            waiting[-1]()  # it may wait
            held.wait(120)
            return real.check(check, *waiting)

    await served(founded, checker=Held())
    caller = connect(founded.profile("acme"), timeout=120)
    checks = [asyncio.create_task(caller("check", [PICTURE])) for _ in range(2)]
    await until(lambda: founded.server.loads()["check"][0] == 2)
    with pytest.raises(OverloadedError, match="has 2 check calls under way"):
        await caller("check", [PICTURE], timeout=3)  # it is asked to try again, and does until then
    held.set()
    assert all(isinstance(answer, Answer) for answer in await asyncio.gather(*checks))


async def test_no_call_of_a_member_within_its_bound_is_refused_by_grpc(founded: Clearinghouse) -> None:
    """Its core counts calls that have just ended, too."""
    await served(founded)
    async with founded.channel(founded.tls(founded.member("acme"))) as channel:
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)

        async def asking() -> None:
            for _ in range(10):
                await ask(REQUEST, timeout=120)

        await asyncio.gather(*(asking() for _ in range(Limits().member_calls)))


async def test_41_requests_that_are_held_back_hold_no_others_up(
    founded: Clearinghouse, connect: Connect
) -> None:
    founded.limits = Limits(member_calls=8)
    await served(founded)
    async with founded.channel(founded.tls(founded.member("acme"))) as channel:
        begin: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(CHECK)
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(CHECK)
        held = [begin(timeout=120) for _ in range(9)]  # of each the server gets the headers, and no more
        codes = [asyncio.ensure_future(call.code()) for call in held]
        await asyncio.wait(codes, timeout=120, return_when=asyncio.FIRST_COMPLETED)  # one is refused
        with pytest.raises(grpc.aio.AioRpcError, match="'acme' has 8 check calls under way"):
            await ask(REQUEST, timeout=120)
        await connect(founded.profile("bolt"), timeout=120)("check", [PICTURE])
        for call in held:
            call.cancel()
        while True:  # until it has noticed
            with contextlib.suppress(grpc.aio.AioRpcError):
                await ask(REQUEST, timeout=120)
                break


async def test_44_one_connection_too_many_is_closed_and_room_comes_again(
    founded: Clearinghouse, connect: Connect
) -> None:
    founded.limits = Limits(connections=2, handshake=600)
    await served(founded)
    opened = [await asyncio.open_connection("127.0.0.1", founded.server.port) for _ in range(3)]
    ends = [asyncio.create_task(ended(reader)) for reader, _ in opened]
    done, held = await asyncio.wait(ends, timeout=120, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(held)) == (1, 2)
    for _, writer in opened:
        writer.close()
    await asyncio.wait(held)
    await connect(founded.profile("acme"), timeout=120)("check", [PICTURE])


async def ended(reader: asyncio.StreamReader) -> None:
    """Wait until the server ends a connection."""
    with contextlib.suppress(ConnectionError):
        await reader.read()


async def test_no_fingerprint_reaches_the_log(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    await caller("submit", [PICTURE], labels=["ncii"])
    await caller("check", [PICTURE])
    with pytest.raises(HashpactError):
        await caller("check", [PICTURE] * 65)
    told = repr(house.events.entries) + repr(caller.client.profile)
    called = [event["rpc"].rpartition("/")[2] for event in house.events.entries]
    assert [name for name in called if name in {"Append", "Check"}] == ["Append", "Check"]
    for form in (PICTURE.value.hex(), repr(PICTURE.value), "PRIVATE KEY"):
        assert form not in told


async def test_a_clearinghouse_takes_no_reference(house: Clearinghouse) -> None:
    """Whatever a client sends: it is not to learn what a member calls its uploads."""
    request = codec.check_to_wire(Check((Query(PICTURE),), reference="upload 7"))
    channel = house.channel(house.tls(house.member("acme")))
    method = channel.unary_unary("/hashpact.wire.v1.CheckService/Check")  # type: ignore[var-annotated]  # bytes
    with pytest.raises(grpc.aio.AioRpcError, match="a reference is for a mirror") as raised:
        await method(request.SerializeToString())
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "upload 7" not in str(raised.value) + str(house.events)
    await channel.close()
