"""Catalog: the matches of a long answer are made while others check, and only as long as they are wanted."""

from __future__ import annotations

from concurrent.futures import CancelledError

import pytest
from builders import near
from checking import BASE, House

from hashpact.domain.checks import Filter, Hits
from hashpact.domain.fingerprints import PDQ, FingerprintType
from hashpact.domain.kinds import MAX_ITEMS
from hashpact.lookup.catalog import FEW

ALL = Filter()
MANY = 4 * FEW


@pytest.fixture(scope="module")
def house() -> House:
    """A clearinghouse of many entries that are near each other."""
    made = House()
    for number in range(MANY):
        made.share(near(BASE, number % 20))
    made.follower.catch_up()
    return made


def hits(house: House, limit: int) -> list[tuple[FingerprintType, Hits]]:
    """What one query finds."""
    return [(PDQ, house.index.search(BASE, 31, limit))]


def test_41_others_check_while_the_matches_of_a_long_answer_are_made(house: House) -> None:
    catalog = house.follower.catalog
    assert house.ask(BASE, limit=MANY).matches  # so that all entries are known
    few, answered = hits(house, 1), []

    def wanted() -> bool:
        answered.append(catalog.nearest_at_once(few, ALL, 1) is not None)
        return True

    matches, counts = catalog.nearest(hits(house, MANY), ALL, MANY, wanted)
    assert [match.entry for match in matches] == [item // MAX_ITEMS for item in hits(house, MANY)[0][1].items]
    assert counts == [MANY]
    assert all(answered)
    assert len(answered) > MANY // 16


def test_41_no_more_matches_are_made_once_the_caller_has_left(house: House) -> None:
    asked = 0

    def wanted() -> bool:
        nonlocal asked
        asked += 1
        return asked < 4

    with pytest.raises(CancelledError):
        house.follower.catalog.nearest(hits(house, MANY), ALL, MANY, wanted)
    assert asked == 4
