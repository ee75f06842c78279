"""An audit of servers that answer otherwise than they should when they are asked for their entries."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from builders import fingerprint
from clearinghouse import Clearinghouse

from hashpact.audit import run
from hashpact.audit.findings import Report
from hashpact.audit.run import AuditSettings
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.messages import EntryDetail
from hashpact.domain.state import Opinion, Stance
from hashpact.errors import HashpactError
from hashpact.member.author import Reason
from hashpact.service.read import Reader

FIRST, LAST = 6, 45
"""The first entry and the last."""

Answer = Callable[[Iterator[EntryDetail]], Iterator[EntryDetail]]


async def audited(house: Clearinghouse, answer: Answer, evidence: Path) -> Report:
    """What an audit of a server says that does that to its entries."""

    class Liar(Reader):
        def entries(self, start: int, stop: int) -> Iterator[EntryDetail]:
            return answer(super().entries(start, stop))

    acme, reason = house.world.author("acme"), Reason(frozenset({"ncii"}))
    shared = [acme.submit([fingerprint(PDQ, str(number))], reason) for number in range(FIRST, LAST + 1)]
    house.world.appender(house.ledger).append_all("acme", shared)
    house.world.appender(house.ledger).append("acme", acme.withdraw(20, "mistake"))
    house.intake.guard.sign()
    house.alter(reader=Liar(house.ledger))
    await house.start()

    known, endpoint = AuditSettings(evidence, house.genesis), house.profile("bolt").endpoint
    audit = asyncio.to_thread(run.audit_endpoint, endpoint, "bolt", known, lambda _done, _total: None)
    return await asyncio.wait_for(audit, 30)


def without(*indexes: int) -> Answer:
    """All entries but these."""
    return lambda entries: (one for one in entries if one.entry.index not in indexes)


def changed(index: int, change: Callable[[EntryDetail], EntryDetail]) -> Answer:
    """One entry otherwise than it is."""
    return lambda entries: (change(one) if one.entry.index == index else one for one in entries)


def elsewhere(index: int) -> Callable[[EntryDetail], EntryDetail]:
    """An entry under another index."""
    return lambda one: replace(one, entry=replace(one.entry, index=index))


def backwards(entries: Iterator[EntryDetail]) -> Iterator[EntryDetail]:
    """The last one first."""
    return reversed(list(entries))


def endless(entries: Iterator[EntryDetail]) -> Iterator[EntryDetail]:
    """The same ones again and again."""
    return itertools.cycle(list(entries))


def faults(report: Report) -> Sequence[tuple[str, int | None, str]]:
    """What is found, without the evidence."""
    return [(each.topic, each.index, each.message) for each in report.findings]


async def test_an_honest_server(founded: Clearinghouse, tmp_path: Path) -> None:
    report = await audited(founded, lambda entries: entries, tmp_path / "evidence")
    assert faults(report) == []
    assert report.counts["submit"] == LAST - FIRST + 1


@pytest.mark.parametrize(
    ("answer", "index", "sent"),
    [
        (backwards, LAST + 1, LAST - 1),
        (endless, LAST + 1, FIRST),
        (changed(9, elsewhere(8)), 9, 8),
        (changed(9, elsewhere(5)), 9, 5),
        (changed(9, elsewhere(10)), 11, 10),
        (changed(9, elsewhere(LAST + 1)), 9, LAST + 1),
        (changed(9, elsewhere(2**62)), 9, 2**62),
    ],
)
async def test_entries_out_of_order_or_out_of_place_end_it(
    founded: Clearinghouse, tmp_path: Path, answer: Answer, index: int, sent: int
) -> None:
    report = await audited(founded, answer, tmp_path / "evidence")
    message = f"asked for entries from {index} up to {LAST + 1}, the server sent entry {sent}"
    assert [fault[:2] for fault in faults(report)] == [("source", index)]
    assert message in faults(report)[0][2]


@pytest.mark.parametrize(
    ("answer", "records"),
    [
        (without(9, LAST), ["entry 9 is missing", f"entry {LAST} is missing"]),
        (lambda _: iter(()), [f"entry {index} is missing" for index in range(FIRST, LAST + 1)]),
        (
            changed(20, lambda one: replace(one, entry=replace(one.entry, withdrawn_reason="gone"))),
            ["entry 20 is reported with another withdrawn_reason"],
        ),
        (
            changed(9, lambda one: replace(one, opinions=(Opinion(9, "bolt", Stance.SEEN, 47, bytes(32)),))),
            ["opinion 9 bolt follows from no leaf"],
        ),
    ],
)
async def test_entries_that_are_left_out_or_told_otherwise_are_named(
    founded: Clearinghouse, tmp_path: Path, answer: Answer, records: list[str]
) -> None:
    found = faults(await audited(founded, answer, tmp_path / "evidence"))
    assert [(topic, message) for topic, _, message in found] == [
        ("state", f"the record {record}") for record in records
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, statement=b""),
        lambda one: replace(one, statement=one.statement + bytes(40_000)),
        lambda one: replace(one, statement=one.statement.replace(b"label ncii", b"label NCII")),
    ],
)
async def test_an_entry_that_cannot_be_read_ends_it(
    founded: Clearinghouse, tmp_path: Path, change: Callable[[EntryDetail], EntryDetail]
) -> None:
    ((topic, _, message),) = faults(await audited(founded, changed(9, change), tmp_path / "evidence"))
    assert topic == "source"
    assert "the server's answer to /hashpact.wire.v1.LogService/ListEntries breaks the protocol" in message


async def test_an_entry_that_is_too_long_is_not_read(founded: Clearinghouse, tmp_path: Path) -> None:
    many = (Opinion(9, "bolt", Stance.SEEN, 47, bytes(32)),) * 400_000
    with pytest.raises(HashpactError, match="larger than max"):
        await audited(founded, changed(9, lambda one: replace(one, opinions=many)), tmp_path / "evidence")
    assert not (tmp_path / "evidence").exists()
