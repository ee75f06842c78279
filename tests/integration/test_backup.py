"""`hashpact backup` beside a server under load, and a server of the home that `hashpact restore` makes."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from builders import check_log, fingerprint
from running import BOTH, RunningServer, found

from hashpact.cli.main import run
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.state import Receipt
from hashpact.home.opening import open_home
from hashpact.member.clients import Client

BACKUPS = 4


def test_a_backup_beside_a_server_under_load_is_whole_and_can_be_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    answered: list[Receipt] = []
    stop = threading.Event()
    made = []
    with RunningServer(home) as server, Client(server.profile("acme-video")) as client:

        def submit() -> None:
            while not stop.is_set():
                shared = fingerprint(PDQ, str(len(answered)))
                answered.append(client.submit([shared], labels={"other"}))

        writer = threading.Thread(target=submit)
        writer.start()
        try:
            for number in range(BACKUPS):
                before = len(answered)
                while len(answered) < before + 5:
                    stop.wait(0.01)
                archive = tmp_path / f"{number}.tar"
                assert run(["backup", str(home), str(archive), "--with-keys", "--json"]) == 0
                made.append((before + 5, json.loads(capsys.readouterr().out)))
        finally:
            stop.set()
            writer.join()

    there: list[Receipt] = []
    for number, (least, told) in enumerate(made):
        again = tmp_path / f"again-{number}"
        assert run(["restore", str(tmp_path / f"{number}.tar"), str(again), "--json"]) == 0
        restored = json.loads(capsys.readouterr().out)
        assert restored == {
            "home": str(again),
            "origin": told["origin"],
            "size": told["size"],
            "root": told["root"],
            "missing": [],
        }
        with open_home(again) as opened:
            check_log(opened.ledger)
            there = [receipt for receipt in answered if receipt.index < told["size"]]
            assert len(there) >= least
            for receipt in there:
                (leaf,) = opened.ledger.leaves(receipt.index, receipt.index + 1)
                assert leaf.hash == receipt.leaf_hash
    last, again = there[-1].index, tmp_path / f"again-{BACKUPS - 1}"
    with RunningServer(again) as server, Client(server.profile("acme-video")) as client:
        assert client.entry(last).entry.index == last
        assert client.submit([fingerprint(PDQ, "more")], labels={"other"}).index == made[-1][1]["size"]


def test_32_yesterdays_backup_is_not_restored_when_somebody_knows_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    for day in ("yesterday", "today"):
        with RunningServer(home) as server, Client(server.profile("acme-video")) as client:
            client.submit([fingerprint(PDQ, day)], labels={"other"})
        assert run(["backup", str(home), str(tmp_path / f"{day}.tar")]) == 0
    newest = str(home / "log" / "checkpoint")
    capsys.readouterr()
    restore = ["restore", str(tmp_path / "yesterday.tar"), str(tmp_path / "again"), "--checkpoint"]
    assert run([*restore, newest]) == 6
    assert "the ledger has 5 leaves, and" in (said := capsys.readouterr().err)
    assert "restore a copy of the ledger that is no older" in said
    assert not (tmp_path / "again").exists()
    (tmp_path / "forged").write_text((home / "log" / "checkpoint").read_text().replace("test.", "fake."))
    assert run([*restore, str(tmp_path / "forged")]) == 6
    assert run(["restore", str(tmp_path / "today.tar"), str(tmp_path / "again"), "--checkpoint", newest]) == 0
    assert "Ask members" not in capsys.readouterr().out


def test_what_backup_and_restore_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, archive, again = tmp_path / "home", tmp_path / "b.tar", tmp_path / "again"
    assert run(["init", str(home), "--origin", "test.example/log", "--unencrypted"]) == 0
    capsys.readouterr()
    assert run(["backup", str(home), str(archive)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("backed up test.example/log: 2 leaves, root ")
    assert f"no private key is in {archive}" in out
    assert run(["restore", str(archive), str(again)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("restored test.example/log: 2 leaves, root ")
    assert f"Bring {again / 'pki' / 'server.key'} back" in out
    assert run(["restore", str(archive), str(again)]) == 2
    assert "is not an empty directory" in capsys.readouterr().err
    assert run(["log", "show", str(again)]) == 0
