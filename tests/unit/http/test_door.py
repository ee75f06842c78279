"""Bounds of the door that uvicorn and its parser do not have: what a request may hold while it arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hashpact.http.door import Door, DoorLimits

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
GET = CLOSE.replace(b"Connection: close\r\n", b"")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with how long the body is, and with a header; at other paths, otherwise."""
    request = Request(scope, receive)
    if scope["path"] == "/unread":
        await Response("unread")(scope, receive, send)
    elif scope["path"] == "/half":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"99")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
    elif scope["path"] == "/large":
        await Response(bytes(1 << 24))(scope, receive, send)
    else:
        body = await request.body()
        await Response(f"<{len(body)}{request.headers.get('x', '')}>")(scope, receive, send)


@contextlib.asynccontextmanager
async def opened(limits: DoorLimits) -> AsyncIterator[int]:
    """The port of a door."""
    door = Door(app, structlog.get_logger(), limits)
    try:
        yield await door.open("127.0.0.1", 0)
    finally:
        await door.close()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Of a door with its own limits."""
    async with opened(DoorLimits()) as port:
        yield port


async def exchange(port: int, *pieces: bytes) -> bytes:
    """What comes back until the end of the connection; each piece is sent once the one before has left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    async with asyncio.timeout(120):
        sending = asyncio.create_task(send())
        try:
            found = await reader.read()
        except ConnectionError:
            found = b"reset"
        sending.cancel()
    writer.close()
    return found


@pytest.mark.parametrize("size", [1, 1000])
async def test_a_body_in_chunks_and_a_few_trailers(port: int, size: int) -> None:
    chunks = b"%x;a=b\r\n%s\r\n" % (size, b"x" * size) * 200
    said = await exchange(port, HEAD + chunks + b"0\r\nX: y\r\n\r\n" + CLOSE)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"<%d>" % (size * 200) in said


@pytest.mark.parametrize(
    "piece", [b"X: y\r\n" * 1000, b"x" * 4000], ids=["many trailers", "one that does not end"]
)
async def test_trailers_are_bounded(port: int, piece: bytes) -> None:
    said = await exchange(port, HEAD + b"1\r\nx\r\n0\r\n", *[piece] * 500)
    assert said == b"reset" or said.startswith(b"HTTP/1.1 400 ")
    assert b"200" not in said


async def test_the_extension_of_a_chunk_is_bounded(port: int) -> None:
    said = await exchange(port, HEAD, b"1;", *[b"x" * 4000] * 500)
    assert said == b"reset" or said.startswith(b"HTTP/1.1 400 ")


async def test_requests_at_once_are_bounded(port: int) -> None:
    few = await exchange(port, GET * 49 + CLOSE)
    assert few.count(b"HTTP/1.1 200 ") == 50
    many = await exchange(port, GET * 5000)
    assert many.count(b"HTTP/1.1 200 ") < 100


async def test_blank_lines_are_no_request() -> None:
    """They are passed over before a request, and end the connection if none comes."""
    async with opened(DoorLimits(request_time=0.3)) as port:
        assert (await exchange(port, b"\r\n\r\n" + CLOSE)).startswith(b"HTTP/1.1 200 ")
        assert await exchange(port, b"\r\n") in {b"", b"reset"}


HIDDEN = b"GET /?hidden HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("connection", [b"upgrade", b"close, Upgrade, HTTP2-Settings"])
@pytest.mark.parametrize("reads", [1, 2])
async def test_a_body_after_an_upgrade_that_is_not_made_is_no_request(
    port: int, connection: bytes, reads: int
) -> None:
    """Java's client asks for h2c with its first request; a proxy may pass such headers on."""
    asked = b"Connection: %s\r\nUpgrade: h2c\r\n" % connection
    framed = {b"Content-Length: %d" % len(HIDDEN): HIDDEN}
    framed[b"Transfer-Encoding: chunked"] = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
    for header, body in framed.items():
        head = b"POST / HTTP/1.1\r\nHost: x\r\n%s%s\r\n\r\n" % (asked, header)
        pieces = [head, body + CLOSE]
        said = await exchange(port, *(pieces if reads == 2 else [b"".join(pieces)]))
        found = [b"<%d>" % len(HIDDEN)] + ([] if connection.startswith(b"close") else [b"<0>"])
        assert [each.rpartition(b"\r\n\r\n")[2] for each in said.split(b"HTTP/1.1 200 OK")[1:]] == found


async def test_a_trailer_is_no_header(port: int) -> None:
    said = await exchange(port, HEAD + b"1\r\nx\r\n0\r\nX: forged\r\n\r\n" + CLOSE)
    assert b"<1>" in said


async def test_a_refusal_is_never_a_part_of_an_answer(port: int) -> None:
    answered = {GET.replace(b" / ", b" /half "): b"half", HEAD.replace(b" / ", b" /unread "): b"unread"}
    for request, answer in answered.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n" + answer)
        writer.write(b"garbage\r\n\r\n")
        async with asyncio.timeout(120):
            assert await reader.read() == b""
        writer.close()
    whole = await exchange(port, HEAD + b"no chunk\r\n")
    assert whole.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n",
        b"CONNECT / HTTP/1.1\r\nHost: x\r\n",
    ],
)
async def test_what_is_no_request_of_http_1(port: int, head: bytes) -> None:
    said = await exchange(port, head + b"\r\n" + CLOSE)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1


async def test_heads_that_do_not_end_keep_nobody_out() -> None:
    """The oldest of them is ended for a connection that comes, but none whose request has arrived."""
    async with opened(DoorLimits(connections=3, request_time=600)) as port:
        busy, asking = await asyncio.open_connection("127.0.0.1", port)
        asking.write(GET.replace(b" / ", b" /half "))
        assert (await busy.readuntil(b"half")).startswith(b"HTTP/1.1 200 ")
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for _, writer in slow:
            writer.write(b"GET / HT")
        for _ in range(5):
            assert (await exchange(port, CLOSE)).startswith(b"HTTP/1.1 200 ")
        reader, _ = slow[0]
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        assert not busy.at_eof()
        for _, writer in (*slow, (busy, asking)):
            writer.close()


async def test_an_answer_that_is_being_taken_makes_no_room() -> None:
    """The app has written it in one piece, so that the request is over for it."""
    async with opened(DoorLimits(connections=1, slow=600)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(GET.replace(b" / ", b" /large "))
        await reader.readuntil(b"\r\n\r\n")
        assert await exchange(port, CLOSE) in {b"", b"reset"}
        assert len(await reader.readexactly(1 << 24)) == 1 << 24
        writer.close()


async def test_a_connection_is_idle_once_a_body_that_nobody_wanted_has_arrived() -> None:
    async with opened(DoorLimits(idle_time=1, request_time=600)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        await reader.readuntil(b"unread")
        writer.write(b"body")
        async with asyncio.timeout(120):
            assert await reader.read() == b""
        writer.close()
