"""Numbers 80 and 81 of the hostile inputs: web servers that show a log, and mirrors that cosign, and lie.

An audit of a URL reads from a web server what it must not believe: bodies without end, of a wrong length or
slow, redirections, tiles that were exchanged. It ends in bounded memory and time with a fault or an error,
and keeps its last good state.
"""

from __future__ import annotations

import functools
import json
import shutil
import socket
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import World, fingerprint
from commands import apart
from memory import MemoryLedger
from mirrors import mirror
from storing import STATE, StoringMirror
from webs import answered, path_of, scripted, static

from hashpact.audit import remote
from hashpact.cli.main import run
from hashpact.domain.fingerprints import PDQ
from hashpact.errors import DeadlineError
from hashpact.http.client import UploadClient, WitnessClient
from hashpact.http.fetching import HttpFiles
from hashpact.log.checkpoint import parse
from hashpact.member.author import Reason
from hashpact.service.cosign import Quorum
from hashpact.service.publishing.mirroring import Contents, MirrorLink

EARLY = 40
LATE = 300
MEMORY = 400
"""MiB that an audit may have, whatever it reads."""
NCII = Reason(frozenset({"ncii"}))


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two copies of one log: ``early`` and ``late``."""
    directory = tmp_path_factory.mktemp("copies")
    world, ledger = World(), MemoryLedger()
    world.found(ledger, "acme")
    guard, appender, acme = world.guard(ledger), world.appender(ledger), world.author("acme")
    for size, name in ((EARLY, "early"), (LATE, "late")):
        while ledger.head().size < size:
            appender.append("acme", acme.submit([fingerprint(PDQ, str(ledger.head().size))], NCII))
        guard.sign()
        mirror(ledger, directory / name)
    return directory


class Audit:
    """A follower that audits one URL after another."""

    def __init__(self, place: Path) -> None:
        self.last, self.evidence = place / "last", place / "evidence"

    @property
    def options(self) -> list[str]:
        """Where it keeps what it knows."""
        return ["--from", str(self.last), "--evidence", str(self.evidence)]

    def __call__(self, url: str) -> int:
        """The exit status of an audit."""
        return run(["audit", url, *self.options])

    @property
    def size(self) -> int:
        """The size of the last good state."""
        return parse(self.last.read_bytes()).checkpoint.size

    @property
    def faults(self) -> list[tuple[str, int | None]]:
        """What the evidence says is wrong."""
        report = json.loads((self.evidence / "report.json").read_text())
        return [(fault["topic"], fault["index"]) for fault in report["faults"]]


@pytest.fixture
def audit(tmp_path: Path, mirrored: Path, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """A follower that knows the early log, and waits for nothing longer than half a second."""
    quick = functools.partial(HttpFiles, timeout=5.0, whole=0.5, pauses=())
    monkeypatch.setattr(remote, "HttpFiles", quick)
    made = Audit(tmp_path)
    with static(mirrored) as (url, _):
        assert made(f"{url}/early") == 0
    return made


def serving(
    directory: Path, name: str, answer: bytes | Callable[[socket.socket], None]
) -> Callable[[bytes, socket.socket], None]:
    """Serves a copy, but for one file."""

    def script(head: bytes, connection: socket.socket) -> None:
        path = path_of(head).lstrip("/")
        if path == name and isinstance(answer, bytes):
            connection.sendall(answer)
        elif path == name and not isinstance(answer, bytes):
            answer(connection)
        else:
            file = directory / path
            found = file.is_file()
            connection.sendall(
                answered(file.read_bytes() if found else b"", "200 OK" if found else "404 Not Found")
            )

    return script


FILES = ("checkpoint", "tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "tile/1/000.p/1")


def test_80_an_honest_web_server_and_its_directory_give_the_same_report(
    mirrored: Path, audit: Audit, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    reports = []
    with static(mirrored) as (url, asked):
        for place in (str(mirrored / "late"), f"{url}/late"):
            assert run(["audit", place, "--json"]) == 0
            reports.append(json.loads(capsys.readouterr().out))
        assert reports[0] == reports[1]
        assert reports[0]["size"] == LATE
        assert audit(f"{url}/late/") == 0
        assert audit.size == LATE
        assert len(asked) == 2 * 6  # a checkpoint, two bundles, three tiles of hashes


@pytest.mark.parametrize("name", FILES)
def test_80_a_body_without_end_is_not_read(mirrored: Path, audit: Audit, name: str) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(1 << 20))

    with scripted(serving(mirrored / "late", name, endless)) as url:
        done = apart("audit", url, *audit.options)
    assert done.status == 1
    assert "has more than" in done.out
    assert done.peak < MEMORY
    assert audit.size == EARLY


def test_80_a_small_body_that_unpacks_to_gigabytes_is_not_unpacked(mirrored: Path, audit: Audit) -> None:
    packing = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    head, block = (packing.compress(bytes(1 << 20)) + packing.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bomb = head + 2000 * block  # after a full flush a block does not depend on those before
    assert len(zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head + 2 * block)) == 3 << 20
    packed = answered(bomb, "200 OK", "Content-Encoding: gzip")
    with scripted(serving(mirrored / "late", "tile/entries/000", packed)) as url:
        done = apart("audit", url, *audit.options)
    assert (done.status, done.peak < MEMORY) == (1, True)
    assert "has more than" in done.out
    assert audit.size == EARLY


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("length", [-1, +1, 1 << 40])
def test_80_a_wrong_length_is_no_verdict_or_a_fault(
    mirrored: Path, audit: Audit, capsys: pytest.CaptureFixture[str], name: str, length: int
) -> None:
    data = (mirrored / "late" / name).read_bytes()
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (len(data) + length)

    def lie(connection: socket.socket) -> None:
        connection.sendall(head + data)
        connection.shutdown(socket.SHUT_RDWR)

    with scripted(serving(mirrored / "late", name, lie)) as url:
        status = audit(url)
    told = capsys.readouterr()
    if length < 0:
        assert status == 1
        assert audit.evidence.exists()
    else:
        assert status != 0
        assert "cut short" in told.err
        assert not audit.evidence.exists()
    assert audit.size == EARLY


@pytest.mark.parametrize("name", FILES)
def test_80_a_slow_answer_has_its_time_and_no_more(
    mirrored: Path, audit: Audit, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    def slow(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        connection.settimeout(0.05)
        while True:
            connection.sendall(b"x")
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    with scripted(serving(mirrored / "late", name, slow)) as url:
        assert audit(url) not in {0, 1}
    assert "no whole answer within 0.5 s" in capsys.readouterr().err
    assert not audit.evidence.exists()
    assert audit.size == EARLY


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://127.0.0.1:1/x", "gopher://x", "OTHER"])
def test_80_a_redirection_to_a_file_or_another_host_is_not_followed(
    mirrored: Path, audit: Audit, capsys: pytest.CaptureFixture[str], name: str, target: str
) -> None:
    with static(mirrored / "late") as (other, asked):
        aim = target.replace("OTHER", f"{other}/{name}")
        redirection = answered(b"", "302 Found", f"Location: {aim}")
        with scripted(serving(mirrored / "late", name, redirection)) as url:
            assert audit(url) not in {0, 1}
        assert asked == []
    assert f"{name} redirects to '{aim}', which is not followed" in capsys.readouterr().err
    assert audit.size == EARLY


def other_log(place: Path, size: int) -> Path:
    """Another log of that size, whose leaves are as long."""
    world, ledger = World("other"), MemoryLedger()
    world.found(ledger, "acme")
    acme = world.author("acme")
    while ledger.head().size < size:
        world.appender(ledger).append("acme", acme.submit([fingerprint(PDQ, "other")], NCII))
    world.guard(ledger).sign()
    return mirror(ledger, place)


@pytest.mark.parametrize(
    ("name", "by", "wanted"),
    [
        ("tile/0/001.p/44", "tile/0/000", ("tile", 256)),
        ("tile/0/001.p/44", "early/tile/0/000.p/40", ("tile", 256)),
        ("tile/1/000.p/1", "tile/0/001.p/44", ("tile", 0)),
        ("tile/entries/001.p/44", "tile/entries/000", ("source", 256)),
        ("tile/entries/001.p/44", "early/tile/entries/000.p/40", ("source", 256)),
        ("tile/entries/000", "tile/entries/001.p/44", ("source", 0)),
        ("tile/0/000", "other/tile/0/000", ("tile", 0)),
        ("tile/0/001.p/44", "other/tile/0/001.p/44", ("tile", 256)),
        ("tile/entries/001.p/44", "other/tile/entries/001.p/44", ("leaf", 256)),
        ("checkpoint", "other/checkpoint", ("checkpoint", 299)),
    ],
)
def test_80_an_exchanged_tile_is_found(  # noqa: PLR0913, PLR0917 - what is exchanged by what
    mirrored: Path, audit: Audit, tmp_path: Path, name: str, by: str, wanted: tuple[str, int]
) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(mirrored / "late", altered)
    first, _, rest = by.partition("/")
    sources = {"early": lambda: mirrored / "early", "other": lambda: other_log(tmp_path / "other", LATE)}
    source = sources[first]() / rest if first in sources else mirrored / "late" / by
    shutil.copyfile(source, altered / name)
    with static(altered) as (url, _):
        assert audit(url) == 1
    assert audit.faults[0] == wanted
    assert audit.size == EARLY


def test_80_an_older_log_and_a_missing_tile_are_found(mirrored: Path, audit: Audit, tmp_path: Path) -> None:
    with static(mirrored) as (url, _):
        assert audit(f"{url}/late") == 0
        assert audit(f"{url}/early") == 1
        assert audit.faults == [("checkpoint", EARLY)]
    altered = tmp_path / "altered"
    shutil.copytree(mirrored / "late", altered)
    (altered / "tile" / "entries" / "001.p" / "44").unlink()
    audit.evidence = tmp_path / "second"
    with static(altered) as (url, asked):
        assert audit(url) == 1
        assert {"/tile/entries/001.p/44", "/tile/entries/001"} <= set(asked)
    assert audit.faults == [("source", 256)]
    assert audit.size == LATE


def test_80_a_full_tile_serves_where_the_partial_one_has_gone(
    mirrored: Path, audit: Audit, tmp_path: Path
) -> None:
    """The log has grown, and been cleaned up, since the checkpoint was read."""
    altered = tmp_path / "altered"
    shutil.copytree(mirrored / "late", altered)
    shutil.copyfile(mirrored / "early" / "checkpoint", altered / "checkpoint")
    with static(altered) as (url, asked):
        assert audit(url) == 0
        assert "/tile/entries/000" in asked
    assert audit.size == EARLY


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@log.example/",
        "https://log.example/?a=b",
        "https://log.example/#a",
        "https://log.example/a b",
        "https:///a",
        "http://",
    ],
)
def test_80_a_url_with_credentials_or_a_query_is_refused(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", url]) != 0
    assert "a log's URL is like" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/add-entries", 200, b""),
        ("/add-entries", 202, b"60\n0\n\n"),
        ("/add-entries", 409, b"60\n0\n\n"),
        ("/add-entries", 202, b"x" * 200_000),
        ("/add-entries", 307, b""),
        ("/add-checkpoint", 422, b"no\n"),
    ],
)
def test_81_a_mirror_that_does_not_store_is_not_counted_and_holds_nothing_up(
    tmp_path: Path, path: str, status: int, body: bytes
) -> None:
    world, ledger = World(), MemoryLedger()
    world.found(ledger, "acme")
    acme = world.author("acme")
    while ledger.head().size < 60:
        world.appender(ledger).append("acme", acme.submit([fingerprint(PDQ, str(ledger.head().size))], NCII))
    with StoringMirror(tmp_path / "mirror", world.origin, world.log_key.public) as asked:
        asked.lie = lambda where, _said: (status, STATE, body) if where == path else None
        post, upload = WitnessClient(asked.url), UploadClient(asked.url)
        link = MirrorLink(asked.witness, post, upload=upload, contents=Contents.of(ledger))
        needed, not_needed = (
            Quorum([link], least, lambda: ledger.head().size, timeout=5) for least in (1, 0)
        )
        with pytest.raises(DeadlineError, match="0 of 1 witnesses cosigned"):
            world.guard(ledger, needed).sign()
        note = parse(world.guard(ledger, not_needed).sign().note).note
        assert [line.name for line in note.signatures] == [world.origin]
        assert len(asked.asked) < 20
        needed.close()
        not_needed.close()
        post.close()
        upload.close()
