"""The witness's HTTP server: POST /add-checkpoint of C2SP tlog-witness, and nothing else.

h11 reads and writes HTTP/1.1; asyncio carries the bytes. Everything is bounded: connections, the head and the
body of a request, and its time. TLS is a reverse proxy's business: what is said is public and signed.

    error                     status
    InvalidInputError         400
    BadSignatureError         403
    NotFoundError             404
    ConflictError             409, with the size that was cosigned last
    ProofError                422
    UnavailableError          503
    any other                 500
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import h11
from structlog.typing import FilteringBoundLogger

from hashpact.errors import (
    BadSignatureError,
    ConflictError,
    HashpactError,
    InvalidInputError,
    NotFoundError,
    ProofError,
    UnavailableError,
)
from hashpact.log import witnessing

MAX_CONNECTIONS: Final = 128
MAX_HEAD: Final = 16 * 1024
"""Bytes that the request line and the headers may have."""
REQUEST_TIME: Final = 10.0
"""Seconds in which a request must have come, from its first byte."""
IDLE_TIME: Final = 60.0
"""Seconds that a connection may wait for its next request."""
SIZE_TYPE: Final = "text/x.tlog.size"

_TEXT: Final = "text/plain; charset=utf-8"
_CHUNK: Final = 16 * 1024
_OK, _BAD, _FORBIDDEN, _NOT_FOUND, _METHOD, _CONFLICT = 200, 400, 403, 404, 405, 409
_TOO_LARGE, _UNPROCESSABLE, _BROKEN, _UNAVAILABLE = 413, 422, 500, 503

Add: TypeAlias = Callable[[bytes], bytes]
"""The body of a request to the lines of its answer; raises HashpactError."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status, body and content type; ``alarm`` if a log seems to have forked."""

    status: int
    body: bytes
    kind: str = _TEXT
    alarm: bool = False


def answer(add: Add, body: bytes) -> Answer:
    """What to say to a request."""
    try:
        return Answer(_OK, add(body))
    except ConflictError as error:
        size = witnessing.size_body(int(error.details["size"]))
        return Answer(_CONFLICT, size, SIZE_TYPE, alarm="evidence" in error.details)
    except HashpactError as error:
        return Answer(_status(error), f"{error.message}\n".encode(), alarm=isinstance(error, ProofError))


def _status(error: HashpactError) -> int:
    match error:
        case InvalidInputError():
            return _BAD
        case BadSignatureError():
            return _FORBIDDEN
        case NotFoundError():
            return _NOT_FOUND
        case ProofError():
            return _UNPROCESSABLE
        case UnavailableError():
            return _UNAVAILABLE
        case _:
            return _BROKEN


class _Broken(Exception):  # noqa: N818  # not an error of the tree: it ends one connection
    """The connection is over; there may be a last answer to give."""

    def __init__(self, last: Answer | None = None) -> None:
        super().__init__()
        self.last = last


class WitnessServer:
    """Serves one witness until it is stopped; it belongs to one event loop. ``add`` runs in a thread."""

    def __init__(self, add: Add, log: FilteringBoundLogger) -> None:
        self._add = add
        self._log = log
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises OSError."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=_CHUNK)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Accept nothing more, and end every connection; a request that is being answered is answered."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # asyncio calls this in a task
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            await _Connection(reader, writer).serve(self._say)
        except (OSError, asyncio.CancelledError):
            pass  # the client went away, or the server stops
        finally:
            self._connections.discard(task)
            writer.close()

    async def _say(self, method: str, path: str, body: bytes) -> Answer:
        if path != "/add-checkpoint":
            return Answer(_NOT_FOUND, b"there is only /add-checkpoint\n")
        if method != "POST":
            return Answer(_METHOD, b"POST a checkpoint\n")
        # A cosignature that was made must be told even if the connection is being ended.
        said = await asyncio.shield(asyncio.to_thread(answer, self._add, body))
        if said.alarm:
            self._log.error("a checkpoint does not fit to the one before", status=said.status)
        elif said.status in {_OK, _CONFLICT}:
            self._log.info("answered", status=said.status)
        else:
            self._log.warning("answered", status=said.status)
        return said


@dataclass(slots=True)
class _Connection:
    """One client: its requests, one after another."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def serve(self, say: Callable[[str, str, bytes], Awaitable[Answer]]) -> None:
        """Answer until the client has no more to ask or breaks a bound."""
        state = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        while True:
            try:
                request, body = await self._request(state)
                said = await say(request.method.decode(), request.target.decode("latin-1"), body)
            except _Broken as broken:
                if broken.last is not None and state.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                    await self._send(state, broken.last)
                return
            await self._send(state, said)
            if state.our_state is not h11.DONE or state.their_state is not h11.DONE:
                return
            state.start_next_cycle()

    async def _request(self, state: h11.Connection) -> tuple[h11.Request, bytes]:
        request: h11.Request | None = None
        body = bytearray()
        limit = asyncio.timeout(IDLE_TIME)
        begun = False
        try:
            async with limit:
                while True:
                    event = state.next_event()
                    if event is h11.NEED_DATA:
                        await self._continue(state)
                        data = await self.reader.read(_CHUNK)
                        if data and not begun:
                            begun = True
                            limit.reschedule(asyncio.get_running_loop().time() + REQUEST_TIME)
                        state.receive_data(data)
                    elif isinstance(event, h11.Request):
                        request = event
                    elif isinstance(event, h11.Data):
                        body += event.data
                        if len(body) > witnessing.MAX_SIZE:
                            raise _Broken(Answer(_TOO_LARGE, b"the request is too large\n"))
                    elif isinstance(event, h11.EndOfMessage) and request is not None:
                        return request, bytes(body)
                    else:
                        raise _Broken
        except h11.RemoteProtocolError as error:
            raise _Broken(Answer(error.error_status_hint, b"not HTTP/1.1\n")) from error
        except TimeoutError as error:
            raise _Broken from error

    async def _continue(self, state: h11.Connection) -> None:
        if state.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self.writer.write(state.send(go_on) or b"")

    async def _send(self, state: h11.Connection, said: Answer) -> None:
        headers = [("Content-Type", said.kind), ("Content-Length", str(len(said.body)))]
        if said.status >= _BAD and said.status != _CONFLICT:
            headers.append(("Connection", "close"))
        parts = [
            state.send(h11.Response(status_code=said.status, headers=headers)),
            state.send(h11.Data(data=said.body)),
            state.send(h11.EndOfMessage()),
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REQUEST_TIME):
                self.writer.write(b"".join(part for part in parts if part))
                await self.writer.drain()
