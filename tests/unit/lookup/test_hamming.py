"""HammingIndex against brute force, at every instruction set that this machine has."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hashpact import _kernel
from hashpact.errors import InvalidInputError
from hashpact.lookup import HammingIndex

Codes = NDArray[np.uint8]

KINDS = ("random", "near copies", "correlated", "identical")
CEILING = {32: 31, 8: 10}


def make_codes(kind: str, count: int, width: int, rng: np.random.Generator) -> Codes:
    """Codes as lists of real pictures have them, and worse."""
    codes = rng.integers(0, 256, (count, width), dtype=np.uint8)
    if kind == "near copies":
        # A few pictures, each in many versions a few bits apart.
        originals = rng.integers(0, max(1, count // 200), count)
        codes = codes[originals] ^ sparse(count, width, 0.02, rng)
    elif kind == "correlated":
        # A third of the bits are nearly always zero, a third nearly repeat their neighbours.
        third = width // 3 + 1
        codes[:, :third] = sparse(count, third, 0.01, rng)
        codes[:, third : 2 * third] = codes[:, 2 * third - 1 : 2 * third] ^ sparse(
            count, min(2 * third, width) - third, 0.05, rng
        )
    elif kind == "identical":
        codes[:] = codes[:1]
    return codes


def sparse(count: int, width: int, share: float, rng: np.random.Generator) -> Codes:
    """Rows of bits of which that share is set."""
    return np.packbits(rng.random((count, width * 8)) < share, axis=1)


def flipped(code: Codes, distance: int, rng: np.random.Generator) -> bytes:
    """The code with exactly that many bits changed."""
    bits = np.unpackbits(code)
    bits[rng.choice(len(bits), distance, replace=False)] ^= 1
    return np.packbits(bits).tobytes()


def brute_force(codes: Codes, ids: NDArray[Any], query: bytes, distance: int) -> list[tuple[int, int]]:
    """What a search must answer, from all distances."""
    distances = np.bitwise_count(codes ^ np.frombuffer(query, dtype=np.uint8)).sum(axis=1, dtype=int)
    near = distances <= distance
    return sorted(zip(ids[near].tolist(), distances[near].tolist(), strict=True), key=lambda hit: hit[::-1])


@pytest.fixture(autouse=True)
def best_level() -> Iterator[None]:
    """Go back to the best instruction set after each test."""
    yield
    _kernel.use_level(_kernel.levels()[-1])


def each_level() -> Iterator[str]:
    """Each instruction set in turn, in use."""
    for level in _kernel.levels():
        _kernel.use_level(level)
        assert _kernel.level() == level
        yield level


@given(
    width=st.sampled_from([32, 8, 16, 40]),
    kind=st.sampled_from(KINDS),
    count=st.one_of(st.integers(0, 40), st.integers(900, 6000)),
    seed=st.integers(0, 2**32 - 1),
    design=st.sampled_from([None, 0, 3]),
)
@settings(max_examples=250)
def test_finds_what_brute_force_finds(
    width: int, kind: str, count: int, seed: int, design: int | None
) -> None:
    rng = np.random.default_rng(seed)
    codes = make_codes(kind, count, width, rng)
    ids = rng.permutation(3 * count)[:count].astype(np.uint64) * np.uint64(2**48)
    index = HammingIndex(width, design)
    # Several parts, so that there are several segments and a delta.
    for part in np.array_split(np.arange(count), 3):
        index.add(codes[part], ids[part])
    assert len(index) == count
    ceiling = CEILING.get(width, width)
    queries = [bytes(width), rng.bytes(width)]
    if count:
        queries += [
            flipped(codes[rng.integers(count)], int(rng.integers(ceiling + 2)), rng) for _ in range(4)
        ]
    for query in queries:
        for distance in {0, int(rng.integers(ceiling + 1)), ceiling, int(rng.integers(width * 8 + 1))}:
            expected = brute_force(codes, ids, query, distance)
            limit = int(rng.integers(1, 30))
            for level in each_level():
                assert index.search(query, distance) == expected, level
                assert index.search(query, distance, limit) == expected[:limit], level


@pytest.mark.parametrize(("width", "count"), [(32, 60_000), (8, 60_000), (32, 3000), (8, 500)])
def test_planted_neighbours_are_found_at_every_distance(width: int, count: int) -> None:
    rng = np.random.default_rng(count)
    codes = make_codes("random", count, width, rng)
    index = HammingIndex.build(codes, np.arange(count))
    ceiling = CEILING[width]
    for distance in range(ceiling + 1):
        chosen = rng.integers(0, count, 20)
        queries = [flipped(codes[row], distance, rng) for row in chosen]
        for level in each_level():
            for row, query in zip(chosen.tolist(), queries, strict=True):
                assert (row, distance) in index.search(query, ceiling), level
                assert (row, distance) in index.search(query, distance), level
                if distance:
                    assert all(hit[0] != row for hit in index.search(query, distance - 1)), level


def test_neighbours_whose_differences_gather_in_some_chunks_are_found() -> None:
    """Runs of flipped bits are the pigeonhole principle's worst case: no chunk but the right one is near."""
    rng = np.random.default_rng(7)
    codes = make_codes("random", 60_000, 32, rng)
    index = HammingIndex.build(codes, np.arange(60_000))
    for start in range(0, 256, 5):
        row = int(rng.integers(60_000))
        bits = np.unpackbits(codes[row])
        bits[(start + np.arange(31)) % 256] ^= 1
        assert (row, 31) in index.search(np.packbits(bits).tobytes(), 31)
        spread = np.unpackbits(codes[row])
        spread[(start + 8 * np.arange(31)) % 256] ^= 1
        assert (row, 31) in index.search(np.packbits(spread).tobytes(), 31)


def test_single_additions_merge_and_stay_findable() -> None:
    rng = np.random.default_rng(11)
    codes = make_codes("near copies", 9000, 8, rng)
    index = HammingIndex(8)
    ids = rng.permutation(9000)
    for row in range(9000):
        index.add(codes[row : row + 1], ids[row : row + 1])
        if row % 911 == 0:
            query = codes[int(rng.integers(row + 1))].tobytes()
            assert index.search(query, 6) == brute_force(codes[: row + 1], ids[: row + 1], query, 6)
    stats = index.stats()
    assert stats["rows"] == len(index) == 9000
    assert sum(rows for rows, _ in stats["segments"]) + stats["delta"] == 9000
    # Sizes at least double from one segment to the next, so that there are few of them.
    assert 1 <= len(stats["segments"]) <= 4


def test_a_crowd_of_near_copies_is_searched_like_anything_else() -> None:
    rng = np.random.default_rng(13)
    codes = make_codes("random", 20_000, 32, rng)
    codes[:12_000] = codes[:1] ^ sparse(12_000, 32, 0.02, rng)
    index = HammingIndex.build(codes, np.arange(20_000))
    for query in (codes[5].tobytes(), flipped(codes[0], 12, rng), codes[15_000].tobytes()):
        expected = brute_force(codes, np.arange(20_000), query, 31)
        for level in each_level():
            assert index.search(query, 31) == expected, level
            assert index.search(query, 31, 100) == expected[:100], level


def test_removed_codes_are_gone_and_their_ids_free() -> None:
    rng = np.random.default_rng(17)
    codes = make_codes("near copies", 5000, 32, rng)
    index = HammingIndex.build(codes, np.arange(5000))
    query = codes[0].tobytes()
    found = [item for item, _ in index.search(query, 31)]
    assert index.remove(found) == len(found)
    assert index.remove([*found, 999_999]) == 0
    assert index.search(query, 31) == []
    assert len(index) == 5000 - len(found)
    index.add(codes[:1], [found[0]])
    assert index.search(query, 31) == [(found[0], 0)]
    assert index.known([found[0]]) == found[0]
    assert index.known(found[1:]) is None


def test_withdrawing_most_of_a_segment_shrinks_it() -> None:
    codes = make_codes("random", 4000, 32, np.random.default_rng(19))
    index = HammingIndex.build(codes, np.arange(4000))
    index.remove(np.arange(3000))
    index.settle()
    assert index.stats()["segments"][0][0] == 1000
    assert index.stats()["tombstones"] == 0
    index.remove(np.arange(4000))
    index.settle()
    assert index.stats()["segments"] == []
    assert len(index) == 0


def test_a_batch_answers_as_single_searches_do() -> None:
    rng = np.random.default_rng(23)
    codes = make_codes("near copies", 5000, 32, rng)
    index = HammingIndex.build(codes, np.arange(5000))
    queries = codes[rng.integers(0, 5000, 64)]
    for threads in (1, 3):
        offsets, ids, distances = index.search_batch(queries, 31, threads=threads, limit=9)
        assert [values.dtype.name for values in (offsets, ids, distances)] == ["int64", "uint64", "uint16"]
        for i, query in enumerate(queries):
            part = slice(offsets[i], offsets[i + 1])
            hits = list(zip(ids[part].tolist(), distances[part].tolist(), strict=True))
            assert hits == index.search(query.tobytes(), 31, 9)
    offsets, ids, _ = index.search_batch(queries[:0], 31)
    assert (offsets.tolist(), ids.tolist()) == ([0], [])


def test_ids_reach_to_the_last_64_bit_number() -> None:
    codes = np.zeros((3, 8), dtype=np.uint8)
    index = HammingIndex.build(codes, [2**64 - 1, 0, 2**63])
    assert index.search(bytes(8), 0) == [(0, 0), (2**63, 0), (2**64 - 1, 0)]


@pytest.mark.parametrize(
    ("ids", "message"),
    [([1, 2, 1], "id 1 is given twice"), ([5, 6, 4], "id 6 is in the index already")],
)
def test_a_duplicate_id_adds_nothing(ids: list[int], message: str) -> None:
    index = HammingIndex.build(np.zeros((1, 8), dtype=np.uint8), [6])
    with pytest.raises(ValueError, match=message):
        index.add(np.ones((3, 8), dtype=np.uint8), ids)
    assert index.search(b"\x01" * 8, 64) == [(6, 8)]


def test_wrong_arguments_name_their_field() -> None:
    index = HammingIndex(8)
    codes = np.zeros((2, 8), dtype=np.uint8)
    wrong: list[tuple[str, Any]] = [
        ("width", lambda: HammingIndex(0)),
        ("width", lambda: HammingIndex(12)),
        ("width", lambda: HammingIndex(520)),
        ("max_distance", lambda: HammingIndex(8, 65)),
        ("codes", lambda: index.add(codes.astype(np.int64), [1, 2])),
        ("codes", lambda: index.add(codes[:, :7], [1, 2])),
        ("codes", lambda: HammingIndex.build(codes[0], [1])),
        ("ids", lambda: index.add(codes, [1])),
        ("ids", lambda: index.add(codes, [1, -1])),
        ("ids", lambda: index.add(codes, [1, 2**64])),
        ("code", lambda: index.search(bytes(7), 1)),
        ("max_distance", lambda: index.search(bytes(8), -1)),
        ("max_distance", lambda: index.search(bytes(8), 65)),
        ("limit", lambda: index.search(bytes(8), 1, 0)),
        ("threads", lambda: index.search_batch(codes, 1, threads=0)),
    ]
    for field, call in wrong:
        with pytest.raises(InvalidInputError) as caught:
            call()
        assert caught.value.details["field"] == field
    assert len(index) == 0


def test_an_unknown_instruction_set_is_refused() -> None:
    with pytest.raises(ValueError, match="no instruction set named mmx"):
        _kernel.use_level("mmx")


def test_a_batch_uses_its_threads_and_leaves_the_gil_to_others() -> None:
    """No thread is made to give up the GIL here: this one runs on only because the batch has let it go."""
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        pytest.skip("threads are counted in /proc")
    rng = np.random.default_rng(29)
    index = HammingIndex.build(make_codes("random", 50_000, 32, rng), np.arange(50_000))
    queries = make_codes("random", 40_000, 32, rng)
    before = len(list(tasks.iterdir()))
    done = threading.Event()
    most = 0

    def search() -> None:
        index.search_batch(queries, 31, threads=3)
        done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    searching = threading.Thread(target=search)
    try:
        searching.start()
        while not done.is_set():
            most = max(most, len(list(tasks.iterdir())))
            time.sleep(0.001)
    finally:
        sys.setswitchinterval(interval)
        searching.join()
    # The caller of the batch is one of the three.
    assert most == before + 3
