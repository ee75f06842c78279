"""MinHashIndex: never a wrong hit, the recall that theory gives, at every instruction set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hashpact.domain.errors import InvalidInputError
from hashpact.lookup import MinHashIndex, _kernel

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
def test_hits_are_right_and_nearly_all_are_found(count: int, seed: int, threshold: float) -> None:
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
        # A subset with the right similarities, in the right order, and not much is missing.
        assert set(answers[0]) <= set(expected)
        assert answers[0] == sorted(answers[0], key=lambda hit: (-hit[1], hit[0]))
        assert len(answers[0]) >= math.floor(len(expected) * 0.93)
        assert index.search(query, threshold, 5) == answers[0][:5]


@pytest.mark.parametrize("similarity", [0.4, 0.5, 0.6, 0.7, 0.8])
def test_recall_follows_the_theoretical_curve(similarity: float) -> None:
    """Pairs of one similarity, found by any band at all: the threshold lets every candidate through."""
    rng = np.random.default_rng(int(similarity * 100))
    planted = 4000
    signatures = random_signatures(planted, rng)
    index = MinHashIndex.build(signatures, np.arange(planted))
    _, ids, _ = index.search_batch(relative(signatures, similarity, rng), 0.0)
    recall = len(ids) / planted
    theory = MinHashIndex.recall(similarity)
    # Bands that share a value are not quite independent; three standard errors on top.
    assert recall == pytest.approx(theory, abs=0.012 + 3 * math.sqrt(theory * (1 - theory) / planted))


def test_a_perfect_match_is_always_found() -> None:
    rng = np.random.default_rng(3)
    signatures = random_signatures(3000, rng)
    index = MinHashIndex.build(signatures, np.arange(3000))
    for row in range(0, 3000, 50):
        assert index.search(signatures[row], 1.0) == [(row, 1.0)]


def test_the_threshold_is_inclusive() -> None:
    signature = np.arange(128, dtype=np.uint32)
    other = signature.copy()
    other[77:] += 1000
    index = MinHashIndex.build(other[np.newaxis], [1])
    assert index.search(signature, 77 / 128) == [(1, 77 / 128)]
    assert index.search(signature, np.nextafter(77 / 128, 1)) == []


def test_a_text_posted_ten_thousand_times_is_searched_in_one_pass() -> None:
    rng = np.random.default_rng(5)
    text = random_signatures(1, rng)
    signatures = np.repeat(text, 10_000, axis=0)
    signatures[5000:] = relative(signatures[5000:], 0.9, rng)
    index = MinHashIndex.build(signatures, np.arange(10_000))
    expected = exhaustive(signatures, text[0], 0.6)
    assert index.search(text[0], 0.6) == expected
    assert index.search(text[0], 0.6, 20) == expected[:20]
    # Tables are bounded by the number of rows, however they gather.
    assert index.stats()["bytes"] < 10_000 * 2048


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
