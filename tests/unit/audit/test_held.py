"""What a profile holds: receipts and checkpoints are compared with the derived tree."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import World, fingerprint
from memory import MemoryLedger

from hashpact.audit.held import HeldLog
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.pinned import to_file
from hashpact.log import tree
from hashpact.member.author import Reason
from hashpact.member.paths import ProfilePaths


@pytest.fixture
def ledger(world: World) -> MemoryLedger:
    """A log with a member."""
    made = MemoryLedger()
    world.found(made, "acme")
    return made


@pytest.fixture
def paths(world: World, ledger: MemoryLedger, tmp_path: Path) -> ProfilePaths:
    """A profile with three receipts and the last checkpoint."""
    paths = ProfilePaths(tmp_path)
    paths.receipts.mkdir()
    guard, appender, author = world.guard(ledger), world.appender(ledger), world.author("acme")
    for number in range(3):
        submission = author.submit([fingerprint(PDQ, str(number))], Reason(frozenset({"ncii"})))
        receipt = guard.receipt(appender.append("acme", submission))
        (paths.receipts / f"{receipt.index}.statement").write_bytes(submission.statement)
        (paths.receipts / f"{receipt.index}.tlog-proof").write_bytes(to_file(receipt))
        paths.remembered.write_bytes(receipt.checkpoint)
    return paths


def faults(world: World, ledger: MemoryLedger, held: HeldLog) -> list[str]:
    """What is wrong, as an audit finds it leaf by leaf."""
    found = [f"{file.name}: {reason}" for file, reason in held.broken.items()]
    size = ledger.head().size
    for leaf in ledger.leaves(0, size):
        wrong = held.unlike_leaf(leaf.index, leaf.hash)
        found += [] if wrong is None else [wrong]
        root = tree.root(ledger.tree.edge(leaf.index + 1))
        found += [message for message, _ in held.unlike_tree(leaf.index + 1, root, world.pinned)]
    return [*found, *held.beyond(size)]


def test_an_honest_log_is_what_is_held(world: World, ledger: MemoryLedger, paths: ProfilePaths) -> None:
    held = HeldLog.of(paths)
    assert (len(held.leaves), len(held.trees)) == (3, 3)
    assert faults(world, ledger, held) == []
    assert HeldLog.of(ProfilePaths(paths.directory / "none")) == HeldLog()


def another(world: World, *names: str) -> MemoryLedger:
    """A log that begins as the other, and goes on with these pictures."""
    made = MemoryLedger()
    fresh = World(world.origin)
    fresh.found(made, "acme")
    appender, author = fresh.appender(made), fresh.author("acme")
    for name in names:
        appender.append("acme", author.submit([fingerprint(PDQ, name)], Reason(frozenset({"ncii"}))))
    return made


def test_a_log_that_was_rolled_back_is_named_by_its_receipts(world: World, paths: ProfilePaths) -> None:
    found = faults(world, another(world, "0", "1"), HeldLog.of(paths))
    assert len(found) == 2
    assert all("it was rolled back" in message for message in found)
    assert {"6.tlog-proof", "checkpoint"} == {Path(message.split(" is of ")[0]).name for message in found}


def test_another_history_is_named_with_the_checkpoint_that_was_signed(
    world: World, paths: ProfilePaths
) -> None:
    held = HeldLog.of(paths)
    lie = another(world, "0", "other", "2")
    found = faults(world, lie, held)
    receipt = paths.receipts / "5.tlog-proof"
    assert found[0] == f"leaf 5 is not the statement of {receipt}, for which the log gave that receipt"
    assert sum("not those that the log signed" in message for message in found) == 3
    root = tree.root(lie.tree.edge(7))
    evidence = [note for _, note in held.unlike_tree(7, root, world.pinned)]
    assert evidence == [paths.remembered.read_bytes()] * 2


def test_files_that_were_altered_here_are_no_fault_of_the_log(
    world: World, ledger: MemoryLedger, paths: ProfilePaths
) -> None:
    data = paths.remembered.read_bytes()
    text, _, lines = data.partition(b"\n\n")
    head, _, root = text.rpartition(b"\n")
    paths.remembered.write_bytes(head + b"\n" + b"A" + root[1:] + b"\n\n" + lines)
    (paths.receipts / "4.tlog-proof").write_bytes(b"torn")
    (paths.receipts / "5.statement").unlink()
    found = faults(world, ledger, HeldLog.of(paths))
    assert [message.split(": ")[0] for message in found[:2]] == ["4.tlog-proof", "5.tlog-proof"]
    assert found[2:] == [f"{paths.remembered} was altered: its checkpoint is not one that the log has signed"]
    paths.remembered.write_bytes(b"torn")
    assert paths.remembered in HeldLog.of(paths).broken


def test_a_file_that_goes_away_meanwhile_is_named(
    world: World, ledger: MemoryLedger, paths: ProfilePaths
) -> None:
    held = HeldLog.of(paths)
    paths.remembered.unlink()
    found = [message for message, _ in held.unlike_tree(7, bytes(32), world.pinned)]
    assert any(f"{paths.remembered} was altered" in message for message in found)
    assert ledger.head().size == 7
