"""The played quarter: the same seed makes the same log, which keeps every rule."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from builders import check_audit

from hashpact.demo.quarter.playing import play_quarter
from hashpact.domain.kinds import KINDS
from hashpact.domain.rules.replay import Replay, replay
from hashpact.storage.ledgers import open_ledger

PLAYED = {
    *("action-done", "appeal", "contact", "decision", "notice", "practice", "receipt-confirm"),
    *("reply", "review", "ruling", "tally", "training"),
}


def played(directory: Path, seed: int) -> tuple[str, Replay]:
    """The digest of the leaves of a small quarter, and their fold."""
    directory.mkdir()
    parts = list(play_quarter(directory, "2026Q4", seed, scale=0.1))
    assert parts == sorted(parts)
    assert parts[-1] <= 1
    ledger = open_ledger(directory / "hashpact.db")
    try:
        check_audit(ledger)
        leaves = [leaf.data for leaf in ledger.leaves(0, ledger.head().size)]
    finally:
        ledger.close()
    return hashlib.sha256(b"".join(leaves)).hexdigest(), replay(leaves)


def test_a_seed_makes_one_log_that_keeps_every_rule(tmp_path: Path) -> None:
    first, folded = played(tmp_path / "a", 1)
    assert folded.faults == []
    kinds = Counter(filing.kind for filing in folded.state.filed.values())
    assert kinds.keys() >= PLAYED
    assert kinds.keys() <= KINDS.keys()
    assert played(tmp_path / "b", 1)[0] == first
    assert played(tmp_path / "c", 2)[0] != first
