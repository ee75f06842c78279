"""1, 24, 31: one receipt for one statement, for ever, and none that is of another."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from builders import check_log, fingerprint
from clearinghouse import Clearinghouse, Connect
from running import BOTH, RunningServer, found

from hashpact.clock import unix_time
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.state import Leaf, Receipt
from hashpact.errors import CorruptError, ProofError
from hashpact.home.opening import open_home
from hashpact.member.author import Reason
from hashpact.member.clients import Client
from hashpact.service.append import Appender
from hashpact.service.sign import SigningGuard

PICTURE = fingerprint(PDQ, "one")
NCII = Reason(frozenset({"ncii"}))


async def test_01_an_exact_replay_gives_the_original_receipt(house: Clearinghouse, connect: Connect) -> None:
    caller, other = connect(house.profile("acme")), connect(house.profile("bolt"))
    submission = house.world.author("acme").submit([PICTURE], NCII)
    first = await caller("append", submission)
    await other("opinion", first.index, "seen")
    await caller("withdraw", first.index, "mistake")
    size = house.ledger.head().size
    house.world.clock.now += 40 * 24 * 3600
    assert await caller("append", submission) == first
    assert await connect(house.profile("acme"))("append", submission) == first
    assert house.ledger.head().size == size
    house.world.pinned.check_receipt(submission.statement, first)
    check_log(house.ledger)


@pytest.mark.parametrize("change", ["another", "size", "index", "short", "proof", "unsigned"])
async def test_24_the_receipt_of_another_statement_is_refused(
    founded: Clearinghouse, connect: Connect, tmp_path: Path, change: str
) -> None:
    real = founded.intake.guard

    class Liar(SigningGuard):
        def receipt(self, leaf: Leaf) -> Receipt:
            good = real.receipt(leaf)
            return {
                "another": real.receipt(next(founded.ledger.leaves(0, 1))),
                "size": replace(good, tree_size=good.tree_size + 1),
                "index": replace(good, index=good.index - 1),
                "short": replace(good, leaf_hash=good.leaf_hash[:31]),
                "proof": replace(good, proof=(*good.proof, bytes(32))),
                "unsigned": replace(good, checkpoint=good.checkpoint.replace(b" ", b" A", 2)),
            }[change]

    founded.alter(guard=Liar(founded.ledger, founded.world.log_key))
    await founded.start()
    caller = connect(replace(founded.profile("acme"), directory=tmp_path))
    with pytest.raises(CorruptError if change == "short" else ProofError):
        await caller("submit", [PICTURE], labels=["ncii"])
    # No receipt is kept; the statement is, to be sent again.
    assert os.listdir(tmp_path) == ["pending"]  # noqa: PTH208  # the event loop may wait for so short a list


@pytest.mark.parametrize("signed", [False, True], ids=["not signed yet", "signed"])
def test_31_after_a_crash_between_commit_and_answer_a_retry_gets_the_same_receipt(
    tmp_path: Path, *, signed: bool
) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with RunningServer(home) as server:
        author = server.author("acme-video")
        with Client(server.profile("acme-video")) as client:
            before = client.submit([PICTURE], labels=["other"])
        server.kill()
    submission = author.submit([PICTURE], Reason(frozenset({"other"})))
    # What the disk holds when the process dies after its commit, and after its signature.
    with open_home(home) as opened:
        leaf = Appender(opened.ledger, unix_time).append("acme-video", submission)
        if signed:
            SigningGuard(opened.ledger, opened.open_log_key()).sign()
    receipts = []
    for _ in range(2):
        with RunningServer(home) as server, Client(server.profile("acme-video")) as client:
            receipts += [client.append(submission) for _ in range(2)]
            client.submit([PICTURE], labels=["other"], again=True)
            server.kill()
    assert len(set(receipts)) == 1
    assert receipts[0].index == leaf.index == before.index + 1
    with open_home(home) as opened:
        assert opened.ledger.head().size == leaf.index + 3
        check_log(opened.ledger)
