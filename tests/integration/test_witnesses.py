"""A clearinghouse and its witnesses as processes: what a quorum holds back, and what shows an old copy."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders import check_log
from commands import apart, here
from running import BOTH, ORIGIN, RunningServer, found
from witnesses import RunningWitness

from hashpact.config import HomeConfig, WitnessAt
from hashpact.domain import keys
from hashpact.domain.fingerprints import SHA256, Fingerprint
from hashpact.domain.state import Receipt
from hashpact.errors import DeadlineError
from hashpact.home.opening import open_home
from hashpact.home.paths import HomePaths
from hashpact.log import checkpoint, cosignature
from hashpact.member.author import Reason
from hashpact.member.clients import Client

FRAUD = Reason(frozenset({"fraud"}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a member."""
    return found(tmp_path, {"acme-video": BOTH})


def witness_of(home: Path, name: str, port: int = 0) -> RunningWitness:
    """A witness of the home's log."""
    with open_home(home) as opened:
        logs = [(ORIGIN, public) for public in opened.charter().log_keys]
    return RunningWitness(home.parent / name, logs, port, measured=True)


def ask(home: Path, quorum: int, *witnesses: RunningWitness) -> None:
    """Have the home ask these witnesses from its next start on."""
    config = HomeConfig(
        ORIGIN, witnesses=tuple(WitnessAt(one.witness, one.url) for one in witnesses), quorum=quorum
    )
    HomePaths(home).config.write_text(config.to_toml())


def item(number: int) -> Fingerprint:
    return Fingerprint(SHA256, number.to_bytes(32))


def cosigners(note: bytes, *witnesses: RunningWitness) -> list[str]:
    """Which witnesses cosigned a checkpoint."""
    opened = checkpoint.parse(note).note
    return [
        one.directory.name
        for one in witnesses
        if cosignature.verify(opened, one.witness, keys.verify) is not None
    ]


def test_every_checkpoint_that_anybody_sees_is_cosigned(home: Path) -> None:
    with witness_of(home, "north") as north, witness_of(home, "east") as east:
        ask(home, 2, north, east)
        with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
            receipts = [client.submit([item(number)], labels={"fraud"}) for number in range(5)]
            for receipt in receipts:
                assert cosigners(receipt.checkpoint, north, east) == ["north", "east"]
            assert server.stop() == 0
        published = (home / "log" / "checkpoint").read_bytes()
        assert cosigners(published, north, east) == ["north", "east"]
    with open_home(home) as opened:
        founding, *later = opened.ledger.checkpoints.since(0)
        assert cosigners(founding.note, north, east) == []  # made before there were witnesses
        for kept in later:
            assert cosigners(kept.note, north, east) == ["north", "east"]
        check_log(opened.ledger)


def test_two_servers_of_one_home_share_its_witnesses(home: Path) -> None:
    with witness_of(home, "north") as north, witness_of(home, "east") as east:
        ask(home, 2, north, east)
        with RunningServer(home, measured=True) as first, RunningServer(home, measured=True) as second:

            def submit(number: int) -> list[Receipt]:
                server = first if number % 2 else second
                with Client(server.profile("acme-video"), timeout=120) as client:
                    return [client.submit([item(100 * number + one)], labels={"fraud"}) for one in range(5)]

            with ThreadPoolExecutor(4) as pool:
                receipts = [one for many in pool.map(submit, range(4)) for one in many]
            assert len({receipt.index for receipt in receipts}) == 20
            for receipt in receipts:
                assert cosigners(receipt.checkpoint, north, east) == ["north", "east"]
            assert (first.stop(), second.stop()) == (0, 0)
    with open_home(home) as opened:
        check_log(opened.ledger)


def test_without_a_quorum_the_leaf_is_there_and_the_same_bytes_fetch_the_receipt(home: Path) -> None:
    with witness_of(home, "north") as north, witness_of(home, "east") as east:
        ask(home, 2, north, east)
        port = east.port
        with RunningServer(home, measured=True) as server:
            with Client(server.profile("acme-video")) as client:
                first = client.submit([item(1)], labels={"fraud"})
                east.stop()
                submission = server.author("acme-video").submit([item(2)], FRAUD)
                with pytest.raises(DeadlineError, match="1 of 2 witnesses"):
                    client.append(submission)
                with open_home(home) as opened:
                    assert opened.ledger.head().size == first.index + 2
                    latest = opened.ledger.checkpoints.latest()
                    assert latest is not None
                    assert latest.size == first.index + 1
                with witness_of(home, "east", port) as again:
                    receipt = client.append(submission)
                    assert receipt.index == first.index + 1
                    assert cosigners(receipt.checkpoint, north, again) == ["north", "east"]
                    assert client.append(submission) == receipt
            assert server.stop() == 0


def test_one_of_two_is_enough_if_the_operator_says_so(home: Path) -> None:
    with witness_of(home, "north") as north, witness_of(home, "east") as east:
        ask(home, 1, north, east)
        with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
            client.submit([item(1)], labels={"fraud"})
            east.stop()
            receipt = client.submit([item(2)], labels={"fraud"})
            assert cosigners(receipt.checkpoint, north, east) == ["north"]
        assert "cannot" not in server.log


def test_a_copy_that_is_older_than_what_a_witness_saw_is_not_served(home: Path) -> None:
    with witness_of(home, "north") as north:
        ask(home, 1, north)
        with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
            client.submit([item(1)], labels={"fraud"})
            assert server.stop() == 0
        shutil.copytree(home, home.parent / "yesterday")
        with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
            last = client.submit([item(2)], labels={"fraud"})
            assert server.stop() == 0
        run = apart("serve", home.parent / "yesterday", "--listen", "127.0.0.1:0")
        assert run.status == 6
        assert f"has cosigned size {last.index + 1}" in run.err
        assert "Restore the newest copy" in run.err


def test_a_witness_that_cannot_be_asked_is_told_of_at_the_start(home: Path) -> None:
    with witness_of(home, "north") as north:
        ask(home, 0, north)
        with RunningServer(home, measured=True) as server:
            assert server.stop() == 0
    with RunningServer(home, measured=True) as server:
        assert server.stop() == 0
    assert "cannot ask a witness" in server.log


def hashpact(*arguments: str) -> str:
    """What a command prints that must go well."""
    done = here(*arguments)
    assert done.status == 0, done.err
    return done.out


def test_new_key_and_show_go_together(home: Path, tmp_path: Path) -> None:
    key = hashpact("log", "key", str(home)).strip()
    assert key.startswith(f"{ORIGIN}+")
    made = hashpact(
        "witness", "new", str(tmp_path / "w"), "--name", "w.example/w", "--log", key, "--unencrypted"
    )
    assert "key w.example/w+" in made
    shown = json.loads(hashpact("witness", "show", str(tmp_path / "w"), "--json"))
    assert shown["name"] == "w.example/w"
    assert shown["logs"] == [{"log": ORIGIN, "size": None, "root": None, "certain_evidence": 0, "doubts": 0}]
    assert ORIGIN in hashpact("witness", "show", str(tmp_path / "w"))
