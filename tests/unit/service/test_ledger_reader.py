"""Read: entries and members as the log has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from builders import BOTH, NOW, YEAR, Identity, World, check_log, fingerprint
from memory import MemoryLedger

from hashpact.domain.fingerprints import PDQ, SHA256
from hashpact.domain.kinds import Policy
from hashpact.domain.messages import EntryDetail, LeafDetail, Submission
from hashpact.domain.state import Opinion, Role, Stance
from hashpact.errors import CorruptError, NotFoundError, OverloadedError
from hashpact.member.author import Reason
from hashpact.service.read import PrivateParts, Reader

SHARED = [fingerprint(PDQ, "a"), fingerprint(SHA256, "b")]


@pytest.fixture
def ledger(world: World) -> MemoryLedger:
    """A log with an entry, leaf 6."""
    ledger = MemoryLedger()
    fill(world, ledger)
    return ledger


def fill(world: World, ledger: MemoryLedger) -> Submission:
    """Found the log and share something."""
    world.found(ledger, "bravo", "acme")
    submission = world.author("acme").submit(SHARED, Reason(frozenset({"ncii"})))
    world.appender(ledger).append("acme", submission)
    return submission


def test_an_entry_comes_with_its_bytes_and_what_is_said_of_it(world: World) -> None:
    ledger = MemoryLedger()
    submission = fill(world, ledger)
    world.appender(ledger).append("bravo", world.author("bravo").opinion(6, Stance.ENDORSE))
    detail = Reader(ledger).entry(6)
    entry = check_log(ledger).state.entry(6)
    assert entry is not None
    opinion = Opinion(6, "bravo", Stance.ENDORSE, 7, Identity.of("bravo").id)
    assert detail == EntryDetail(
        entry,
        submission.statement,
        tuple(submission.private),
        (opinion,),
        stands=True,
    )
    world.appender(ledger).append("acme", world.author("acme").withdraw(6, "mistake"))
    withdrawn = Reader(ledger).entry(6)
    assert (withdrawn.entry.withdrawn_index, withdrawn.entry.withdrawn_reason) == (8, "mistake")
    assert (withdrawn.statement, withdrawn.private) == (detail.statement, detail.private)


@pytest.mark.parametrize("index", [-1, 0, 5, 7, 2**63 - 1])
def test_what_is_no_entry_is_not_found(ledger: MemoryLedger, index: int) -> None:
    with pytest.raises(NotFoundError, match=f"no entry {index}$") as caught:
        Reader(ledger).entry(index)
    assert caught.value.details == {"resource": f"entries/{index}"}


@pytest.mark.parametrize(
    ("start", "stop", "found"),
    [
        (0, 0, [*range(6, 46), 47]),
        (6, 7, [6]),
        (20, 47, range(20, 46)),
        (45, 99, [45, 47]),
        (46, 47, []),
        (48, 0, []),
        (0, 6, []),
        (2**63 - 1, 0, []),
    ],
)
def test_entries_come_in_order_each_as_it_stands(
    world: World, ledger: MemoryLedger, start: int, stop: int, found: Sequence[int]
) -> None:
    acme, appender, reason = world.author("acme"), world.appender(ledger), Reason(frozenset({"ncii"}))
    appender.append_all("acme", [acme.submit(SHARED, reason) for _ in range(39)])
    appender.append("acme", acme.withdraw(25, "mistake"))
    appender.append("acme", acme.submit(SHARED, reason))
    reader = Reader(ledger)
    assert list(reader.entries(start, stop)) == [reader.entry(index) for index in found]


class Losing(MemoryLedger):
    """A ledger that loses private parts."""

    lost = 0

    def private(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """All but the last ones."""
        for index, parts in super().private(start, stop):
            if len(parts) > self.lost:
                yield index, parts[: len(parts) - self.lost]


@pytest.mark.parametrize("lost", [1, 2])
def test_missing_private_parts_are_corruption(world: World, lost: int) -> None:
    ledger = Losing()
    fill(world, ledger)
    assert len(Reader(ledger).entry(6).private) == 2
    ledger.lost = lost
    with pytest.raises(CorruptError, match="entry 6"):
        Reader(ledger).entry(6)
    with pytest.raises(CorruptError, match="entry 6"):
        list(Reader(ledger).entries(0, 0))


@pytest.mark.parametrize(
    ("details", "resource"), [({"index": "6"}, {"index": "6", "resource": "entries/6"}), ({}, {})]
)
def test_private_parts_that_cannot_be_read_name_their_entry(
    world: World, monkeypatch: pytest.MonkeyPatch, details: dict[str, str], resource: dict[str, str]
) -> None:
    """If the ledger says which they are."""
    ledger = MemoryLedger()
    fill(world, ledger)

    def unreadable(_start: int, _stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        msg = "a private part cannot be read"
        raise CorruptError(msg, **details)

    monkeypatch.setattr(ledger, "private", unreadable)
    with pytest.raises(CorruptError) as caught:
        list(Reader(ledger).entries(0, 0))
    assert caught.value.details == resource


def test_a_member_is_there_or_not(ledger: MemoryLedger) -> None:
    member = Reader(ledger).member("acme")
    assert member is not None
    assert (member.id, member.roles, member.enrolled_index) == ("acme", BOTH, 4)
    assert Reader(ledger).member("ghost") is None
    assert Reader(ledger).member("admin") is None


def test_members_come_in_the_order_of_their_ids_with_their_keys(world: World, ledger: MemoryLedger) -> None:
    second = Identity.of("acme", "2")
    world.appender(ledger).append_all(
        None,
        [
            Submission(world.member("carol", frozenset({Role.CHECK}))),
            Submission(world.key(second, NOW + YEAR // 2)),
        ],
    )
    reader = Reader(ledger)
    everyone = reader.members("", 10)
    assert [detail.member.id for detail in everyone] == ["acme", "bravo", "carol"]
    assert [[key.name for key in detail.keys] for detail in everyone] == [["1", "2"], ["1"], []]
    assert everyone[0].keys[1].public == second.public
    assert reader.members("acme", 1) == everyone[1:2]
    assert reader.members("bravo", 10) == everyone[2:]
    assert reader.members("carol", 10) == []
    check_log(ledger)


def bounded(world: World, ledger: MemoryLedger, quota: int | None, *quotas: tuple[str, int]) -> PrivateParts:
    """The reading of a log whose policy has these quotas."""
    policy = Policy(2, ("ncii",), private_quota=quota, quotas=quotas)
    world.appender(ledger).append(None, Submission(world.by_admins(policy)))
    return PrivateParts(ledger, world.clock)


def test_49_a_member_reads_its_quota_of_private_parts_in_a_day_and_no_more(world: World) -> None:
    ledger = MemoryLedger()
    fill(world, ledger)
    world.clock.now += 86400 - world.clock.now % 86400
    reader, parts = Reader(ledger), bounded(world, ledger, 5)
    bravo, acme, entry = reader.member("bravo"), reader.member("acme"), reader.entry(6)
    assert bravo is not None
    assert acme is not None
    leaves = [LeafDetail(6, entry.statement, entry.private)]
    assert parts.permitted(bravo, entry) == entry
    assert list(parts.counted(bravo, leaves)) == leaves
    for read in (lambda: parts.permitted(bravo, entry), lambda: list(parts.counted(bravo, leaves))):
        with pytest.raises(OverloadedError, match="quota of 5 private parts today"):
            read()
    # Its own parts are not counted, nor what has none.
    assert all(parts.permitted(acme, entry) == entry for _ in range(9))
    assert len(list(parts.counted(bravo, [LeafDetail(6, entry.statement)] * 9))) == 9
    world.clock.now += 86399
    with pytest.raises(OverloadedError):
        parts.permitted(bravo, entry)
    world.clock.now += 1
    assert parts.permitted(bravo, entry) == entry


def test_49_a_quota_is_raised_for_a_member_by_name(world: World) -> None:
    ledger = MemoryLedger()
    fill(world, ledger)
    reader, parts = Reader(ledger), bounded(world, ledger, 1, ("bravo", 4))
    bravo, entry = reader.member("bravo"), reader.entry(6)
    assert bravo is not None
    assert [parts.permitted(bravo, entry) for _ in range(2)] == [entry, entry]
    with pytest.raises(OverloadedError, match="quota of 4"):
        parts.permitted(bravo, entry)
    other = replace(bravo, id="carol")
    with pytest.raises(OverloadedError, match="quota of 1"):
        parts.permitted(other, entry)


def test_without_a_quota_nothing_is_bounded(world: World, ledger: MemoryLedger) -> None:
    reader, parts = Reader(ledger), PrivateParts(ledger, world.clock)
    bravo, entry = reader.member("bravo"), reader.entry(6)
    assert bravo is not None
    assert all(parts.permitted(bravo, entry) == entry for _ in range(100))
