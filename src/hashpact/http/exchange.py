"""One HTTP client connection: requests to one server, each bounded in bytes and in time.

No redirection is followed, no credential, cookie or proxy of the environment is used. TLS certificates are
verified as the system does.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from hashpact.errors import UnavailableError

GZIP: Final = "gzip"

_PIECE: Final = 64 * 1024
_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The status, the body and where a redirection would have led.

    A body of more bytes than were asked for is cut after the first byte that is too many.
    """

    status: int
    body: bytes
    location: str = ""


@dataclass(slots=True)
class HttpExchange:
    """Requests to the server of ``url``, below its path. It belongs to one thread at a time.

    ``timeout`` are the seconds that each step may take: connecting, sending, and each piece of the answer;
    ``whole`` those that a request may take from the moment it is connected until the last byte of the answer.
    """

    url: str
    timeout: float = 5.0
    whole: float = 10.0
    _connection: http.client.HTTPConnection | None = field(default=None, init=False, repr=False)
    _over: bool = field(default=False, init=False, repr=False)

    def ask(
        self,
        method: str,
        path: str,
        limit: int,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """The answer to a request that is safe to repeat.

        Raises UnavailableError if none comes in time, if it is cut short, or packed in an unknown way.
        """
        # The server may have closed a connection that waited; asking once more is safe.
        kept = self._connection is not None
        while True:
            try:
                return self._asked(method, path, limit, body, headers or {})
            except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
                self.close()
                if not kept or self._over or isinstance(error, TimeoutError):
                    reason = (isinstance(error, OSError) and (error.strerror or str(error))) or repr(error)
                    msg = f"{self.url}: {reason}"
                    raise UnavailableError(msg) from error
                kept = False

    def close(self) -> None:
        """Give the connection back; the next request makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def abort(self) -> None:
        """End a request that is under way in another thread; none is made afterwards."""
        self._over = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            _shut(connection.sock)

    def _asked(
        self, method: str, path: str, limit: int, body: bytes | None, headers: Mapping[str, str]
    ) -> HttpAnswer:
        connection = self._connected()
        if self._over:
            msg = "no further request is made"
            raise http.client.HTTPException(msg)
        with _within(connection.sock, self.whole):
            above = urlsplit(self.url).path.rstrip("/")
            connection.request(method, f"{above}/{path}", body, {"Accept-Encoding": "identity", **headers})
            response = connection.getresponse()
            data = _read(response, limit)
        if len(data) > limit or response.will_close:
            self.close()
        else:
            response.close()  # without this the connection would not take another request
        return HttpAnswer(response.status, data, response.getheader("Location", ""))

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            parts = urlsplit(self.url)
            host = parts.hostname or ""
            if parts.scheme == "https":
                context = ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(
                    host, parts.port, timeout=self.timeout, context=context
                )
            else:
                self._connection = http.client.HTTPConnection(host, parts.port, timeout=self.timeout)
        if self._connection.sock is None:
            self._connection.connect()
        return self._connection


@contextlib.contextmanager
def _within(sock: socket.socket, seconds: float) -> Iterator[None]:
    """End what is under way on a socket if the block takes longer; then raises TimeoutError.

    The time-out of a socket begins anew with each byte that arrives.
    """
    over = threading.Event()

    def end() -> None:
        over.set()
        _shut(sock)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    failure = None
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError) as error:
        failure = error
    finally:
        timer.cancel()
    if over.is_set():  # even without a failure: the end of a connection also ends a head
        msg = f"no whole answer within {seconds:g} s"
        raise TimeoutError(msg) from failure
    if failure is not None:
        raise failure


def _shut(sock: socket.socket) -> None:
    """Shut a socket down, so that reads and writes of it that block return."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not the TLS socket's own, which would forget its TLS


def _read(response: http.client.HTTPResponse, limit: int) -> bytes:
    """The body of an answer, unpacked, up to the first byte that is too many."""
    packed = response.getheader("Content-Encoding", "identity").strip().lower()
    if packed not in {GZIP, "identity"}:
        msg = f"an answer packed as {packed[:20]!r}, which was not asked for"
        raise http.client.HTTPException(msg)
    unpacking = zlib.decompressobj(_GZIP_FORMAT) if packed == GZIP else None
    data = bytearray()
    while len(data) <= limit and (piece := response.read1(_PIECE)):
        if unpacking is None:
            data += piece
            continue
        if unpacking.eof:
            msg = "an answer with more after its packed data"
            raise http.client.HTTPException(msg)
        data += unpacking.decompress(piece, limit + 1 - len(data))
    if len(data) <= limit and (response.length or (unpacking is not None and not unpacking.eof)):
        msg = "an answer that was cut short"
        raise http.client.HTTPException(msg)
    return bytes(data)
