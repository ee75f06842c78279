"""gRPC calls as HTTP/2 frames, sent as fast as a connection takes them: an attacker needs no client library.

Of the answers only their number is read. RFC 9113 has the frames, RFC 7541 the literal header fields.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import tempfile
from typing import Final

from hashpact.keys.certificates import Tls

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _AWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END, _HEADERS_END, _ACK = 1, 4, 1


def context(tls: Tls) -> ssl.SSLContext:
    """What a member's connections are made with."""
    made = ssl.create_default_context(cadata=tls.authority.decode())
    made.check_hostname = False
    made.set_alpn_protocols(["h2"])
    with tempfile.NamedTemporaryFile() as file:
        file.write(tls.certificate + tls.key)
        file.flush()
        made.load_cert_chain(file.name)
    return made


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def _fields(method: str, timeout: int) -> bytes:
    values = {
        ":method": "POST",
        ":scheme": "https",
        ":path": method,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
        "grpc-timeout": f"{timeout}S",
    }
    return b"".join(
        b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()
        for name, value in values.items()
    )


class Connection:
    """A member's connection that makes calls of one method, ``most`` at once: a server allows 256.

    It takes ``window`` bytes of each answer.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # as many as a connection has
        self,
        address: tuple[str, int],
        made: ssl.SSLContext,
        method: str,
        most: int,
        timeout: int = 20,
        window: int = 65535,
    ) -> None:
        plain = socket.create_connection(address, timeout=10)
        self._socket = made.wrap_socket(plain, server_hostname=address[0])
        self._socket.sendall(
            PREFACE
            + frame(_SETTINGS, 0, 0, b"\0\4" + window.to_bytes(4))
            + frame(_WINDOW, 0, 0, struct.pack(">I", 1 << 30))
        )
        self._socket.settimeout(0)
        self._headers = _fields(method, timeout)
        self._stream = 1
        self._most = most
        self._window = 65535
        self._read = b""
        self._unsent = b""
        self._under_way: set[int] = set()
        self.answered = 0
        self.ended = False

    def call(self, message: bytes) -> bool:
        """Begin a call, unless the connection takes none at this moment."""
        data = b"\0" + len(message).to_bytes(4) + message
        full = len(self._under_way) >= self._most or len(data) > self._window
        if self.ended or full or self._unsent:
            return False
        stream, self._stream = self._stream, self._stream + 2
        self._under_way.add(stream)
        self._window -= len(data)
        self._unsent += frame(_HEADERS, _HEADERS_END, stream, self._headers) + frame(
            _DATA, _END, stream, data
        )
        self.flush()
        return True

    def flush(self) -> None:
        """Send what the system takes."""
        with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = self._socket.send(self._unsent)
            self._unsent = self._unsent[sent:]

    def look(self) -> None:
        """Read what has arrived."""
        if self._unsent:
            self.flush()
        try:
            while more := self._socket.recv(65536):
                self._read += more
            self.ended = True
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError:
            self.ended = True
        while len(self._read) >= 9:
            size = 9 + int.from_bytes(self._read[:3])
            if len(self._read) < size:
                break
            head, payload = self._read[:9], self._read[9:size]
            self._read = self._read[size:]
            self._take(head[3], head[4], int.from_bytes(head[5:9]), payload)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _WINDOW and stream == 0:
            self._window += int.from_bytes(payload)
        elif kind in {_SETTINGS, _PING} and not flags & _ACK:
            self._unsent += frame(kind, _ACK, 0, payload if kind == _PING else b"")
            self.flush()
        elif kind == _AWAY:
            self.ended = True
        elif kind == _RESET or (kind in {_HEADERS, _DATA} and flags & _END):
            self.answered += stream in self._under_way
            self._under_way.discard(stream)

    def close(self) -> None:
        """End it."""
        self._socket.close()


class Withheld(Connection):
    """Calls of messages of ``size`` bytes, of which the last one is never sent.

    ``sent`` counts the bytes of each that the server has let in.
    """

    def __init__(
        self, address: tuple[str, int], made: ssl.SSLContext, method: str, most: int, size: int
    ) -> None:
        super().__init__(address, made, method, most)
        self._size = size
        self._initial = 65535
        self._granted: dict[int, int] = {}
        self.sent = dict.fromkeys(range(1, 2 * most, 2), 0)
        for stream in self.sent:
            self._unsent += frame(_HEADERS, _HEADERS_END, stream, self._headers)

    @property
    def all_but_one(self) -> int:
        """How many messages lack their last byte only."""
        return sum(sent == self._size - 1 for sent in self.sent.values())

    def send(self) -> None:
        """Send of each message as much as the server lets in now, and read what has arrived."""
        self.look()
        for stream, sent in self.sent.items():
            allowed = self._initial + self._granted.get(stream, 0) - sent
            size = min(allowed, self._window, 16384, self._size - 1 - sent)
            prefix = b"" if sent else b"\0" + (self._size - 5).to_bytes(4)
            if size <= len(prefix) or self._unsent:
                continue
            self._unsent += frame(_DATA, 0, stream, prefix + bytes(size - len(prefix)))
            self.sent[stream] += size
            self._window -= size
            self.flush()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _WINDOW and stream:
            self._granted[stream] = self._granted.get(stream, 0) + int.from_bytes(payload)
        elif kind == _SETTINGS:
            for at in range(0, len(payload), 6):
                if payload[at : at + 2] == b"\0\4":
                    self._initial = int.from_bytes(payload[at + 2 : at + 6])
        super()._take(kind, flags, stream, payload)
