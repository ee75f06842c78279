"""Batches across the wire: many fingerprints in one request, packed by type."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from hashpact.domain.fingerprints import type_named
from hashpact.domain.matching.batches import DEFAULT_EACH, MAX_BATCH, Batch, BatchAnswer, Packed
from hashpact.errors import InvalidInputError
from hashpact.wire.codec import (
    EVERYTHING,
    filter_from_wire,
    filter_to_wire,
    lag_from_wire,
    lag_to_wire,
    match_from_wire,
    match_to_wire,
)
from hashpact.wire.fields import FIELDS_OF, count, each, number_in, optional_id, threshold_from_wire, whole
from hashpact.wire.v1 import check_pb2

_AT_ONCE: Final = 512
"""Matches that are put into a response in one turn: 2 to 3 ms."""


def batch_to_wire(batch: Batch) -> check_pb2.CheckBatchRequest:
    """The request of a batch."""
    return check_pb2.CheckBatchRequest(
        packed=map(_packed_to_wire, batch.packed),
        filter=None if batch.filter == EVERYTHING else filter_to_wire(batch.filter),
        limit=batch.limit,
        min_position=batch.min_position,
    )


def batch_from_wire(request: check_pb2.CheckBatchRequest) -> Batch:
    """The batch that a request asks for."""
    count("packed", request.packed, 1, MAX_BATCH)
    kinds = each("packed", request.packed, lambda packed: type_named(packed.type))
    # Each value is looked at next: not more of them than a batch has.
    asked = sum(len(packed.values) // kind.size for packed, kind in zip(request.packed, kinds, strict=True))
    count("packed", range(asked), 0, MAX_BATCH)
    return Batch(
        packed=each("packed", request.packed, _packed_from_wire),
        filter=filter_from_wire(request.filter) if request.HasField("filter") else EVERYTHING,
        limit=request.limit or DEFAULT_EACH,
        min_position=request.min_position,
    )


def batch_answer_to_wire(
    answer: BatchAnswer, turn: Callable[[], AbstractContextManager[object]] = nullcontext
) -> check_pb2.CheckBatchResponse:
    """The response to a batch, made in a ``turn`` for every few matches."""
    response = check_pb2.CheckBatchResponse(
        position=answer.position,
        truncated=answer.truncated,
        texts=answer.texts,
        lag=lag_to_wire(answer.lag),
    )
    for start in range(0, len(answer.matches), _AT_ONCE):
        with turn():
            for match in answer.matches[start : start + _AT_ONCE]:
                match_to_wire(match, response.matches.add)
    return response


def batch_answer_from_wire(response: check_pb2.CheckBatchResponse) -> BatchAnswer:
    """The answer in a response."""
    matches = each("matches", response.matches, match_from_wire)
    if any(one.query > other.query for one, other in itertools.pairwise(matches)):
        msg = "the matches of a batch come in the order of its fingerprints"
        raise InvalidInputError(msg, field="matches")
    texts = optional_id(response, "texts")
    position, lag = whole("position", response.position), lag_from_wire(response)
    return BatchAnswer(matches, position, tuple(response.truncated), texts, lag)


def _packed_to_wire(packed: Packed) -> check_pb2.Packed:
    message = check_pb2.Packed(type=packed.type.name, values=packed.values)
    threshold, _ = FIELDS_OF[packed.type.measure]
    if packed.threshold is not None:
        setattr(message, threshold, number_in(threshold, packed.threshold))
    return message


def _packed_from_wire(packed: check_pb2.Packed) -> Packed:
    kind = type_named(packed.type)
    return Packed(kind, packed.values, threshold_from_wire(kind, packed))
