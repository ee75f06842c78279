"""Files at a URL, from web servers that are honest, broken or hostile: bounded in bytes and time."""

from __future__ import annotations

import gzip
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from webs import answered, path_of, scripted, static

from hashpact.clock import unix_time
from hashpact.errors import CorruptError, UnavailableError
from hashpact.http.exchange import HttpExchange
from hashpact.http.fetching import CONNECTIONS, EXPECTED, HttpFiles
from hashpact.keys import certificates

LIMIT = 1000


@contextmanager
def files(url: str, *, timeout: float = 5.0, whole: float = 10.0) -> Iterator[HttpFiles]:
    """The files at a URL, without pauses."""
    with closing(HttpFiles(url, timeout=timeout, whole=whole, pauses=(0, 0))) as made:
        yield made


def sending(*pieces: bytes) -> Callable[[bytes, socket.socket], None]:
    """Answers every request with these bytes, and ends the connection."""

    def script(_head: bytes, connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_RDWR)

    return script


def test_files_of_a_web_server_are_read_on_one_connection(tmp_path: Path) -> None:
    (tmp_path / "log" / "tile").mkdir(parents=True)
    (tmp_path / "log" / "tile" / "a").write_bytes(b"a tile")
    (tmp_path / "log" / "empty").write_bytes(b"")
    with static(tmp_path) as (url, asked), files(f"{url}/log/") as found:
        assert str(found) == f"{url}/log"
        assert found.read("tile/a", LIMIT) == b"a tile"
        assert found.read("empty", LIMIT) == b""
        assert found.read("tile/b", LIMIT) is None
        assert found.read("tile/a", 6) == b"a tile"
        with pytest.raises(CorruptError, match="log/tile/a has more than 5 bytes"):
            found.read("tile/a", 5)
        assert asked == ["/log/tile/a", "/log/empty", "/log/tile/b", "/log/tile/a", "/log/tile/a"]


def test_what_is_asked_has_no_credential_and_follows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    heads: list[bytes] = []

    def script(head: bytes, connection: socket.socket) -> None:
        heads.append(head)
        connection.sendall(answered(b"x", "200 OK", "Set-Cookie: a=b"))

    with scripted(script) as url, files(url) as found:
        for _ in range(2):
            assert found.read("checkpoint", LIMIT) == b"x"
    assert path_of(heads[0]) == "/checkpoint"
    names = {line.split(b":")[0].lower() for head in heads for line in head.split(b"\r\n")[1:] if line}
    assert names == {b"host", b"accept-encoding"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "http://169.254.169.254/latest", "/checkpoint", "ftp://x", ""]
)
def test_80_no_redirection_is_followed(status: int, target: str) -> None:
    with (
        scripted(sending(answered(b"", f"{status} Found", f"Location: {target}"))) as url,
        files(url) as found,
        pytest.raises(UnavailableError, match=r"redirects to .* not followed"),
    ):
        found.read("checkpoint", LIMIT)


def test_a_packed_file_is_unpacked_within_its_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    bodies = {
        "/a": gzip.compress(b"leaves" * 100),
        "/limit": gzip.compress(bytes(LIMIT)),
        "/bomb": bomb,
        "/none": gzip.compress(b""),
    }

    def script(head: bytes, connection: socket.socket) -> None:
        connection.sendall(answered(bodies[path_of(head)], "200 OK", "Content-Encoding: GZIP"))

    with scripted(script) as url, files(url) as found:
        assert found.read("a", LIMIT) == b"leaves" * 100
        assert found.read("limit", LIMIT) == bytes(LIMIT)
        assert found.read("none", LIMIT) == b""
        with pytest.raises(CorruptError, match="more than 1000 bytes"):
            found.read("bomb", LIMIT)
        assert found.read("a", LIMIT) == b"leaves" * 100


GZIPPED = gzip.compress(b"leaves" * 100, mtime=0)
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HEAD + b"Content-Length: 10\r\n\r\nshort", "cut short"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", "Incomplete|cut short"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", "ValueError|IncompleteRead|cut short"),
        (answered(GZIPPED[:-10], "200 OK", "Content-Encoding: gzip"), "cut short"),
        (answered(GZIPPED + b"more", "200 OK", "Content-Encoding: gzip") + b"", None),
        (
            HEAD
            + b"Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
            + b"%x\r\n%s\r\n4\r\nmore\r\n0\r\n\r\n" % (len(GZIPPED), GZIPPED),
            "more after its packed data",
        ),
        (answered(b"nonsense", "200 OK", "Content-Encoding: gzip"), "incorrect header"),
        (answered(b"x", "200 OK", "Content-Encoding: br"), "packed as 'br'"),
        (b"", "Remote"),
        (b"nonsense\r\n\r\n", "BadStatusLine"),
        (HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n", "LineTooLong"),
        (HEAD + b"X: y\r\n" * 200 + b"\r\n", "more than 100 headers"),
        (answered(b"", "500 Broken"), "status 500"),
        (answered(b"", "403 Forbidden"), "status 403"),
        (answered(b"", "204 Nothing"), "status 204"),
    ],
)
def test_an_answer_that_is_broken_is_no_file(answer: bytes, said: str | None) -> None:
    with scripted(sending(answer)) as url, files(url) as found:
        if said is None:
            assert found.read("checkpoint", LIMIT) == b"leaves" * 100
            return
        with pytest.raises(UnavailableError, match=said):
            found.read("checkpoint", LIMIT)


def test_80_a_body_without_end_is_left_at_the_limit() -> None:
    sent = 0

    def script(_head: bytes, connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(HEAD + b"\r\n")
        while True:
            sent += connection.send(bytes(65536))

    with (
        scripted(script) as url,
        files(url) as found,
        pytest.raises(CorruptError, match="more than 1000 bytes"),
    ):
        found.read("checkpoint", LIMIT)
    assert sent < 100_000_000


def drip(first: bytes, piece: bytes, sent: list[int]) -> Callable[[bytes, socket.socket], None]:
    """Begins an answer, and then sends a piece now and then, each in good time; ``sent`` is how many."""

    def script(_head: bytes, connection: socket.socket) -> None:
        connection.sendall(first)
        for number in itertools.count(1):
            connection.sendall(piece)
            sent[:] = [number]
            connection.settimeout(0.05)
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                connection.settimeout(None)

    return script


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (HEAD + b"Content-Length: 900\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n" + GZIPPED[:10], b"\0\0\0\xff\xff"),
    ],
)
def test_80_an_answer_that_comes_byte_by_byte_has_its_time(first: bytes, piece: bytes) -> None:
    asked = 0
    sent = [0]
    dripping = drip(first, piece, sent)

    def script(head: bytes, connection: socket.socket) -> None:
        nonlocal asked
        asked += 1
        dripping(head, connection)

    with (
        scripted(script) as url,
        files(url, timeout=5, whole=0.5) as found,
        pytest.raises(UnavailableError, match=r"no whole answer within 0\.5 s"),
    ):
        found.read("checkpoint", LIMIT)
    assert sent[0] < 200  # pieces of 0.05 s: the shortest of these answers has 900, the others have no end
    assert asked == 1  # it is not asked for again


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with (
        scripted(lambda _head, connection: connection.settimeout(60)) as url,
        files(url, timeout=0.2) as found,
        pytest.raises(UnavailableError, match="timed out"),
    ):
        found.read("checkpoint", LIMIT)


def test_a_server_that_is_busy_or_gone_for_a_moment_is_asked_again() -> None:
    some = [b"", answered(b"", "503 Busy"), answered(b"x"), answered(b"", "429 Slow down")]
    said = itertools.chain(some, itertools.repeat(b""))
    asked = 0

    def script(_head: bytes, connection: socket.socket) -> None:
        nonlocal asked
        asked += 1
        answer = next(said)
        connection.sendall(answer)
        if not answer:
            connection.shutdown(socket.SHUT_RDWR)

    with scripted(script) as url, files(url) as found:
        assert found.read("checkpoint", LIMIT) == b"x"
        assert asked == 3
        with pytest.raises(UnavailableError, match="Remote"):
            found.read("checkpoint", LIMIT)
        assert asked == 3 + 1 + 2 + 1  # the second time on the connection that had waited


def test_an_address_without_a_server_is_not_asked_again() -> None:
    hour = (3600.0,)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        refusing = f"http://127.0.0.1:{bound.getsockname()[1]}"
        for url, reason in ((refusing, "refused"), ("http://no-such-host.invalid", "(?i)name")):
            nobody = HttpFiles(url, pauses=hour)
            with closing(nobody), pytest.raises(UnavailableError, match=reason):
                nobody.read("checkpoint", LIMIT)


def test_files_that_are_expected_come_at_the_same_time() -> None:
    together = threading.Barrier(CONNECTIONS)

    def script(head: bytes, connection: socket.socket) -> None:
        if path_of(head) != "/last":
            together.wait(120)  # none is answered before all are asked for
        connection.sendall(answered(path_of(head).encode()))

    paths = [f"tile/{number}" for number in range(CONNECTIONS)]
    with scripted(script) as url, files(url) as found:
        for path in paths:
            found.expect(path, LIMIT)
            found.expect(path, LIMIT)
        assert found.read("last", LIMIT) == b"/last"
        assert [found.read(path, LIMIT) for path in paths] == [f"/{path}".encode() for path in paths]


def test_files_that_are_expected_and_never_read_are_forgotten() -> None:
    asked: list[str] = []

    def script(head: bytes, connection: socket.socket) -> None:
        asked.append(path_of(head))
        connection.sendall(answered(b"x"))

    with scripted(script) as url, files(url) as found:
        for number in range(EXPECTED + 1):
            found.expect(f"{number}", LIMIT)
        assert [found.read(f"{number}", LIMIT) for number in range(1, EXPECTED + 1)] == [b"x"] * EXPECTED
        before = asked.count("/0")
        assert found.read("0", LIMIT) == b"x"
        assert asked.count("/0") == before + 1


def test_closing_ends_what_is_under_way() -> None:
    begun = threading.Semaphore(0)

    def script(_head: bytes, connection: socket.socket) -> None:
        begun.release()
        connection.recv(1)

    started = time.monotonic()
    with scripted(script) as url, closing(HttpFiles(url, timeout=120, whole=60)) as found:
        for number in range(EXPECTED):
            found.expect(f"{number}", LIMIT)
        for _ in range(CONNECTIONS):
            assert begun.acquire(timeout=120)
    assert time.monotonic() - started < 20


def test_an_exchange_that_was_aborted_asks_nothing_more() -> None:
    with scripted(sending(answered(b"x"))) as url, closing(HttpExchange(url)) as exchange:
        exchange.abort()
        with pytest.raises(UnavailableError, match="no further request"):
            exchange.ask("GET", "checkpoint", LIMIT)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with files(f"http://127.0.0.1:{port}") as found, pytest.raises(UnavailableError, match="refused"):
        found.read("checkpoint", LIMIT)


def test_a_connection_that_waited_and_was_closed_is_made_again() -> None:
    served, closed = [], threading.Semaphore(0)

    def script(_head: bytes, connection: socket.socket) -> None:
        served.append(connection)
        connection.sendall(answered(b"x"))
        connection.shutdown(socket.SHUT_RDWR)
        closed.release()

    with scripted(script) as url, closing(HttpExchange(url)) as exchange:
        for _ in range(3):
            assert exchange.ask("GET", "checkpoint", LIMIT).body == b"x"
            assert closed.acquire(timeout=120)
    assert len(served) == 3


def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkpoint").write_bytes(b"x")
    authority = certificates.make_authority("test.example", unix_time)
    server = certificates.issue_server(authority, ["127.0.0.1"], unix_time)
    other = certificates.issue_server(authority, ["log.example"], unix_time)
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(authority.certificate)
    for credential, name in ((server, "server"), (other, "other")):
        (tmp_path / name).write_bytes(credential.key + credential.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server")
    wrong = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    wrong.load_cert_chain(tmp_path / "other")
    with static(tmp_path, context) as (url, _), static(tmp_path, wrong) as (elsewhere, _):
        with files(url) as found, pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            found.read("checkpoint", LIMIT)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        with files(url) as found:
            assert found.read("checkpoint", LIMIT) == b"x"
        with files(elsewhere) as found, pytest.raises(UnavailableError, match="IP address mismatch"):
            found.read("checkpoint", LIMIT)
