"""HammingIndex against brute force on many millions of pairs, large sets, crowds, every instruction set.

test_hamming.py has the small and strange cases; here are the sizes at which groups of near-copies, unequal
thresholds and the bounds of `limit` come into play.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from planted import Codes, flipped, make_codes

from hashpact import _kernel
from hashpact.lookup import HammingIndex

Ids = NDArray[np.uint64]
Hits = list[tuple[int, int]]

CEILING = {32: 31, 8: 10}


def brute_force(codes: Codes, ids: Ids, query: bytes, distance: int) -> Hits:
    """What a search must answer, from all distances."""
    words = codes.view(np.uint64)
    distances = np.bitwise_count(words ^ np.frombuffer(query, dtype=np.uint64)).sum(axis=1, dtype=np.int64)
    near = np.flatnonzero(distances <= distance)
    order = near[np.lexsort((ids[near], distances[near]))]
    return list(zip(ids[order].tolist(), distances[order].tolist(), strict=True))


@pytest.fixture(autouse=True)
def best_level() -> Iterator[None]:
    """Go back to the best instruction set after each test."""
    yield
    _kernel.use_level(_kernel.levels()[-1])


def compare(codes: Codes, queries: int, rng: np.random.Generator) -> int:
    """How many pairs were compared; the test fails at the first difference.

    A tenth of the codes is withdrawn again. Half of the queries are near a code of the first third, which is
    where crowds are. Each is asked at the ceiling and at another distance, without a limit and with two.
    """
    count, width = codes.shape
    ids = rng.permutation(3 * count)[:count].astype(np.uint64)
    index = HammingIndex.build(codes, ids)
    stay = rng.random(count) >= 0.1
    index.remove(ids[~stay])
    codes, ids = codes[stay], ids[stay]
    ceiling = CEILING[width]
    for i in range(queries):
        near = codes[rng.integers(len(codes) // 3 if i % 2 else len(codes))]
        query = flipped(near, int(rng.integers(ceiling + 8)), rng) if i % 5 else rng.bytes(width)
        for distance in (ceiling, int(rng.integers(ceiling))):
            expected = brute_force(codes, ids, query, distance)
            for level in _kernel.levels():
                _kernel.use_level(level)
                for limit in (None, 1, 100, int(rng.integers(2, 3000))):
                    found = index.search(query, distance, limit)
                    assert found == expected[:limit], (level, distance, limit)
    return 2 * queries * len(codes)


KINDS = ("random", "crowd", "crowds", "overlapping crowds", "copies", "dependent bits")


@pytest.mark.parametrize("width", [32, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_no_difference_on_a_million_pairs_of_each_kind(kind: str, width: int) -> None:
    rng = np.random.default_rng((width, KINDS.index(kind)))
    pairs = 0
    for count, queries in ((2500, 20), (33_000, 20)):
        pairs += compare(make_codes(kind, count, width, rng), queries, rng)
    assert pairs >= 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_no_difference_on_many_millions_of_pairs(kind: str, width: int) -> None:
    rng = np.random.default_rng((width, KINDS.index(kind), 1))
    pairs = 0
    for count, queries in ((10_000, 60), (150_000, 40), (1_000_000, 4)):
        pairs += compare(make_codes(kind, count, width, rng), queries, rng)
    assert pairs >= 10_000_000


def test_the_first_of_equal_distances_are_those_with_the_lowest_ids_in_a_crowd_too() -> None:
    """All copies are equally far, so that only ids decide; the first of them are withdrawn."""
    rng = np.random.default_rng(31)
    codes = make_codes("copies", 9000, 32, rng)
    codes[:] = codes[0]
    ids = rng.permutation(9000)
    index = HammingIndex.build(codes, ids)
    index.remove(np.arange(40))
    for distance in (0, 7, 31):
        query = flipped(codes[0], distance, rng)
        for level in _kernel.levels():
            _kernel.use_level(level)
            assert index.search(query, 31, 500) == [(item, distance) for item in range(40, 540)]
    assert len(index.search(codes[0].tobytes(), 0)) == 8960
    assert index.search(flipped(codes[0], 32, rng), 31) == []


def test_a_crowd_beyond_the_reach_of_its_slices_is_found() -> None:
    """At distances of which sums of slices cannot tell, all codes are compared."""
    rng = np.random.default_rng(37)
    codes = make_codes("crowd", 9000, 32, rng)
    index = HammingIndex.build(codes, np.arange(9000))
    for distance in (61, 62, 63, 64, 100, 256):
        for query in (flipped(codes[0], min(distance, 200), rng), rng.bytes(32)):
            expected = brute_force(codes, np.arange(9000, dtype=np.uint64), query, distance)
            assert index.search(query, distance) == expected
            assert index.search(query, distance, 50) == expected[:50]


def test_a_crowd_takes_less_memory_than_as_many_strangers() -> None:
    rng = np.random.default_rng(41)
    sizes = []
    for kind in ("random", "crowd"):
        index = HammingIndex.build(make_codes(kind, 60_000, 32, rng), np.arange(60_000))
        sizes.append(index.stats()["bytes"])
    assert sizes[1] < sizes[0]
