"""The played quarter: the same seed makes the same log, which keeps every rule."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from builders import check_audit

from hashpact.demo.quarter.playing import play_quarter
from hashpact.domain.kinds import KINDS
from hashpact.domain.rules.replay import replay
from hashpact.storage.ledgers import open_ledger

PLAYED = {
    *("action-done", "appeal", "contact", "decision", "notice", "practice", "receipt-confirm"),
    *("reply", "review", "ruling", "tally", "training"),
}


def played(directory: Path, seed: int) -> list[bytes]:
    """The leaves of a small quarter, which an audit found right."""
    directory.mkdir()
    parts = list(play_quarter(directory, "2026Q4", seed, scale=0.05))
    assert parts == sorted(parts)
    assert parts[-1] <= 1
    ledger = open_ledger(directory / "hashpact.db")
    try:
        check_audit(ledger)
        return [leaf.data for leaf in ledger.leaves(0, ledger.head().size)]
    finally:
        ledger.close()


def test_a_seed_makes_one_log_that_keeps_every_rule(tmp_path: Path) -> None:
    first = played(tmp_path / "a", 1)
    folded = replay(first)
    assert folded.faults == []
    kinds = Counter(filing.kind for filing in folded.state.filed.values())
    assert kinds.keys() >= PLAYED
    assert kinds.keys() <= KINDS.keys()
    assert played(tmp_path / "b", 1) == first
    assert played(tmp_path / "c", 2) != first
