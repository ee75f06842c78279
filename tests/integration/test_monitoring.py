"""`hashpact monitor` of a running server and of its tiles, as people run it, and killed as they are."""

from __future__ import annotations

import functools
import http.server
import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from builders import fingerprint
from forking import UNMEASURED, started
from mirrors import mirror
from running import BOTH, RunningServer, found

from hashpact.cli import exits
from hashpact.cli.main import run
from hashpact.domain import statements
from hashpact.domain.fingerprints import PDQ
from hashpact.home.opening import open_home
from hashpact.log import tiles
from hashpact.member.clients import Client

SECRET = "whsec_" + "QUJD" * 11


@dataclass
class Watched:
    """A server with two members, and where one of them keeps a monitor's state."""

    directory: Path
    server: RunningServer
    entries: list[int]

    def command(self, *more: str, place: str | None = None) -> list[str]:
        """The arguments of a monitor of lotus-forum's."""
        where = self.server.address if place is None else place
        profile = ("--profile", str(self.directory / "lotus-forum")) if place is None else ()
        return ["monitor", where, *profile, "--state", str(self.directory / "state"), "--json", *more]

    def share(self, member: str, *names: str) -> list[int]:
        """Share entries; their indexes."""
        with Client(self.server.profile(member)) as client:
            return [client.submit([fingerprint(PDQ, name)], labels={"other"}).index for name in names]

    def mirror(self, name: str) -> Path:
        """The log as it is signed now, as tiles in a directory."""
        with open_home(self.directory / "home") as opened:
            place = mirror(opened.ledger, self.directory / name)
            (place / "documents").mkdir()
            for leaf in opened.ledger.leaves(0, opened.ledger.head().size):
                for digest in statements.parse(leaf.data).statement.body.documents():
                    document = opened.ledger.document(digest)
                    assert document is not None
                    (place / tiles.document_path(digest)).write_bytes(document)
            return place

    def dispute(self, entry: int) -> None:
        """Have acme-video dispute an entry."""
        with Client(self.server.profile("acme-video")) as client:
            client.opinion(entry, "dispute")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A running server, with entries of both members."""
    home = found(tmp_path, {"acme-video": BOTH, "lotus-forum": BOTH})
    with RunningServer(home) as server:
        place = Watched(tmp_path, server, [])
        place.entries = place.share("lotus-forum", "one", "two")
        place.share("acme-video", "three")
        yield place


def told(text: str) -> list[dict[str, Any]]:
    """The events that were printed."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_member_is_told_what_concerns_it(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(watched.command("--once")) == exits.OK
    (first,) = told(capsys.readouterr().out)
    assert first["type"] == "log.audited"
    assert run(watched.command("--once")) == exits.OK
    assert capsys.readouterr().out == ""
    watched.dispute(watched.entries[0])
    watched.share("acme-video", "four")
    (own,) = watched.share("lotus-forum", "five")
    assert run(watched.command("--once")) == exits.NEWS
    events = told(capsys.readouterr().out)
    assert [(event["type"], event["leaf"]) for event in events] == [
        ("entry.disputed", own - 2),
        ("leaf.own", own),
    ]
    watched.share("lotus-forum", "six")
    arguments = [one for one in watched.command("--once") if one != "--json"]
    assert run(arguments) == exits.NEWS
    assert f" leaf.own leaf {own + 1}: by lotus-forum, statement submit\n" in capsys.readouterr().out


def test_tiles_are_monitored_without_a_server(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    place = watched.mirror("mirror")
    arguments = watched.command("--member", "lotus-forum", "--once", place=str(place))
    assert run([*arguments, "--history"]) == exits.NEWS
    events = told(capsys.readouterr().out)
    assert [event["leaf"] for event in events if event["type"] == "leaf.own"] == watched.entries
    assert run([*arguments, "--max-age", "1"]) in {exits.OK, exits.STALE}
    capsys.readouterr()
    (place / "checkpoint").write_bytes(b"no checkpoint\n")
    assert run(arguments) == exits.NO
    (event,) = (one for one in told(capsys.readouterr().out) if one["type"] == "log.faulty")
    assert "not a checkpoint" in event["message"]
    (evidence,) = (watched.directory / "state-evidence").iterdir()
    assert json.loads((evidence / "report.json").read_text())["faults"][0]["topic"] == "checkpoint"


def test_a_log_is_monitored_from_the_web(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=watched.mirror("web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_address[1]}"
        arguments = watched.command("--member", "lotus-forum", "--once", "--history", place=place)
        assert run(arguments) == exits.NEWS
        assert run(arguments) == exits.OK
        server.shutdown()
    events = told(capsys.readouterr().out)
    assert [event["leaf"] for event in events if event["type"] == "leaf.own"] == watched.entries


def test_a_log_that_was_rolled_back_has_an_exit_status_of_its_own(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    older = watched.mirror("older")
    watched.share("acme-video", "later")
    newer = watched.mirror("newer")
    for place, status in ((newer, exits.OK), (older, exits.FORKED), (newer, exits.OK)):
        assert run(watched.command("--once", place=str(place))) == status
    assert [event["type"] for event in told(capsys.readouterr().out)] == [
        "log.audited",
        "log.forked",
        "log.recovered",
    ]


def test_an_altered_state_another_log_and_bad_options_are_refused(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(watched.command("--once")) == exits.OK
    assert run(watched.command("--once", "--genesis", "00" * 32)) == exits.MISUSED
    assert "is the state of another log" in capsys.readouterr().err
    state = watched.directory / "state"
    whole = state.read_bytes()
    place = whole.rindex(b"test.example")
    state.write_bytes(whole[:place] + b"T" + whole[place + 1 :])
    assert run(watched.command("--once")) == exits.MISUSED
    assert "remove it, and the log is audited from its beginning" in capsys.readouterr().err
    assert run(watched.command("--once", "--jurisdiction", "vn")) == exits.MISUSED
    assert "two capitals" in capsys.readouterr().err


def test_a_server_that_is_gone_is_unavailable(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(watched.command("--once")) == exits.OK
    watched.server.stop()
    assert run(watched.command("--once")) == exits.UNAVAILABLE
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "UNAVAILABLE"


class Follower:
    """A monitor that follows, in a process of its own, and the lines that it prints."""

    def __init__(self, arguments: list[str]) -> None:
        complaints, theirs = os.pipe()
        self._complaints = os.fdopen(complaints)
        with os.fdopen(theirs, "wb") as stderr:
            self.process = started(arguments, stderr, {**os.environ, **UNMEASURED})
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line.decode())
                self._more.notify_all()

    def wait(self, count: int) -> None:
        """Wait until it has printed so many lines."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.lines) >= count, 60), self.lines

    def complaint(self) -> str:
        """The next line on stderr."""
        return self._complaints.readline()

    def kill(self) -> list[dict[str, Any]]:
        """End it as a power cut would; what it has printed."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._complaints.close()
        return told("".join(line for line in self.lines if line.endswith("\n")))


def test_a_monitor_that_is_killed_between_leaves_tells_every_event(watched: Watched) -> None:
    """At least once, and under the same id each time: together what one that was never killed tells."""
    draws = Random(9)  # when it is killed
    following = watched.command("--every", "0.1", "--history")
    events: list[dict[str, Any]] = []
    shared = list(watched.entries)
    for turn in range(6):
        follower = Follower(following)
        try:
            if not turn:
                follower.wait(1)
            for number in range(draws.randrange(3, 9)):
                shared += watched.share("lotus-forum", f"turn {turn} {number}")
        finally:
            events += follower.kill()
    last = Follower([*following, "--once"])
    assert last.process.wait(120) in {exits.OK, exits.NEWS}
    events += last.kill()
    once = watched.command("--once", "--history")
    once[once.index("--state") + 1] = str(watched.directory / "another")
    whole = Follower(once)
    assert whole.process.wait(120) == exits.NEWS
    wanted = {event["id"]: event for event in whole.kill()}
    got: dict[str, dict[str, Any]] = {}
    for event in events:
        assert got.setdefault(event["id"], event) == event
    leaves = {name: event for name, event in got.items() if event["type"] != "log.audited"}
    assert leaves == {name: event for name, event in wanted.items() if event["type"] != "log.audited"}
    own = [event["leaf"] for event in leaves.values() if event["type"] == "leaf.own"]
    assert sorted(own) == shared


def test_a_monitor_outlives_its_server(watched: Watched) -> None:
    follower = Follower(watched.command("--every", "0.1"))
    try:
        follower.wait(1)
        port = int(watched.server.address.rpartition(":")[2])
        watched.server.stop()
        complaint = follower.complaint()
        with RunningServer(watched.directory / "home", port=port) as server:
            watched.server = server
            (own,) = watched.share("lotus-forum", "after")
            follower.wait(2)
    finally:
        events = follower.kill()
    assert "it looks again every 0.1 s" in complaint
    assert [(one["type"], one.get("leaf")) for one in events] == [("log.audited", None), ("leaf.own", own)]


@dataclass
class Hook:
    """A webhook's receiver: the ids and the bodies that it got; it refuses the first so many."""

    port: int
    got: list[tuple[str, dict[str, Any]]]


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A receiver on this machine."""
    got: list[tuple[str, dict[str, Any]]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.headers["webhook-id"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Hook(server.server_address[1], got)
        server.shutdown()


def test_events_are_posted_under_the_same_id_as_they_are_printed(
    watched: Watched, hook: Hook, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = watched.directory / "secret"
    secret.write_text(SECRET)
    posting = ("--webhook", f"http://127.0.0.1:{hook.port}/", "--secret-file", str(secret))
    assert run(watched.command("--once", "--history", *posting)) == exits.NEWS
    printed = told(capsys.readouterr().out)
    assert [body for _, body in hook.got] == printed
    assert len({name for name, _ in hook.got}) == len(printed) >= 3
    (watched.directory / "state").unlink()
    before = {body["id"]: name for name, body in hook.got}
    assert run(watched.command("--once", "--history", *posting)) == exits.NEWS
    again = {body["id"]: name for name, body in hook.got[len(printed) :]}
    assert again == before  # a receiver that has seen an event knows it again
