"""The window of a mirror: off it keeps nothing, on it tells of uploads that match what was shared later."""

from __future__ import annotations

import base64
import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import ClassVar

import pytest
from builders import fingerprint
from commands import here
from mirrored import RunningMirror, copied
from running import BOTH, RunningServer, found

from hashpact import Alarm, Mirror, MirrorWarning, RetroMatch
from hashpact.domain.fingerprints import PDQ, SHA256, Fingerprint
from hashpact.errors import ConfigError, InvalidInputError
from hashpact.member.clients import Client

ONE, TWO, THREE = (fingerprint(PDQ, name) for name in ("one", "two", "three"))
MARK = bytes.fromhex("9c5a3df0621ebb47")
"""What begins every code of the search through memory, and nothing else."""
CHECKS = 3_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A clearinghouse with a member."""
    with RunningServer(found(tmp_path, {"acme-video": BOTH}), "--workers", "1") as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """A client of it."""
    with Client(server.profile("acme-video")) as connected:
        yield connected


@pytest.fixture
def copy(server: RunningServer, tmp_path: Path) -> Path:
    """The home of a mirror of it that no process has open."""
    return copied(server.address, tmp_path / "copy", tmp_path / "acme-video")


def turn(copy: Path, *, on: bool) -> None:
    """Turn the window of a mirror on or off."""
    path = copy / "mirror.toml"
    text = re.sub(r"\n(# )?\[retro\][^$]*", "", path.read_text())
    path.write_text(text + ("\n[retro]\nwindow = 3\nsize = 16777216\n" if on else "\n"))


def test_a_program_is_told_of_uploads_that_match_what_was_shared_later(client: Client, copy: Path) -> None:
    turn(copy, on=True)
    told: SimpleQueue[RetroMatch] = SimpleQueue()
    with Mirror(copy, on_retro=told.put) as mirror:
        assert mirror.check([ONE], reference="upload 7").matches == ()
        assert mirror.check([THREE], reference="upload 8").matches == ()
        list(mirror.check_many([TWO, fingerprint(SHA256, "x")]))
        shared = client.submit([ONE], labels=["fraud"])
        match = told.get(timeout=120)
        assert (match.reference, match.near.entry) == ("upload 7", shared.index)
        assert match.near.labels == ("fraud",)
        other = client.submit([TWO], labels=["hate"])
        match = told.get(timeout=120)
        assert (match.reference, match.near.entry) == ("", other.index)
        for wrong in ("x" * 65, "é" * 33, "\ud800", 7):
            with pytest.raises(InvalidInputError, match="at most 64 bytes"):
                mirror.check([ONE], reference=wrong)  # type: ignore[arg-type]  # it is wrong
        with pytest.raises(InvalidInputError, match="of one upload"):
            list(mirror.check_many([ONE], reference="several"))
        with pytest.raises(InvalidInputError, match="of one upload"):
            list(mirror.check_files([b"text", b"more"], reference="several"))
        with pytest.raises(InvalidInputError, match="a clearinghouse may answer here"):
            client.check([ONE], reference="upload 7")
    assert told.empty()
    turn(copy, on=False)
    with pytest.raises(ConfigError, match="no \\[retro\\] table"):
        Mirror(copy, on_retro=told.put)
    assert not (copy / "retro").exists()
    assert not (copy / "pki" / "retro.key").exists()


def test_a_served_mirror_keeps_and_the_command_tells_once(
    server: RunningServer, client: Client, copy: Path, tmp_path: Path
) -> None:
    turn(copy, on=True)
    with RunningMirror(server.address, copy, tmp_path / "acme-video") as running:
        with running.client() as asked:
            asked.check([ONE], reference="by the socket")
            list(asked.check_many([TWO]))
            with pytest.raises(InvalidInputError, match="at most 64 bytes"):
                asked.check([ONE], reference="x" * 65)
            (streamed,) = asked.check_stream([[ONE]], reference="several")
            assert isinstance(streamed, InvalidInputError)
        file = tmp_path / "upload.txt"
        file.write_text("the same words in the same order, again and again and again")
        check = ("check", file, "--profile", tmp_path / "acme-video", "--reference", "by the command")
        assert here(*check, "--address", running.socket).status == 1
        refused = here(*check, "--address", server.address)
        assert (refused.status, "a clearinghouse may answer here" in refused.err) == (2, True)
        several = here(*check, file, "--address", running.socket)
        assert (several.status, "a reference is of one upload" in several.err) == (2, True)
        running.kill()  # what was answered is kept
        with Mirror(copy) as mirror:
            mirror.check([THREE], reference="ours")
        entries = [client.submit([code], labels=["fraud"]).index for code in (ONE, TWO, THREE)]
        made = client.check_file(str(file)).made
        assert made is not None
        entries.append(client.submit(made.fingerprints, labels=["fraud"]).index)
    assert here("mirror", server.address, str(copy), "--once").status == 0
    done = here("mirror", "retro", str(copy), "--json")
    assert (done.status, done.err) == (0, "")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert sorted((event["entry"], event["reference"]) for event in events) == [
        (entries[0], "by the socket"),
        (entries[1], ""),
        (entries[2], "ours"),
        (entries[3], "by the command"),
    ]
    assert {(event["type"], *event["labels"]) for event in events} == {("retro.match", "fraud")}
    again = here("mirror", "retro", str(copy))
    assert (again.status, again.out) == (1, f"0 matches in 0 uploads, at position {entries[3] + 1}\n")
    since = here("mirror", "retro", str(copy), "--since", str(entries[2]))
    assert since.status == 0
    assert f"ours entry {entries[2]} same fraud pdq/1 0\n" in since.out
    every = here("mirror", "retro", str(copy), "--since", "2020-01-01T00:00:00Z", "--json")
    assert {json.loads(line)["id"] for line in every.out.splitlines()} == {event["id"] for event in events}
    assert here("mirror", "retro", str(copy), "--since", "2100-01-01T00:00:00Z").status == 1
    for wrong in ("yesterday", "2026-01-01"):
        assert "neither a log index nor a time" in here("mirror", "retro", str(copy), "--since", wrong).err
    segment = min((copy / "retro").glob("*.packed"))
    segment.write_bytes(segment.read_bytes()[:-1])
    damaged = here("mirror", "retro", str(copy))
    assert (damaged.status, str(segment) in damaged.err) == (6, True)


class _Receiver(http.server.BaseHTTPRequestHandler):
    """A webhook's receiver: it notes ids and events."""

    got: ClassVar[list[tuple[str, dict[str, object]]]] = []

    def do_POST(self) -> None:
        """Take an event."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.headers["webhook-id"], json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_webhook_gets_each_match_and_what_it_does_not_take_is_told_again(
    client: Client, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(copy, on=True)
    with Mirror(copy) as mirror:
        mirror.check([ONE], reference="upload 7")
        shared = client.submit([ONE], labels=["fraud"])
        assert mirror.check([TWO], min_position=shared.tree_size).matches == ()
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + base64.b64encode(bytes(32)).decode())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Receiver) as receiver:
        url = f"http://127.0.0.1:{receiver.server_port}/"
        command = ("mirror", "retro", str(copy), "--webhook", url, "--secret-file", str(secret))
        with monkeypatch.context() as patched:
            patched.setattr("hashpact.cli.hooks._PATIENCE", 0.2)
            patched.setattr("hashpact.member.watching.webhook.TIMEOUT", 0.3)
            refused = here(*command)  # it is bound, and answers nobody yet
        assert (refused.status, "run the command again" in refused.err) == (4, True)
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        assert here(*command).status == 0
        assert here(*command).status == 1
        receiver.shutdown()
        thread.join()
    assert {event["reference"] for _, event in _Receiver.got} == {"upload 7"}
    assert len({name for name, _ in _Receiver.got}) == 1


def test_what_cannot_be_kept_is_an_alarm_and_checks_go_on(copy: Path) -> None:
    turn(copy, on=True)
    told: SimpleQueue[Alarm] = SimpleQueue()
    for alarmed in (told.put, None):
        with Mirror(copy, on_alarm=alarmed) as mirror:
            mirror.check([ONE])
            (copy / "retro").rename(copy / "moved")
            (copy / "retro").write_bytes(b"")
            if alarmed is None:
                with pytest.warns(MirrorWarning, match="the mirror's window: uploads are not kept"):
                    _until_dropped(mirror, copy)
            else:
                _until_dropped(mirror, copy)
                assert told.get(timeout=120).kind == "retro"
        (copy / "retro").unlink()


def _until_dropped(mirror: Mirror, copy: Path) -> None:
    for path in (copy / "moved").iterdir():
        path.unlink()
    (copy / "moved").rmdir()
    assert mirror.check([ONE]).checked


PROGRAM = """
import hashlib, sys
from hashpact import Fingerprint, Mirror
mark = bytes.fromhex(sys.argv[2])
def code(number):
    half = hashlib.sha256(b"%d" % number).digest()[:12]
    return Fingerprint("pdq/1", mark + half + bytes(byte ^ 255 for byte in half))
with Mirror(sys.argv[1]) as mirror:
    for number in range(int(sys.argv[3])):
        mirror.check([code(number)])
    print("done", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("on", [False, True])
def test_off_means_that_nothing_is_kept(copy: Path, *, on: bool) -> None:
    turn(copy, on=on)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(copy), MARK.hex(), str(CHECKS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"done\n"
        seen = _codes(_memory(process.pid))
        process.stdin.close()
        assert process.wait(120) == 0
    for path in copy.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not _codes(data), path
            assert MARK.hex().encode() not in data.lower(), path
    assert (copy / "retro").exists() is on
    if on:  # until its segment is packed a window has them in memory: the search finds what is there
        assert len(seen) == CHECKS
    else:  # leftovers of the last checks, in memory that was given back
        assert len(seen) < CHECKS // 100


def _memory(pid: int) -> bytes:
    """What a process can write, and what it has mapped, as it lies in memory now."""
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, mode, *_ = line.split()
            first, last = (int(part, 16) for part in place.split("-"))
            if mode.startswith("r") and not line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                try:
                    memory.seek(first)
                    parts.append(memory.read(last - first))
                except (OSError, OverflowError):  # a part that nobody can read
                    continue
    return b"\0".join(parts)


def _codes(data: bytes) -> set[bytes]:
    """The codes in these bytes: after the mark come 12 bytes, and then their complement."""
    codes = set()
    for one in re.finditer(re.escape(MARK), data):
        half, rest = data[one.end() : one.end() + 12], data[one.end() + 12 : one.end() + 24]
        if len(rest) == 12 and rest == bytes(byte ^ 255 for byte in half):
            codes.add(Fingerprint(PDQ, MARK + half + rest).value)
    return codes
