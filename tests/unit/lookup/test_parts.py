"""PartsIndex: it finds what the recipe defines, at every instruction set, and its cost has bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import cells
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pictured import inset, picture, stored
from voting import UNIT, exact

from hashpact import _kernel
from hashpact.domain.checks import Transform
from hashpact.domain.fingerprints import PARTS
from hashpact.errors import InvalidInputError
from hashpact.fingerprint.parts.keypoints import parts, parts_to_check
from hashpact.lookup import PartsIndex
from hashpact.lookup.parts import Found


@pytest.fixture(autouse=True)
def best_level() -> Iterator[None]:
    """Go back to the best instruction set after each test."""
    yield
    _kernel.use_level(_kernel.levels()[-1])


def index_of(values: list[bytes]) -> PartsIndex:
    index = PartsIndex()
    index.add(values, range(len(values)))
    return index


def random_entry(rng: np.random.Generator, count: int = 100) -> NDArray[np.void]:
    """Keypoints anywhere, with descriptors about as far from words as those of pictures are."""
    entry = np.frombuffer(rng.integers(0, 256, count * 38, dtype=np.uint8).tobytes(), UNIT).copy()
    entry["size"] = rng.integers(70, 200, count)
    _, halves = cells.table()
    words = np.concatenate([half[rng.integers(0, 256, count)] for half in halves], axis=1)
    entry["descriptor"] = words ^ np.packbits(rng.random((count, 256)) < 0.12, axis=1)
    return entry


def moved(entry: NDArray[np.void], rng: np.random.Generator, flips: int, kept: int) -> NDArray[np.void]:
    """Some keypoints of an entry, smaller and turned about the middle, with that many bits flipped."""
    copy = entry[rng.permutation(len(entry))[:kept]].copy()
    scale, turn = rng.uniform(0.4, 0.7), rng.integers(256)
    middle = 32768 * (1 + 1j)
    place = (copy["x"] + 1j * copy["y"].astype(float) - middle) * scale * np.exp(
        2j * np.pi * turn / 256
    ) + middle
    copy["x"], copy["y"] = (part.clip(0, 65535) for part in (place.real, place.imag))
    copy["size"] = np.round(copy["size"] + 32 * np.log2(scale))
    copy["angle"] = (copy["angle"] + turn) % 256
    bits = np.unpackbits(copy["descriptor"], axis=1)
    for row in bits:
        row[rng.permutation(256)[:flips]] ^= 1
    copy["descriptor"] = np.packbits(bits, axis=1)
    return copy


def answer(found: Found) -> list[tuple[int, int]]:
    return list(zip(found.ids.tolist(), found.points.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_it_finds_what_the_definition_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    entries = [random_entry(rng, int(rng.integers(40, 128))) for _ in range(24)]
    # Entries that have keypoints in common, as pictures with the same letters do.
    for entry in entries[8:16]:
        entry["descriptor"][:20] = entries[0]["descriptor"][:20]
    values = [entry.tobytes() for entry in entries]
    index = PartsIndex()
    for some in np.array_split(np.arange(24), 5):
        index.add([values[row] for row in some], some)
    for row, flips, kept in ((0, 6, 40), (3, 16, 40), (9, 24, 40), (20, 30, 30), (5, 0, 9)):
        query = moved(entries[row], rng, flips, kept).tobytes() + random_entry(rng).tobytes()
        expected = cells.found(query, dict(enumerate(values)), 6)
        assert row in [number for number, _ in expected] or flips >= 24
        for level in _kernel.levels():
            _kernel.use_level(level)
            found = index.search(query, 6)
            assert answer(found) == [(number, placed.points) for number, placed in expected]
            assert not found.truncated
            for transform, (_, placed) in zip(found.transforms.tolist(), expected, strict=True):
                assert transform[0] == pytest.approx(abs(placed.by), rel=1e-9)
                assert np.exp(1j * np.radians(transform[1])) == pytest.approx(
                    placed.by / abs(placed.by), rel=1e-6
                )
                assert transform[2:] == pytest.approx([placed.to.real, placed.to.imag], abs=1e-9)


def test_the_words_and_signatures_are_those_of_the_table() -> None:
    """One keypoint at a time: it is found by the cells near it, up to the bound on its signature."""
    rng = np.random.default_rng(3)
    entry = random_entry(rng, 2)
    entry["descriptor"][1] = entry["descriptor"][0]
    index = index_of([entry.tobytes()])
    for flips in range(0, 90, 3):
        query = entry.copy()
        bits = np.unpackbits(query["descriptor"], axis=1)
        bits[:, rng.permutation(256)[:flips]] ^= 1
        query["descriptor"] = np.packbits(bits, axis=1)
        expected = cells.found(query.tobytes(), {0: entry.tobytes()}, 2)
        assert answer(index.search(query.tobytes(), 2)) == [(0, placed.points) for _, placed in expected]


@pytest.fixture(scope="module")
def shared() -> list[bytes]:
    return [parts(picture(seed)).value for seed in range(12)]


def test_copies_of_pictures_are_found_nearly_as_by_comparing_all_descriptors(shared: list[bytes]) -> None:
    index = index_of(shared)
    for seed, copy in (
        (1, stored(picture(1).crop((200, 100, 760, 520)))),
        (4, stored(picture(4).rotate(5, expand=True, fillcolor=0))),
        (7, inset(picture(7), 0.46, (0.3, 0.1), picture(98))),
        (9, stored(picture(9).resize((300, 225)), 40)),
    ):
        asked, mirrored = parts_to_check(copy)
        found = index.search(asked.value, 6)
        assert found.ids.tolist() == [seed]
        best = exact(asked.value, shared[seed])
        assert found.points[0] >= 0.8 * best.points
        assert found.transforms[0][0] == pytest.approx(abs(best.by), rel=0.02)
        assert found.transforms[0][2:].tolist() == pytest.approx([best.to.real, best.to.imag], abs=0.01)
        assert answer(index.search(mirrored.value, 6)) == []
    assert answer(index.search(parts_to_check(picture(99))[0].value, 6)) == []


def test_the_answer_does_not_depend_on_how_entries_came(shared: list[bytes]) -> None:
    rng = np.random.default_rng(8)
    many = shared + [random_entry(rng).tobytes() for _ in range(300)]
    whole = index_of(many)
    single = PartsIndex()
    for number in rng.permutation(len(many)).tolist():
        single.add([many[number]], [number])
    single.settle()
    assert len(single) == len(whole) == len(many)
    queries = [parts_to_check(stored(picture(seed).crop((100, 100, 700, 500))))[0].value for seed in (2, 5)]
    before = [answer(whole.search(query, 6)) for query in queries]
    assert [hits[0][0] for hits in before] == [2, 5]
    assert [answer(single.search(query, 6)) for query in queries] == before

    assert single.remove([2, *range(50, 250), 10**6]) == 201
    assert [answer(single.search(query, 6)) for query in queries] == [[], before[1]]
    single.settle()
    assert len(single) == len(many) - 201
    assert [answer(single.search(query, 6)) for query in queries] == [[], before[1]]
    single.add([many[2]], [2])
    assert [answer(single.search(query, 6)) for query in queries] == before


def test_61_a_crowd_costs_no_more_than_the_bounds_and_is_said_to_be_one() -> None:
    """3000 entries with the query's own keypoints: more alike than a search may look at."""
    rng = np.random.default_rng(11)
    entry = random_entry(rng, 32).tobytes()
    index = PartsIndex()
    index.add([entry] * 3000, range(3000))
    query = (entry * 10)[: 300 * 38]
    found = index.search(query, 8)
    assert found.truncated
    assert 0 < len(found.ids) <= 2048
    assert set(found.points.tolist()) == {32}
    limited = index.search(query, 8, 5)
    assert (answer(limited), limited.truncated) == (answer(found)[:5], True)
    # Another picture is found as if they were not there.
    other = random_entry(rng)
    index.add([other.tobytes()], [10**9])
    mixed = entry + moved(other, rng, 8, 60).tobytes()
    assert 10**9 in index.search(mixed, 8).ids.tolist()
    assert index.search(moved(other, rng, 8, 60).tobytes(), 8).ids.tolist() == [10**9]


def test_61_entries_that_are_all_at_one_place_are_no_match() -> None:
    rng = np.random.default_rng(12)
    entry = random_entry(rng)
    entry["x"], entry["y"] = 30000, 30000
    index = index_of([entry.tobytes()])
    assert answer(index.search(entry.tobytes(), 2)) == []


def test_an_index_of_entries_takes_about_two_kilobytes_each() -> None:
    rng = np.random.default_rng(13)
    index = PartsIndex()
    index.add([random_entry(rng, 128).tobytes() for _ in range(1200)], range(1200))
    index.freeze()
    stats = index.stats()
    empty = PartsIndex().stats()["bytes"]
    # Beside the cells, which are there once, and the room for the newest entries.
    assert (stats["bytes"] - empty) / stats["rows"] < 2500


def test_wrong_arguments_name_their_field() -> None:
    index = PartsIndex()
    for values, ids, field in (
        ([bytes(37)], [1], "values"),
        ([bytes(129 * 38)], [1], "values"),
        ([bytes(38)], [1, 2], "ids"),
        ([bytes(38)], [-1], "ids"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            index.add(values, ids)
        assert caught.value.details["field"] == field
    for value, points, limit, field in (
        (bytes(37), 6, None, "value"),
        (bytes(301 * 38), 6, None, "value"),
        (bytes(38), 1, None, "min_points"),
        (bytes(38), 6, 0, "limit"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            index.search(value, points, limit)
        assert caught.value.details["field"] == field
    with pytest.raises(ValueError, match="id 7 is given twice"):
        index.add([bytes(38)] * 2, [7, 7])
    assert len(index) == 0
    assert answer(index.search(b"", 6)) == []


def test_searches_leave_the_gil_to_others(shared: list[bytes]) -> None:
    index = index_of(shared)
    query = parts_to_check(picture(3))[0].value
    expected = answer(index.search(query, 6))
    answers: list[list[tuple[int, int]]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(answer(index.search(query, 6)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for number in range(100, 130):
        index.add(shared[:1], [number])
    for thread in threads:
        thread.join()
    assert [hits[0] for hits in answers] == [expected[0]] * 4


@st.composite
def keypoints(draw: st.DrawFn, fewest: int, most: int) -> bytes:
    """Any keypoints, of which many may be alike, in one place, or at the ends of their ranges."""
    descriptors = draw(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=6))
    ends = st.sampled_from([0, 1, 255, 256, 32768, 65535]) | st.integers(0, 65535)
    point = st.tuples(st.sampled_from(descriptors), ends, ends, st.integers(0, 255), st.integers(0, 255))
    units = draw(st.lists(point, min_size=fewest, max_size=most))
    return b"".join(
        descriptor + x.to_bytes(2) + y.to_bytes(2) + bytes((size, angle))
        for descriptor, x, y, size, angle in units
    )


@given(entries=st.lists(keypoints(1, 128), min_size=1, max_size=4), asked=keypoints(1, 300))
@settings(max_examples=50, deadline=None)
def test_whatever_keypoints_are_given_a_match_is_one_that_an_answer_can_carry(
    entries: list[bytes], asked: bytes
) -> None:
    index = index_of(entries)
    for query in (asked, *entries):
        found = index.search(query, 2)
        most = [min(len(query), len(entries[item])) // PARTS.size for item in found.ids.tolist()]
        assert all(2 <= points <= bound for points, bound in zip(found.points.tolist(), most, strict=True))
        for place in found.transforms.tolist():
            Transform(*place)
