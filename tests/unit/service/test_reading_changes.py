"""Read: pages of changes have bounds, say where they end, and name what a revocation may undo."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from builders import Identity, World, fingerprint
from memory import MemoryLedger

from hashpact.domain.fingerprints import SHA256
from hashpact.domain.kinds import Policy
from hashpact.domain.messages import ChangedEntries, ChangesRequest, Submission
from hashpact.domain.state import Member, Stance
from hashpact.errors import BehindError, OverloadedError
from hashpact.member.author import Author, Reason
from hashpact.service import read
from hashpact.service.read import PrivateParts, Reader

NCII = Reason(frozenset({"ncii"}))
FIRST, SECOND, THIRD = (Identity.of("acme", name) for name in "123")


class House:
    """A log in which acme has three keys, and what is appended to it."""

    def __init__(self) -> None:
        self.world, self.ledger = World(), MemoryLedger()
        self.world.found(self.ledger, "acme", "bravo")
        for one in (SECOND, THIRD):
            self.append(self.world.key(one))
        self.reader = Reader(self.ledger)

    def append(self, leaf: bytes) -> int:
        """Append a leaf; its index."""
        return self.world.appender(self.ledger).append(None, Submission(leaf)).index

    def author(self, who: Identity) -> Author:
        """The member of a key, with that key."""
        world = self.world
        return Author(world.origin, who.owner, who.key, who.private, world.clock, world.entropy)

    def share(self, seed: str, who: Identity = FIRST, items: int = 1) -> int:
        """Submit fingerprints; the entry."""
        codes = [fingerprint(SHA256, f"{seed} {number}") for number in range(items)]
        submission = self.author(who).submit(codes, NCII)
        return self.world.appender(self.ledger).append(who.owner, submission).index

    def say(self, submission: Submission) -> int:
        """Append what a member says."""
        return self.world.appender(self.ledger).append(None, submission).index

    def changed(self, since: int) -> dict[int, bool]:
        """Which entries have changed since a position, each with whether it stands."""
        found: dict[int, bool] = {}
        asked, page = ChangesRequest(since), None
        while page is None or not page.last:
            page = self.reader.changes(asked)
            found |= {detail.entry.index: detail.stands for detail in page.entries}
            asked = page.following(asked)
        return found


def entries(page: ChangedEntries) -> list[int]:
    """The entries of a page."""
    return [detail.entry.index for detail in page.entries]


@pytest.fixture
def house() -> House:
    """A log of two members."""
    return House()


def test_what_a_replaced_revocation_restores_is_named(house: House) -> None:
    first, second, third = (house.share(str(number)) for number in range(3))
    at = house.append(house.world.revoke(FIRST, first, SECOND))
    assert house.changed(at) == {first: False, second: False, third: False}
    at = house.append(house.world.revoke(FIRST, third))
    assert house.changed(at) == {first: True, second: True, third: False}


def test_a_members_revocation_names_nothing_before_its_cutoff(house: House) -> None:
    kept = house.share("kept")
    other = house.share("other", SECOND)
    gone = house.share("gone")
    at = house.append(house.world.revoke(FIRST, gone, SECOND))
    assert house.changed(at) == {gone: False}
    assert house.changed(0) == {kept: True, other: True, gone: False}


def test_what_falls_with_a_revocation_is_named_as_far_as_it_reaches(house: House) -> None:
    """A thief replaces the key, revokes another, withdraws and disputes: all of that is undone."""
    mine, theirs = house.share("mine", SECOND), house.share("theirs", Identity.of("bravo"))
    late = house.share("late", THIRD)
    thief = Identity.of("acme", "4")
    stolen = house.append(house.world.rotate(FIRST, thief, overlap=3600))
    planted = house.share("planted", thief)
    house.say(house.author(FIRST).withdraw(mine, "thief"))
    house.say(house.author(FIRST).opinion(theirs, Stance.DISPUTE))
    house.append(house.world.revoke(THIRD, late, FIRST))
    at = house.append(house.world.revoke(FIRST, stolen))
    assert house.changed(at) == {mine: True, theirs: True, late: True, planted: False}
    assert house.reader.entry(theirs).opinions == ()


def test_a_page_has_a_size_and_says_where_the_next_begins(house: House) -> None:
    shared = [house.share(str(number)) for number in range(5)]
    page = house.reader.changes(ChangesRequest(size=3))
    assert (entries(page), page.next, page.next_after, page.last) == (shared[:3], shared[3], None, False)
    page = house.reader.changes(page.following(ChangesRequest(size=3)))
    assert (entries(page), page.next, page.last) == (shared[3:], shared[4] + 1, True)
    assert all(detail.private == () for detail in page.entries)


def test_the_entries_that_a_revocation_touches_come_in_pages(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "_ROWS_OF_PAGE", 2)
    shared = [house.share(str(number)) for number in range(5)]
    since = house.append(house.world.revoke(FIRST, shared[1]))
    asked, found, page = ChangesRequest(since, size=1), list[int](), None
    while page is None or not page.last:
        page = house.reader.changes(asked)
        assert len(page.entries) <= 1
        found += entries(page)
        asked = page.following(asked)
    assert found == shared  # the administrators' revocation may replace one that reached further


def test_a_page_ends_when_it_is_full_of_bytes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_BYTES_OF_PAGE", 2000)
    shared = [house.share(str(number), items=3) for number in range(4)]
    asked = ChangesRequest(shared[0])
    assert entries(house.reader.changes(asked)) == shared[:2]
    assert entries(house.reader.changes(replace(asked, with_private=True))) == shared[:1]
    monkeypatch.setattr(read, "_BYTES_OF_OPINION", 900)
    house.world.appender(house.ledger).append(
        "bravo", house.world.author("bravo").opinion(shared[0], Stance.SEEN)
    )
    assert entries(house.reader.changes(asked)) == shared[:1]


def test_private_parts_that_the_caller_may_not_see_fill_a_page_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were read: a member without the role must not have all of them read by one call."""
    monkeypatch.setattr(read, "_BYTES_OF_PAGE", 2000)
    shared = [house.share(str(number), items=3) for number in range(4)]
    nobody = Member("nobody", frozenset(), 1)
    permit = partial(PrivateParts(house.ledger, house.world.clock).permitted, nobody)
    page = house.reader.changes(ChangesRequest(shared[0], with_private=True), permit)
    assert entries(page) == shared[:1]
    assert page.entries[0].withheld


def test_a_page_reads_a_limited_number_of_leaves_and_bytes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "_LEAVES_OF_PAGE", 2)
    page = house.reader.changes(ChangesRequest(1))
    assert (entries(page), page.next, page.last) == ([], 3, False)
    monkeypatch.setattr(read, "_BYTES_OF_PAGE", 1)
    page = house.reader.changes(ChangesRequest(1))
    assert (entries(page), page.next, page.last) == ([], 2, False)


def test_only_entries_that_stand_come_with_private_parts(house: House) -> None:
    gone, kept = house.share("gone"), house.share("kept", items=2)
    house.say(house.author(FIRST).withdraw(gone, "mistake"))
    page = house.reader.changes(ChangesRequest(gone, with_private=True))
    assert [(detail.stands, len(detail.private)) for detail in page.entries] == [(False, 0), (True, 2)]
    assert page.entries[1] == house.reader.entry(kept)


def test_a_page_ends_where_the_quota_of_private_parts_does(house: House) -> None:
    shared = [house.share(str(number), items=2) for number in range(3)]
    house.append(house.world.by_admins(Policy(2, ("ncii",), private_quota=5)))
    bravo = house.reader.member("bravo")
    assert bravo is not None
    permit = partial(PrivateParts(house.ledger, house.world.clock).permitted, bravo)
    asked = ChangesRequest(with_private=True)
    page = house.reader.changes(asked, permit)
    assert (entries(page), page.next) == (shared[:2], shared[2])
    with pytest.raises(OverloadedError, match="quota of 5"):
        house.reader.changes(page.following(asked), permit)


def test_beyond_the_end_of_the_log_there_are_no_changes_yet(house: House) -> None:
    size = house.ledger.head().size
    page = house.reader.changes(ChangesRequest(size))
    assert (page.entries, page.next, page.position, page.last) == ((), size, size, True)
    with pytest.raises(BehindError, match=f"has reached position {size}, not {size + 1} yet"):
        house.reader.changes(ChangesRequest(size + 1))
