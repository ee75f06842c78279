"""Check: the nearest entries that stand and that the filter keeps, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import CancelledError
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from builders import BOTH, Identity, World, check_log, fingerprint, near
from hypothesis import given, settings
from hypothesis import strategies as st
from linear import LinearIndex
from memory import MemoryLedger

from hashpact.domain.batches import Batch, Packed, Packing
from hashpact.domain.checks import Answer, Check, Filter, Hits, Match, Query
from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, SHA256, WINNOW, Fingerprint, Measure
from hashpact.domain.state import Basis, Stance
from hashpact.errors import NotPermittedError, UnavailableError, UnknownLabelError
from hashpact.lookup import catalog
from hashpact.lookup.catalog import EntryCatalog
from hashpact.member.author import Reason
from hashpact.service.check import BUDGET, Checker
from hashpact.service.follow import Follower, entry_of

BASE = fingerprint(PDQ, "base")
MEMBERS = ("acme", "bravo", "carol", "delta")


class Stubborn(LinearIndex):
    """An index that forgets nothing, and keeps count of how much it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def remove(self, items: Iterable[int]) -> None:
        """Nothing."""

    def search(self, query: Fingerprint, threshold: float, limit: int) -> Hits:
        """Search as ever."""
        self.asked.append(limit)
        return super().search(query, threshold, limit)


@dataclass(slots=True)
class House:
    """A clearinghouse with four members and an index, as a check sees it."""

    world: World = field(default_factory=World)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    index: LinearIndex = field(default_factory=LinearIndex)
    follower: Follower = field(init=False)
    checker: Checker = field(init=False)

    def __post_init__(self) -> None:
        """Found the log."""
        self.world.found(self.ledger, *MEMBERS)
        self.follower = Follower(self.ledger, self.index, EntryCatalog(self.ledger))
        self.checker = Checker(self.ledger, self.index, self.follower)

    def share(self, *shared: Fingerprint, by: str = "acme", label: str = "ncii", **reason: object) -> int:
        """Submit; the entry's index."""
        why = Reason(frozenset({label}), **reason)  # type: ignore[arg-type]  # each test passes the right type
        submission = self.world.author(by).submit(shared, why)
        return self.world.appender(self.ledger).append(by, submission).index

    def say(self, entry: int, stance: Stance, *by: str) -> None:
        """Give opinions."""
        for member in by:
            self.world.appender(self.ledger).append(member, self.world.author(member).opinion(entry, stance))

    def withdraw(self, entry: int, by: str = "acme") -> None:
        """Withdraw an entry."""
        self.world.appender(self.ledger).append(by, self.world.author(by).withdraw(entry, "mistake"))

    def ask(self, *queries: Query | Fingerprint, narrow: Filter | None = None, limit: int = 20) -> Answer:
        """Check at the newest position."""
        asked = tuple(query if isinstance(query, Query) else Query(query) for query in queries)
        size = self.ledger.head().size
        return self.checker.check(Check(asked, narrow or Filter(), limit, min_position=size))

    def entries(
        self, *queries: Query | Fingerprint, narrow: Filter | None = None, limit: int = 20
    ) -> list[int]:
        """The entries that match, nearest first."""
        return [match.entry for match in self.ask(*queries, narrow=narrow, limit=limit).matches]


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


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8), st.sampled_from(MEMBERS)), max_size=12),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 12)), min_size=1, max_size=8),
    st.sampled_from([Filter(), Filter(labels=frozenset({"hate"})), Filter(without_disputed=True)]),
    st.integers(1, 3),
)
def test_each_fingerprint_of_a_batch_is_answered_as_by_itself(
    shared: list[tuple[int, int, str]], asked: list[tuple[int, int]], narrow: Filter, limit: int
) -> None:
    house = House()
    for number, (seed, steps, member) in enumerate(shared):
        pair = near(fingerprint(PDQ, str(seed)), steps), fingerprint(SHA256, str(seed))
        entry = house.share(*pair, by=member, label=("ncii", "hate")[number % 2])
        if number % 3 == 0:
            house.say(entry, Stance.DISPUTE, *(one for one in MEMBERS[:2] if one != member))
        if number % 4 == 3:
            house.withdraw(entry, member)
    queries = [
        Query(near(fingerprint(PDQ, str(seed)), steps) if steps else fingerprint(SHA256, str(seed)))
        for seed, steps in asked
    ]
    packing = Packing.of(queries)
    position = house.ledger.head().size
    answer = house.checker.check_batch(Batch(packing.packed, narrow, limit, position))
    assert [(one.matches, one.position, one.truncated) for one in packing.answers(answer)] == [
        (alone.matches, alone.position, alone.truncated)
        for alone in (house.ask(query, narrow=narrow, limit=limit) for query in queries)
    ]


def test_41_a_batch_takes_a_turn_for_every_few_and_ends_when_nobody_waits(house: House) -> None:
    turns: list[int] = []
    left = iter([True, True, False])

    def turn() -> nullcontext[None]:
        turns.append(len(turns))
        return nullcontext()

    batch = Batch((Packed(SHA256, bytes(32) * 1000),))
    assert house.checker.check_batch(batch, turn=turn).matches == ()
    assert len(turns) == 4
    with pytest.raises(CancelledError):
        house.checker.check_batch(batch, lambda: next(left), turn)
    assert len(turns) == 6


def test_41_a_batch_considers_a_bounded_number_of_items(house: House) -> None:
    for number in range(20):
        house.share(near(BASE, number % 8), label="ncii" if number else "hate")
    house.follower.catch_up()
    few = Batch((Packed(PDQ, BASE.value * 8),), Filter(labels=frozenset({"hate"})), limit=1)
    assert [match.query for match in house.checker.check_batch(few).matches] == list(range(8))
    many = Batch((Packed(PDQ, BASE.value * 4096),), Filter(labels=frozenset({"hate"})), limit=1)
    answer = house.checker.check_batch(many)
    assert len(answer.matches) + len(answer.truncated) >= 4096


def test_a_batch_with_an_unknown_label_or_position_is_refused(house: House) -> None:
    packed = (Packed(PDQ, BASE.value),)
    with pytest.raises(UnknownLabelError):
        house.checker.check_batch(Batch(packed, Filter(labels=frozenset({"nonsense"}))))
    with pytest.raises(UnavailableError):
        house.checker.check_batch(Batch(packed, min_position=10**6))
