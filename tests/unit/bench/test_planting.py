"""The sets of codes and the queries that the benchmark makes."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.planting import (
    CHUNK,
    RADIUS,
    SETS,
    WIDTH,
    Codes,
    SetName,
    code_set,
    correlated_codes,
    flipped,
    queries_for,
    random_codes,
)
from numpy.typing import NDArray


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def distances(codes: Codes, to: Codes) -> NDArray[np.int64]:
    far: NDArray[np.int64] = np.bitwise_count(codes ^ to).sum(axis=-1, dtype=np.int64)
    return far


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_the_same_for_the_same_seed(name: SetName) -> None:
    one, again = (code_set(name, 3000, generator()) for _ in range(2))
    other = code_set(name, 3000, generator(2))
    assert np.array_equal(one.codes, again.codes)
    assert np.array_equal(one.cluster, again.cluster)
    assert not np.array_equal(one.codes, other.codes)


def test_codes_made_in_pieces_are_all_made() -> None:
    codes = random_codes(CHUNK + 5, generator())
    assert codes.shape == (CHUNK + 5, WIDTH)
    assert len(np.unique(codes, axis=0)) == len(codes)


def test_a_tenth_of_the_skewed_set_lies_within_ten_bits_of_one_another() -> None:
    among = code_set("skewed", 3000, generator())
    members = among.codes[among.cluster]
    assert len(members) == 300
    assert distances(members[:, None], members[None]).max() <= 10
    outside = np.delete(among.codes, among.cluster, axis=0)
    assert distances(outside, members[0]).min() > RADIUS


def test_the_cluster_is_scattered_over_the_set() -> None:
    cluster = code_set("skewed", 3000, generator()).cluster
    assert cluster.min() < 300
    assert cluster.max() > 2700
    assert len(np.unique(cluster)) == len(cluster)


def test_the_other_bits_are_rare_or_repeated_as_is_said() -> None:
    bits = np.unpackbits(correlated_codes(20_000, generator()), axis=1)
    assert bits[:, :80].mean() == pytest.approx(1 / 64, abs=0.001)
    assert (bits[:, 80:160] != bits[:, 160:240]).mean() == pytest.approx(1 / 16, abs=0.001)
    assert bits[:, 160:].mean() == pytest.approx(1 / 2, abs=0.005)


def test_exactly_as_many_bits_are_turned_over_as_asked() -> None:
    codes = random_codes(500, generator())
    wanted = np.arange(500) % 257
    assert np.array_equal(distances(codes, flipped(codes, wanted, generator())), wanted)


@pytest.mark.parametrize("name", SETS)
def test_half_of_the_queries_are_planted_at_each_distance_as_often(name: SetName) -> None:
    among = code_set(name, 2000, generator())
    queries = queries_for(name, among, 256, generator(2))
    planted = queries.planted >= 0
    assert planted.sum() == 128
    assert np.bincount(queries.planted[planted]).tolist() == [4] * (RADIUS + 1)
    nearest = np.array([distances(among.codes, query).min() for query in queries.codes])
    assert (nearest[planted] <= queries.planted[planted]).all()
    assert (nearest[~planted] > RADIUS).all()


def test_any_run_of_queries_is_a_mixture() -> None:
    queries = queries_for("random", code_set("random", 2000, generator()), 640, generator(2))
    for first in range(0, 640, 64):
        some = queries.planted[first : first + 64]
        assert sorted(some[some >= 0]) == list(range(RADIUS + 1))


def test_half_of_those_planted_in_the_skewed_set_lie_near_the_cluster() -> None:
    among = code_set("skewed", 2000, generator())
    queries = queries_for("skewed", among, 256, generator(2))
    members = among.codes[among.cluster]
    near = [distances(members, query).min() <= RADIUS for query in queries.codes]
    assert 64 <= sum(near) <= 80  # and some of those planted anywhere are near it by chance
