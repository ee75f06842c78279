"""44: streams of checks that are idle, unread, cut off, too many, or whose member may not go on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
import pytest
from builders import fingerprint, near
from clearinghouse import HOST, Clearinghouse, Connect
from waits import ended, until

from hashpact.domain.checks import Answer, Check, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import MemberRoles, MemberSuspend
from hashpact.domain.messages import Submission
from hashpact.domain.state import Role
from hashpact.member.author import Reason
from hashpact.service.check import Checker
from hashpact.wire import streamed
from hashpact.wire.server.conversations import IN_FLIGHT, TOGETHER
from hashpact.wire.server.identity import CHECK_STREAM
from hashpact.wire.server.transport import Limits
from hashpact.wire.v1 import check_pb2

PICTURE = fingerprint(PDQ, "one")
CENTRE = fingerprint(PDQ, "centre")
REQUEST = streamed.request_to_wire(Check((Query(PICTURE),))).SerializeToString()
CROWD = 200
WIDE = streamed.request_to_wire(Check((Query(CENTRE),), limit=CROWD)).SerializeToString()
"""Its answer has tens of kilobytes."""

Stream: TypeAlias = "grpc.aio.StreamStreamCall[bytes, bytes]"


@dataclass
class Counted:
    """A checker that counts what it is asked; ``asked`` is set when it is, and it goes on once ``go`` is."""

    real: Checker
    checks: int = 0
    asked: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def check(self, check: Check, *waiting: Callable[[], Any]) -> Answer:
        """Count, wait and answer."""
        self.checks += 1
        self.asked.set()
        assert self.go.wait(120)
        return self.real.check(check, *waiting)


def begin(channel: grpc.aio.Channel) -> Stream:
    """Open a stream."""
    method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(CHECK_STREAM)
    call: Stream = method(timeout=120)
    return call


async def answered(stream: Stream, request: bytes = REQUEST) -> check_pb2.StreamedAnswer:
    """The answer to a request, which must be the only one that waits."""
    await stream.write(request)
    data = await stream.read()
    assert isinstance(data, bytes)
    (one,) = check_pb2.CheckStreamResponse.FromString(data).answers
    assert one.WhichOneof("outcome") == "answer"
    return one


def channel(house: Clearinghouse, member: str = "acme") -> grpc.aio.Channel:
    """A connection of a member's."""
    return house.channel(house.tls(house.member(member)))


def narrow(house: Clearinghouse) -> grpc.aio.Channel:
    """A connection of acme's that takes in no more than 64 KiB of each stream that is not read."""
    tls = house.tls(house.member("acme"))
    credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 64 * 1024)]
    return grpc.aio.secure_channel(f"{HOST}:{house.server.port}", credentials, options)


async def refused(stream: Stream) -> tuple[grpc.StatusCode, str]:
    """What the server ends a stream with, to which nothing more is sent."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        await stream.read()
    return await stream.code(), await stream.details()


def codes(house: Clearinghouse) -> list[str]:
    """The statuses of the streams that have ended."""
    return [one["code"] for one in house.events.entries if one["rpc"] == CHECK_STREAM and "code" in one]


def over(house: Clearinghouse) -> bool:
    """Whether a stream has ended by itself: seldom, the end of its requests is seen before its caller's."""
    return not {"CANCELLED", "OK"}.isdisjoint(codes(house))


async def test_44_idle_streams_keep_no_threads_and_hold_nobody_up(
    founded: Clearinghouse, connect: Connect
) -> None:
    founded.limits = Limits(conversations=1000, member_conversations=500, member_calls=500)
    await founded.start()
    async with contextlib.AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(channel(founded)) for _ in range(5)]
        await answered(begin(channels[0]))
        before = threading.active_count()
        streams = [begin(channels[number % 5]) for number in range(450)]
        await asyncio.gather(*map(answered, streams))
        assert threading.active_count() - before < 10
        await connect(founded.profile("bolt"), timeout=120)("check", [PICTURE])
        assert (await answered(streams[7])).request == 1


async def test_44_a_member_has_so_many_streams_and_others_have_theirs(founded: Clearinghouse) -> None:
    founded.limits = Limits(conversations=4, member_conversations=2)
    await founded.start()
    async with channel(founded) as acme, channel(founded, "bolt") as bolt:
        held = [begin(acme) for _ in range(2)]
        await asyncio.gather(*map(answered, held))
        code, details = await refused(begin(acme))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert details == "'acme' has 2 check streams open, the most it may; try again"
        await answered(begin(bolt))
        held[0].cancel()
        await until(lambda: over(founded))
        await answered(begin(acme))
        await held[1].done_writing()
        assert await refused(held[1]) == (grpc.StatusCode.OK, "")
        await answered(begin(acme))  # its place is free before its caller knows that it has ended


async def crowded(house: Clearinghouse) -> Counted:
    """A server with many entries that are alike, and what counts its checks."""
    author = house.world.author("acme")
    for number in range(CROWD):
        code = near(CENTRE, number % 12)
        house.intake.append("acme", author.submit([code], Reason(frozenset({"ncii"}))))
    counted = Counted(house.services.checker)
    counted.go.set()
    house.alter(checker=counted)
    await house.start()
    return counted


async def flood(stream: Stream) -> None:
    """Send requests for as long as the server takes them, and read nothing."""
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        while True:
            await stream.write(WIDE)


async def test_44_an_unread_stream_is_not_answered_on_and_ends(founded: Clearinghouse) -> None:
    founded.unread = 1.0
    counted = await crowded(founded)
    async with narrow(founded) as acme, channel(founded, "bolt") as bolt:
        streams = [begin(acme) for _ in range(10)]
        floods = [asyncio.create_task(flood(stream)) for stream in streams]
        await answered(begin(bolt))
        await asyncio.wait(floods, timeout=120)
        await until(lambda: len(codes(founded)) == 10)
        assert set(codes(founded)) == {"RESOURCE_EXHAUSTED"}
        # Each has its transport's window full of answers, and what is answered in one go.
        assert counted.checks < 10 * 40
        for stream in streams:
            stream.cancel()


async def test_44_no_more_requests_are_read_than_may_wait(founded: Clearinghouse) -> None:
    counted = await crowded(founded)
    counted.go.clear()
    large = check_pb2.CheckStreamRequest(
        check=check_pb2.CheckRequest(filter=check_pb2.Filter(labels=["ncii"] * 100_000))
    ).SerializeToString()
    async with channel(founded) as acme:
        stream = begin(acme)
        sent = 0

        async def send() -> None:
            nonlocal sent
            while True:
                await stream.write(large)
                sent += 1

        await stream.write(REQUEST)
        sending = asyncio.create_task(send())
        await asyncio.to_thread(counted.asked.wait, 60)
        done, _ = await asyncio.wait([sending], timeout=1)
        assert not done
        assert sent < 20  # of 600 kB each: one is enough to read no more, and some are in buffers
        sending.cancel()
        counted.go.set()
        stream.cancel()


async def test_44_half_a_request_holds_nobody_up(house: Clearinghouse, connect: Connect) -> None:
    passed, cut = 0, 400_000
    async with cut_off(house, cut) as (port, dropped):
        credentials = house.tls(house.member("acme"))
        opened = grpc.aio.secure_channel(
            f"{HOST}:{port}",
            grpc.ssl_channel_credentials(credentials.authority, credentials.key, credentials.certificate),
        )
        async with opened:
            stream = begin(opened)
            await answered(stream)
            threads = threading.active_count()
            writing = asyncio.create_task(stream.write(bytes(1_000_000)))
            await dropped.wait()
            caller = connect(house.profile("acme"), timeout=120)
            for _ in range(20):
                await caller("check", [PICTURE])
                passed += 1
            assert threading.active_count() - threads < 10
            writing.cancel()
    await until(lambda: over(house))
    assert passed == 20


@contextlib.asynccontextmanager
async def cut_off(house: Clearinghouse, after: int) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A port that passes so many bytes on to the server, then none; and what is set at that moment."""
    dropped = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> None:
        with contextlib.suppress(ConnectionError):
            while most > 0 and (data := await reader.read(min(65536, most))):
                most -= len(data)
                writer.write(data)
                await writer.drain()
            if most <= 0:
                dropped.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(HOST, house.server.port)
        writers.extend((writer, far_writer))
        await asyncio.gather(carry(reader, far_writer, after), carry(far_reader, writer, 1 << 40))

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1], dropped
        await ended(writers)


def no_longer_checks(house: Clearinghouse, member: str) -> None:
    """Take a member's right to check away."""
    leaf = house.world.by_admins(MemberRoles(member, frozenset({Role.CONTRIBUTE}), "asked"))
    house.intake.appender.append(None, Submission(leaf))
    house.intake.follower.catch_up()


@pytest.mark.parametrize("how", ["suspended", "roles"])
async def test_47_an_idle_stream_ends_when_its_member_may_not_go_on(house: Clearinghouse, how: str) -> None:
    async with channel(house) as acme:
        stream = begin(acme)
        await answered(stream)
        if how == "suspended":
            suspension = house.world.author("acme").say(MemberSuspend("acme", "keys-stolen"))
            house.intake.append("acme", suspension)
        else:
            no_longer_checks(house, "acme")
        code, details = await refused(stream)
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert how in details


async def test_47_what_waits_is_not_answered_once_its_member_is_suspended(founded: Clearinghouse) -> None:
    founded.recheck = 600
    counted = await crowded(founded)
    counted.go.clear()
    async with channel(founded) as acme:
        stream = begin(acme)
        for _ in range(IN_FLIGHT):
            await stream.write(REQUEST)
        await asyncio.to_thread(counted.asked.wait, 60)
        suspension = founded.world.author("acme").say(MemberSuspend("acme", "keys-stolen"))
        founded.intake.append("acme", suspension)
        counted.go.set()
        with contextlib.suppress(grpc.aio.AioRpcError):
            while await stream.read() is not grpc.aio.EOF:
                pass
        assert await stream.code() is grpc.StatusCode.PERMISSION_DENIED
        assert counted.checks <= TOGETHER


async def test_48_a_stream_needs_the_role_and_a_check_only_certificate_is_enough(
    house: Clearinghouse,
) -> None:
    async with house.channel(house.tls(house.member("acme", check_only=True))) as acme:
        await answered(begin(acme))
    no_longer_checks(house, "bolt")
    async with channel(house, "bolt") as bolt:
        assert await refused(begin(bolt)) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "'bolt' does not have the role 'check'",
        )
