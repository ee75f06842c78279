"""A server that goes away before it has read a call: the client tries again itself, and gRPC does not.

A server that stops says to its clients which of their calls it has read. gRPC sends the others again on its
next connection, and now and then it does not: such a call would wait until its deadline for nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from clearinghouse import HOST, Clearinghouse, wall_clock
from frames import PREFACE, frame

from hashpact.errors import UnavailableError
from hashpact.keys import certificates
from hashpact.wire.client.attempts import Backoff, Failure, Pace
from hashpact.wire.client.calls import Call
from hashpact.wire.client.connection import AsyncConnection, Connection
from hashpact.wire.client.endpoint import Endpoint
from hashpact.wire.client.probe import in_memory
from hashpact.wire.server.identity import CHECK

HEADERS, SETTINGS, AWAY = 1, 4, 7
ONCE = Pace(lambda: 0.0, lambda: 0.0, Backoff(math.inf, math.inf))
CALL = Call(CHECK, b"", bytes)


@dataclass
class Leaving:
    """A server that goes away at each call, having read none."""

    calls: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read up to a call, and go."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            writer.write(frame(SETTINGS, 0, 0))
            await reader.readexactly(len(PREFACE))
            kind = None
            while kind != HEADERS:
                head = await reader.readexactly(9)
                kind = head[3]
                await reader.readexactly(int.from_bytes(head[:3]))
            self.calls += 1
            writer.write(frame(AWAY, 0, 0, bytes(8)))
            await writer.drain()


@contextlib.asynccontextmanager
async def leaving(founded: Clearinghouse) -> AsyncIterator[tuple[Leaving, Endpoint]]:
    """Such a server, and acme's end of a channel to it."""
    server = Leaving()
    tls = founded.tls(certificates.issue_server(founded.authority, (HOST,), wall_clock))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["h2"])
    with in_memory(tls.key + b"\n" + tls.certificate) as path:
        context.load_cert_chain(path)
    listening = await asyncio.start_server(server.serve, HOST, 0, ssl=context)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield server, Endpoint(HOST, port, founded.tls(founded.member("acme")))


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "stream"])
async def test_a_call_that_was_not_read_is_left_to_the_client(
    founded: Clearinghouse, *, streamed: bool
) -> None:
    async with leaving(founded) as (server, endpoint):
        connection = Connection(endpoint, ONCE)

        def call() -> None:
            if streamed:
                with connection.open(CHECK, iter(()), 60) as read:
                    failure = read()
                assert isinstance(failure, Failure)
                raise failure.error
            connection.run(CALL, 60)

        with contextlib.closing(connection), pytest.raises(UnavailableError):
            await asyncio.to_thread(call)
        assert server.calls == 1


async def test_an_awaited_call_that_was_not_read_is_left_to_the_client(founded: Clearinghouse) -> None:
    async with leaving(founded) as (server, endpoint):
        connection = AsyncConnection(endpoint, ONCE)
        with pytest.raises(UnavailableError):
            await connection.run(CALL, 60)
        await connection.close()
        assert server.calls == 1
