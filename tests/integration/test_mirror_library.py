"""A mirror that a program has opened: it copies if nobody else does, and answers whatever the source does.

Two of them on one machine do not get in each other's way.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from builders import fingerprint
from commands import here
from mirrored import RunningMirror, copied
from running import BOTH, RunningServer, found
from waits import wait_until

from hashpact import Alarm, Mirror, MirrorWarning
from hashpact.domain.fingerprints import PARTS, PDQ, SHA256, Fingerprint
from hashpact.durable import claimed
from hashpact.errors import BehindError, CommitFailedError, ConfigError, ConflictError, InvalidInputError
from hashpact.keys.passphrase import Passphrases
from hashpact.member import papers
from hashpact.member.clients import Client
from hashpact.mirror import copying, process
from hashpact.mirror.configured import MirrorConfig
from hashpact.mirror.home import make_mirror, open_mirror
from hashpact.mirror.replicating import Replicator
from hashpact.mirror.snapshots.files import open_snapshot
from hashpact.service import following
from hashpact.serving.upkeep import Stop

ONE = fingerprint(PDQ, "one")
TWO = fingerprint(PDQ, "two")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A clearinghouse with a member."""
    return found(tmp_path, {"acme-video": BOTH})


@pytest.fixture
def server(home: Path) -> Iterator[RunningServer]:
    """Its server."""
    with RunningServer(home, "--workers", "1") as running:
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


def test_it_copies_if_nobody_else_does(client: Client, copy: Path) -> None:
    with Mirror(copy) as mirror:
        shared = client.submit([ONE], labels=["fraud"])
        answer = mirror.check([ONE], min_position=shared.tree_size)
        assert [match.entry for match in answer.matches] == [shared.index]
        assert answer == client.check([ONE], min_position=shared.tree_size)
        assert (mirror.copies, mirror.position, mirror.trouble) == (True, shared.tree_size, None)
        gone = client.withdraw(shared.index, "mistake")
        assert mirror.check([ONE], min_position=gone.tree_size).matches == ()
        with Mirror(copy) as second:  # of two programs one copies
            assert not second.copies
            shared = client.submit([TWO], labels=["fraud"])
            assert second.check([TWO], min_position=shared.tree_size).matches != ()
    assert (copy / "segments" / "manifest").exists()
    assert here("log", "verify", str(copy)).status == 0


def test_it_takes_over_when_the_one_that_copied_is_gone(
    server: RunningServer, client: Client, tmp_path: Path
) -> None:
    running = RunningMirror(server.address, tmp_path / "copy", tmp_path / "acme-video")
    with Mirror(running.home) as mirror:
        shared = client.submit([ONE], labels=["fraud"])
        assert mirror.check([ONE], min_position=shared.tree_size).matches != ()
        assert not mirror.copies
        running.kill()
        wait_until(lambda: mirror.copies)
        shared = client.submit([TWO], labels=["fraud"])
        assert mirror.check([TWO], min_position=shared.tree_size).matches != ()


def test_a_profile_that_cannot_be_read_when_it_takes_over_is_an_alarm_and_read_again(
    server: RunningServer, client: Client, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "AGAIN", 0.05)
    profile, alarms = tmp_path / "acme-video", SimpleQueue[Alarm]()
    with RunningMirror(server.address, copy, profile) as other, Mirror(copy, on_alarm=alarms.put) as mirror:
        assert not mirror.copies
        moved = profile.rename(tmp_path / "moved")
        other.kill()
        alarm = alarms.get(timeout=120)
        assert (alarm.kind, alarm.message.startswith("cannot copy: ")) == ("fault", True)
        assert mirror.check([ONE]).checked
        moved.rename(profile)
        shared = client.submit([ONE], labels=["fraud"])
        assert mirror.check([ONE], min_position=shared.tree_size, timeout=120).matches


def test_to_copy_once_is_to_ask_the_log_whatever_an_earlier_copying_wrote(
    server: RunningServer, client: Client, copy: Path, tmp_path: Path
) -> None:
    written = json.loads((copy / "copied").read_text())
    client.submit([ONE], labels=["fraud"])
    (copy / "copied").write_text(json.dumps({**written, "level_at": int(time.time()) + 3600}))
    copied(server.address, copy, tmp_path / "acme-video")
    assert json.loads((copy / "copied").read_text())["announced"] == written["announced"] + 1


def test_a_position_that_the_log_does_not_have_is_waited_for_and_then_an_error(copy: Path) -> None:
    with Mirror(copy, timeout=0.3) as mirror:
        with pytest.raises(BehindError):
            mirror.check([ONE], min_position=10**6)
        with pytest.raises(BehindError):
            list(mirror.check_many([ONE], min_position=10**6, timeout=0.1))
        assert not mirror.check([ONE], min_position=10**6, on_unavailable="open").checked
        with pytest.raises(InvalidInputError, match="timeout"):
            mirror.check([ONE], timeout=0)


def test_it_signs_nothing_and_packs_no_sets(copy: Path) -> None:
    with Mirror(copy) as mirror:
        with pytest.raises(ConflictError, match="attests no answers"):
            mirror.check([ONE], attest=True)
        with pytest.raises(InvalidInputError, match="cannot be packed"):
            list(mirror.check_many([Fingerprint(PARTS, bytes(range(38)) * 8)]))


def test_many_are_answered_in_their_order(client: Client, copy: Path) -> None:
    codes = [fingerprint(SHA256, str(number)) for number in range(40)]
    receipts = [client.submit([code], labels=["fraud"]) for code in codes[:10]]
    with Mirror(copy) as mirror:
        answers = list(mirror.check_many(codes, min_position=receipts[-1].tree_size))
        assert [[match.entry for match in answer.matches] for answer in answers] == [
            *([receipt.index] for receipt in receipts),
            *[[]] * 30,
        ]
        assert all(answer.lag is not None for answer in answers)


def test_a_log_that_was_rolled_back_is_refused_and_the_copy_answered_from(
    home: Path, server: RunningServer, copy: Path, tmp_path: Path
) -> None:
    port = int(server.address.rpartition(":")[2])
    server.stop()
    kept = tmp_path / "kept" / "home"
    shutil.copytree(home, kept)

    def refuses(mirror: Mirror) -> None:
        with RunningServer(home, "--workers", "1", port=port) as before:
            with Client(before.profile("acme-video")) as client:
                shared = client.submit([ONE], labels=["fraud"])
            assert mirror.check([ONE], min_position=shared.tree_size).matches != ()
        with RunningServer(kept, "--workers", "1", port=port):
            wait_until(lambda: (mirror.trouble or "").startswith(("rollback:", "fork:")))
            answer = mirror.check([ONE])
            assert [match.entry for match in answer.matches] == [shared.index]
            assert answer.position == shared.tree_size
        (evidence,) = (copy / "evidence").iterdir()
        profile = str(tmp_path / "acme-video")
        verified = here("evidence", "verify", str(evidence), "--profile", profile)
        # Both are signed. Of two sizes only the log can show whether one extends the other, and it does not.
        assert (verified.status, "ask it for the proof" in verified.out) == (1, True)

    with Mirror(copy) as mirror, pytest.warns(MirrorWarning, match="the mirror's source: "):
        refuses(mirror)
    told: SimpleQueue[Alarm] = SimpleQueue()

    def tell(alarm: Alarm) -> None:
        told.put(alarm)
        raise OSError

    with RunningServer(kept, "--workers", "1", port=port), Mirror(copy, on_alarm=tell):
        for _ in range(2):  # what it raises does not end the copying
            assert told.get(timeout=120).kind in {"rollback", "fork"}


def test_what_is_confidential_to_others_is_not_missing_in_a_copy(client: Client, copy: Path) -> None:
    now = int(time.time())
    point = papers.contact(
        "notices", "notices@acme.example", languages=["vi"], valid_from=now, valid_to=now + 3600
    )
    stated = client.state(point)
    with Mirror(copy) as mirror:
        mirror.check([ONE], min_position=stated.tree_size)
    verified = here("log", "verify", str(copy), "--json")
    assert (verified.status, json.loads(verified.out)["size"]) == (0, stated.tree_size), verified.out


def test_others_may_not_read_the_home(copy: Path) -> None:
    copy.chmod(0o750)
    with pytest.raises(ConfigError, match="chmod 700"):
        Mirror(copy)


def test_the_socket_of_another_process_is_not_taken(server: RunningServer, tmp_path: Path) -> None:
    """Otherwise gRPC unlinks it and binds its own: the first mirror would answer nobody any more."""
    profile = str(tmp_path / "acme-video")

    def refuse_socket(what: str, place: str | None, home: str) -> None:
        listen = () if place is None else ("--listen", place)
        done = here("mirror", server.address, str(tmp_path / home), "--profile", profile, *listen)
        assert (done.status, what in done.err, done.out) == (2, True, ""), done.err

    with RunningMirror(server.address, tmp_path / "first", Path(profile)) as mirror, mirror.client() as asked:
        refuse_socket("another process answers at", mirror.socket, "second")
        assert asked.check([ONE]).checked
    with contextlib.ExitStack() as sockets:  # one that answers, and is busy
        busy = sockets.enter_context(socket.socket(socket.AF_UNIX))
        busy.bind(str(tmp_path / "busy"))
        busy.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                visitor = sockets.enter_context(socket.socket(socket.AF_UNIX))
                visitor.settimeout(0)
                visitor.connect(str(tmp_path / "busy"))
        refuse_socket("another process answers at", f"unix:{tmp_path / 'busy'}", "second")
    # What cannot be a socket is said before anything is copied.
    refuse_socket("Not a directory", f"unix:{tmp_path}/acme-video/profile.toml/socket", "second")
    refuse_socket("name another one with --listen unix:PATH", None, "x" * 100)


def test_a_mirror_begins_with_a_snapshot(
    home: Path, server: RunningServer, client: Client, tmp_path: Path
) -> None:
    """It is written at the clearinghouse or at a mirror, and of a damaged one no home is made."""
    first, file, second = client.submit([ONE], labels=["fraud"]), tmp_path / "file", tmp_path / "second"
    written = here("mirror", "snapshot", home, file, "--json")
    told = json.loads(written.out)
    assert (told["position"], told["bytes"]) == (first.tree_size, file.stat().st_size)
    assert told["root"] == client.checkpoint().checkpoint.root.hex()
    later = client.submit([TWO], labels=["hate"])
    begin = ("mirror", server.address, second, "--profile", tmp_path / "acme-video", "--once", "--snapshot")
    altered = tmp_path / "altered"
    altered.write_bytes(file.read_bytes()[:-40] + bytes(40))
    refused = here(*begin, altered)
    assert (refused.status, second.exists()) == (6, False)
    assert refused.err.startswith(f"hashpact: {altered} is not whole, or was altered")
    done = here(*begin, file)
    assert done.status == 0, done.err
    with Mirror(second) as mirror:
        assert [mirror.check([code]).matches[0].entry for code in (ONE, TWO)] == [first.index, later.index]
    assert here("log", "verify", second).status == 0
    again = here("mirror", "snapshot", second, tmp_path / "again")
    assert f"{later.tree_size} leaves" in again.out
    assert here(*begin, tmp_path / "again").status == 0  # it has all of it
    refused = here(*begin, file)
    assert (refused.status, "a snapshot is for its start" in refused.err) == (2, True)
    with open_mirror(second) as opened, claimed(opened.paths.copying):
        refused = here(*begin, tmp_path / "again")
    assert (refused.status, "another process copies into" in refused.err) == (2, True)


def test_a_start_that_is_interrupted_goes_on_where_it_was(
    home: Path, server: RunningServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, file, second = client.submit([ONE], labels=["fraud"]), tmp_path / "file", tmp_path / "second"
    with monkeypatch.context() as patched:
        patched.setattr(following, "MAX_FOLLOWED", 2)
        assert here("mirror", "snapshot", home, file).status == 0
    profile = client.profile
    config = MirrorConfig(profile.origin, profile.genesis, server.address, tmp_path / "acme-video")
    make_mirror(second, config, Passphrases({}))
    stops: list[Stop] = []

    class Noted(Stop):
        def __init__(self, *arguments: Any) -> None:  # noqa: ANN401  # as of the class
            super().__init__(*arguments)
            stops.append(self)

    def told(done: int, total: int) -> None:
        assert (done, total) == (2, shared.tree_size)
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(stops[0].event.is_set)

    with monkeypatch.context() as patched:
        patched.setattr(process, "Stop", Noted)
        with open_mirror(second) as opened, open_snapshot(file) as snapshot:
            assert process.serve_mirror(opened, print, told, once=True, snapshot=snapshot) == 2
    assert here("mirror", server.address, second, "--once", "--snapshot", file).status == 0
    with Mirror(second) as mirror:
        assert [match.entry for match in mirror.check([ONE]).matches] == [shared.index]


def test_58_one_that_only_copies_does_not_wait_for_room(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        msg = "the disk is full"
        raise CommitFailedError(msg)

    monkeypatch.setattr(Replicator, "run", run)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with open_mirror(copy) as opened, pytest.raises(CommitFailedError, match="the disk is full"):
        process.serve_mirror(opened, print, lambda *_: None, once=True)
