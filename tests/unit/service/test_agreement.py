"""A match that another type contradicts says so, and a filter drops it."""

from __future__ import annotations

import pytest
from builders import fingerprint, near
from checking import BASE, House
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact.domain.checks import Disagreement, Filter, Match, Query
from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, SHA256, Fingerprint
from hashpact.domain.matching.agreement import CLEAR, alone, doubted
from hashpact.domain.matching.batches import Batch, Packed
from hashpact.domain.matching.benign import Benign
from hashpact.domain.matching.views import PictureView, Texture
from hashpact.errors import InvalidInputError
from hashpact.lookup.columns import EntryCodes, codes, fewest_apart

PICTURE = fingerprint(PHASH, "picture")
AGREEING = Filter(agreeing=True)
FAR = CLEAR[Texture.ORDINARY]


def said(house: House, *asked: Fingerprint, narrow: Filter | None = None) -> list[tuple[int, str, object]]:
    """Of each match its entry, its type, and what contradicts it."""
    found = house.ask(*asked, narrow=narrow).matches
    return [(match.entry, match.type, match.contradicted) for match in found]


def test_a_match_says_which_other_type_is_clearly_different() -> None:
    house = House()
    entry = house.share(BASE, PICTURE)
    far = near(BASE, FAR)
    against = Disagreement("pdq/1", FAR)
    assert said(house, far, PICTURE) == [(entry, "phash/1", against)]
    assert said(house, far, PICTURE, narrow=AGREEING) == []
    closer = near(BASE, FAR - 1)
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
    entry, other = house.share(BASE, PICTURE), house.share(PICTURE)
    kept = EntryCodes(house.ledger)
    before = kept.of(entry)
    assert (before == codes((BASE, PICTURE))).all()
    assert kept.of(entry) is before
    monkeypatch.setattr("hashpact.lookup.columns.KEPT", 1)
    assert kept.of(other).size == 0
    again = kept.of(entry)
    assert (again == before).all()
    assert again is not before
    assert isinstance(house.checker.benign, Benign)


def faint(fingerprint: Fingerprint, view: PictureView = PictureView.WHOLE) -> Query:
    return Query(fingerprint, 8, view, Texture.FAINT)


@pytest.mark.parametrize("view", PictureView)
def test_a_far_match_of_a_faint_picture_is_unconfirmed(view: PictureView) -> None:
    house = House()
    entry = house.share(PICTURE)
    bound = alone(view)
    far = faint(near(PICTURE, bound + 1), view)
    (match,) = house.ask(far).matches
    assert (match.entry, match.unconfirmed, match.contradicted) == (entry, True, None)
    assert "no other type" in house.ask(far).graded([far]).matches[0].reason
    assert house.ask(far, narrow=AGREEING).matches == ()
    for sure in (faint(near(PICTURE, bound), view), Query(near(PICTURE, bound + 1), 8, view)):
        (match,) = house.ask(sure, narrow=AGREEING).matches
        assert not match.unconfirmed


def test_another_type_confirms_a_far_match_of_a_faint_picture() -> None:
    house = House()
    entry = house.share(PICTURE, BASE)
    asked = (faint(near(PICTURE, 8)), near(BASE, 31))
    found = house.ask(*asked, narrow=AGREEING).matches
    assert {(match.entry, match.type) for match in found} == {(entry, "pdq/1"), (entry, "phash/1")}
    (match,) = house.ask(asked[0], near(BASE, 40)).matches
    assert match.unconfirmed


@pytest.mark.parametrize("texture", Texture)
def test_how_far_is_clearly_different_depends_on_the_texture(texture: Texture) -> None:
    house = House()
    entry = house.share(BASE, PICTURE)
    asked = Query(PICTURE, texture=texture)
    bound = CLEAR[texture]
    assert [match.entry for match in house.ask(near(BASE, bound - 1), asked, narrow=AGREEING).matches] == [
        entry
    ]
    assert house.ask(near(BASE, bound), asked, narrow=AGREEING).matches == ()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=5), st.lists(st.integers(0, 60), max_size=5))
def test_it_is_the_nearest_pair_that_counts(upload: list[int], entry: list[int]) -> None:
    asked = [near(BASE, 2 * apart) for apart in upload]
    shared = [near(BASE, 2 * apart + 7) for apart in entry]
    apart = [abs(2 * one - 2 * other - 7) for one in upload for other in entry]
    clear = bool(apart) and min(apart) >= FAR
    expected = Disagreement("pdq/1", min(apart)) if clear else None
    match = Match(1, "phash/1", PHASH.measure, 0, ("ncii",), "guideline", (), "acme", 0, 0, 1)
    queries = [Query(PICTURE), *map(Query, asked)]
    (found,) = doubted(
        [match], queries, lambda _: fewest_apart(codes([PICTURE, *asked]), codes([PICTURE, *shared]))
    )
    assert (found.contradicted, found.unconfirmed) == (expected, False)
