"""Batches: each fingerprint is answered as if it had been asked alone, in turns and within bounds."""

from __future__ import annotations

from concurrent.futures import CancelledError
from contextlib import nullcontext
from dataclasses import replace

import pytest
from builders import fingerprint, near
from checking import BASE, MEMBERS, House
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact.domain.checks import Check, Filter, Query
from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, SHA256, Fingerprint, FingerprintType
from hashpact.domain.matching.batches import Batch, Packed, Packing, together
from hashpact.domain.state import Stance
from hashpact.errors import UnavailableError, UnknownLabelError
from hashpact.lookup import catalog
from hashpact.service.check import BUDGET

KINDS = st.sampled_from([PDQ, PHASH, MINHASH, SHA256])


@pytest.fixture(autouse=True, params=[catalog.FEW, -1], ids=["one by one", "in arrays"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog has one way for few hits and another for many, which answer the same."""
    monkeypatch.setattr(catalog, "FEW", request.param)


@pytest.fixture
def house() -> House:
    """A clearinghouse that has no entries yet."""
    return House()


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


@settings(max_examples=40)
@given(
    st.lists(
        st.lists(st.tuples(KINDS, st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=4), max_size=8
    ),
    st.lists(st.tuples(KINDS, st.integers(0, 4), st.integers(0, 12)), min_size=1, max_size=12),
    st.integers(1, 5),
)
def test_the_answers_of_a_batch_put_together_are_those_of_one_check(
    shared: list[list[tuple[FingerprintType, int, int]]],
    asked: list[tuple[FingerprintType, int, int]],
    limit: int,
) -> None:
    house = House()
    for entry in shared:
        house.share(*{one.value: one for one in (of(*each) for each in entry)}.values())
    queries = [Query(of(*each)) for each in asked]
    position = house.ledger.head().size
    packing = Packing.of(queries)
    answers = packing.answers(
        house.checker.check_batch(Batch(packing.packed, limit=limit, min_position=position))
    )
    alone = house.checker.check(Check(tuple(queries), limit=limit, min_position=position))
    # A batch does not know what else is asked of one upload, so nothing contradicts its matches.
    matches = tuple(replace(match, contradicted=None) for match in alone.matches)
    assert together(answers, limit) == replace(alone, matches=matches)


def of(kind: FingerprintType, seed: int, steps: int) -> Fingerprint:
    """A fingerprint, so many steps from one of a few."""
    made = fingerprint(kind, str(seed))
    return made if kind is SHA256 else near(made, steps)


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
    for _ in range(20):
        house.share(BASE)
    wanted = house.share(near(BASE, 8), label="hate")  # behind all the others
    house.follower.catch_up()
    narrow = Filter(labels=frozenset({"hate"}))
    few = house.checker.check_batch(Batch((Packed(PDQ, BASE.value * 8),), narrow, limit=1))
    assert [(match.entry, match.query) for match in few.matches] == [(wanted, query) for query in range(8)]
    assert few.truncated == ()
    share = BUDGET // 4096
    assert share < 20
    many = house.checker.check_batch(Batch((Packed(PDQ, BASE.value * 4096),), narrow, limit=1))
    assert many.matches == ()
    assert many.truncated == tuple(range(4096))


def test_41_a_batch_in_a_crowd_takes_many_turns_and_has_a_bounded_number_of_matches(house: House) -> None:
    shared = [house.share(BASE) for _ in range(20)]
    house.follower.catch_up()
    turns: list[int] = []

    def turn() -> nullcontext[None]:
        turns.append(len(turns))
        return nullcontext()

    whole = house.checker.check_batch(Batch((Packed(PDQ, BASE.value * 256),), limit=64), turn=turn)
    assert len(whole.matches) == 20 * 256
    assert whole.truncated == ()
    assert len(turns) > 20 * 256 // 1024
    cut = house.checker.check_batch(Batch((Packed(PDQ, BASE.value * 1024),), limit=64))
    assert [match.entry for match in cut.matches] == shared[:16] * 1024
    assert cut.truncated == tuple(range(1024))
    few = house.checker.check_batch(Batch((Packed(PDQ, BASE.value * 1024),), limit=16))
    assert few.matches == cut.matches
    assert few.truncated == ()


def test_a_batch_with_an_unknown_label_or_position_is_refused(house: House) -> None:
    packed = (Packed(PDQ, BASE.value),)
    with pytest.raises(UnknownLabelError):
        house.checker.check_batch(Batch(packed, Filter(labels=frozenset({"nonsense"}))))
    with pytest.raises(UnavailableError):
        house.checker.check_batch(Batch(packed, min_position=10**6))
