"""`hashpact audit` of a running server and `hashpact log verify` of its home, as people run them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import apsw
import pytest
from builders import Identity, fingerprint
from running import BOTH, RunningServer, found

from hashpact.cli.main import run
from hashpact.clock import unix_time
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.state import KeptCheckpoint, Role
from hashpact.home.opening import open_home
from hashpact.log import checkpoint, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness
from hashpact.member.clients import Client

ENTRIES = 30
ALONE = "one alone may change who is a member"


@dataclass
class Place:
    """A home that is served, with two members and some entries."""

    home: Path
    server: RunningServer
    entries: list[int]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A clearinghouse under load of its own making."""
    home = found(tmp_path, {"acme-video": BOTH, "lotus-forum": BOTH})
    with RunningServer(home) as server:
        with Client(server.profile("acme-video")) as acme, Client(server.profile("lotus-forum")) as lotus:
            shared = [[fingerprint(PDQ, str(number))] for number in range(ENTRIES)]
            entries = [acme.submit(items, labels={"other"}).index for items in shared]
            lotus.opinion(entries[0], "dispute")
            acme.withdraw(entries[1], "mistake")
        yield Place(home, server, entries)


def audit(place: Place, *more: str) -> list[str]:
    """The arguments of an audit as a member."""
    profile = place.home.parent / "lotus-forum"
    return ["audit", place.server.address, "--profile", str(profile), *more]


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What a command printed in JSON."""
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_server_is_audited_again_and_again(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(audit(place, "--json")) == 0
    first = told(capsys)
    with open_home(place.home) as opened:
        assert first["genesis"] == opened.genesis().hex()
        assert first["size"] == first["signed"] == opened.ledger.head().size
        size = first["size"]
    assert first["statements"] == {
        "genesis": 1,
        "key-enrol": 2,
        "member-enrol": 2,
        "opinion": 1,
        "policy": 1,
        "submit": ENTRIES,
        "withdraw": 1,
    }
    assert (first["faults"], first["evidence"], first["audited"]) == ([], None, 0)
    with Client(place.server.profile("acme-video")) as client:
        client.submit([fingerprint(PDQ, "more")], labels={"other"})
    assert run(audit(place)) == 0
    out = capsys.readouterr().out
    assert f"signed up to size {size + 1}, and begins with the {size} leaves audited last" in out
    assert out.endswith("nothing is wrong\n")


def test_a_server_that_goes_on_while_it_is_audited(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()

    def write() -> None:
        with Client(place.server.profile("acme-video")) as client:
            for number, entry in enumerate(place.entries[2:]):
                client.submit([fingerprint(PDQ, f"later {number}")], labels={"other"})
                client.withdraw(entry, "mistake")
                if stop.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            assert run(audit(place, "--json")) == 0
            assert told(capsys)["faults"] == []
            assert run(["log", "verify", str(place.home), "--json"]) == 0
            assert told(capsys)["faults"] == []
    finally:
        stop.set()
        writer.join()


def test_a_server_that_tells_another_state_is_found_out(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = place.entries[4]
    connection = apsw.Connection(str(place.home / "hashpact.db"))
    connection.execute("UPDATE opinions SET stance = 'endorse'")
    connection.execute("UPDATE entries SET withdrawn_index = ?, withdrawn_reason = 'gone', withdrawn_by = ? "
                       "WHERE idx = ?", (entry + 1, bytes(32), entry))  # fmt: skip
    connection.close()
    for number, arguments in enumerate((audit(place), ["log", "verify", str(place.home)])):
        evidence = tmp_path / f"evidence-{number}"
        assert run([*arguments, "--evidence", str(evidence)]) == 1
        printed = capsys.readouterr()
        assert f"FAULT the record entry {entry} is reported with another withdrawn_index" in printed.out
        assert "is reported with another stance" in printed.out
        assert "hashpact: 2 faults were found" in printed.err
        report = json.loads((evidence / "report.json").read_text())
        assert {fault["index"] for fault in report["faults"]} == {entry, place.entries[-1] + 1}


def test_73_private_parts_that_are_altered_or_gone_are_named(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the ledger of the server, which goes on; and the rest of the log is derived and printed as ever."""
    other, cut, gone = place.entries[4], place.entries[9], place.entries[20]
    connection = apsw.Connection(str(place.home / "hashpact.db"))
    connection.execute(
        "UPDATE private SET data = (SELECT data FROM private WHERE leaf = ?) WHERE leaf = ?", (cut, other)
    )
    connection.execute("UPDATE private SET data = substr(data, 1, 20) WHERE leaf = ?", (cut,))
    connection.execute("DELETE FROM private WHERE leaf = ?", (gone,))
    connection.close()
    one = "leaf {}, a submit of acme-video: "
    damaged = "its entry is withheld: the private parts of entry {} are damaged"
    missing = "1 of its 1 private parts are missing"
    for name, arguments, cut_is, gone_is in (
        ("server", audit(place), damaged.format(cut), damaged.format(gone)),
        ("home", ["log", "verify", str(place.home)], missing, missing),
    ):
        evidence = tmp_path / f"evidence-{name}"
        assert run([*arguments, "--evidence", str(evidence)]) == 1
        printed = capsys.readouterr()
        for index, what in (
            (other, "private part 0 of 1, counted from 0, is not what it commits to"),
            (cut, cut_is),
            (gone, gone_is),
        ):
            assert f"FAULT {one.format(index)}{what}" in printed.out
        assert f"{ENTRIES} submit" in printed.out
        assert "governed by 2 of 2 administrators\n" in printed.out
        report = json.loads((evidence / "report.json").read_text())
        faults = [fault for fault in report["faults"] if fault["topic"] == "private"]
        assert [(fault["index"], fault["kind"], fault["member"]) for fault in faults] == [
            (index, "submit", "acme-video") for index in sorted((other, cut, gone))
        ]
        assert {fault["topic"] for fault in report["faults"]} <= {"private", "index"}
        assert report["size"] == report["signed"] == place.entries[-1] + 3
        assert not report["private_withheld"]


def test_a_member_that_may_not_read_private_parts_is_told_what_is_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = found(tmp_path, {"acme-video": BOTH, "desk": frozenset({Role.NOTIFY})})
    with RunningServer(home) as server:
        with Client(server.profile("acme-video")) as acme:
            acme.submit([fingerprint(PDQ, "one")], labels={"other"})
        command = ["audit", server.address, "--profile", str(tmp_path / "desk")]
        assert run(command) == 0
        assert "private parts of others were not compared" in capsys.readouterr().out
        assert run([*command, "--json"]) == 0
        assert told(capsys)["private_withheld"]


@pytest.mark.parametrize(
    ("more", "threshold", "count", "line"),
    [
        ([], 2, 2, "governed by 2 of 2 administrators\n"),
        (
            ["--single-admin"],
            1,
            1,
            f"governed by 1 of 1 administrators; {ALONE}\n",
        ),
    ],
)
def test_who_governs_the_log_is_read_from_its_leaves(  # noqa: PLR0913, PLR0917  # of two fixtures
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    threshold: int,
    count: int,
    line: str,
) -> None:
    """And from nothing else: the checkpoint says nothing about it."""
    home = tmp_path / "home"
    assert run(["init", str(home), "--origin", "test.example/log", "--unencrypted", *more]) == 0
    text, _, _ = (home / "log" / "checkpoint").read_bytes().partition(b"\n\n")
    assert len(text.splitlines()) == 3
    for command in (["log", "verify", str(home)], ["audit", str(home / "log")]):
        capsys.readouterr()
        assert run(command) == 0
        assert line in capsys.readouterr().out
        assert run([*command, "--json"]) == 0
        found = told(capsys)
        assert (found["threshold"], found["administrators"]) == (threshold, count)
        assert found["single_admin"] == (threshold == 1)


def test_a_server_whose_log_is_another_is_found_out(place: Place, tmp_path: Path) -> None:
    assert run(audit(place)) == 0
    last = tmp_path / "lotus-forum" / "audited-checkpoint"
    before = last.read_bytes()
    connection = apsw.Connection(str(place.home / "hashpact.db"))
    connection.execute(
        "UPDATE leaves SET data = CAST(replace(data, 'label other', 'label fraud') AS BLOB) WHERE idx = 12"
    )
    connection.close()
    evidence = tmp_path / "evidence"
    assert run([*audit(place), "--evidence", str(evidence)]) == 1
    report = json.loads((evidence / "report.json").read_text())
    assert report["faults"][0]["index"] == 12
    assert b"label fraud" in (evidence / "0000-leaf-12").read_bytes()
    assert last.read_bytes() == before

    now = unix_time()  # what audits of one second find is kept apart
    with patch("hashpact.audit.run.unix_time", return_value=now):
        assert [run(audit(place)), run(audit(place))] == [1, 1]
    assert len(list((tmp_path / "lotus-forum" / "evidence").glob(f"{now}-*/report.json"))) == 2


def test_what_a_home_has_published_is_verified_too(place: Place, tmp_path: Path) -> None:
    assert place.server.stop() == 0
    published = place.home / "log" / "checkpoint"
    assert published.exists()
    verify = ["log", "verify", str(place.home), "--evidence"]
    assert run([*verify, str(tmp_path / "none")]) == 0
    assert run(["audit", str(place.home / "log")]) == 0
    assert not (tmp_path / "none").exists()
    tile = max((place.home / "log" / "tile" / "0").rglob("*.p/*"), key=lambda path: int(path.name))
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    assert run([*verify, str(tmp_path / "tile")]) == 1
    report = json.loads((tmp_path / "tile" / "report.json").read_text())
    (fault,) = report["faults"]
    assert (fault["topic"], fault["index"]) == ("tile", 0)
    assert fault["message"].startswith("published: tile/0/000.p/")
    tile.unlink()
    (document,) = (place.home / "log" / "documents").iterdir()  # what explains the labels
    kept = document.read_bytes()
    for spoil in (lambda: document.write_bytes(kept + b" "), document.unlink):
        spoil()
        evidence = tmp_path / spoil.__name__
        assert run(["audit", str(place.home / "log"), "--evidence", str(evidence)]) == 1
        faults = json.loads((evidence / "report.json").read_text())["faults"]
        assert [(fault["topic"], fault["index"]) for fault in faults if fault["topic"] != "tile"] == [
            ("document", 1)
        ]
    published.write_bytes(b"rubbish")
    assert run([*verify, str(tmp_path / "checkpoint")]) == 1


def test_what_an_audit_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "127.0.0.1:1"]) == 2
    assert "--profile" in capsys.readouterr().err
    assert run(["audit", str(tmp_path)]) == 2
    assert "it is no directory of tiles" in capsys.readouterr().err
    assert run(["audit", str(tmp_path), "--genesis", "abc"]) == 2
    assert run(["init", str(tmp_path / "home"), "--origin", "test.example/log", "--unencrypted"]) == 0
    capsys.readouterr()
    assert run(["log", "verify", str(tmp_path / "home")]) == 0
    assert "signed up to size 2, and begins with the 2 leaves published" in capsys.readouterr().out
    (tmp_path / "last").write_text("rubbish")
    (tmp_path / "checkpoint").touch()
    assert run(["audit", str(tmp_path), "--from", str(tmp_path / "last")]) == 2
    assert "is not a checkpoint" in capsys.readouterr().err


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A home that has published another document than its log names."""
    home = tmp_path / "home"
    assert run(["init", str(home), "--origin", "test.example/log", "--unencrypted"]) == 0
    (document,) = (home / "log" / "documents").iterdir()
    document.write_bytes(b"another")
    return home


def test_evidence_without_a_profile_goes_to_the_user_and_not_to_the_working_directory(
    faulty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, here = faulty, tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    user = tmp_path / "user" / ".local" / "state" / "hashpact" / "evidence"
    named = tmp_path / "state" / "hashpact" / "evidence"
    of_home = home / "evidence"
    for state, command, place in (
        (None, ["audit", "../home/log"], user),
        ("state", ["audit", str(home / "log")], user),  # a relative one is ignored
        (str(tmp_path / "state"), ["audit", str(home / "log")], named),
        (None, ["log", "verify", "../home"], of_home),
    ):
        if state is None:
            monkeypatch.delenv("XDG_STATE_HOME", raising=False)
        else:
            monkeypatch.setenv("XDG_STATE_HOME", state)
        before = set(place.glob("*"))
        capsys.readouterr()
        assert run(command) == 1
        (kept,) = set(place.glob("*")) - before
        assert (kept / "report.json").exists()
        (shown,) = re.findall("^evidence in (.*)$", capsys.readouterr().out, re.MULTILINE)
        assert Path(shown).resolve() == kept
        assert {one.stat().st_mode & 0o777 for one in (kept, *kept.parents) if one.is_relative_to(place)} == {
            0o700
        }
    assert named.parent.stat().st_mode & 0o777 == 0o700
    assert list(here.iterdir()) == []


def test_what_an_audit_has_found_is_shown_though_its_evidence_cannot_be_kept(
    faulty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, taken = faulty, tmp_path / "taken"
    taken.touch()
    capsys.readouterr()
    assert run(["audit", str(home / "log"), "--evidence", str(taken / "here")]) == 1
    shown = capsys.readouterr()
    first, second = re.findall("^FAULT (.*)$", shown.out, re.MULTILINE)
    assert "document" in first
    assert "the evidence is not kept" in second
    assert "--evidence" in second
    assert "evidence in" not in shown.out
    monkeypatch.setenv("HOME", "/proc/nothing")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert run(["audit", str(home / "log"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["evidence"] is None
    assert [one["topic"] for one in found["faults"]][-1] == "evidence"
    monkeypatch.setenv("HOME", "relative")
    assert run(["audit", str(home / "log")]) == 2
    assert "name a place for the evidence with --evidence" in capsys.readouterr().err


def test_what_a_home_has_published_is_read_as_others_read_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, draft = tmp_path / "home", str(tmp_path / "root.note")
    assert run(["init", str(home), "--origin", "test.example/log", "--single-admin", "--unencrypted"]) == 0
    witness = Witness("witness.example/north", Identity.of("north").public).key
    named = ["--witness", witness, "--witness-quorum", "1", "--out", draft]
    assert run(["root", "propose", str(home), *named]) == 0
    assert run(["root", "sign", draft, "--key", str(home / "pki" / "admin-1.key"), "--yes"]) == 0
    assert run(["statement", "submit", draft, "--home", str(home)]) == 0
    with open_home(home) as opened:  # as an operator that publishes without its witnesses
        signed = Checkpoint("test.example/log", 3, tree.root(opened.ledger.tree.edge(3)))
        key = opened.open_signer(opened.paths.log_key)
        note = checkpoint.sign(signed, key.public_key().public_bytes_raw(), key.sign)
        opened.ledger.checkpoints.keep(KeptCheckpoint(3, note))
        for publisher in opened.publishers():
            publisher.publish()
    capsys.readouterr()
    assert run(["log", "verify", str(home)]) == 1
    assert "FAULT published: too few witnesses have cosigned the checkpoint" in capsys.readouterr().out
