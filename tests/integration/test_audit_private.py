"""An audit of servers that alter or withhold private parts: each leaf is named, and the audit goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from builders import fingerprint, private_part
from clearinghouse import Clearinghouse

from hashpact.audit import auditor, run
from hashpact.audit.findings import Report
from hashpact.audit.run import AuditSettings
from hashpact.domain.fingerprints import PDQ, commitment
from hashpact.domain.kinds import MemberRoles
from hashpact.domain.messages import EntryDetail, Submission
from hashpact.domain.state import Role
from hashpact.errors import CorruptError
from hashpact.log import tree
from hashpact.member.author import Reason
from hashpact.service.read import Reader

FIRST, LAST = 6, 45
"""The first entry and the last; each has two items."""

Change = Callable[[EntryDetail], EntryDetail]


async def audited(
    house: Clearinghouse, changes: Mapping[int, Change], evidence: Path, reader: str = "bolt"
) -> Report:
    """What an audit of a server says that makes these changes to its entries."""

    class Liar(Reader):
        def entries(self, start: int, stop: int) -> Iterator[EntryDetail]:
            for detail in super().entries(start, stop):
                yield changes.get(detail.entry.index, honest)(detail)

    acme, reason = house.world.author("acme"), Reason(frozenset({"ncii"}))
    shared = [
        acme.submit([fingerprint(PDQ, f"{number} {item}") for item in range(2)], reason)
        for number in range(FIRST, LAST + 1)
    ]
    house.world.appender(house.ledger).append_all("acme", shared)
    house.intake.guard.sign()
    house.alter(reader=Liar(house.ledger))
    await house.start()

    known, endpoint = AuditSettings(evidence, house.genesis), house.profile(reader).endpoint
    audit = asyncio.to_thread(run.audit_endpoint, endpoint, reader, known, lambda *_: None)
    return await asyncio.wait_for(audit, 30)


def honest(detail: EntryDetail) -> EntryDetail:
    """The entry as it is."""
    return detail


def altered(*places: int) -> Change:
    """Other private parts in these places, each well formed."""

    def change(detail: EntryDetail) -> EntryDetail:
        parts = list(detail.private)
        for place in places:
            parts[place] = private_part(fingerprint(PDQ, "other"))
        return replace(detail, private=tuple(parts))

    return change


def without(count: int) -> Change:
    """The last private parts are left out, and nothing says so."""
    return lambda detail: replace(detail, private=detail.private[: len(detail.private) - count])


def withheld(detail: EntryDetail) -> EntryDetail:
    """The private parts are left out, as from a member that may not read them."""
    return replace(detail, private=(), withheld=True)


def refused(index: int) -> Change:
    """An error in the place of an entry, which names this one."""

    def change(_: EntryDetail) -> EntryDetail:
        msg = "it is damaged"
        raise CorruptError(msg, resource=f"entries/{index}")

    return change


def another_statement(detail: EntryDetail) -> EntryDetail:
    """Another private part, and a statement that commits to it: nothing but the leaf contradicts them."""
    part = private_part(fingerprint(PDQ, "other"))
    old, new = commitment(detail.private[0]), commitment(part)
    statement = detail.statement.replace(old.hex().encode(), new.hex().encode())
    assert statement != detail.statement
    return replace(detail, statement=statement, private=(part, *detail.private[1:]))


def another_state(detail: EntryDetail) -> EntryDetail:
    """Another private part, and another state."""
    return replace(altered(0)(detail), entry=replace(detail.entry, voided_index=3, voided_reason="none"))


async def test_73_every_altered_or_withheld_private_part_is_named(
    founded: Clearinghouse, tmp_path: Path
) -> None:
    changes = {
        9: altered(0),
        12: altered(0, 1),
        15: withheld,
        20: without(1),
        21: without(2),
        30: refused(30),
        33: another_statement,
        36: lambda detail: replace(detail, private=(*detail.private, detail.private[0])),
        40: another_state,
        LAST: refused(LAST),
    }
    report = await audited(founded, changes, tmp_path / "evidence")
    not_committed = "is not what it commits to"
    wanted = {
        9: f"private part 0 of 2, counted from 0, {not_committed}",
        12: f"private part 0, 1 of 2, counted from 0, {not_committed}",
        15: "its private parts are withheld from bolt, which may read them",
        20: "1 of its 2 private parts are missing",
        21: "2 of its 2 private parts are missing",
        30: "its entry is withheld: it is damaged",
        33: "its entry comes with another statement",
        36: "it has 3 private parts and commits to 2",
        40: f"private part 0 of 2, counted from 0, {not_committed}",
        LAST: "its entry is withheld: it is damaged",
    }
    named = {each.index: each for each in report.findings if each.kind == "submit"}
    assert {index: each.message for index, each in named.items()} == {
        index: f"leaf {index}, a submit of acme: {what}" for index, what in wanted.items()
    }
    assert {each.member for each in named.values()} == {"acme"}
    assert {index for index, each in named.items() if each.topic != "private"} == {33}
    (other,) = (each for each in report.findings if each.kind is None)
    assert other.message == "the record entry 40 is reported with another voided_index, voided_reason"
    assert (report.size, report.signed, report.withheld) == (LAST + 1, LAST + 1, False)
    assert report.root == tree.root(founded.ledger.head().edge)
    assert report.counts["submit"] == LAST - FIRST + 1
    assert (tmp_path / "evidence" / "report.json").exists()


@pytest.mark.parametrize("index", [FIRST - 1, 8, 2**62])
async def test_a_refusal_of_another_entry_ends_it(founded: Clearinghouse, tmp_path: Path, index: int) -> None:
    """Of one that was not asked for, or was given already."""
    report = await audited(founded, {9: refused(index)}, tmp_path / "evidence")
    (finding,) = report.findings
    assert (finding.topic, finding.message) == ("source", "it is damaged")


async def test_a_server_that_refuses_every_entry_is_read_to_its_end(
    founded: Clearinghouse, tmp_path: Path
) -> None:
    everyone = {index: refused(index) for index in range(FIRST, LAST + 1)}
    report = await audited(founded, everyone, tmp_path / "evidence")
    assert [(each.topic, each.index) for each in report.findings] == [
        ("private", index) for index in range(FIRST, LAST + 1)
    ]


async def test_the_audit_of_a_server_that_withholds_too_much_ends(
    founded: Clearinghouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "MAX_FINDINGS", 5)
    everyone = dict.fromkeys(range(FIRST, LAST + 1), withheld)
    report = await audited(founded, everyone, tmp_path / "evidence")
    assert [each.index for each in report.findings] == [*range(FIRST, FIRST + 5)]


@pytest.mark.parametrize(("reader", "faults"), [("bolt", []), ("acme", [9])])
async def test_73_only_a_member_that_may_not_read_them_gets_no_private_parts(
    founded: Clearinghouse, tmp_path: Path, reader: str, faults: list[int]
) -> None:
    """Without a role, private parts of others are withheld by right; one's own are not."""
    for member in ("acme", "bolt"):
        roles = founded.world.by_admins(MemberRoles(member, frozenset({Role.CONTRIBUTE}), "less"))
        founded.world.appender(founded.ledger).append(None, Submission(roles))
    report = await audited(founded, {9: withheld}, tmp_path / "evidence", reader)
    assert [each.index for each in report.findings] == faults
    assert report.withheld == (reader == "bolt")
