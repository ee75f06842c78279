"""The plain app answers three questions, and nothing else."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from hashpact.errors import ConfigError
from hashpact.http.door import Door, DoorLimits
from hashpact.http.plain import Exposition, plain_app


async def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" % path.encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b"server:" not in head.lower()
    return int(head.split(b" ")[1]), body


async def test_alive_and_ready() -> None:
    serving = [False]
    door = Door(plain_app(lambda: serving[0]), structlog.get_logger())
    port = await door.open("127.0.0.1", 0)
    assert await get(port, "/healthz") == await get(port, "/livez") == (200, b"ok\n")
    assert await get(port, "/readyz") == (503, b"not serving\n")
    serving[0] = True
    assert await get(port, "/readyz") == (200, b"serving\n")
    assert (await get(port, "/"))[0] == (await get(port, "/metrics"))[0] == 404
    assert (await get(port, "/healthz/"))[0] == 404
    with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1, port {port}"):
        await Door(plain_app(bool), structlog.get_logger()).open("127.0.0.1", port)
    await door.close()


async def test_metrics_alone() -> None:
    door = Door(plain_app(metrics=Exposition(lambda: b"a 1\n", "text/plain")), structlog.get_logger())
    port = await door.open("127.0.0.1", 0)
    assert await get(port, "/metrics") == (200, b"a 1\n")
    assert (await get(port, "/livez"))[0] == (await get(port, "/readyz"))[0] == 404
    await door.close()


async def test_a_body_that_nobody_wants_is_not_read_to_its_end() -> None:
    door = Door(plain_app(bool), structlog.get_logger(), DoorLimits(head=1024, request_time=600))
    port = await door.open("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000000\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 405 ")

    async def send(mebibytes: int) -> None:
        for _ in range(16 * mebibytes):
            writer.write(bytes(64 * 1024))
            await writer.drain()

    with pytest.raises(ConnectionError):
        await send(64)
    writer.close()
    await door.close()


async def test_an_app_that_fails_is_logged_without_its_text() -> None:
    def failing() -> bool:
        raise ValueError("a secret")  # noqa: EM101, TRY003  # what must not be logged

    events = structlog.testing.LogCapture()
    log = structlog.wrap_logger(
        None, processors=[events], wrapper_class=structlog.make_filtering_bound_logger("info")
    )
    door = Door(plain_app(failing), log)
    port = await door.open("127.0.0.1", 0)
    assert (await get(port, "/readyz"))[0] == 500
    await door.close()
    assert [(entry["event"], entry["reason"]) for entry in events.entries] == [
        ("http request failed", "ValueError")
    ]
