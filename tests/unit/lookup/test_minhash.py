"""MinHashIndex: never a wrong hit, the recall that theory gives, at every instruction set."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hashpact import _kernel
from hashpact.errors import InvalidInputError
from hashpact.lookup import MinHashIndex

Signatures = NDArray[np.uint32]


def random_signatures(count: int, rng: np.random.Generator) -> Signatures:
    return rng.integers(0, 2**32, (count, 128), dtype=np.uint32)


def relative(signatures: Signatures, similarity: float, rng: np.random.Generator) -> Signatures:
    """Signatures of texts with that Jaccard similarity: each value is equal with that probability."""
    keep = rng.random(signatures.shape) < similarity
    return np.where(keep, signatures, random_signatures(len(signatures), rng))


def exhaustive(signatures: Signatures, query: Signatures, threshold: float) -> list[tuple[int, float]]:
    similar = (signatures == query).mean(axis=1)
    hits = [(row, float(similar[row])) for row in np.flatnonzero(similar >= threshold).tolist()]
    return sorted(hits, key=lambda hit: (-hit[1], hit[0]))


@pytest.fixture(autouse=True)
def best_level() -> Iterator[None]:
    """Go back to the best instruction set after each test."""
    yield
    _kernel.use_level(_kernel.levels()[-1])


@given(
    count=st.one_of(st.integers(1, 200), st.integers(200, 2000)),
    seed=st.integers(0, 2**32 - 1),
    threshold=st.sampled_from([0.5, 0.6, 0.61, 0.75, 1.0]),
)
@settings(max_examples=80)
def test_hits_are_right(count: int, seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    signatures = random_signatures(count, rng)
    crowd = count // 3
    signatures[:crowd] = relative(np.repeat(signatures[:1], crowd, axis=0), 0.8, rng)
    index = MinHashIndex()
    for part in np.array_split(np.arange(count), 3):
        index.add(signatures[part], part)
    queries = [random_signatures(1, rng)[0], *(relative(signatures[:1], s, rng)[0] for s in (0.55, 0.7, 1))]
    for query in queries:
        expected = exhaustive(signatures, query, threshold)
        answers = []
        for level in _kernel.levels():
            _kernel.use_level(level)
            answers.append(index.search(query, threshold))
        assert all(answer == answers[0] for answer in answers)
        # A subset with the right similarities, in the right order; the next tests are about what is missing.
        assert set(answers[0]) <= set(expected)
        assert answers[0] == sorted(answers[0], key=lambda hit: (-hit[1], hit[0]))
        assert set(index.search(query, threshold, 5)) <= set(expected)


@pytest.mark.parametrize(
    ("similarity", "less"), [(0.4, 0.05), (0.5, 0.015), (0.6, 0.002), (0.7, 0.0), (0.8, 0.0)]
)
def test_recall_follows_the_theoretical_curve(similarity: float, less: float) -> None:
    """Pairs of one similarity, found by any band at all: the threshold lets every candidate through."""
    rng = np.random.default_rng(int(similarity * 100))
    planted = 4000
    signatures = random_signatures(planted, rng)
    index = MinHashIndex.build(signatures, np.arange(planted))
    queries = relative(signatures, similarity, rng)
    recall = sum(row in dict(index.search(queries[row], 0.0)) for row in range(planted)) / planted
    theory = index.recall(similarity)
    error = 3 * math.sqrt(theory * (1 - theory) / planted)
    # Bands that share a value are not quite independent.
    assert theory - less - error <= recall <= theory + error


@pytest.mark.parametrize("threshold", [0.6, 0.7, 0.8])
def test_the_wanted_recall_is_that_at_the_threshold(threshold: float) -> None:
    """A search looks into as many bands as its threshold needs, which until 0.6 share no value."""
    rng = np.random.default_rng(int(threshold * 100))
    signatures = random_signatures(10_000, rng)
    index = MinHashIndex.build(signatures, np.arange(10_000))
    queries = signatures.copy()
    for query in queries:
        query[rng.choice(128, int(128 - 128 * threshold), replace=False)] += 1
    _, ids, _ = index.search_batch(queries, threshold)
    # As many values differ in each pair, which makes the chance a little better than for independent values.
    assert len(ids) / 10_000 > index.recall(threshold, threshold) - 0.003


@pytest.mark.parametrize("recall", [0.5, 0.9, 0.99, 0.999])
def test_the_wanted_recall_is_reached_by_few_bands(recall: float) -> None:
    index = MinHashIndex(recall)
    assert recall <= index.recall(0.5) < recall + (1 - recall) / 10
    for threshold in (0.55, 0.6, 0.7, 0.9, 0.99):
        assert recall <= index.recall(threshold, threshold) <= index.recall(threshold, 0.5)
    assert index.recall(1.0, 1.0) == 1.0


def crowded(rng: np.random.Generator) -> Signatures:
    """20 000 signatures of which each value is one of a few common ones, or new with the probability 0.6."""
    common = random_signatures(3, rng)
    drawn = common[rng.integers(0, 3, (20_000, 128)), np.arange(128)]
    return np.where(rng.random(drawn.shape) < 0.4, drawn, random_signatures(20_000, rng))


def test_large_buckets_are_cut_down_without_missing_much() -> None:
    """Common phrases crowd all bands, and each query has values of its own, whose bands are empty."""
    rng = np.random.default_rng(17)
    signatures = crowded(rng)
    index = MinHashIndex.build(signatures, np.arange(len(signatures)))
    for similarity in (0.5, 0.6, 0.7):
        queries = relative(signatures[:1000], similarity + 0.02, rng)
        found = expected = 0
        for row, query in enumerate(queries):
            if (signatures[row] == query).mean() >= similarity:
                expected += 1
                found += row in dict(index.search(query, similarity))
        assert expected > 500
        assert found / expected >= 0.97


def test_a_crowd_of_near_copies_is_found_and_ends_a_search_with_a_limit_early() -> None:
    rng = np.random.default_rng(23)
    crowd = relative(np.repeat(random_signatures(1, rng), 20_000, axis=0), 0.93, rng)
    index = MinHashIndex.build(crowd, np.arange(20_000))
    for query in (*crowd[:5], *relative(crowd[:5], 0.95, rng)):
        expected = exhaustive(crowd, query, 0.8)
        found = index.search(query, 0.8)
        assert set(found) <= set(expected)
        assert len(found) > 0.99 * len(expected)
        nearest = index.search(query, 0.8, 20)
        assert len(nearest) == 20
        assert nearest[0] == expected[0]
        assert len(set(nearest) & set(expected[:20])) >= 18
    assert least(index, crowd[0], 20) < least(index, crowd[0], None) / 3


def least(index: MinHashIndex, query: Signatures, limit: int | None) -> float:
    """Seconds of processor time that the fastest of several searches takes."""
    times = []
    for _ in range(20):
        start = time.thread_time()
        index.search(query, 0.6, limit)
        times.append(time.thread_time() - start)
    return min(times)


def test_a_text_posted_many_times_is_in_the_bands_once() -> None:
    rng = np.random.default_rng(5)
    text, other = random_signatures(2, rng)
    signatures = np.where((np.arange(100_000) % 100 == 0)[:, np.newaxis], other, text)
    ids = rng.permutation(100_000)
    index = MinHashIndex.build(signatures, ids)
    assert index.stats()["bytes"] < 100_000 * 560
    expected = sorted(ids[np.arange(100_000) % 100 != 0].tolist())
    assert index.search(text, 0.6, 20) == [(number, 1.0) for number in expected[:20]]
    assert [number for number, _ in index.search(text, 0.6)] == expected
    assert len(index.search(other, 0.6)) == 1000
    # What is withdrawn makes room for the next, the first of all among them.
    index.remove(expected[:30])
    assert index.search(text, 1.0, 5) == [(number, 1.0) for number in expected[30:35]]

    assert least(index, text, 10) < least(index, text, None) / 20


def test_a_batch_answers_as_single_searches_do() -> None:
    rng = np.random.default_rng(7)
    signatures = relative(np.repeat(random_signatures(20, rng), 50, axis=0), 0.8, rng)
    index = MinHashIndex.build(signatures, np.arange(1000))
    offsets, ids, similarities = index.search_batch(signatures[:40], 0.6, threads=2, limit=30)
    for i in range(40):
        part = slice(offsets[i], offsets[i + 1])
        hits = list(zip(ids[part].tolist(), similarities[part].tolist(), strict=True))
        assert hits == index.search(signatures[i], 0.6, 30)


def test_wrong_arguments_name_their_field() -> None:
    index = MinHashIndex()
    signatures = np.zeros((2, 128), dtype=np.uint32)
    wrong: list[tuple[str, Any]] = [
        ("signatures", lambda: index.add(signatures[:, :127], [1, 2])),
        ("signatures", lambda: index.add(signatures.astype(np.int32), [1, 2])),
        ("ids", lambda: index.add(signatures, [1])),
        ("signature", lambda: index.search(signatures[0][:5], 0.5)),
        ("min_similarity", lambda: index.search(signatures[0], 1.5)),
        ("min_similarity", lambda: index.search(signatures[0], float("nan"))),
        ("limit", lambda: index.search(signatures[0], 0.5, 0)),
    ]
    for field, call in wrong:
        with pytest.raises(InvalidInputError) as caught:
            call()
        assert caught.value.details["field"] == field
    with pytest.raises(ValueError, match="given twice"):
        index.add(signatures, [4, 4])
    assert len(index) == 0
    for recall in (0.0, 1.0, -1.0, 2.0, float("nan"), 1 - 1e-15):
        with pytest.raises(InvalidInputError, match="recall must be"):
            MinHashIndex(recall)
