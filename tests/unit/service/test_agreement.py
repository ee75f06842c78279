"""A match that another type contradicts says so, and a filter drops it."""

from __future__ import annotations

import pytest
from builders import fingerprint, near
from checking import BASE, House
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact.domain.checks import Disagreement, Filter
from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, SHA256, Fingerprint
from hashpact.domain.matching.agreement import CLEAR, codes, contradiction
from hashpact.domain.matching.batches import Batch, Packed
from hashpact.domain.matching.benign import Benign
from hashpact.errors import InvalidInputError

PICTURE = fingerprint(PHASH, "picture")
AGREEING = Filter(agreeing=True)


def said(house: House, *asked: Fingerprint, narrow: Filter | None = None) -> list[tuple[int, str, object]]:
    """Of each match its entry, its type, and what contradicts it."""
    found = house.ask(*asked, narrow=narrow).matches
    return [(match.entry, match.type, match.contradicted) for match in found]


def test_a_match_says_which_other_type_is_clearly_different() -> None:
    house = House()
    entry = house.share(BASE, PICTURE)
    far = near(BASE, CLEAR)
    against = Disagreement("pdq/1", CLEAR)
    assert said(house, far, PICTURE) == [(entry, "phash/1", against)]
    assert said(house, far, PICTURE, narrow=AGREEING) == []
    closer = near(BASE, CLEAR - 1)
    assert said(house, closer, PICTURE, narrow=AGREEING) == [(entry, "phash/1", None)]
    assert said(house, BASE, fingerprint(PHASH, "turned")) == [(entry, "pdq/1", None)]


def test_one_view_that_agrees_is_enough() -> None:
    house = House()
    entry = house.share(BASE, PICTURE)
    asked = (fingerprint(PDQ, "turned"), near(BASE, 40), PICTURE)
    assert said(house, *asked, narrow=AGREEING) == [(entry, "phash/1", None)]


def test_what_has_one_type_alone_is_not_contradicted() -> None:
    house = House()
    alone, file = (
        house.share(PICTURE),
        house.share(fingerprint(SHA256, "file"), fingerprint(MINHASH, "text"), BASE),
    )
    assert said(house, fingerprint(PDQ, "other"), PICTURE, narrow=AGREEING) == [(alone, "phash/1", None)]
    asked = (fingerprint(PDQ, "other"), fingerprint(PHASH, "other"), fingerprint(SHA256, "file"))
    assert said(house, *asked, narrow=AGREEING) == [(file, "sha256/1", None)]
    assert said(house, PICTURE) == [(alone, "phash/1", None)]


def test_what_agrees_is_found_behind_a_crowd_that_does_not() -> None:
    house = House()
    for _ in range(30):
        house.share(PICTURE, fingerprint(PDQ, "other"))
    agrees = house.share(near(PICTURE, 3), BASE)
    found = house.ask(near(BASE, 50), PICTURE, narrow=AGREEING, limit=1)
    assert [(match.entry, match.score) for match in found.matches] == [(agrees, 3)]
    assert not found.truncated


def test_an_answer_says_when_a_crowd_has_used_up_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashpact.service.check.MAX_LIMIT", 8)
    house = House()
    for _ in range(9):
        house.share(PICTURE, fingerprint(PDQ, "other"))
    agrees = house.share(near(PICTURE, 3), BASE)
    found = house.ask(near(BASE, 50), PICTURE, narrow=AGREEING, limit=2)
    assert (found.matches, found.truncated, found.texts) == ((), True, None)
    assert agrees


def test_a_batch_cannot_ask_for_what_agrees() -> None:
    with pytest.raises(InvalidInputError, match="a batch does not know what is of one upload"):
        Batch((Packed(PDQ, BASE.value),), AGREEING)


def test_the_fingerprints_of_an_entry_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    entry = house.share(BASE, PICTURE)
    before = house.follower.catalog.codes(entry)
    assert before == codes((BASE, PICTURE))
    assert house.follower.catalog.codes(entry) is before
    monkeypatch.setattr("hashpact.lookup.catalog._MOST_CODES", 1)
    assert house.follower.catalog.codes(house.share(PICTURE)) == codes((PICTURE,))
    again = house.follower.catalog.codes(entry)
    assert again == before
    assert again is not before
    assert isinstance(house.checker.benign, Benign)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=5), st.lists(st.integers(0, 60), max_size=5))
def test_it_is_the_nearest_pair_that_counts(upload: list[int], entry: list[int]) -> None:
    asked = [near(BASE, 2 * apart) for apart in upload]
    shared = [near(BASE, 2 * apart + 7) for apart in entry]
    apart = [abs(2 * one - 2 * other - 7) for one in upload for other in entry]
    clear = bool(apart) and min(apart) >= CLEAR
    expected = Disagreement("pdq/1", min(apart)) if clear else None
    assert contradiction(codes([*asked, PICTURE]), codes([PICTURE, *shared])) == expected
