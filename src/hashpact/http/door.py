"""The HTTP door: serves one ASGI app with uvicorn and httptools, with bounds on connections, sizes and times.

uvicorn bounds the wait between two requests. It has no bound for a connection that sends nothing, or slowly,
nor for one that takes no answer, and above its limit it reads each request to answer 503. httptools has none
for the head of a request, for the trailers of a body, or for how many requests come at once.
`_BoundedProtocol` adds these bounds, and above the limit closes connections at once. It is also stricter: a
request that asks for another protocol keeps its body, trailers are no headers, and a refusal is never written
into an answer. TLS is a reverse proxy's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, Final

import httptools
import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hashpact.errors import ConfigError

_UVICORN: Final = logging.getLogger("uvicorn.error")
_FRAMING: Final = 64
"""Bytes that a piece of a body may have around it: the line of a chunk, with its extension."""
_PIPELINED: Final = 64
"""Requests that wait behind the one that is answered, on one connection."""
_HOSTS: Final = {"1.0": {0, 1}, "1.1": {1}}
"""How many headers Host a request has, by the versions that are answered (RFC 9112, 3.2)."""


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """The bounds of one door; times in seconds.

    A request must arrive whole within ``request_time`` of its first byte, the first request of a connection
    of its opening. ``idle_time`` is how long a connection may wait for its next request; above
    ``connections`` a new one takes the place of one that waits so, else of the one whose head of a request
    has been missing for the longest time, else of the one whose caller has taken nothing of an answer for the
    longest time, at least ``slow``, else it is closed at once. ``head`` bounds the
    bytes of a request line with its headers that is not complete yet, and what may follow an answer of the
    body that it answers; what arrives complete in one read of the socket (256 KiB) is taken. A caller who
    takes nothing of an answer for ``stalled`` is left.
    Requests under way get ``grace`` when the door closes.
    """

    connections: int = 128
    head: int = 16 * 1024
    request_time: float = 10.0
    idle_time: int = 60
    stalled: float = 20.0
    slow: float = 1.0
    grace: int = 5


class Door:
    """Serves ``app`` until it is closed; it belongs to one event loop. Errors of the app go to ``log``."""

    def __init__(self, app: ASGIApp, log: FilteringBoundLogger, limits: DoorLimits | None = None) -> None:
        bounds = limits or DoorLimits()
        self._log = log
        self._server = _Server(
            uvicorn.Config(
                app,
                http=partial(_BoundedProtocol, bounds),  # type: ignore[arg-type]  # uvicorn calls it
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=bounds.idle_time,
                timeout_graceful_shutdown=bounds.grace,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def open(self, host: str, port: int) -> int:
        """Listen, and return the port (0 picks one). Raises ConfigError if the address cannot be used."""
        _forward(self._log)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, port), family=family)
        except OSError as error:
            msg = f"cannot listen on {host}, port {port}: {error.strerror or error}"
            raise ConfigError(msg) from error
        bound: int = listener.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        return bound

    async def close(self) -> None:
        """Accept nothing more, answer what is under way, and end."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


async def read_body(request: Request, limit: int) -> bytes | None:
    """The body of a request, or None once it has more than ``limit`` bytes. Raises ClientDisconnect."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


class _Server(uvicorn.Server):
    """A server without signal handlers: the process that opens the door has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Forwarding(logging.Handler):
    """Passes errors of uvicorn and of the app on to the event log, without their text."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0] if record.exc_info else None
        self._log.error("http request failed", reason=error.__name__ if error else record.levelname)


def _forward(log: FilteringBoundLogger) -> None:
    """Let uvicorn write to the event log and nowhere else."""
    _UVICORN.handlers = [_Forwarding(log)]
    _UVICORN.propagate = False


class _Part(enum.Enum):
    """What of a request is arriving."""

    NONE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class _BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 by uvicorn, within limits."""

    def __init__(self, limits: DoorLimits, **uvicorns: Any) -> None:  # noqa: ANN401 - what uvicorn passes
        super().__init__(**uvicorns)
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._unwanted = 0
        self._part = _Part.NONE
        self._whole = False
        self._spare = limits.head
        self._read = 0
        self._plain = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        if len(self.connections) >= self._limits.connections and not self._end_another():
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait until the caller takes some of the 64 KiB that are ready for him."""
        super().pause_writing()
        self._stall = self.loop.call_later(self._limits.stalled, self.transport.abort)

    def resume_writing(self) -> None:
        self._taken()
        super().resume_writing()

    def _taken(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _end_another(self) -> bool:
        """End the connection that makes room for this one first; False if none does."""
        ours = [each for each in self.connections if isinstance(each, _BoundedProtocol)]
        ranked = [(rank, each) for each in ours if (rank := each.rank()) is not None]
        if not ranked:
            return False
        _, ended = min(ranked, key=itemgetter(0))
        ended.transport.abort()
        self.connections.discard(ended)
        return True

    def rank(self) -> tuple[int, float] | None:
        """How soon it makes room for another connection, the least first; None if it does not.

        One that waits for a request goes first, then the one whose time for a request ends first: a client
        sends a head at once, so neither idle sockets nor slow heads keep anybody out. Then a slow reader.
        """
        if self._stall is not None:
            waited = self.loop.time() - (self._stall.when() - self._limits.stalled)
            return (1, -waited) if waited >= self._limits.slow else None
        if self.busy or self.transport.get_write_buffer_size():
            return None
        return 0, 0.0 if self._timer is None else self._timer.when()

    @property
    def busy(self) -> bool:
        """Whether a request is under way: its head has arrived, and it has no whole answer."""
        latest = self._latest()
        return latest is not None and not latest.response_complete

    def _latest(self) -> RequestResponseCycle | None:
        """The newest request with its answer; uvicorn's type does not say that there is none at first."""
        return self.cycle

    def data_received(self, data: bytes) -> None:
        if self._part is _Part.BODY and not self.busy:
            self._unwanted += len(data)
            if self._unwanted > self._limits.head:
                self.transport.abort()
                return
        self._wait()
        self._spare -= len(data)
        self._read = len(data)
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse()
        if self._part is not _Part.NONE and self._spare < 0 and not self.transport.is_closing():
            self._refuse()
        self._look()

    def _parse(self, data: bytes) -> None:
        """Parse what has arrived. Raises HttpParserError.

        A request that asks for another protocol is answered by this one (RFC 9110, 7.8). The parser takes it
        to end with its head, so that its body would be the next request: it gets the head again without that.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as ended:
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
            self._parse(self._plain)
            self._parse(data[ended.args[0] :])

    def _refuse(self) -> None:
        """Answer 400 and close the connection; close it only, if the caller waits for another answer."""
        latest, waits = self._latest(), self.busy
        if latest is not None and self._part is _Part.BODY:
            waits = latest.response_started or bool(self.pipeline)
        if not waits:
            self.send_400_response("Invalid HTTP request received.")
        self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part, self._whole = _Part.HEAD, False
        # All that was read is of this request, unless the end of another one is in it.
        self._unwanted, self._spare = 0, self._limits.head - self._read

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= _PIPELINED:
            msg = "too many requests at once"
            raise ValueError(msg)  # the parser stops, and the answer is 400
        method, version = self.parser.get_method(), self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts not in _HOSTS.get(version, ()) or method == b"CONNECT":
            msg = "not a request of HTTP/1.0 or 1.1 to this server"
            raise ValueError(msg)
        if self.parser.should_upgrade():
            lines = [b"%s: %s" % each for each in self.headers if each[0] != b"upgrade"]
            first = b"%s %s HTTP/%s" % (method, self.url, version.encode())
            self._plain = b"\r\n".join([first, *lines, b"", b""])
            return
        super().on_headers_complete()
        self._part, self._spare = _Part.BODY, self._limits.head
        self.headers = []  # trailers are read into it, and are none of the request's headers

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; what arrives that is none, such as trailers, is held by the parser."""
        super().on_body(body)
        self._spare = min(self._spare + len(body) + _FRAMING, self._limits.head)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._part, self._whole, self._read = _Part.NONE, True, 0

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """Stop the timer if a whole request has arrived, and nothing of another one."""
        if self._part is _Part.NONE and self._whole:
            self._arrived()
            if not self.busy and self.timeout_keep_alive_task is None:
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

    def _wait(self) -> None:
        if self._timer is None:
            self._whole = False
            self._timer = self.loop.call_later(self._limits.request_time, self.transport.abort)

    def _arrived(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
