"""Content at an address, from hosts that are configured: the only requests that a gateway makes for a caller.

http and https only. A name is resolved once, and the connection goes to that address. A private or loopback
address, or one that contains it, must itself be listed. Redirections are followed a few times, each checked
like the first. Bytes are counted while they are read, and no credential, cookie or proxy is used.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from hashpact.errors import InvalidInputError

MAX_URL: Final = 2048
REDIRECTIONS: Final = 3

_PIECE: Final = 256 * 1024
_REDIRECTED: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200
_PORTS: Final = {"http": 80, "https": 443}
_UNSAFE: Final = "Invalid or unsafe URL provided"
_VISIBLE: Final = range(0x21, 0x7F)
_EMBEDDING: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""NAT64 and IPv4-compatible addresses, whose last 32 bits are an IPv4 address."""
_NOT_PUBLIC: Final = (IPv6Network("64:ff9b:1::/48"), IPv6Network("2002::/16"))
_LAST: Final = 0xFFFF_FFFF


class TooLargeError(Exception):
    """Content exceeds its limit of bytes."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes at an address, and their media type in lower case; "" if there is none."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches from ``hosts``; ``.example.org`` stands for all below it. Any thread may use it.

    ``limit`` is in bytes, ``timeout`` in seconds for each step, ``whole`` for everything.
    """

    hosts: Sequence[str]
    limit: int
    timeout: float = 5.0
    whole: float = 20.0

    def fetch(self, url: str) -> Fetched:
        """The content at an address. Raises InvalidInputError, without the address, and TooLargeError."""
        over = threading.Event()
        held: list[socket.socket] = []

        def end() -> None:
            over.set()
            for one in held:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(one, socket.SHUT_RDWR)  # ends a read in progress

        timer = threading.Timer(self.whole, end)
        timer.daemon = True
        timer.start()
        try:
            for _ in range(REDIRECTIONS + 1):
                answer = self._one(self._checked(url), held, over)
                if isinstance(answer, Fetched):
                    return answer
                url = urljoin(url, answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = "no whole answer in time" if over.is_set() else type(error).__name__
            msg = f"Failed to fetch URL: {reason}"
            raise InvalidInputError(msg, field="url") from error
        finally:
            timer.cancel()
        msg = f"Failed to fetch URL: over {REDIRECTIONS} redirections"
        raise InvalidInputError(msg, field="url")

    def _checked(self, url: str) -> SplitResult:
        """The parts of an address that may be fetched. Raises InvalidInputError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise InvalidInputError(_UNSAFE, field="url") from None
        plain = len(url) <= MAX_URL and all(ord(one) in _VISIBLE for one in url)
        safe = parts.scheme in _PORTS and parts.username is None and parts.password is None and port != 0
        if not (plain and safe and self._allows(host)):
            raise InvalidInputError(_UNSAFE, field="url")
        return parts

    def _allows(self, host: str) -> bool:
        listed = f"[{host}]" if ":" in host else host
        return bool(host) and any(
            host.endswith(each) if each.startswith(".") else listed == each for each in self.hosts
        )

    def _address(self, host: str, port: int) -> tuple[str, int]:
        """The address that a host is connected to. Raises InvalidInputError for a private one."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        address = str(found[0][4][0])
        plain = address.partition("%")[0]
        listed = f"[{plain}]" if ":" in plain else plain
        if not is_public(ipaddress.ip_address(plain)) and listed not in self.hosts:
            raise InvalidInputError(_UNSAFE, field="url")
        return address, port

    def _one(self, parts: SplitResult, held: list[socket.socket], over: threading.Event) -> Fetched | str:
        """The answer of one address: its content, or where it redirects. Raises TimeoutError once ``over``.

        A connection that is shut down at the deadline looks as if the other end had closed it.
        """
        host = parts.hostname or ""
        _check_time(over)
        connected = socket.create_connection(
            self._address(host, parts.port or _PORTS[parts.scheme]), self.timeout
        )
        held.append(connected)
        try:
            _check_time(over)  # the deadline ends only connections that are held
            if parts.scheme == "https":
                connected = ssl.create_default_context().wrap_socket(connected, server_hostname=host)
                held.append(connected)
                _check_time(over)
            connection = http.client.HTTPConnection(host, parts.port or _PORTS[parts.scheme])
            connection.default_port = _PORTS[parts.scheme]  # which the header Host does not name
            connection.sock = connected
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", path, headers={"Accept-Encoding": "identity"})
            answer = self._read(connection.getresponse())
            _check_time(over)
            return answer
        finally:
            connected.close()

    def _read(self, response: http.client.HTTPResponse) -> Fetched | str:
        with response:
            if response.status in _REDIRECTED:
                return response.getheader("Location", "")
            if response.status != _OK:
                msg = f"Failed to fetch URL: status {response.status}"
                raise InvalidInputError(msg, field="url")
            data = bytearray()
            while piece := response.read1(_PIECE):
                data += piece
                if len(data) > self.limit:
                    raise TooLargeError
            if response.length:
                raise http.client.IncompleteRead(bytes(data[:0]), response.length)
        media = response.getheader("Content-Type", "").partition(";")[0].strip().lower()
        return Fetched(bytes(data), media)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is of the public internet, and so is any IPv4 address that it stands for.

    IPv6 addresses that stand for one are mapped and compatible ones (RFC 4291) and NAT64 by its well-known
    prefix (RFC 6052). Those of local NAT64 (RFC 8215), Teredo and 6to4 (RFC 7526) are not public: of 6to4
    Python's releases say different things.
    """
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return True
    inner = [address.ipv4_mapped]
    if any(address in each for each in _EMBEDDING):
        inner.append(IPv4Address(int(address) & _LAST))
    return not any(address in each for each in _NOT_PUBLIC) and all(
        one is None or is_public(one) for one in inner
    )


def _check_time(over: threading.Event) -> None:
    if over.is_set():
        raise TimeoutError
