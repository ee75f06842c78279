"""Catalog: what takes long is done while others check, and only as long as it is wanted."""

from __future__ import annotations

from concurrent.futures import CancelledError

import pytest
from builders import fingerprint, near
from checking import BASE, House

from hashpact.domain.checks import Filter, Hits
from hashpact.domain.fingerprints import PDQ, PHASH, Fingerprint, FingerprintType
from hashpact.domain.kinds import MAX_ITEMS
from hashpact.lookup.catalog import FEW, EntryCatalog
from hashpact.lookup.columns import codes, fewest_apart

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


def many(name: str, count: int = 255) -> list[Fingerprint]:
    """So many codes that have nothing to do with each other."""
    return [fingerprint(PDQ, f"{name} {number}") for number in range(count)]


def test_the_fewest_bits_are_those_of_the_nearest_pair() -> None:
    upload, entry = many("upload", 7), many("entry", 5)
    numbers = [[int.from_bytes(one.value) for one in side] for side in (upload, entry)]
    assert fewest_apart(codes(upload), codes(entry)) == min(
        (one ^ other).bit_count() for one in numbers[0] for other in numbers[1]
    )
    opposite = Fingerprint(PDQ, bytes(255 - byte for byte in BASE.value))
    assert fewest_apart(codes([BASE]), codes([opposite])) == 256
    assert fewest_apart(codes([BASE]), codes([fingerprint(PHASH, "no code")])) is None
    assert fewest_apart(codes([]), codes(entry)) is None


def test_41_entries_of_many_codes_are_compared_where_it_may_take_long_and_while_it_is_wanted() -> None:
    made = House()
    picture = fingerprint(PHASH, "picture")
    entries = [made.share(picture, *many(f"entry {number}")) for number in range(20)]
    made.follower.catch_up()
    catalog, waited = EntryCatalog(made.ledger), 0
    for entry in entries:
        catalog.codes.of(entry)

    def waits() -> None:
        nonlocal waited
        waited += 1

    apart = catalog.apart([picture, *many("upload", 7)], waits=waits)
    few = [apart(entry) for entry in entries[:2]]
    assert (waited, None in few) == (0, False)
    for entry in entries:
        apart(entry)
    assert waited > 0
    left = catalog.apart([BASE], lambda: False)
    with pytest.raises(CancelledError):
        left(entries[0])
    assert catalog.apart([picture], lambda: False)(entries[0]) is None
