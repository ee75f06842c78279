"""A batch of checks as one call."""

from __future__ import annotations

from collections.abc import Sequence

from hashpact.domain.checks import Answer, Filter, Query
from hashpact.domain.matching.batches import Batch, Packing
from hashpact.wire.client import calls
from hashpact.wire.client.calls import Call


def check_many(queries: Sequence[Query], narrow: Filter, limit: int, min_position: int) -> Call[list[Answer]]:
    """The call that asks for each of 1 to 4096 queries by itself, and has an answer to each, in their order.

    Raises InvalidInputError for a query that cannot be packed.
    """
    packing = Packing.of(queries)
    asked = calls.check_batch(Batch(packing.packed, narrow, limit, min_position))
    return Call(asked.method, asked.request, lambda data: packing.answers(asked.read(data)))
