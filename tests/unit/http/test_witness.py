"""The witness's HTTP: what it takes, how it refuses, and that nothing it is sent is without a bound."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture
from waits import until
from witnesses import FORK, TRUE, Desk

from hashpact.errors import (
    BadSignatureError,
    ConflictError,
    CorruptError,
    HashpactError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    ProofError,
    UnavailableError,
)
from hashpact.http.client import WitnessClient
from hashpact.http.door import Door, DoorLimits
from hashpact.http.witness import respond, witness_app
from hashpact.log import witnessing

POST = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"


class Served:
    """A server of a witness in memory."""

    def __init__(self, limits: DoorLimits, desk: Desk | None = None) -> None:
        self.desk = desk or Desk()
        self.events = LogCapture()
        log = structlog.wrap_logger(
            None, processors=[self.events], wrapper_class=structlog.make_filtering_bound_logger("info")
        )
        self.door = Door(witness_app(self.desk.cosigner.add, log), log, limits)
        self.port = 0

    async def open(self, port: int = 0) -> None:
        """Listen."""
        self.port = await self.door.open("127.0.0.1", port)

    @property
    def connections(self) -> set[Any]:
        """Those that it has accepted and that have not ended."""
        return set(self.door._server.server_state.connections)

    async def exchange(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """Send these bytes on one connection; everything that comes back until the server ends it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            async with asyncio.timeout(120):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture
def limits() -> DoorLimits:
    """The limits of the door; a test may have others."""
    return DoorLimits()


@pytest.fixture
async def served(limits: DoorLimits) -> AsyncIterator[Served]:
    """A running server."""
    made = Served(limits)
    await made.open()
    yield made
    await made.door.close()


def within(**limits: Any) -> pytest.MarkDecorator:  # noqa: ANN401  # of each limit's type
    """These limits for one test."""
    return pytest.mark.parametrize("limits", [DoorLimits(**limits)])


def posted(body: bytes, head: bytes = POST, *, close: bool = True) -> bytes:
    """A request with that body."""
    last = b"Connection: close\r\n" if close else b""
    return head + b"Content-Length: %d\r\n%s\r\n" % (len(body), last) + body


async def test_a_checkpoint_is_cosigned(served: Served) -> None:
    said = await served.exchange(posted(TRUE.request(0, 9)))
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body.startswith("\u2014 witness.example/north ".encode())
    assert [event["status"] for event in served.events.entries] == [200]


async def test_a_conflict_has_the_size_and_its_type(served: Served) -> None:
    served.desk(TRUE.request(0, 9))
    said = await served.exchange(posted(TRUE.request(4, 20)))
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 409 ")
    assert b"content-type: text/x.tlog.size\r\n" in head + b"\r\n"
    assert body == b"9\n"


async def test_a_fork_is_an_alarm_in_the_log(served: Served) -> None:
    served.desk(TRUE.request(0, 9))
    await served.exchange(posted(witnessing.encode(9, (), FORK.signed(9))))
    await served.exchange(posted(witnessing.encode(9, (), FORK.signed(12))))
    await served.exchange(posted(TRUE.request(0, 12)))
    assert [(event["log_level"], event["status"]) for event in served.events.entries] == [
        ("error", 409),
        ("error", 422),
        ("info", 409),
    ]


async def test_a_connection_takes_one_request_after_another(served: Served) -> None:
    first, second = posted(TRUE.request(0, 9), close=False), posted(TRUE.request(9, 20))
    assert (await served.exchange(first + second)).count(b"HTTP/1.1 200 ") == 2
    assert served.desk.cosigned.latest(TRUE.origin) is not None


async def test_a_body_may_come_in_pieces_and_in_chunks(served: Served) -> None:
    body = TRUE.request(0, 9)
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    head = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await served.exchange(head, chunked[:30], chunked[30:], pause=0.05)).startswith(b"HTTP/1.1 200 ")


async def test_whoever_waits_for_permission_gets_it(served: Served) -> None:
    body = TRUE.request(0, 9)
    head = POST + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    said = await served.exchange(head, body, pause=0.2)
    assert said.startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 200 " in said


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (posted(b"x"), 400),
        (posted(b"x", b"POST / HTTP/1.1\r\nHost: w\r\n"), 404),
        (posted(b"x", b"POST /add-checkpoint/ HTTP/1.1\r\nHost: w\r\n"), 404),
        (posted(b"", b"GET /add-checkpoint HTTP/1.1\r\nHost: w\r\n"), 405),
        (posted(b"x" * (witnessing.MAX_SIZE + 1)), 413),
        (POST + b"Content-Length: x\r\n\r\n", 400),
        (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (POST + b"X: " + b"y" * (DoorLimits().head + 1), 400),
    ],
)
async def test_what_is_refused_and_ends_the_connection(served: Served, request_: bytes, status: int) -> None:
    said = await served.exchange(request_)
    assert said.startswith(b"HTTP/1.1 %d " % status)
    assert said.count(b"HTTP/1.1 ") == 1
    assert served.desk.cosigned.latest(TRUE.origin) is None


@within(request_time=0.3)
@pytest.mark.parametrize("head", [b"", POST, posted(b"x" * 100)[:-50]])
async def test_a_request_that_does_not_come_is_not_waited_for(served: Served, head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(head)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


@within(request_time=0.3)
async def test_a_request_that_comes_byte_by_byte_is_not_waited_for(served: Served) -> None:
    ended = await served.exchange(*[POST[number : number + 1] for number in range(len(POST))], pause=0.05)
    assert ended == b""


async def ending(reader: asyncio.StreamReader) -> bytes:
    """What is left to read of a connection that the server ends."""
    with contextlib.suppress(ConnectionError):
        return await reader.read()
    return b""


@within(connections=1, request_time=0.3)
async def test_idle_sockets_lock_nobody_out(served: Served) -> None:
    """They are ended without having sent anything, and then others are served."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert (await served.exchange(posted(TRUE.request(0, 9)))).startswith(b"HTTP/1.1 200 ")


@within(request_time=600)
async def test_44_idle_sockets_make_room_at_once(served: Served) -> None:
    """None of them would end by itself while the test runs."""
    held = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(DoorLimits().connections)]
    for _ in range(5):
        assert (await served.exchange(posted(TRUE.request(0, 9)))).startswith(b"HTTP/1.1 ")
    oldest, _ = held[0]
    assert await ending(oldest) == b""
    newest, writer = held[-1]
    writer.write(posted(TRUE.request(0, 9)))
    assert (await newest.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 409 ")
    for _, writer in held:
        writer.close()


@within(idle_time=0)
async def test_an_idle_connection_is_ended(served: Served) -> None:
    assert (await served.exchange(posted(TRUE.request(0, 9), close=False))).startswith(b"HTTP/1.1 200 ")


@within(connections=3)
async def test_connections_are_bounded_and_room_comes_again(served: Served) -> None:
    held = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3)]
    for reader, writer in held:  # each is known to the server once it has answered, and asks for more
        writer.write(posted(TRUE.request(0, 9), close=False) + posted(TRUE.request(0, 9))[:-1])
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 ")
    assert await served.exchange(posted(TRUE.request(0, 9))) == b""
    for _, writer in held:
        writer.close()
        await writer.wait_closed()
    while not (said := await served.exchange(posted(TRUE.request(0, 9)))):
        pass  # the server sees the ends in its own time
    assert said.startswith(b"HTTP/1.1 409 ")


@within(connections=3)
async def test_connections_that_only_wait_lock_nobody_out(served: Served) -> None:
    held = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3)]
    for reader, writer in held:
        writer.write(posted(TRUE.request(0, 9), close=False))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 ")
    for _ in range(5):
        assert (await served.exchange(posted(TRUE.request(0, 9)))).startswith(b"HTTP/1.1 409 ")
    ended = [asyncio.ensure_future(reader.read()) for reader, _ in held]
    _, waiting = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    assert waiting  # one made room, and each of the others after it had that place
    for task, (_, writer) in zip(ended, held, strict=True):
        task.cancel()
        writer.close()


async def test_a_client_that_goes_away_is_no_trouble(served: Served) -> None:
    for cut in (b"", POST, posted(TRUE.request(0, 9))[:-5]):
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(cut)
        writer.transport.abort()
    # They were accepted before this one, and each has its end.
    assert (await served.exchange(posted(TRUE.request(0, 9)))).startswith(b"HTTP/1.1 200 ")
    await until(lambda: not served.connections)
    assert (await served.exchange(posted(TRUE.request(0, 9)))).startswith(b"HTTP/1.1 409 ")
    assert [event["status"] for event in served.events.entries] == [200, 409]


async def test_stopping_ends_what_waits(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(POST)
    await until(lambda: [vars(one)["_part"].name for one in served.connections] == ["HEAD"])
    await served.door.close()
    assert await reader.read() == b""
    writer.close()


async def test_the_client_keeps_its_connection_and_makes_a_new_one_when_it_is_gone(served: Served) -> None:
    client = WitnessClient(f"http://127.0.0.1:{served.port}/")
    assert (await asyncio.to_thread(client, TRUE.request(0, 9))).status == 200
    assert (await asyncio.to_thread(client, TRUE.request(9, 12))).status == 200
    assert len(served.connections) == 1
    await served.door.close()
    again = Served(DoorLimits(), served.desk)
    await again.open(served.port)
    assert (await asyncio.to_thread(client, TRUE.request(12, 20))).status == 200
    await again.door.close()
    with pytest.raises(UnavailableError, match="refused"):
        await asyncio.to_thread(client, TRUE.request(20, 21))
    client.close()


async def test_the_client_bounds_what_it_reads() -> None:
    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        writer.close()

    listening = await asyncio.start_server(endless, "127.0.0.1", 0)
    client = WitnessClient(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    with pytest.raises(UnavailableError, match="more than 131072 bytes"):
        await asyncio.to_thread(client, b"")
    listening.close()


async def test_the_client_speaks_tls_where_the_url_says_so(served: Served) -> None:
    client = WitnessClient(f"https://127.0.0.1:{served.port}")
    with pytest.raises(UnavailableError, match="SSL"):
        await asyncio.to_thread(client, TRUE.request(0, 9))


async def test_the_client_does_not_wait_for_ever() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    client = WitnessClient(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", timeout=0.2)
    with pytest.raises(UnavailableError, match="timed out"):
        await asyncio.to_thread(client, b"")
    listening.close()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInputError("x", field="old"), 400),
        (MalformedError("x"), 400),
        (BadSignatureError("x"), 403),
        (NotFoundError("x"), 404),
        (ConflictError("x", size="7"), 409),
        (ProofError("x"), 422),
        (UnavailableError("x"), 503),
        (CorruptError("x"), 500),
        (HashpactError("x"), 500),
    ],
)
def test_each_error_has_its_status(error: HashpactError, status: int) -> None:
    def failing(_body: bytes) -> bytes:
        raise error

    assert respond(failing, b"").status == status
