"""Number 20 of the hostile inputs: messages that no client of ours would send."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import grpc
import pytest
from builders import World, fingerprint
from clearinghouse import HOST, Clearinghouse
from frames import Connection, Withheld, context
from grpc_reflection.v1alpha.reflection import SERVICE_NAME

from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import PDQ, SHA256
from hashpact.member.author import Reason
from hashpact.member.awaiting import AsyncClient
from hashpact.wire import codec
from hashpact.wire.codec import MAX_CHECK, MAX_MESSAGE
from hashpact.wire.server.admission.receiving import COMING
from hashpact.wire.server.admission.untaken import CALL
from hashpact.wire.server.transport import Limits
from hashpact.wire.v1 import check_pb2, check_pb2_grpc, log_pb2

CHECK = "/hashpact.wire.v1.CheckService/Check"
APPEND = "/hashpact.wire.v1.LogService/Append"
CHECK_STREAM = "/hashpact.wire.v1.CheckService/CheckStream"
PICTURE = fingerprint(PDQ, "one")
REQUEST = codec.check_to_wire(Check((Query(PICTURE),))).SerializeToString()
LATE = codec.submission_to_wire(World().author("acme").withdraw(7, "mistake")).SerializeToString()
OK = grpc.StatusCode.OK
INVALID = grpc.StatusCode.INVALID_ARGUMENT
Raw: TypeAlias = Callable[..., Awaitable[tuple[grpc.StatusCode, str, bytes | None]]]


def length_delimited(number: int, data: bytes) -> bytes:
    """A protobuf field, by hand."""
    size, out = len(data), b""
    while size > 127:
        out += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + out + bytes([size]) + data


def nested(depth: int) -> bytes:
    """A message in a message in a message, in fields that nobody knows."""
    data = b""
    for _ in range(depth):
        data = length_delimited(15, data)
    return data


@pytest.fixture
async def raw(house: Clearinghouse) -> AsyncIterator[Raw]:
    """Sends any bytes to any method as the member acme; returns (code, details, answer)."""
    async with house.channel(house.tls(house.member("acme"))) as channel:

        async def send(
            method: str, data: bytes, compression: grpc.Compression | None = None
        ) -> tuple[grpc.StatusCode, str, bytes | None]:
            multi: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
            call = multi(data, timeout=10, compression=compression)
            code = await call.code()
            return code, await call.details(), await call if code is OK else None

        yield send


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (REQUEST + length_delimited(15, b"unknown field"), OK),
        (REQUEST + b"\x18\x05\x18\x14", OK),  # limit twice: the last one counts
        (REQUEST + nested(50), OK),
        (REQUEST + nested(5000), OK),  # an unknown field is skipped, whatever is in it
        (REQUEST + b"\x7b" * 200 + b"\x7c" * 200, INVALID),  # groups 200 deep
        (REQUEST + b"\x7b" * 100_000, INVALID),
        (b"\xff" * 100, INVALID),
        (REQUEST[:-1], INVALID),
        (b"", INVALID),
        (length_delimited(1, length_delimited(1, length_delimited(1, b"\xff\xfe"))), INVALID),
        (length_delimited(1, b"") * 65, INVALID),
        (length_delimited(1, b"") * 100_000, INVALID),
        (REQUEST + b"\x18\xe8\x07", OK),  # limit 1000
        (REQUEST + b"\x18\xe9\x07", INVALID),
        (REQUEST + b"\x18" + b"\xff" * 9 + b"\x01", INVALID),  # limit -1
        (REQUEST + b"\x20" + b"\xff" * 9 + b"\x01", INVALID),  # min_position -1
        (REQUEST + length_delimited(15, bytes(MAX_CHECK - len(REQUEST) - 4)), OK),
        (REQUEST + length_delimited(15, bytes(MAX_CHECK - len(REQUEST) - 3)), INVALID),
    ],
    ids=range(18),
)
async def test_20_checks_of_any_bytes(
    house: Clearinghouse, raw: Raw, data: bytes, code: grpc.StatusCode
) -> None:
    got, details, answer = await raw(CHECK, data)
    assert got is code, details
    if answer is not None:
        assert check_pb2.CheckResponse.FromString(answer).position == house.ledger.head().size
    assert house.events.entries[-1]["code"] == code.name
    assert {event["event"] for event in house.events.entries} == {"rpc"}


async def test_20_a_check_of_more_than_a_mebibyte_names_the_limit(raw: Raw) -> None:
    _, details, _ = await raw(CHECK, REQUEST + bytes(MAX_CHECK))
    assert str(MAX_CHECK) in details


async def test_20_a_message_of_nine_mebibytes_is_refused_before_it_is_read(
    house: Clearinghouse, raw: Raw
) -> None:
    code, details, _ = await raw(APPEND, bytes(9 * 1024 * 1024))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(MAX_MESSAGE) in details
    size = house.ledger.head().size
    private = [bytes([number]) * 8192 for number in range(256)]
    big = log_pb2.AppendRequest(statement=b"x", private=private).SerializeToString()
    code, details, _ = await raw(APPEND, big)
    assert code is INVALID, details
    assert house.ledger.head().size == size


async def test_38_what_arrives_of_a_members_large_requests_is_bounded(house: Clearinghouse) -> None:
    tls = house.tls(house.member("acme"))
    calls = Withheld((HOST, house.server.port), context(tls), APPEND, 3 * COMING, MAX_MESSAGE // 4)

    def send() -> None:
        with contextlib.closing(calls):
            while calls.all_but_one < COMING:
                calls.send()
                assert not calls.ended

    await asyncio.to_thread(send)
    # Of the others gRPC has taken in what it does of any call, and it will not take more.
    assert sorted(calls.sent.values())[-COMING - 1] <= 64 * 1024


async def test_38_what_a_member_leaves_unread_of_its_answers_is_bounded(founded: Clearinghouse) -> None:
    """They are kept in memory, and count for nothing else: the calls have been answered."""
    author, code = founded.world.author("acme"), fingerprint(SHA256, "one")
    for _ in range(64):
        founded.intake.append("acme", author.submit([code], Reason(frozenset({"ncii"}))))
    founded.limits = Limits(untaken=8 * CALL)
    await founded.start()
    check = codec.check_to_wire(Check((Query(code),), limit=64))
    address, made = (HOST, founded.server.port), context(founded.tls(founded.member("acme")))
    calls = Connection(address, made, CHECK, 100, timeout=600, window=0)

    def ask() -> None:
        while sum(event["event"] == "rpc" for event in founded.events.entries) < 100:
            calls.call(check.SerializeToString())
            calls.look()

    async def bolt() -> check_pb2.CheckResponse:
        async with founded.channel(founded.tls(founded.member("bolt"))) as channel:
            return await check_pb2_grpc.CheckServiceStub(channel).Check(check, timeout=120)

    with contextlib.closing(calls):
        await asyncio.to_thread(ask)
        codes = Counter(event["code"] for event in founded.events.entries if event["event"] == "rpc")
        whole = 8 * CALL // (CALL + (await bolt()).ByteSize())
        assert whole < codes["OK"] <= whole + 1 + Limits().checks  # those that are worked out at that moment
        assert codes.keys() == {"OK", "RESOURCE_EXHAUSTED"}
    profile = founded.profile("acme")  # a member that reads, or whose connection has ended, is answered again
    async with AsyncClient(profile, timeout=120) as client:
        assert len((await client.check([code], limit=64)).matches) == 64


async def test_20_a_compressed_bomb_is_refused(raw: Raw) -> None:
    bomb = bytes(4 * MAX_MESSAGE)
    code, _, _ = await raw(APPEND, bomb, compression=grpc.Compression.Gzip)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_20_an_unknown_method_is_unimplemented(raw: Raw) -> None:
    code, _, _ = await raw("/hashpact.wire.v1.CheckService/Delete", b"")
    assert code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("around", "code"),
    [
        (lambda plain: plain + length_delimited(15, b"unknown field"), OK),
        (
            lambda plain: length_delimited(1, b"rubbish") + plain,
            OK,
        ),  # the statement twice: the last one counts
        (lambda plain: plain + length_delimited(1, b"rubbish"), INVALID),
        (lambda plain: plain + nested(5000), OK),
        (lambda plain: plain + b"\x7b" * 200, INVALID),
        (lambda plain: plain[:-1], INVALID),
        (lambda plain: plain + length_delimited(2, b"a private part too many"), INVALID),
    ],
    ids=range(7),
)
async def test_20_an_append_in_odd_bytes_has_the_same_effect_or_none(
    house: Clearinghouse, raw: Raw, around: Callable[[bytes], bytes], code: grpc.StatusCode
) -> None:
    submission = World().author("acme").submit([PICTURE], Reason(frozenset({"ncii"})))
    plain = codec.submission_to_wire(submission).SerializeToString()
    size = house.ledger.head().size
    got, details, _ = await raw(APPEND, around(plain))
    assert got is code, details
    leaves = [leaf.data for leaf in house.ledger.leaves(size, size + 9)]
    assert leaves == ([submission.statement] if code is OK else [])


LOG = "/hashpact.wire.v1.LogService"


@pytest.mark.parametrize(
    ("kind", "method", "data", "code"),
    [
        ("unary_unary", CHECK, b"\xff", INVALID),
        (
            "unary_unary",
            f"{LOG}/GetTile",
            log_pb2.GetTileRequest(path="tile/0/999").SerializeToString(),
            grpc.StatusCode.NOT_FOUND,
        ),
        ("unary_unary", APPEND, LATE, grpc.StatusCode.NOT_FOUND),
        ("unary_stream", f"{LOG}/ListEntries", b"\xff", INVALID),
        ("stream_stream", CHECK_STREAM, b"", OK),
    ],
    ids=["a check", "a read", "an append", "a stream", "a stream of checks"],
)
async def test_20_nothing_is_left_of_a_call_that_was_refused(
    founded: Clearinghouse, kind: str, method: str, data: bytes, code: grpc.StatusCode
) -> None:
    """For as long as a call is in memory, gRPC counts it as under way, and refuses those above the bound."""
    founded.limits = Limits(streams_per_connection=8)
    await founded.start()
    gc.disable()  # what is only collected as garbage is left
    try:
        async with founded.channel(founded.tls(founded.member("acme"))) as channel:
            for _ in range(32):
                sent = iter([data]) if kind == "stream_stream" else data
                call = getattr(channel, kind)(method)(sent)
                if kind == "unary_unary":
                    await asyncio.gather(call, return_exceptions=True)
                elif code is OK:
                    assert await call.read()
                assert await call.code() is code, await call.details()
    finally:
        gc.enable()


async def test_20_a_stream_that_cannot_be_read_does_not_keep_a_server_from_stopping(
    house: Clearinghouse,
) -> None:
    method = f"/{SERVICE_NAME}/ServerReflectionInfo"
    async with house.channel(house.tls(house.member("acme"))) as channel:
        asked: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
        for _ in range(20):
            streams = [asked(iter([b"\xff"]), timeout=120) for _ in range(14)]
            assert {await stream.code() for stream in streams} == {INVALID}
    async with asyncio.timeout(120):
        await house.stop()
