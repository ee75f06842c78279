"""What the benchmark takes for the truth, and how it compares answers with it."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.planting import RADIUS, code_set, flipped, queries_for
from benchmarks.recall import Answer, answer, brute_force, check_honest, found_of, recall

NOBODY = answer([], [], RADIUS, None)


def given(*distances: int) -> Answer:
    return answer(range(len(distances)), distances, RADIUS, None)


def test_an_answer_is_sorted_and_cut_to_the_radius_and_the_limit() -> None:
    one = answer([5, 4, 3, 2, 1], [7, 32, 7, 31, 0], 31, 3)
    assert one.rows.tolist() == [1, 3, 5]
    assert one.distances.tolist() == [0, 7, 7]


def test_an_answer_takes_the_types_that_indexes_return() -> None:
    one = answer(np.array([1], dtype=np.uint64), np.array([2.0], dtype=np.float32), RADIUS, 10)
    assert (one.rows.tolist(), one.distances.tolist()) == ([1], [2])


def test_by_hand_it_finds_what_is_planted() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (1000, 32), dtype=np.uint8)
    query = flipped(codes[7:8], np.array([31]), rng)[0]
    assert brute_force(codes, query, 31, None).rows.tolist() == [7]
    assert brute_force(codes, query, 30, None).rows.tolist() == []


def test_by_hand_it_counts_as_the_bits_of_each_pair_do() -> None:
    rng = np.random.default_rng(1)
    among = code_set("skewed", 1000, rng)
    for query in queries_for("skewed", among, 8, rng).codes:
        far = np.unpackbits(among.codes ^ query, axis=1).sum(axis=1)
        truth = brute_force(among.codes, query, RADIUS, 20)
        assert truth.distances.tolist() == sorted(far[far <= RADIUS].tolist())[:20]
        assert np.array_equal(far[truth.rows], truth.distances)


def test_of_equally_near_codes_any_will_do() -> None:
    truth = Answer(np.array([1, 2]), np.array([0, 9]))
    assert found_of(Answer(np.array([1, 8]), np.array([0, 9])), truth) == 2
    assert found_of(Answer(np.array([1, 8]), np.array([0, 10])), truth) == 1


def test_recall_is_counted_in_hits_over_the_queries_that_both_were_asked() -> None:
    truth = {0: given(1, 1, 5), 1: given(2), 2: NOBODY, 3: given(3)}
    assert recall(truth, truth) == 1
    assert recall({0: given(1), 1: NOBODY, 2: NOBODY}, truth) == 1 / 4
    assert recall({2: NOBODY}, truth) is None


def test_who_claims_a_wrong_distance_or_repeats_a_code_is_found_out() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (10, 32), dtype=np.uint8)
    query = flipped(codes[3:4], np.array([9]), rng)[0]
    check_honest(codes, query, Answer(np.array([3]), np.array([9])), "an index")
    for rows, distances in (([3], [8]), ([4], [9]), ([3, 3], [9, 9])):
        with pytest.raises(SystemExit, match="an index"):
            check_honest(codes, query, Answer(np.array(rows), np.array(distances)), "an index")
