"""Receipts: a member believes only one that is of the bytes it sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import World, check_log, fingerprint

from hashpact.domain.errors import ProofError
from hashpact.domain.fingerprints import PDQ
from hashpact.service.author import Reason
from hashpact.service.receipt import check_receipt
from hashpact.storage.memory import MemoryLedger


def test_hostile_24_only_the_receipt_of_these_bytes_is_believed(world: World) -> None:
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    author, appender = world.author("acme"), world.appender(ledger)
    mine, other = (author.submit([fingerprint(PDQ, "a")], Reason(frozenset({"ncii"}))) for _ in range(2))
    receipt, another = appender.append_all("acme", [mine, other])
    check_receipt(mine.statement, receipt)
    check_receipt(other.statement, another)
    for statement, false in (
        (mine.statement, another),
        (mine.statement + b"\n", receipt),
        (mine.statement, replace(receipt, leaf_hash=bytes(32))),
    ):
        with pytest.raises(ProofError, match="for another statement"):
            check_receipt(statement, false)
    for size in (0, receipt.index, receipt.tree_size + 1):
        with pytest.raises(ProofError, match=f"in a tree of size {size}$"):
            check_receipt(mine.statement, replace(receipt, tree_size=size))
    check_log(ledger)
