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
    """Answers with how long the body is."""
    body = await Request(scope, receive).body()
    await Response(f"<{len(body)}>")(scope, receive, send)


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

    async with asyncio.timeout(20):
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
