"""The port for everybody: the published files with their types and times, and nothing else."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from builders import World, fingerprint
from memory import MemoryLedger

from hashpact.domain.fingerprints import PDQ
from hashpact.http.door import Door, DoorLimits
from hashpact.http.published import kind_of, published_app
from hashpact.log import tiles
from hashpact.member.author import Reason
from hashpact.service.publishing.publish import Publisher
from hashpact.storage.published import PublishedLog

TEXT, BYTES = "text/plain; charset=utf-8", "application/octet-stream"
EVER, HOUR = "public, max-age=31536000, immutable", "public, max-age=3600, immutable"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published log of 300 leaves, with a file beside it that nobody is to see."""
    place = tmp_path_factory.mktemp("published")
    world, ledger = World(), MemoryLedger()
    world.found(ledger, "acme")
    author = world.author("acme")
    while ledger.head().size < 300:
        one = author.submit([fingerprint(PDQ, str(ledger.head().size))], Reason(frozenset({"ncii"})))
        world.appender(ledger).append("acme", one)
    world.guard(ledger).sign()
    Publisher(ledger, world.origin, PublishedLog(place / "log")).publish()
    (place / "secret").write_text("secret")
    (place / "log" / "notes.txt").write_text("secret")
    return place / "log"


@dataclass
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Asking:
    """Asks the door at a port."""

    port: int

    async def __call__(self, path: str, method: str = "GET", **headers: str) -> Got:
        """The answer."""
        return await asyncio.to_thread(self._ask, path, method, headers)

    def _ask(self, path: str, method: str, headers: dict[str, str]) -> Got:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(
            method, path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        response = connection.getresponse()
        given = {name.lower(): text for name, text in response.getheaders()}
        got = Got(response.status, given, response.read())
        connection.close()
        return got


@pytest.fixture
async def ask(published: Path) -> AsyncIterator[Asking]:
    """Asks a door with the published files."""
    door = Door(published_app(published), structlog.get_logger())
    yield Asking(await door.open("127.0.0.1", 0))
    await door.close()


@pytest.mark.parametrize(
    ("path", "kind", "cached"),
    [
        ("checkpoint", TEXT, "public, max-age=2"),
        ("log-keys", TEXT, "public, max-age=60"),
        ("policy", TEXT, "public, max-age=60"),
        ("genesis", TEXT, EVER),
        ("tile/0/000", BYTES, EVER),
        ("tile/entries/000", BYTES, EVER),
        ("tile/0/001.p/44", BYTES, HOUR),
        ("tile/1/000.p/1", BYTES, HOUR),
        ("tile/entries/001.p/44", BYTES, HOUR),
    ],
)
async def test_each_file_has_its_type_and_its_time(
    ask: Asking, published: Path, path: str, kind: str, cached: str
) -> None:
    got = await ask(f"/{path}")
    assert (got.status, got.body) == (200, (published / path).read_bytes())
    assert (got.headers["content-type"], got.headers["cache-control"]) == (kind, cached)
    assert got.headers["content-length"] == str(len(got.body))
    assert got.headers["x-content-type-options"] == "nosniff"
    assert not got.headers.keys() & {"set-cookie", "server"}
    head = await ask(f"/{path}", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_a_caller_that_has_a_file_is_told_so_until_there_is_another(
    ask: Asking, published: Path
) -> None:
    tag = (await ask("/checkpoint")).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        got = await ask("/checkpoint", If_None_Match=known)
        assert (got.status, got.body, got.headers["etag"]) == (304, b"", tag)
        assert got.headers["cache-control"] == "public, max-age=2"
    before = (published / "checkpoint").read_bytes()
    PublishedLog(published).put("checkpoint", before)  # as long, and written anew
    got = await ask("/checkpoint", If_None_Match=tag)
    assert (got.status, got.body) == (200, before)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/notes.txt",
        "/../secret",
        "/%2e%2e/secret",
        "/tile/../../secret",
        "/tile",
        "/tile/0",
        "/tile/0/000/",
        "/tile/0/002",
        "/tile/0/0",
        "/tile/8/000",
        "/tile/0/001.p/044",
        "/tile/0/001.p/256",
        "//checkpoint",
        "/checkpoint/",
        "/.checkpoint",
        "/documents/" + "0" * 64,
        "/documents/../checkpoint",
        "/policies",
        "/metrics",
    ],
)
async def test_nothing_else_is_there(ask: Asking, path: str) -> None:
    got = await ask(path)
    assert (got.status, got.body) == (404, b"not found\n")
    assert got.headers["cache-control"] == "no-store"
    assert "location" not in got.headers


async def test_nothing_is_written(ask: Asking) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert (await ask("/checkpoint", method)).status == 405


async def test_links_directories_and_pipes_are_not_followed(
    ask: Asking, published: Path, tmp_path: Path
) -> None:
    (published / "documents").mkdir(exist_ok=True)
    names = [(published / "documents" / (letter * 64)) for letter in "abc"]
    names[0].symlink_to(tmp_path.parent)
    names[1].mkdir()
    os.mkfifo(names[2])
    for name in names:
        assert (await ask(f"/documents/{name.name}")).status == 404


def test_private_paths_have_no_kind() -> None:
    assert kind_of("policy") is not None
    assert kind_of(tiles.document_path(bytes(32))) is not None
    for path in ("hashpact.db", "pki/log.key", "private/0", "documents/x", "tile/private/000", ""):
        assert kind_of(path) is None


@pytest.mark.parametrize("limits", [{"stalled": 0.2, "slow": 600}, {"stalled": 600, "slow": 0.2}])
async def test_a_caller_who_takes_no_answer_is_left(published: Path, limits: dict[str, float]) -> None:
    """The only place is taken until then, or until he has taken so long that another one gets it."""
    (published / "tile" / "entries" / "009").write_bytes(bytes(16_000_000))
    door = Door(published_app(published), structlog.get_logger(), DoorLimits(connections=1, **limits))  # type: ignore[arg-type]  # no other limits
    port = await door.open("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(b"GET /tile/entries/009 HTTP/1.1\r\nHost: h\r\n\r\n")
        assert await asyncio.to_thread(silent.recv, 1)
        status, turned_away = 0, 0
        async with asyncio.timeout(120):
            while not status:
                try:
                    status = (await Asking(port)("/checkpoint")).status
                except (ConnectionError, http.client.HTTPException):
                    turned_away += 1
        assert (status, turned_away > 0) == (200, True)
    await door.close()


async def test_a_caller_who_takes_an_answer_slowly_gets_all_of_it(ask: Asking, published: Path) -> None:
    (published / "tile" / "entries" / "008").write_bytes(bytes(16_000_000))

    def read() -> int:
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that the server has to wait
            slow.connect(("127.0.0.1", ask.port))
            slow.sendall(b"GET /tile/entries/008 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            count = 0
            while piece := slow.recv(1 << 20):
                count += len(piece)
            return count

    assert await asyncio.to_thread(read) > 16_000_000
