"""Read: entries and members as the log has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from builders import BOTH, NOW, YEAR, Identity, World, check_log, fingerprint
from memory import MemoryLedger

from hashpact.domain.fingerprints import PDQ, SHA256
from hashpact.domain.messages import EntryDetail, Submission
from hashpact.domain.state import Opinion, Role, Stance
from hashpact.errors import CorruptError, NotFoundError
from hashpact.member.author import Reason
from hashpact.service.read import Reader

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
    assert (withdrawn.entry.withdrawn_at, withdrawn.entry.withdrawn_reason) == (8, "mistake")
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


def test_a_member_is_there_or_not(ledger: MemoryLedger) -> None:
    member = Reader(ledger).member("acme")
    assert member is not None
    assert (member.id, member.roles, member.enrolled_at) == ("acme", BOTH, 4)
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
