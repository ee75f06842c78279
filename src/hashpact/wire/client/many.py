"""Checks of many fingerprints, a batch after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from hashpact.domain.checks import Answer, Filter, Query
from hashpact.domain.matching.batches import MAX_BATCH, Batch, Packing
from hashpact.domain.matching.strength import Strength
from hashpact.wire.client import calls
from hashpact.wire.client.calls import Call


def check_many(
    queries: Iterable[Query], narrow: Filter, limit: int, min_position: int, least: Strength
) -> Iterator[Call[list[Answer]]]:
    """The calls that ask for each of these queries by itself; each answers as many as a batch has.

    Queries are taken as they are needed. Raises InvalidInputError for one that cannot be packed.
    """
    waiting = iter(queries)
    while some := list(itertools.islice(waiting, MAX_BATCH)):
        yield _batch(Packing.of(some), narrow, limit, min_position, least)


def _batch(
    packing: Packing, narrow: Filter, limit: int, min_position: int, least: Strength
) -> Call[list[Answer]]:
    asked = calls.check_batch(Batch(packing.packed, narrow, limit, min_position))

    def read(data: bytes) -> list[Answer]:
        answers = packing.answers(asked.read(data))
        return [
            answer.graded([query], least, limit)
            for query, answer in zip(packing.queries, answers, strict=True)
        ]

    return Call(asked.method, asked.request, read)
