"""The words for matches, and what they depend on."""

from __future__ import annotations

import itertools

import pytest
from builders import winnowed

from hashpact.domain.checks import Answer, Match, Query
from hashpact.domain.fingerprints import (
    MINHASH,
    PDQ,
    PHASH,
    SHA256,
    TYPES,
    Fingerprint,
    FingerprintType,
)
from hashpact.domain.matching.strength import Strength, strength_of
from hashpact.domain.matching.views import DERIVED, PictureView, Texture, views_named
from hashpact.errors import InvalidInputError
from hashpact.fingerprint.text import minhash

SAME, NEAR, POSSIBLE, WEAK = Strength


@pytest.mark.parametrize(
    ("kind", "score", "view", "texture", "strength"),
    [
        (SHA256, 0, PictureView.WHOLE, Texture.TEXT_LIKE, SAME),
        (PDQ, 10, PictureView.WHOLE, Texture.ORDINARY, SAME),
        (PDQ, 11, PictureView.WHOLE, Texture.ORDINARY, NEAR),
        (PDQ, 31, PictureView.WHOLE, Texture.ORDINARY, NEAR),
        (PDQ, 2, PictureView.PART, Texture.ORDINARY, NEAR),
        (PDQ, 16, PictureView.WHOLE, Texture.TEXT_LIKE, NEAR),
        (PDQ, 17, PictureView.WHOLE, Texture.TEXT_LIKE, WEAK),
        (PHASH, 0, PictureView.WHOLE, Texture.ORDINARY, SAME),
        (PHASH, 6, PictureView.WHOLE, Texture.ORDINARY, NEAR),
        (PHASH, 7, PictureView.WHOLE, Texture.ORDINARY, POSSIBLE),
        (PHASH, 6, PictureView.PART, Texture.ORDINARY, NEAR),
        (PHASH, 6, PictureView.PADDED, Texture.ORDINARY, NEAR),
        (PHASH, 7, PictureView.PADDED, Texture.ORDINARY, POSSIBLE),
        (PHASH, 4, PictureView.TURNED, Texture.ORDINARY, NEAR),
        (PHASH, 5, PictureView.TURNED, Texture.ORDINARY, POSSIBLE),
        (PHASH, 0, PictureView.WHOLE, Texture.TEXT_LIKE, WEAK),
        (PHASH, 4, PictureView.WHOLE, Texture.FAINT, NEAR),
        (PHASH, 5, PictureView.WHOLE, Texture.FAINT, POSSIBLE),
        (PHASH, 0, PictureView.TURNED, Texture.FAINT, POSSIBLE),
        (PHASH, 0, PictureView.PADDED, Texture.FAINT, POSSIBLE),
        (MINHASH, 0.95, PictureView.WHOLE, Texture.ORDINARY, SAME),
        (MINHASH, 0.6, PictureView.WHOLE, Texture.ORDINARY, NEAR),
        (MINHASH, 0.55, PictureView.WHOLE, Texture.ORDINARY, POSSIBLE),
    ],
)
def test_the_word_for_a_match(
    kind: FingerprintType, score: float, view: PictureView, texture: Texture, strength: Strength
) -> None:
    assert strength_of(kind, score, view, texture) is strength


def test_agreement_of_two_types_makes_a_match_stronger_but_never_that_of_a_picture_of_text_near() -> None:
    for kind, view, texture in itertools.product((PDQ, PHASH), PictureView, Texture):
        for score in range(int(kind.ceiling) + 1):
            alone = strength_of(kind, score, view, texture)
            both = strength_of(kind, score, view, texture, agreed=True)
            assert both.reaches(alone)
            assert both.reaches(POSSIBLE if texture is Texture.TEXT_LIKE else NEAR)
            if texture is Texture.TEXT_LIKE and kind == PHASH:
                assert not both.reaches(NEAR)


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_a_nearer_match_is_never_weaker(kind: FingerprintType) -> None:
    share = kind.measure.larger_is_nearer
    scores = [one / 100 for one in range(100, 29, -1)] if share else [float(one) for one in range(33)]
    for view, texture in itertools.product(PictureView, Texture):
        found = [strength_of(kind, score, view, texture) for score in scores]
        assert all(one.reaches(other) for one, other in itertools.pairwise(found))


def match(entry: int, kind: str, score: float, query: int) -> Match:
    """A match as a server answers it."""
    return Match(entry, kind, TYPES[kind].measure, score, (), "guideline", (), "acme", 0, 0, 0, query=query)


def test_a_client_grades_an_answer_by_its_queries() -> None:
    pdq, phash = Fingerprint(PDQ, b"\xaa" * 32), Fingerprint(PHASH, b"\xaa" * 8)
    queries = (
        Query(pdq),
        Query(phash, 10, PictureView.WHOLE),
        Query(phash, 8, PictureView.PART, Texture.TEXT_LIKE),
    )
    near = (match(1, "pdq/1", 20, 0), match(1, "phash/1", 10, 1), match(2, "phash/1", 10, 1))
    others = (match(3, "phash/1", 2, 2), match(4, "pdq/1", 4, 0))
    answer = Answer((*near, *others), 9, truncated=True)
    graded = answer.graded(queries)
    # Entry 1 is near by both types.
    assert [each.strength for each in graded.matches] == [NEAR, NEAR, POSSIBLE, WEAK, SAME]
    assert [each.view for each in graded.matches][3] is PictureView.PART
    assert (graded.position, graded.truncated) == (9, True)
    for least, entries in ((POSSIBLE, [1, 1, 2, 4]), (NEAR, [1, 1, 4]), (SAME, [4])):
        assert [each.entry for each in answer.graded(queries, least).matches] == entries


def test_views_are_known_by_their_names() -> None:
    assert views_named(["part", PictureView.TURNED]) == {PictureView.PART, PictureView.TURNED}
    assert views_named("part") == {PictureView.PART}
    assert PictureView.WHOLE not in DERIVED
    with pytest.raises(InvalidInputError, match="views are of whole, shown, black, frame"):
        views_named(["upside-down"])


def test_what_is_like_an_entry_as_a_whole_but_does_not_contain_its_own_words_is_weak() -> None:
    """Texts before the same boilerplate are so; short texts have too few words of their own to tell."""
    long, short = (minhash(" ".join(f"word{n * n}" for n in range(count))) for count in (80, 4))
    text = winnowed(range(64))
    for similarity in (0.55, 0.7, 0.95):
        both = (match(1, "minhash/1", similarity, 0), match(1, "winnow/1", 0.5, 1))
        only = (match(1, "minhash/1", similarity, 0),)
        alone = Answer(only, 9)
        assert alone.graded((Query(long), Query(text))).matches[0].strength is WEAK
        unconfirmed = strength_of(MINHASH, similarity)
        assert alone.graded((Query(short), Query(text))).matches[0].strength is unconfirmed
        assert alone.graded((Query(long),)).matches[0].strength is unconfirmed
        assert (
            Answer(only, 9, truncated=True).graded((Query(long), Query(text))).matches[0].strength
            is unconfirmed
        )
        assert alone.graded((Query(long), Query(text)), limit=1).matches[0].strength is unconfirmed
        agreed = Answer(both, 9).graded((Query(long), Query(text))).matches
        assert [each.strength for each in agreed] == [SAME if similarity > 0.9 else NEAR, NEAR]


def test_what_is_contained_whole_is_near_and_what_is_folded_is_weak() -> None:
    assert strength_of(TYPES["winnow/1"], 0.8) is NEAR
    assert strength_of(TYPES["winnow/1"], 0.79) is POSSIBLE
    assert strength_of(TYPES["winnow/1"], 0.5, agreed=True) is NEAR
    assert strength_of(TYPES["folded/1"], 0) is WEAK
    assert strength_of(TYPES["sha256/1"], 0) is SAME
