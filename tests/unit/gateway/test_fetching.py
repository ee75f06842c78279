"""Fetching: only from hosts that are listed, at the address that was checked, and within its bounds."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest

from hashpact.errors import InvalidInputError
from hashpact.gateway.fetching import MAX_URL, Fetched, Fetcher, TooLargeError, is_public

UNSAFE = "Invalid or unsafe URL provided"


@contextlib.contextmanager
def answering(*answers: bytes, hold: threading.Event | None = None) -> Iterator[int]:
    """The port of a server that gives each connection one of the answers, and then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answer in answers:
                connected, _ = listening.accept()
                with connected:
                    connected.recv(65536)
                    connected.sendall(answer)
                    if hold is not None:
                        hold.wait(120)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        if hold is not None:
            hold.set()
        thread.join(120)


def fetched(port: int, *, host: str = "127.0.0.1", path: str = "/x?y", **bounds: float) -> Fetched:
    """What a fetcher that may fetch from this machine gets."""
    fetcher = Fetcher(("127.0.0.1", "media.example"), limit=1000, **bounds)
    return fetcher.fetch(f"http://{host}:{port}{path}")


GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: Image/PNG; x=y\r\nContent-Length: 4\r\n\r\ndata"


def test_content_and_its_type() -> None:
    with answering(GOOD) as port:
        assert fetched(port) == Fetched(b"data", "image/png")
    with answering(b"HTTP/1.0 200 OK\r\n\r\nmore") as port:
        assert fetched(port) == Fetched(b"more", "")


def moved(to: str) -> bytes:
    """A redirection."""
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


def test_redirections_are_checked_like_the_first() -> None:
    with answering(moved("/y"), GOOD) as port:
        assert fetched(port).data == b"data"
    for place in ("http://10.0.0.1/", "file:///etc/passwd", "http://evil.example/", "http://u:p@127.0.0.1/"):
        with answering(moved(place)) as port, pytest.raises(InvalidInputError, match=UNSAFE):
            fetched(port)
    with answering(*[moved("/y")] * 4) as port, pytest.raises(InvalidInputError, match="over 3 redirections"):
        fetched(port)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://media.example/",
        "http://user@media.example/",
        "http://other.example/",
        "http://media.example.evil.example/",
        "http://media.example:0/",
        "http://media.example:x/",
        "http://[::1",
        "http:///x",
        "//media.example/",
        "http://media.example/ x",
        "http://media.example/\r\nX: y",
        "http://media.example/" + "x" * MAX_URL,
        "",
    ],
)
def test_addresses_that_are_not_asked(url: str) -> None:
    with patch("socket.getaddrinfo", side_effect=AssertionError), pytest.raises(InvalidInputError) as refused:
        Fetcher(("media.example",), limit=1).fetch(url)
    assert refused.value.message == UNSAFE


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "224.0.0.1", "0.0.0.0"),  # noqa: S104 - to be refused
        *("::1", "fe80::1%1", "::", "ff02::1", "fd00::1"),
        *("::ffff:10.1.2.3", "::127.0.0.1", "64:ff9b::a01:203", "64:ff9b::7f00:1", "64:ff9b:1::808:808"),
        *(
            "2002:a01:203::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "2001:0:808:808:0:0:f5fe:fdfc",
            "2001:0:a01:203::",
        ),
    ],
)
def test_a_name_of_a_private_address(address: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]
    with patch("socket.getaddrinfo", return_value=found), pytest.raises(InvalidInputError) as refused:
        Fetcher(("media.example", ".example.org"), limit=1).fetch("http://media.example/")
    assert refused.value.message == UNSAFE


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_public_address(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_a_private_address_that_is_listed_and_a_domain() -> None:
    with answering(GOOD) as port:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        with patch("socket.getaddrinfo", return_value=found):
            fetcher = Fetcher((".example.org", "127.0.0.1"), limit=1000)
            assert fetcher.fetch(f"http://a.example.org:{port}/").data == b"data"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ndata", "IncompleteRead"),
        (b"nonsense\r\n\r\n", "BadStatusLine"),
        (b"", "RemoteDisconnected"),
    ],
)
def test_bad_answers(answer: bytes, expected: str) -> None:
    with answering(answer) as port, pytest.raises(InvalidInputError) as refused:
        fetched(port)
    assert refused.value.message == f"Failed to fetch URL: {expected}"


def test_bounds() -> None:
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + bytes(2000)
    with answering(large) as port, pytest.raises(TooLargeError):
        fetched(port)
    with answering(GOOD[:-1], hold=threading.Event()) as port, pytest.raises(InvalidInputError) as refused:
        fetched(port, whole=0.2)
    assert refused.value.message == "Failed to fetch URL: no whole answer in time"


def test_tls_is_verified() -> None:
    with answering(b"no TLS") as port, pytest.raises(InvalidInputError) as refused:
        Fetcher(("127.0.0.1",), limit=10).fetch(f"https://127.0.0.1:{port}/")
    assert refused.value.message == "Failed to fetch URL: SSLError"


class Deadline:
    """A timer that fires when a test calls ``fire``."""

    def __init__(self, _after: float, end: Callable[[], None]) -> None:
        self.daemon = True
        self.fire = end
        made.append(self)

    def start(self) -> None:
        """Wait."""

    def cancel(self) -> None:
        """Wait no longer."""


made: list[Deadline] = []
LATE = "Failed to fetch URL: no whole answer in time"


def test_a_body_that_the_deadline_cut_is_not_whole() -> None:
    """A body without a length ends with its connection, which the deadline can end, too."""
    read1 = http.client.HTTPResponse.read1

    def late(response: http.client.HTTPResponse, size: int) -> bytes:
        piece = read1(response, size)
        made[-1].fire()
        return piece

    hold = threading.Event()
    with (
        patch("threading.Timer", Deadline),
        patch("http.client.HTTPResponse.read1", late),
        answering(b"HTTP/1.0 200 OK\r\n\r\nhalf", hold=hold) as port,
        pytest.raises(InvalidInputError) as refused,
    ):
        fetched(port)
    assert refused.value.message == LATE


@pytest.mark.parametrize("connections", [1, 2])
def test_nothing_is_asked_after_the_deadline(connections: int) -> None:
    """Neither at the address of a redirection, nor on a connection made at the deadline."""
    create, tried = socket.create_connection, []

    def connect(*address: Any, **options: Any) -> socket.socket:  # noqa: ANN401 - passed on
        tried.append(address)
        connected = create(*address, **options)
        if len(tried) == connections:
            made[-1].fire()  # before it is held
        return connected

    answers = [moved("/y"), GOOD][:connections]
    with (
        patch("threading.Timer", Deadline),
        patch("socket.create_connection", connect),
        answering(*answers) as port,
        pytest.raises(InvalidInputError) as refused,
    ):
        fetched(port)
    assert (refused.value.message, len(tried)) == (LATE, connections)


def test_a_redirection_that_comes_with_the_deadline() -> None:
    getheader, create, tried = http.client.HTTPResponse.getheader, socket.create_connection, []

    def late(response: http.client.HTTPResponse, name: str, default: str = "") -> str:
        made[-1].fire()
        return getheader(response, name, default)

    def connect(*address: Any, **options: Any) -> socket.socket:  # noqa: ANN401 - passed on
        tried.append(address)
        return create(*address, **options)

    with (
        patch("threading.Timer", Deadline),
        patch("socket.create_connection", connect),
        patch("http.client.HTTPResponse.getheader", late),
        answering(moved("/y")) as port,
        pytest.raises(InvalidInputError) as refused,
    ):
        fetched(port)
    assert (refused.value.message, len(tried)) == (LATE, 1)


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("https://media.example/", b"media.example"),
        ("https://media.example:8443/", b"media.example:8443"),
        ("http://media.example/", b"media.example"),
    ],
)
def test_the_host_that_is_named(place: str, named: bytes) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(GOOD)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("198.51.100.7", 443))]
    listed = ("media.example", "198.51.100.7")
    with (
        theirs,
        patch("socket.getaddrinfo", return_value=found),
        patch("socket.create_connection", return_value=ours),
        patch("ssl.SSLContext.wrap_socket", lambda _context, plain, **_: plain),
    ):
        assert Fetcher(listed, limit=10).fetch(place).data == b"data"
        assert b"\r\nHost: %s\r\n" % named in theirs.recv(4096)
