"""A check of a mirror: matches are counted, and those of entries in quarantine say so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest
from builders import fingerprint, near
from checking import BASE, House

from hashpact.domain.checks import Check, Filter, Query
from hashpact.domain.fingerprints import PDQ, PHASH
from hashpact.domain.matching.batches import Batch, Packed

WITHOUT = Filter(without_quarantined=True)


@dataclass
class Counts:
    """Counts what it is given, and holds some entries."""

    held: set[int] = field(default_factory=set)
    counted: list[tuple[list[int], int]] = field(default_factory=list)

    def count(self, entries: Iterable[int], checks: int) -> None:
        """Note it."""
        self.counted.append((sorted(entries), checks))

    def holds(self, entry: int) -> bool:
        """Whether it is one of them."""
        return entry in self.held


def counting() -> tuple[House, Counts]:
    house, counts = House(), Counts()
    house.checker = replace(house.checker, counter=counts)
    return house, counts


def batch(*codes: bytes, narrow: Filter, limit: int = 4) -> Batch:
    return Batch((Packed(PDQ, b"".join(codes), 31),), narrow, limit)


def test_an_upload_counts_once_for_each_entry_and_nothing_found_counts_too() -> None:
    house, counts = counting()
    entry = house.share(BASE, fingerprint(PHASH, "base"))
    house.ask(BASE, near(BASE, 4), fingerprint(PHASH, "base"))
    house.ask(fingerprint(PDQ, "other"))
    assert counts.counted == [([entry], 1), ([], 1)]


def test_a_check_that_is_begun_again_where_it_may_wait_counts_once() -> None:
    house, counts = counting()
    entry = house.share(BASE)
    house.follower.catch_up()
    check = Check((Query(BASE),))

    def refuse() -> None:
        raise BlockingIOError

    with pytest.raises(BlockingIOError):
        house.checker.check(check, waits=refuse)
    assert counts.counted == []
    house.checker.check(check)
    assert counts.counted == [([entry], 1)]


def test_a_match_of_an_entry_in_quarantine_says_so_and_a_filter_drops_it() -> None:
    house, counts = counting()
    flood, other = house.share(BASE), house.share(near(BASE, 8))
    counts.held = {flood}
    found = house.ask(BASE).matches
    assert [(match.entry, match.quarantined) for match in found] == [(flood, True), (other, False)]
    narrowed = house.ask(BASE, narrow=WITHOUT, limit=1)
    assert [match.entry for match in narrowed.matches] == [other]
    assert not narrowed.truncated
    assert counts.counted == [([flood, other], 1), ([flood], 1)]
    counts.held = {flood, other}
    assert house.ask(BASE, narrow=WITHOUT).matches == ()


def test_a_batch_counts_each_fingerprint_and_says_when_more_may_be_behind_what_is_dropped() -> None:
    house, counts = counting()
    flood, other = house.share(BASE), house.share(near(BASE, 8))
    house.follower.catch_up()
    counts.held = {flood}
    codes = BASE.value, fingerprint(PDQ, "nothing").value, near(BASE, 2).value
    answer = house.checker.check_batch(batch(*codes, narrow=Filter()))
    assert [(match.query, match.entry, match.quarantined) for match in answer.matches] == [
        (0, flood, True),
        (0, other, False),
        (2, flood, True),
        (2, other, False),
    ]
    assert counts.counted == [([flood, flood, other, other], 3)]
    answer = house.checker.check_batch(batch(*codes, narrow=WITHOUT))
    assert [(match.query, match.entry) for match in answer.matches] == [(0, other), (2, other)]
    assert answer.truncated == ()
    answer = house.checker.check_batch(batch(*codes, narrow=WITHOUT, limit=1))
    assert (answer.matches, answer.truncated, answer.texts) == ((), (0, 2), None)


def test_a_large_batch_is_counted_in_pieces_that_fit_into_any_window() -> None:
    house, counts = counting()
    entry = house.share(BASE)
    house.follower.catch_up()
    house.checker.check_batch(
        batch(*[BASE.value] * 65, *[fingerprint(PDQ, "nothing").value] * 64, narrow=Filter())
    )
    assert counts.counted == [([entry] * 64, 64), ([entry], 64), ([], 1)]


def test_a_server_that_counts_nothing_has_nothing_in_quarantine() -> None:
    house = House()
    entry = house.share(BASE)
    assert [(match.entry, match.quarantined) for match in house.ask(BASE, narrow=WITHOUT).matches] == [
        (entry, False)
    ]
