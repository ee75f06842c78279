"""A mirror's copy as a process of its own: killed at any commit, and followed over a real server's end."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from builders import check_log, fingerprint
from copying import opened
from forking import UNMEASURED
from running import BOTH, RunningServer, found

from hashpact.clock import unix_time
from hashpact.domain.fingerprints import PDQ
from hashpact.home.opening import open_home
from hashpact.member.author import Author, Reason
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.service.append import Appender

COPIER = Path(__file__).parents[1] / "support" / "copier.py"
LEAVES = 2000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose log takes several commits to copy."""
    directory = tmp_path_factory.mktemp("copied")
    home = found(directory, {"acme": BOTH})
    profile, random_ = Profile.load(directory / "acme"), random.Random(15)
    author = Author(profile.origin, profile.member, profile.key, profile.signer, unix_time, random_.randbytes)
    with open_home(home) as opened_home:
        shared = [[fingerprint(PDQ, f"{leaf}")] for leaf in range(LEAVES)]
        fresh = [author.submit(one, Reason(frozenset({"other"}))) for one in shared]
        Appender(opened_home.ledger, unix_time).append_all("acme", fresh)
    return home


class Copier:
    """The process."""

    def __init__(self, server: RunningServer, profile: Path, directory: Path) -> None:
        command = [sys.executable, COPIER, profile, server.address, directory]
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **UNMEASURED},
        )

    def line(self) -> str:
        """The next line that it prints."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line
        return line.strip()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        with self._process:
            pass


def test_28_a_copy_that_is_killed_goes_on_from_its_last_commit(home: Path, tmp_path: Path) -> None:
    directory = tmp_path / "copy"
    directory.mkdir()
    with RunningServer(home) as server:
        reached = 0
        for _ in range(2):
            copier = Copier(server, home.parent / "acme", directory)
            told = int(copier.line())
            copier.kill()
            ledger = opened(directory / "hashpact.db")
            size = ledger.head().size
            ledger.close()
            assert LEAVES > size >= told > reached
            reached = size
        copier = Copier(server, home.parent / "acme", directory)
        while int(copier.line()) < LEAVES:
            pass
        copier.kill()
    with open_home(home) as source:
        ledger = opened(directory / "hashpact.db")
        size = source.ledger.head().size
        assert ledger.head() == source.ledger.head()
        assert list(ledger.leaves(0, size)) == list(source.ledger.leaves(0, size))
        assert list(ledger.private(0, size)) == list(source.ledger.private(0, size))
        check_log(ledger)
        ledger.close()


def test_a_copy_follows_over_the_end_of_its_server(home: Path, tmp_path: Path) -> None:
    directory = tmp_path / "copy"
    directory.mkdir()
    with RunningServer(home) as server:
        port = int(server.address.rpartition(":")[2])
        copier = Copier(server, home.parent / "acme", directory)
        while int(copier.line()) < LEAVES:
            pass
    with RunningServer(home, port=port) as server, Client(server.profile("acme")) as client:
        receipt = client.submit([fingerprint(PDQ, "later")], labels={"other"})
        assert int(copier.line()) == receipt.index + 1
    copier.kill()
