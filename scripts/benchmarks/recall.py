"""What of the truth an index found, for answers of any order and any choice among equally near codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Distances: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Answer:
    """Row numbers and their distances, the nearest first."""

    rows: NDArray[np.int64]
    distances: Distances


def answer(rows: Any, distances: Any, radius: int, limit: int | None) -> Answer:  # noqa: ANN401 - any array
    """What an index returned, as the nearest ``limit`` within ``radius``."""
    far = np.asarray(distances).astype(np.int64)
    numbers = np.asarray(rows).astype(np.int64)
    near = far <= radius
    numbers, far = numbers[near], far[near]
    if limit is not None and len(far) > limit:
        near = far <= np.partition(far, limit - 1)[limit - 1]
        numbers, far = numbers[near], far[near]
    order = np.lexsort((numbers, far))[:limit]
    return Answer(numbers[order], far[order])


def brute_force(codes: NDArray[np.uint8], query: NDArray[np.uint8], radius: int, limit: int | None) -> Answer:
    """The truth, by comparing with every code in NumPy."""
    words = codes.view(np.uint64) ^ query.view(np.uint64)
    distances = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    rows = np.flatnonzero(distances <= radius)
    return answer(rows, distances[rows], radius, limit)


def check_honest(codes: NDArray[np.uint8], query: NDArray[np.uint8], given: Answer, who: str) -> None:
    """Raise SystemExit if a code is given twice or is not as far away as is claimed."""
    rows = np.ascontiguousarray(codes[given.rows])
    true = np.bitwise_count(rows.view(np.uint64) ^ query.view(np.uint64)).sum(axis=1, dtype=np.int64)
    if len(np.unique(given.rows)) != len(given.rows) or not np.array_equal(true, given.distances):
        msg = f"{who} gave a code twice, or a distance that is not so"
        raise SystemExit(msg)


def found_of(given: Answer, truth: Answer) -> int:
    """How many of the true hits were given, where of equally near ones any will do."""
    common = Counter(given.distances.tolist()) & Counter(truth.distances.tolist())
    return common.total()


def recall(given: Mapping[int, Answer], truth: Mapping[int, Answer]) -> float | None:
    """The share of true hits found over all queries that both were asked. None if there was none to find."""
    both = given.keys() & truth.keys()
    expected = sum(len(truth[i].rows) for i in both)
    found = sum(found_of(given[i], truth[i]) for i in both)
    return found / expected if expected else None
