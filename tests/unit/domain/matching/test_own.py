"""A member's own terms: whom it believes, and for which share of uploads labels are enabled."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from builders import fingerprint

from hashpact.domain.checks import Answer, Filter, Match, Query
from hashpact.domain.fingerprints import PDQ, PHASH, Measure
from hashpact.domain.matching.holding import Held
from hashpact.domain.matching.own import OwnTerms, draw
from hashpact.domain.matching.views import PictureView

ALL = Filter()
MATCH = Match(7, "pdq/1", Measure.HAMMING, 4, ("fraud",), "guideline", (), "acme", 0, 0, 1)
ONE = Query(fingerprint(PDQ, "one"))
TWO = Query(fingerprint(PHASH, "one"))


def upload(number: int) -> tuple[Query, ...]:
    return (Query(fingerprint(PDQ, str(number))),)


def applied(terms: OwnTerms, *matches: Match, narrow: Filter = ALL, limit: int = 20) -> Answer:
    return terms.applied(Answer(matches, 9, texts=b"t"), (ONE,), narrow, limit)


def test_the_draw_is_that_of_the_documented_recipe() -> None:
    lines = sorted(f"{one.fingerprint.type.name} {one.fingerprint.value.hex()}\n" for one in (ONE, TWO))
    digest = hashlib.sha256(("hashpact/enabled/v1\nq1\n" + "".join(lines)).encode()).digest()
    assert draw("q1", (TWO, ONE)) == int.from_bytes(digest[:8]) / 2**64


def test_the_draw_depends_on_the_seed_and_on_the_upload_and_not_on_order_or_views() -> None:
    view = replace(Query(fingerprint(PDQ, "framed")), view=PictureView.PART)
    assert draw("q1", (ONE, TWO)) == draw("q1", (TWO, ONE, ONE, view))
    assert len({draw("q1", (ONE,)), draw("q2", (ONE,)), draw("q1", (TWO,))}) == 3


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 1.0])
def test_a_ratio_enables_about_that_share_of_uploads_and_a_larger_one_those_and_more(ratio: float) -> None:
    drawn = [draw("q1", upload(number)) for number in range(2000)]
    enabled = {number for number, one in enumerate(drawn) if one < ratio}
    assert len(enabled) / 2000 == pytest.approx(ratio, abs=0.03)
    assert enabled <= {number for number, one in enumerate(drawn) if one < min(ratio + 0.1, 1)}


def test_a_match_is_held_back_unless_one_of_its_labels_is_enabled_for_the_upload() -> None:
    drawn = draw("q1", (ONE,))
    below, above = drawn * 0.9, drawn + (1 - drawn) / 2
    off = OwnTerms(seed="q1", enabled_ratio=below)
    answer = applied(off, MATCH)
    assert (answer.matches, [match.held for match in answer.held]) == ((), [Held.DISABLED])
    assert "matching.toml" in Held.DISABLED.reason
    both = replace(MATCH, labels=("fraud", "hate"))
    hate = replace(off, label_ratios={"hate": above})
    assert [match.labels for match in applied(hate, MATCH, both).matches] == [both.labels]
    assert applied(replace(off, enabled_ratio=above, label_ratios={"fraud": below}), MATCH).held != ()
    assert applied(OwnTerms(seed="q1", enabled_ratio=above), MATCH).held == ()


def test_a_member_that_is_never_believed_is_held_back_and_others_keep_their_place() -> None:
    other = replace(MATCH, entry=8, member="bravo")
    row = replace(MATCH, member="", source="ncmec", key="1")
    answer = applied(OwnTerms(never=frozenset({"acme"})), MATCH, other, row)
    assert answer.matches == (other, row)
    assert [(match.entry, match.held) for match in answer.held] == [(7, Held.NEVER)]
    assert "never" in Held.NEVER.reason
    assert answer.texts == b"t"


def test_an_entry_of_a_member_that_is_always_believed_needs_no_endorsement() -> None:
    terms, narrow = OwnTerms(always=frozenset({"acme"})), Filter(min_endorsed_by=2, without_disputed=True)
    assert terms.narrowed(narrow) == Filter(without_disputed=True)
    assert terms.narrowed(ALL) == ALL
    few, enough = (replace(MATCH, entry=8 + n, member="bravo", endorsed_by=n) for n in (1, 2))
    row = replace(MATCH, member="", source="ncmec", key="1")
    answer = applied(terms, MATCH, few, enough, row, narrow=narrow)
    assert [(match.entry, match.believed) for match in answer.matches] == [(7, True), (10, False), (7, False)]
    assert answer.held == ()
    assert [match.believed for match in applied(terms, MATCH, few).matches] == [True, False]


def test_without_terms_an_answer_stays_as_it_is() -> None:
    answer = Answer((MATCH,), 9)
    assert OwnTerms().applied(answer, (ONE,), Filter(min_endorsed_by=1), 20) is answer
    assert not OwnTerms().cuts(Filter(min_endorsed_by=1))
    empty = Answer((), 9)
    assert OwnTerms(never=frozenset({"acme"})).applied(empty, (ONE,), ALL, 20) is empty


def test_what_is_left_is_cut_to_the_limit_and_nothing_is_explained_without_a_match() -> None:
    others = [replace(MATCH, entry=number, member="bravo") for number in range(5)]
    assert len(applied(OwnTerms(never=frozenset({"acme"})), MATCH, *others, limit=3).matches) == 3
    none = applied(OwnTerms(always=frozenset({"bravo"})), MATCH, narrow=Filter(min_endorsed_by=1))
    assert (none.matches, none.held, none.texts) == ((), (), None)
