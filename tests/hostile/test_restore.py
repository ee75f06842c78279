"""32: a home restored from yesterday refuses to serve. 33: one machine has a home, with any processes."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from builders import check_log, fingerprint
from commands import Done, apart
from running import BOTH, RunningServer, found

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.state import Receipt
from hashpact.errors import ForkError
from hashpact.home.opening import open_home
from hashpact.log import tree
from hashpact.member.clients import Client
from hashpact.storage.sqlite import SqliteLedger

IMPATIENT = """
import runpy
from hashpact.home import lease
lease.WATCH = 0.5
runpy.run_module("hashpact", run_name="__main__", alter_sys=True)
"""
"""A server that watches the record of another machine for a shorter time."""
WRITERS = 2
EACH = 15


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two members."""
    return found(tmp_path, {"acme-video": BOTH, "lotus-forum": BOTH})


def submit(home: Path, count: int) -> None:
    """Serve, append so many entries, and stop in order."""
    with RunningServer(home) as server, Client(server.profile("acme-video")) as client:
        for number in range(count):
            client.submit([fingerprint(PDQ, str(number))], labels=["other"], again=True)
        assert server.stop() == 0


def served(home: Path, *options: str) -> Done:
    """`hashpact serve`, which is expected to refuse."""
    return apart("serve", home, "--listen", "127.0.0.1:0", *options)


def copy_ledger(source: Path, target: Path) -> None:
    """The ledger of a home that nobody serves, as a copy by hand is made."""
    for name in ("hashpact.db", "hashpact.db-wal", "hashpact.db-shm"):
        (target / name).unlink(missing_ok=True)
        if (source / name).exists():
            shutil.copy2(source / name, target / name)


def test_32_the_ledger_of_yesterday_is_refused_and_todays_is_served_again(home: Path, tmp_path: Path) -> None:
    submit(home, 3)
    for name in ("yesterday", "today"):
        (tmp_path / name).mkdir()
    copy_ledger(home, tmp_path / "yesterday")
    submit(home, 2)
    copy_ledger(home, tmp_path / "today")
    copy_ledger(tmp_path / "yesterday", home)
    refused = served(home)
    assert refused.status != 0
    assert "the ledger has 9 leaves, and the published checkpoint (log/checkpoint) is of 11" in refused.err
    assert "restore a copy of the ledger that is no older" in refused.err
    assert refused.out == ""
    copy_ledger(tmp_path / "today", home)
    submit(home, 1)
    with open_home(home) as opened:
        assert opened.ledger.head().size == 12
        check_log(opened.ledger)


def test_32_a_log_that_went_on_from_yesterday_is_refused_too(home: Path, tmp_path: Path) -> None:
    (tmp_path / "yesterday").mkdir()
    copy_ledger(home, tmp_path / "yesterday")
    shutil.copytree(home.parent / "acme-video", tmp_path / "profile")
    submit(home, 2)
    published = home / "log"
    published.rename(tmp_path / "log")
    copy_ledger(tmp_path / "yesterday", home)
    with pytest.raises(ForkError, match="two trees of 8 leaves"):  # by what the member has seen
        submit(home, 2)
    shutil.rmtree(home.parent / "acme-video")
    shutil.copytree(tmp_path / "profile", home.parent / "acme-video")
    submit(home, 2)
    shutil.rmtree(published)
    (tmp_path / "log").rename(published)
    refused = served(home)
    assert refused.status != 0
    assert "that are not those of the ledger; restore a copy" in refused.err


def test_34_a_server_can_compare_every_leaf_before_it_serves(home: Path) -> None:
    submit(home, 2)
    with closing(SqliteLedger.open(home / "hashpact.db")) as ledger:
        (leaf,) = ledger.leaves(3, 4)
        with ledger._alone():
            ledger._writer.execute(
                "UPDATE leaves SET data = ? WHERE idx = 3", (leaf.data.replace(b"\n", b" \n", 1),)
            )
    refused = served(home, "--verify")
    assert refused.status != 0
    assert "the hash is not that of the bytes of leaf 3" in refused.err


def test_34_a_server_can_compare_its_state_with_the_leaves_before_it_serves(home: Path) -> None:
    submit(home, 2)
    with closing(SqliteLedger.open(home / "hashpact.db")) as ledger, ledger._alone():
        ledger._writer.execute("UPDATE entries SET labels = 'hate' WHERE idx = 6")
        assert ledger._writer.changes() == 1
    refused = served(home, "--verify")
    assert refused.status != 0
    assert "entry 6" in refused.err


def test_33_two_processes_on_one_home_give_receipts_of_one_log(home: Path) -> None:
    with RunningServer(home) as first, RunningServer(home) as second:

        def write(writer: int) -> list[Receipt]:
            server = (first, second)[writer % 2]
            name = ("acme-video", "lotus-forum")[writer // 2 % 2]
            with Client(server.profile(name), timeout=120) as client:
                return [
                    client.submit([fingerprint(PDQ, f"{writer} {number}")], labels=["other"])
                    for number in range(EACH)
                ]

        with ThreadPoolExecutor(2 * WRITERS) as pool:
            given = [receipt for receipts in pool.map(write, range(2 * WRITERS)) for receipt in receipts]
        with Client(first.profile("acme-video")) as client:
            newest = client.checkpoint()
        assert first.stop() == second.stop() == 0
    assert sorted(receipt.index for receipt in given) == list(range(6, 6 + 2 * WRITERS * EACH))
    assert newest.checkpoint.size == 6 + 2 * WRITERS * EACH
    with open_home(home) as opened:
        check_log(opened.ledger)
        sizes = range(1, newest.checkpoint.size + 1)
        roots = {size: tree.root(opened.ledger.tree.edge(size)) for size in sizes}
        pinned = PinnedLog(opened.config.origin, opened.charter().log_keys)
        published = pinned.read((home / "log" / "checkpoint").read_bytes())
    assert published == newest.checkpoint
    for receipt in given:
        assert receipt.root == roots[receipt.tree_size]


@contextmanager
def another_machine(home: Path) -> Iterator[None]:
    """Another machine that has the home for the length of the block."""
    stop, written = threading.Event(), threading.Event()

    def refresh() -> None:
        while not stop.wait(0.2):
            (home / "machine").write_text(f"other-boot elsewhere {secrets.token_hex(8)}\n")
            written.set()

    thread = threading.Thread(target=refresh)
    thread.start()
    try:
        assert written.wait(120)
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_33_two_machines_on_one_home_are_refused(home: Path, workers: str) -> None:
    with RunningServer(home, "--workers", workers, measured=True) as server:
        with Client(server.profile("acme-video")) as client:
            client.submit([fingerprint(PDQ, "1")], labels=["other"])
        with another_machine(home):
            assert server.wait() != 0
            assert "in use on another machine (elsewhere)" in server.log
            refused = served(home)
    assert refused.status != 0
    assert "in use on another machine (elsewhere)" in refused.err


def test_33_a_machine_that_has_gone_without_a_word_is_waited_for(home: Path) -> None:
    # As after a power cut.
    (home / "machine").write_text(f"other-boot elsewhere {secrets.token_hex(8)}\n")
    with RunningServer(home, program=("-c", IMPATIENT)) as server:
        with Client(server.profile("acme-video")) as client:
            client.submit([fingerprint(PDQ, "1")], labels=["other"])
        assert server.stop() == 0
    assert not (home / "machine").exists()
