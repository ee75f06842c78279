"""SIGKILL at any moment under load: whatever was answered is there after the restart, and matches.

A killed process is a crash of the process, not a power cut: the kernel keeps what was written.
"""

from __future__ import annotations

import math
import random
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest
from builders import check_log
from running import BOTH, RunningServer, found

from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.state import Receipt
from hashpact.errors import HashpactError, UnavailableError
from hashpact.home.opening import open_home
from hashpact.log import tree
from hashpact.member.checking import either
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.wire.client.attempts import Backoff

KILLS = pytest.mark.parametrize("kills", [12, pytest.param(50, marks=pytest.mark.slow)])
WRITERS = 2
ANSWERS = 8
"""A server is killed after fewer answers than that."""
LATER = 0.03
"""The longest from the last of them to the kill, in seconds: it comes at any moment of an append."""


def random_pdq(random_: random.Random) -> Fingerprint:
    bits = random_.sample(range(256), 128)
    return Fingerprint(PDQ, sum(1 << bit for bit in bits).to_bytes(32), 100)


class Writer(threading.Thread):
    """Submits one random fingerprint after the other until the server is gone."""

    def __init__(self, profile: Profile, seed: int, answers: SimpleQueue[Receipt]) -> None:
        super().__init__()
        self._profile = profile
        self._random = random.Random(seed)
        self._answers = answers
        self.answered: list[tuple[Fingerprint, Receipt]] = []
        self.cut_off: HashpactError | None = None

    def run(self) -> None:
        """Submit, each once."""
        with Client(self._profile, timeout=120) as client:
            while self.cut_off is None:
                fingerprint = random_pdq(self._random)
                try:
                    receipt = client.submit([fingerprint], labels={"other"})
                except UnavailableError as error:
                    self.cut_off = error
                else:
                    self.answered.append((fingerprint, receipt))
                    self._answers.put(receipt)


def assert_there(client: Client, fingerprint: Fingerprint, receipt: Receipt) -> None:
    assert tree.leaf_hash(client.entry(receipt.index).statement) == receipt.leaf_hash
    answer = client.check([fingerprint])
    assert receipt.index in [match.entry for match in answer.matches if match.score == 0]


@KILLS
def test_29_every_answered_append_survives_sigkill(
    tmp_path: Path, kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The kill is what must be seen: nothing is tried again.
    monkeypatch.setattr(either, "PACE", replace(either.PACE, backoff=Backoff(math.inf, math.inf)))
    home = found(tmp_path, {"acme-video": BOTH})
    random_ = random.Random(29)
    answered: list[tuple[Fingerprint, Receipt]] = []
    for round_ in range(kills):
        with RunningServer(home) as server:
            profile = server.profile("acme-video")
            with Client(profile) as client:
                for fingerprint, receipt in answered[-3:]:
                    assert_there(client, fingerprint, receipt)
            heard = SimpleQueue[Receipt]()
            writers = [Writer(profile, round_ * WRITERS + number, heard) for number in range(WRITERS)]
            for writer in writers:
                writer.start()
            for _ in range(random_.randrange(ANSWERS)):
                heard.get(timeout=120)
            time.sleep(random_.uniform(0, LATER))
            assert server.kill() == -signal.SIGKILL
            for writer in writers:
                writer.join()
                assert writer.cut_off is not None
                answered += writer.answered
    assert len(answered) > kills, "too little was answered for the kills to prove anything"
    with RunningServer(home) as server, Client(server.profile("acme-video")) as client:
        for fingerprint, receipt in answered:
            assert_there(client, fingerprint, receipt)
    with open_home(home) as opened:
        check_log(opened.ledger)
        opened.integrity().check()
        pinned = PinnedLog(opened.config.origin, opened.charter().log_keys)
        leaves = {leaf.index: leaf.data for leaf in opened.ledger.leaves(0, opened.ledger.head().size)}
        kept = {one.size: one.note for one in opened.ledger.checkpoints.since(0)}
        published = pinned.read((home / "log" / "checkpoint").read_bytes())
        assert published.size == opened.ledger.head().size
    for _, receipt in answered:
        pinned.check_receipt(leaves[receipt.index], receipt)
        assert kept[receipt.tree_size] == receipt.checkpoint
