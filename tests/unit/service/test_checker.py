"""Check: the nearest entries that stand and that the filter keeps, and nothing else."""

from __future__ import annotations

from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from builders import BOTH, Identity, check_log, fingerprint, near
from checking import BASE, House, Stubborn
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact.domain.checks import Answer, Check, Filter, Match, Query
from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, SHA256, WINNOW, Fingerprint, Measure
from hashpact.domain.state import Basis, Stance
from hashpact.errors import NotPermittedError, UnavailableError, UnknownLabelError
from hashpact.lookup import catalog
from hashpact.service.check import BUDGET
from hashpact.service.follow import entry_of


@pytest.fixture(autouse=True, params=[catalog.FEW, -1], ids=["one by one", "in arrays"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog has one way for few hits and another for many, which answer the same."""
    monkeypatch.setattr(catalog, "FEW", request.param)


@pytest.fixture
def house() -> House:
    """A clearinghouse that has no entries yet."""
    return House()


def test_a_match_names_the_nearest_of_the_queries_that_it_answers(house: House) -> None:
    entry = house.share(BASE, fingerprint(PHASH, "one"))
    asked = (near(BASE, 9), fingerprint(PDQ, "other"), fingerprint(PHASH, "one"), near(BASE, 3))
    assert [(match.type, match.score, match.query) for match in house.ask(*asked).matches] == [
        ("phash/1", 0, 2),
        ("pdq/1", 3, 3),
    ]
    assert [match.entry for match in house.ask(*asked).matches] == [entry, entry]


def test_a_match_tells_everything_that_is_said_of_its_entry(house: House) -> None:
    entry = house.share(near(BASE, 3), basis=Basis.LAW, authority="delta", article="art-16")
    other = house.share(near(BASE, 9), by="bravo", label="hate", jurisdictions=frozenset({"VN", "DE"}))
    house.say(entry, Stance.ENDORSE, "bravo", "carol")
    house.say(entry, Stance.DISPUTE, "delta")
    house.say(other, Stance.SEEN, "carol")
    answer = house.ask(BASE)
    shared_at = house.world.clock()
    assert answer == Answer(
        (
            Match(entry, "pdq/1", Measure.HAMMING, 3, ("ncii",), "law", (), "acme", 2, 1, shared_at),
            Match(
                other,
                "pdq/1",
                Measure.HAMMING,
                9,
                ("hate",),
                "guideline",
                ("DE", "VN"),
                "bravo",
                0,
                0,
                shared_at,
            ),
        ),
        position=house.ledger.head().size,
    )
    check_log(house.ledger)


def test_the_threshold_is_inclusive_and_the_default_the_types(house: House) -> None:
    entries = [house.share(near(BASE, distance)) for distance in (0, 10, 31, 32)]
    assert house.entries(BASE) == entries[:3]
    assert house.entries(Query(BASE, 10)) == entries[:2]
    assert house.entries(Query(BASE, 9)) == entries[:1]
    assert house.entries(Query(BASE, 0)) == entries[:1]


def test_nothing_near_is_no_match(house: House) -> None:
    house.share(BASE)
    answer = house.ask(fingerprint(PDQ, "far away"), fingerprint(PHASH, "other type"))
    assert answer.matches == ()
    assert answer.position == house.ledger.head().size


def test_one_match_an_entry_and_type_the_nearest_of_each(house: House) -> None:
    text, picture = fingerprint(MINHASH, "text"), fingerprint(PHASH, "picture")
    entry = house.share(near(BASE, 8), near(BASE, 4), near(BASE, 6), picture, near(text, 32), text)
    matches = house.ask(BASE, near(BASE, 1), Query(near(picture, 5), 10), text).matches
    assert {(match.entry, match.type): match.score for match in matches} == {
        (entry, "pdq/1"): 3,
        (entry, "phash/1"): 5,
        (entry, "minhash/1"): 1.0,
    }
    assert len(matches) == 3


def test_the_order_is_by_remoteness_over_all_types_then_by_entry_and_type(house: House) -> None:
    text, picture, file = fingerprint(MINHASH, "t"), fingerprint(PHASH, "p"), fingerprint(SHA256, "f")
    half_picture = house.share(near(picture, 5))  # 5 of 10 bits
    half_text = house.share(near(text, 39))  # similarity 0.70: just over half way from 1 to 0.4
    far = house.share(near(BASE, 31))
    tied = house.share(file, picture, BASE)
    exact = house.share(file)
    close = house.share(near(BASE, 8))  # 8 of 31 bits
    matches = house.ask(BASE, picture, text, file).matches
    assert [(match.entry, match.type) for match in matches] == [
        (tied, "pdq/1"),
        (tied, "phash/1"),
        (tied, "sha256/1"),
        (exact, "sha256/1"),
        (close, "pdq/1"),
        (half_picture, "phash/1"),
        (half_text, "minhash/1"),
        (far, "pdq/1"),
    ]


def test_a_withdrawn_entry_is_not_returned_even_if_the_index_still_has_it() -> None:
    house = House(index=Stubborn())
    gone, stays = house.share(BASE), house.share(near(BASE, 1))
    assert house.entries(BASE) == [gone, stays]
    house.withdraw(gone)
    assert house.entries(BASE) == [stays]
    assert len(house.index) == 2
    assert house.entries(BASE, limit=1) == [stays]


def test_an_item_that_the_log_does_not_know_is_not_returned(house: House) -> None:
    entry = house.share(near(BASE, 2))
    house.index.add([(99 * 256, BASE), (0, BASE)])
    assert house.entries(BASE) == [entry]


@pytest.fixture
def varied() -> tuple[House, dict[str, int]]:
    """Entries that differ in everything that a filter asks for."""
    house = House()
    entries = {
        "plain": house.share(near(BASE, 1)),
        "hate": house.share(near(BASE, 2), label="hate"),
        "law": house.share(near(BASE, 3), basis=Basis.LAW, authority="delta", article="art-1"),
        "vn": house.share(near(BASE, 4), jurisdictions=frozenset({"VN", "LA"})),
        "endorsed": house.share(near(BASE, 5)),
        "disputed": house.share(near(BASE, 6)),
        "seen": house.share(near(BASE, 7)),
    }
    house.say(entries["endorsed"], Stance.ENDORSE, "bravo", "carol")
    house.say(entries["disputed"], Stance.ENDORSE, "bravo")
    house.say(entries["disputed"], Stance.DISPUTE, "carol")
    house.say(entries["seen"], Stance.SEEN, "bravo", "carol", "delta")
    return house, entries


ALL = {"plain", "hate", "law", "vn", "endorsed", "disputed", "seen"}


@pytest.mark.parametrize(
    ("narrow", "kept"),
    [
        (Filter(), ALL),
        (Filter(labels=frozenset({"hate"})), {"hate"}),
        (Filter(labels=frozenset({"hate", "ncii"})), ALL),
        (Filter(labels=frozenset({"fraud"})), set()),
        (Filter(bases=frozenset({"law"})), {"law"}),
        (Filter(bases=frozenset({"guideline"})), ALL - {"law"}),
        (Filter(jurisdictions=frozenset({"VN", "DE"})), {"vn"}),
        (Filter(jurisdictions=frozenset({"DE"})), set()),
        (Filter(min_endorsed_by=1), {"endorsed", "disputed"}),
        (Filter(min_endorsed_by=2), {"endorsed"}),
        (Filter(min_endorsed_by=3), set()),
        (Filter(without_disputed=True), ALL - {"disputed"}),
        (Filter(min_endorsed_by=1, without_disputed=True), {"endorsed"}),
        (Filter(labels=frozenset({"ncii"}), jurisdictions=frozenset({"VN"})), {"vn"}),
        (Filter(labels=frozenset({"hate"}), jurisdictions=frozenset({"VN"})), set()),
    ],
)
def test_filters(varied: tuple[House, dict[str, int]], narrow: Filter, kept: set[str]) -> None:
    house, entries = varied
    expected = [entry for name, entry in entries.items() if name in kept]
    assert house.entries(BASE, narrow=narrow) == expected
    assert house.entries(BASE, narrow=narrow, limit=1) == expected[:1]


def test_57_what_its_authority_disowns_is_seen_and_can_be_left_out(house: House) -> None:
    law: dict[str, Any] = {"basis": Basis.LAW, "authority": "delta", "article": "art-1"}
    ordered, invented = house.share(near(BASE, 1), **law), house.share(near(BASE, 2), **law)
    for member in ("acme", "bravo"):
        with pytest.raises(NotPermittedError, match=r"gives no opinion|not the authority of entry"):
            house.say(invented, Stance.DISOWN, member)
    house.say(invented, Stance.DISOWN, "delta")
    matches = house.ask(BASE).matches
    assert [(match.entry, match.disowned, match.disputed_by) for match in matches] == [
        (ordered, False, 0),
        (invented, True, 0),
    ]
    assert house.entries(BASE, narrow=Filter(without_disowned=True)) == [ordered]
    house.say(invented, Stance.ENDORSE, "delta")  # it was ordered after all
    assert house.entries(BASE, narrow=Filter(without_disowned=True)) == [ordered, invented]


def test_the_search_widens_once_if_the_filter_has_kept_too_few() -> None:
    index = Stubborn()
    house = House(index=index)
    for distance in range(20):
        house.share(near(BASE, distance))
    wanted = [house.share(near(BASE, 25), label="hate"), house.share(near(BASE, 26), label="hate")]
    narrow = Filter(labels=frozenset({"hate"}))
    assert house.entries(BASE, narrow=narrow, limit=1) == wanted[:1]
    assert index.asked == [1, BUDGET]
    index.asked.clear()
    assert house.entries(BASE, BASE, narrow=narrow, limit=2) == wanted
    assert index.asked == [2, 2, BUDGET // 2, BUDGET // 2]
    index.asked.clear()
    assert len(house.entries(BASE, limit=5)) == 5
    assert index.asked == [5]


def test_41_an_answer_that_ran_into_its_bound_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashpact.service.check.BUDGET", 12)
    near_by = [house.share(near(BASE, distance)) for distance in range(11)]
    beyond = house.share(near(BASE, 12), label="hate")
    narrow = Filter(labels=frozenset({"hate"}))
    answer = house.ask(BASE, narrow=narrow, limit=2)
    assert ([match.entry for match in answer.matches], answer.truncated) == ([beyond], True)
    house.withdraw(near_by[0])
    assert not house.ask(BASE, narrow=narrow, limit=2).truncated
    assert house.ask(BASE, near(BASE, 1), narrow=narrow, limit=2).truncated  # half as many for each
    assert not house.ask(BASE, limit=5).truncated


def test_41_a_check_whose_caller_has_left_stops_before_the_next_few_queries() -> None:
    index = Stubborn()
    house = House(index=index)
    house.share(BASE)
    house.follower.catch_up()
    waiting = iter([True, True, False])
    with pytest.raises(CancelledError):
        house.checker.check(Check(tuple(Query(BASE) for _ in range(64)), limit=1), lambda: next(waiting))
    assert index.asked == [1] * 16
    # Queries that each take long are looked for one by one.
    index.asked.clear()
    waiting = iter([True, True, False])
    texts = tuple(Query(fingerprint(WINNOW, str(number))) for number in range(8))
    with pytest.raises(CancelledError):
        house.checker.check(Check(texts, limit=1), lambda: next(waiting))
    assert index.asked == [1] * 2


def test_65_a_check_that_finds_much_looks_for_it_where_it_may_take_long() -> None:
    index = Stubborn()
    house = House(index=index)
    for distance in range(24):
        house.share(near(BASE, distance))
    house.follower.catch_up()
    waited: list[int] = []

    def found(*asked: Fingerprint) -> list[int]:
        index.asked.clear()
        queries = tuple(map(Query, asked))
        answer = house.checker.check(
            Check(queries, limit=1000), lambda: True, nullturn, lambda: waited.append(len(index.asked))
        )
        return [match.entry for match in answer.matches]

    assert len(found(BASE)) == 24
    assert index.asked == [33]
    for distance in range(24):
        house.share(near(BASE, distance))
    house.follower.catch_up()
    waited.clear()
    assert len(found(fingerprint(PDQ, "other"), BASE)) == 48
    assert index.asked == [33, 33, 1000]
    assert waited[0] == 2  # before the long search


def nullturn() -> AbstractContextManager[None]:
    """A turn that nobody waits for."""
    return nullcontext()


def test_the_search_widens_past_an_entry_of_many_near_items(house: House) -> None:
    flood = house.share(*[near(BASE, steps % 20) for steps in range(200)])
    other = house.share(near(BASE, 21))
    assert house.entries(BASE, limit=2) == [flood, other]


def test_the_limit_is_over_all_queries(house: House) -> None:
    entries = [house.share(near(BASE, distance)) for distance in range(6)]
    text = fingerprint(MINHASH, "text")
    exact = house.share(text)
    assert house.entries(BASE, text, limit=3) == [entries[0], exact, entries[1]]
    assert house.entries(BASE, near(BASE, 1), limit=2) == entries[:2]


def test_min_position_is_read_your_writes(house: House) -> None:
    entry = house.share(BASE)
    stale = house.checker.check(Check((Query(BASE),)))
    assert (stale.matches, stale.position) == ((), 0)
    fresh = house.checker.check(Check((Query(BASE),), min_position=entry + 1))
    assert ([match.entry for match in fresh.matches], fresh.position) == ([entry], entry + 1)
    with pytest.raises(UnavailableError, match="try again"):
        house.checker.check(Check((Query(BASE),), min_position=entry + 2))


CODES = [near(BASE, steps) for steps in range(0, 40, 3)]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, len(CODES) - 1), min_size=1, max_size=4),
            st.sampled_from(["ncii", "hate"]),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.lists(st.integers(0, len(CODES) - 1), min_size=1, max_size=3),
    st.integers(1, 6),
    st.sampled_from([frozenset[str](), frozenset({"hate"})]),
)
def test_the_answer_is_that_of_the_obvious_definition(
    shared: list[tuple[list[int], str, bool]], asked: list[int], limit: int, labels: frozenset[str]
) -> None:
    house = House()
    best: dict[int, int] = {}
    for codes, label, withdrawn in shared:
        entry = house.share(*[CODES[code] for code in codes], label=label)
        if withdrawn:
            house.withdraw(entry)
        elif not labels or label in labels:
            distances = [distance(CODES[one], CODES[other]) for one in codes for other in asked]
            if min(distances) <= PDQ.ceiling:
                best[entry] = min(distances)
    answer = house.ask(*[CODES[code] for code in asked], narrow=Filter(labels=labels), limit=limit)
    expected = sorted(best.items(), key=lambda pair: (pair[1], pair[0]))[:limit]
    assert [(match.entry, match.score) for match in answer.matches] == expected


def distance(one: Fingerprint, other: Fingerprint) -> int:
    """Hamming distance."""
    return (int.from_bytes(one.value) ^ int.from_bytes(other.value)).bit_count()


def test_a_member_enrolled_later_can_be_endorsing(house: House) -> None:
    entry = house.share(BASE)
    late = Identity.of("echo")
    house.world.administrators(house.ledger).enrol("echo", BOTH, late.key, late.private)
    house.say(entry, Stance.ENDORSE, "echo")
    assert house.entries(BASE, narrow=Filter(min_endorsed_by=1)) == [entry]
    assert entry_of(entry * 256 + 255) == entry


def test_a_filter_by_a_label_that_no_entry_can_have_is_refused(house: House) -> None:
    with pytest.raises(UnknownLabelError, match="unknown label 'ncci'; known are fraud, hate, ncii"):
        house.ask(BASE, narrow=Filter(labels=frozenset({"ncii", "ncci"})))
