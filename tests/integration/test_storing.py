"""A clearinghouse and a mirror that cosigns, as processes: a quorum counts what the mirror stores."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from builders import Identity
from commands import here
from mirrored import HOST, RunningMirror
from running import BOTH, ORIGIN, RunningServer, found, log_size
from waits import wait_until

from hashpact.audit.auditor import audit_whole
from hashpact.audit.remote import tile_source
from hashpact.clock import unix_time
from hashpact.config import HomeConfig, WitnessAt
from hashpact.domain import keys
from hashpact.domain.fingerprints import SHA256, Fingerprint
from hashpact.home.opening import open_home
from hashpact.home.paths import HomePaths, MirrorPaths
from hashpact.log import checkpoint, cosignature
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness
from hashpact.log.mirroring import Upload, UploadReader
from hashpact.log.note import verifier_key
from hashpact.member.author import Author, Reason
from hashpact.member.clients import Client
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.home import configured, open_mirror
from hashpact.mirror.storing.serving import open_depository
from hashpact.mirror.storing.signing import read_cosigner
from hashpact.service.append import Appender
from hashpact.storage.ledgers import open_ledger

NAME = "mirror.example/m1"
FRAUD = Reason(frozenset({"fraud"}))
PLACE = hashlib.sha256(ORIGIN.encode()).hexdigest()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A clearinghouse with a member."""
    return found(tmp_path, {"acme-video": BOTH})


def item(number: int) -> Fingerprint:
    return Fingerprint(SHA256, number.to_bytes(32))


def mirror_of(server: RunningServer, *options: str, measured: bool = False) -> RunningMirror:
    """A mirror of a server, as its member acme-video; the first start gives it its name."""
    directory = server.log_path.parent
    home, profile = directory / "mirror", directory / "acme-video"
    named = () if home.exists() else ("--name", NAME)
    options = ("--http", f"{HOST}:0", *options, *named)
    return RunningMirror(server.address, home, profile, *options, measured=measured)


def ask(home: Path, quorum: int, cosigner: Witness, url: str) -> None:
    """Have the home's server ask that mirror from its next start on."""
    config = HomeConfig(ORIGIN, mirrors=(WitnessAt(cosigner, url),), quorum=quorum)
    HomePaths(home).config.write_text(config.to_toml())


def cosigned(note: bytes, cosigner: Witness) -> bool:
    """Whether the mirror has cosigned a checkpoint."""
    return cosignature.verify(checkpoint.parse(note).note, cosigner, keys.verify) is not None


def held(mirror: Path) -> int:
    """How many leaves a mirror has stored for everybody."""
    ledger = open_ledger(MirrorPaths(mirror).held)
    try:
        return ledger.head().size
    finally:
        ledger.close()


def test_the_quorum_counts_it_and_everybody_reads_what_it_stores(home: Path) -> None:
    with RunningServer(home) as server:
        mirror = mirror_of(server, measured=True)
        port = int(server.address.rpartition(":")[2])
        cosigner = Witness.parse(here("mirror", "key", str(mirror.home)).out.strip())
        assert cosigner.name == NAME
        server.stop()
    ask(home, 1, cosigner, f"http://{mirror.http}")
    with mirror, RunningServer(home, port=port) as server, Client(server.profile("acme-video")) as client:
        receipts = [client.submit([item(number)], labels={"fraud"}) for number in range(3)]
        for receipt in receipts:
            assert cosigned(receipt.checkpoint, cosigner)
        size = receipts[-1].tree_size
        with tile_source(f"http://{mirror.http}/{PLACE}") as source:
            report = audit_whole(source, unix_time, lambda *_: None)
        assert (report.size, report.findings) == (size, ())
        assert report.checkpoint is not None
        assert cosigned(report.checkpoint, cosigner)
        assert mirror.stop() == 0
        with mirror_of(server, "--http", mirror.http):  # what it has stored is there
            receipt = client.submit([item(4)], labels={"fraud"})
            assert cosigned(receipt.checkpoint, cosigner)


class Cutting:
    """Stands before a mirror, and kills it once the first half of an upload has made it store something."""

    def __init__(self, mirror: RunningMirror, before: int) -> None:
        self.mirror: RunningMirror | None = mirror
        self.target = mirror.http
        self.before = before
        self.kept = 0
        self.answered: list[tuple[Upload, int]] = []
        self.cut = threading.Event()
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._server.server_port}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(cut) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - its own self is another
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind, packed = self.headers["Content-Type"], self.headers["Content-Encoding"]
                headers = {"Content-Type": kind} | ({"Content-Encoding": packed} if packed else {})
                if self.path == "/add-entries" and len(body) > 50_000 and not cut.cut.is_set():
                    cut.half(body)
                    self.close_connection = True
                    return
                with closing(http.client.HTTPConnection(cut.target, timeout=120)) as connection:
                    try:
                        connection.request("POST", self.path, body, headers)
                        response = connection.getresponse()
                        said = response.read()
                    except OSError:  # it is not there
                        self.close_connection = True
                        return
                if self.path == "/add-entries":
                    cut.answered.append((opened(body), response.status))
                self.send_response(response.status)
                self.send_header("Content-Type", response.headers["Content-Type"])
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                """Nothing is logged."""

        return Handler

    def half(self, body: bytes) -> None:
        """Send half of an upload, and kill the mirror once it has stored some leaves of it."""
        assert self.mirror is not None
        host, _, port = self.target.rpartition(":")
        with socket.create_connection((host, int(port))) as connection:
            head = f"POST /add-entries HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
            connection.sendall(head.encode() + b"Content-Encoding: gzip\r\n\r\n" + body[: len(body) // 2])
            wait_until(lambda: held(self.mirror_home) > self.before)
            self.mirror.kill()
        self.kept = held(self.mirror_home)
        self.cut.set()

    @property
    def mirror_home(self) -> Path:
        """The home of the mirror behind it."""
        assert self.mirror is not None
        return self.mirror.home


def opened(body: bytes) -> Upload:
    """The header of a packed upload."""
    reader = UploadReader()
    reader.feed(gzip.decompress(body))
    upload = reader.header()
    assert upload is not None
    return upload


def append(home: Path, count: int, author: Author) -> None:
    """Append that many entries to a home that is not served; none of them is signed."""
    with open_home(home) as opened_home:
        appender = Appender(opened_home.ledger, opened_home.clock())
        appender.append_all("acme-video", [author.submit([item(1000 + one)], FRAUD) for one in range(count)])


@pytest.fixture
def cutting(home: Path) -> Iterator[tuple[Cutting, RunningServer]]:
    """A mirror that will be killed in the middle of an upload, and the stopped server of its log."""
    with RunningServer(home) as server:
        mirror = mirror_of(server)
        author = server.author("acme-video")
    before = log_size(home)
    append(home, 1500, author)
    cut = Cutting(mirror, before)
    ask(home, 1, read_cosigner(MirrorPaths(mirror.home)), cut.url)
    try:
        yield cut, server
    finally:
        cut.close()


def test_a_mirror_that_is_killed_in_an_upload_goes_on_where_it_was(
    home: Path, cutting: tuple[Cutting, RunningServer]
) -> None:
    cut, before = cutting
    assert cut.mirror is not None
    cosigner = read_cosigner(MirrorPaths(cut.mirror.home))
    with RunningServer(home, port=int(before.address.rpartition(":")[2])) as server:
        assert cut.cut.wait(120)
        assert cut.before < cut.kept < 1500
        with mirror_of(server, "--http", cut.target), Client(server.profile("acme-video")) as client:
            receipt = client.submit([item(1)], labels={"fraud"}, timeout=120)
            assert cosigned(receipt.checkpoint, cosigner)
            uploads = [upload for upload, status in cut.answered[1:] if status == 200]
            assert uploads[0].start == cut.kept  # nothing that it had stored is uploaded again
            assert uploads[0].stop >= cut.before + 1500
            assert held(cut.mirror_home) == receipt.tree_size
        assert server.stop() == 0


def test_the_next_key_of_a_log_is_believed_for_trees_that_are_not_copied(home: Path) -> None:
    with RunningServer(home) as server, mirror_of(server) as mirror:
        assert mirror.stop() == 0
    size, following = log_size(home), Identity.of("next")
    with open_home(home) as opened_home:
        now = opened_home.charter().log_keys
    stated = [Checkpoint(ORIGIN, at, bytes(32)) for at in (size, size + 1)]
    old, new = (
        checkpoint.parse(checkpoint.sign(each, following.public, following.private.sign)) for each in stated
    )
    other = Checkpoint("other.example/log", size, bytes(32))
    stranger = checkpoint.parse(checkpoint.sign(other, following.public, following.private.sign))
    config = replace(configured(mirror.home), log_keys=(verifier_key(ORIGIN, following.public),))
    alarms: list[Alarm] = []
    with (
        open_mirror(mirror.home, config=config) as opened_mirror,
        open_depository(opened_mirror, alarms.append) as depository,
    ):
        assert depository.keys_of(old) == now
        assert depository.keys_of(new) == (*now, following.public)
        assert depository.keys_of(stranger) is None
    with open_mirror(mirror.home) as opened_mirror, open_depository(opened_mirror, alarms.append) as plain:
        assert plain.keys_of(new) == now
    assert alarms == []


def test_its_key_is_printed_and_its_name_stays(home: Path) -> None:
    with RunningServer(home) as server, mirror_of(server) as mirror:
        key = read_cosigner(MirrorPaths(mirror.home)).key
        said = here("mirror", "key", str(mirror.home), "--json")
        assert json.loads(said.out) == {"origin": ORIGIN, "name": NAME, "key": key}
        renamed = here("mirror", server.address, str(mirror.home), "--name", "mirror.example/m2")
        assert "--name is for the first start" in renamed.err
        assert "is not a mirror's home" in here("mirror", "key", str(home / "none")).error
        assert "Print the verifier key" in here("mirror", "key", "--help").out
