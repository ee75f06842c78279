"""Receipts: a member believes only one that is of the bytes it sent, in a tree that the log has signed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import ORIGIN, Identity, World, check_log, fingerprint
from memory import MemoryLedger

from hashpact.domain import pinned as receipts
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.messages import Submission
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.state import Receipt, Stance
from hashpact.errors import LogKeyError, ProofError
from hashpact.member.author import Reason

NCII = Reason(frozenset({"ncii"}))


@pytest.fixture
def ledger(world: World) -> MemoryLedger:
    """A log with two members."""
    made = MemoryLedger()
    world.found(made, "acme", "bolt")
    return made


def appended(world: World, ledger: MemoryLedger, count: int) -> list[tuple[Submission, Receipt]]:
    """So many statements with their receipts, each under a checkpoint of its own."""
    guard, appender, author = world.guard(ledger), world.appender(ledger), world.author("acme")
    made = [author.submit([fingerprint(PDQ, str(number))], NCII) for number in range(count)]
    return [(one, guard.receipt(appender.append("acme", one))) for one in made]


def test_a_receipt_proves_its_statement(world: World, ledger: MemoryLedger) -> None:
    for submission, receipt in appended(world, ledger, 20):
        world.pinned.check_receipt(submission.statement, receipt)
        assert receipt.tree_size == receipt.index + 1
    check_log(ledger)


def test_a_changed_receipt_is_refused(world: World, ledger: MemoryLedger) -> None:
    (_, _), (submission, receipt), (_, later) = appended(world, ledger, 3)
    for change in (
        {"leaf_hash": bytes(32)},
        {"index": receipt.index - 1},
        {"index": receipt.index + 1},
        {"index": -1},
        {"tree_size": receipt.tree_size + 1},
        {"root": bytes(32)},
        {"root": later.root, "tree_size": later.tree_size},
        {"proof": ()},
        {"proof": (*receipt.proof, bytes(32))},
        {"proof": (bytes(32), *receipt.proof[1:])},
        {"proof": (receipt.proof[0][:31], *receipt.proof[1:])},
        {"checkpoint": later.checkpoint},
        {"checkpoint": receipt.checkpoint[:-1]},
        {"checkpoint": receipt.checkpoint + b"\n"},
        {"checkpoint": b""},
        {"checkpoint": submission.statement},
        {"checkpoint": receipt.checkpoint.replace(b"\n", b"\r\n")},
    ):
        with pytest.raises(ProofError):
            world.pinned.check_receipt(submission.statement, replace(receipt, **change))


def test_a_receipt_of_another_log_or_key_is_refused(world: World, ledger: MemoryLedger) -> None:
    ((submission, receipt),) = appended(world, ledger, 1)
    keys = world.pinned.keys
    PinnedLog(ORIGIN, (Identity.of("old log").public, *keys)).check_receipt(submission.statement, receipt)
    for pinned in (PinnedLog("other.example/log", keys), PinnedLog(ORIGIN, ())):
        with pytest.raises(ProofError):
            pinned.check_receipt(submission.statement, receipt)
    with pytest.raises(LogKeyError, match="not one that is pinned"):
        PinnedLog(ORIGIN, (Identity.of("other").public,)).check_receipt(submission.statement, receipt)


def test_the_same_statement_has_the_same_receipt_for_ever(world: World, ledger: MemoryLedger) -> None:
    ((submission, first),) = appended(world, ledger, 1)
    appender, guard = world.appender(ledger), world.guard(ledger)
    opinion = appender.append("bolt", world.author("bolt").opinion(first.index, Stance.SEEN))
    assert guard.receipt(opinion).tree_size > first.tree_size
    assert guard.receipt(appender.append("acme", submission)) == first
    assert world.guard(ledger).receipt(appender.append("acme", submission)) == first


def test_leaves_that_are_signed_together_share_a_checkpoint(world: World, ledger: MemoryLedger) -> None:
    author, guard = world.author("acme"), world.guard(ledger)
    made = [author.submit([fingerprint(PDQ, str(number))], NCII) for number in range(5)]
    leaves = world.appender(ledger).append_all("acme", made)
    given = [guard.receipt(leaf) for leaf in leaves]
    assert len({receipt.checkpoint for receipt in given}) == 1
    for submission, receipt in zip(made, given, strict=True):
        world.pinned.check_receipt(submission.statement, receipt)
    assert len(list(ledger.checkpoints.since(0))) == 1


def test_a_receipt_comes_back_from_its_file(world: World, ledger: MemoryLedger) -> None:
    for submission, receipt in appended(world, ledger, 3):
        data = receipts.to_file(receipt)
        assert data.startswith(b"c2sp.org/tlog-proof@v1\n")
        assert receipts.from_file(data, submission.statement) == receipt
