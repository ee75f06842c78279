"""Private parts beside the leaves of a ledger, and beside the records of entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

import pytest
from builders import FakeClock, World, fingerprint, private_part, seeded
from memory import MemoryLedger

from hashpact.audit.answers.withheld import AnswerAudit
from hashpact.audit.auditor import audit_whole
from hashpact.audit.private import GivenEntries, GivenEntry, LeafHashes, wrong_parts
from hashpact.audit.source import ledger_source
from hashpact.domain.fingerprints import PDQ, commitment
from hashpact.domain.ports import Log
from hashpact.domain.rules.replay import replay
from hashpact.errors import CorruptError
from hashpact.log import tree
from hashpact.member.author import Reason

FIRST, LAST = 6, 9
PARTS = [private_part(fingerprint(PDQ, str(number))) for number in range(3)]
OTHER = private_part(fingerprint(PDQ, "other"))
COMMITTED = [commitment(part) for part in PARTS]


def test_damaged_private_parts_of_a_copy_are_none_to_an_audit_of_answers() -> None:
    class DamagedCopy:
        def private(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
            msg = f"{start} to {stop}"
            raise CorruptError(msg)

    assert tuple(AnswerAudit((), cast("Log", DamagedCopy()))._given(3)) == ()


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        (PARTS, None),
        ([OTHER, *PARTS[1:]], "private part 0 of 3, counted from 0, is not what it commits to"),
        ([PARTS[1], PARTS[0], PARTS[2]], "private part 0, 1 of 3, counted from 0, is not what it commits to"),
        (PARTS[:2], "1 of its 3 private parts are missing"),
        ([], "3 of its 3 private parts are missing"),
        ([*PARTS, OTHER], "it has 4 private parts and commits to 3"),
    ],
)
def test_what_is_wrong_with_private_parts(parts: list[bytes], wrong: str | None) -> None:
    assert wrong_parts(COMMITTED, parts) == wrong
    assert wrong_parts([], []) is None


class Damaged(MemoryLedger):
    """A ledger in which some private parts cannot be read."""

    unreadable: Sequence[int] = ()
    error: CorruptError | None = None

    def private(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """Those before the first that cannot be read, and then an error."""
        for index, parts in super().private(start, stop):
            if index in self.unreadable:
                raise self.error or CorruptError("a private part cannot be read", index=str(index))
            yield index, parts


def filled(ledger: MemoryLedger) -> World:
    """The world of that ledger, which gets entries of one item."""
    world = World()
    world.found(ledger, "acme", "bolt")
    acme, reason = world.author("acme"), Reason(frozenset({"ncii"}))
    for number in range(FIRST, LAST + 1):
        world.appender(ledger).append("acme", acme.submit([fingerprint(PDQ, str(number))], reason))
    return world


@pytest.mark.parametrize("unreadable", [[FIRST], [7, 8], [LAST], [*range(FIRST, LAST + 1)]])
def test_private_parts_that_cannot_be_read_are_named_one_by_one(unreadable: list[int]) -> None:
    ledger = Damaged()
    filled(ledger)
    ledger.unreadable = unreadable
    with ledger_source(ledger) as source:
        report = audit_whole(source, FakeClock(), lambda *_: None)
    assert [(each.topic, each.index, each.kind, each.member) for each in report.findings] == [
        ("private", index, "submit", "acme") for index in unreadable
    ]


def test_a_database_that_cannot_be_read_ends_it() -> None:
    ledger = Damaged()
    filled(ledger)
    ledger.unreadable, ledger.error = [7], CorruptError("the database is damaged")
    with ledger_source(ledger) as source:
        (finding,) = audit_whole(source, FakeClock(), lambda *_: None).findings
    assert (finding.topic, finding.message) == ("source", "the database is damaged")


def test_what_is_given_beside_an_entry_is_its_leafs() -> None:
    ledger = MemoryLedger()
    filled(ledger)
    leaves = [leaf.data for leaf in ledger.leaves(0, LAST + 1)]
    ((_, parts),) = ledger.private(7, 8)
    good = GivenEntry(7, leaves[7], [commitment(part) for part in parts], parts, "bolt")
    hashes, later = LeafHashes(), LeafHashes(8)
    for leaf in leaves:
        hashes.add(tree.leaf_hash(leaf))
    assert (later.of(7), hashes.of(7)) == (None, tree.leaf_hash(leaves[7]))

    def found(given: GivenEntry) -> str | None:
        beside = GivenEntries(replay(leaves).state, hashes)
        beside.add(given)
        wrong = next(iter(beside.wrong.values()), None)
        assert beside.refused == ({7} if given.refusal else set())
        assert beside.withheld == (given.withheld and wrong is None)
        assert wrong is None or (wrong.index, wrong.entry, wrong.kind) == (7, 7, "submit")
        return None if wrong is None else wrong.message.removeprefix("leaf 7, a submit of acme: ")

    assert found(good) is None
    assert found(replace(good, private=[OTHER])) == wrong_parts(good.commitments, [OTHER])
    assert found(replace(good, statement=leaves[8])) == "its entry comes with another statement"
    assert found(GivenEntry(7, refusal="none today")) == "its entry is withheld: none today"
    assert found(replace(good, entry=3, private=[])) is None  # which no leaf made: the records say so
    for reader, may in (("acme", True), ("bolt", True), ("admin", False), (seeded("x").hex(), False)):
        wrong = found(replace(good, private=[], withheld=True, reader=reader))
        assert wrong == (
            f"its private parts are withheld from {reader}, which may read them" if may else None
        )
