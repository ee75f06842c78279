"""The leaves of a source in order, each with what can be said of it without any state.

A few leaves are read and judged here. Many are judged by processes beside this one, while it folds those
before them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Final, TypeVar

from hashpact.audit.deriving.judging import JudgedLeaf, Known, judged
from hashpact.audit.deriving.workers import Workers
from hashpact.audit.source import ReportedLeaf, Source
from hashpact.errors import CorruptError, HashpactError
from hashpact.keys.verifying import BatchVerifier

Batch = TypeVar("Batch")

AT_ONCE: Final = 512
"""Leaves that are read, and judged, together: at most 16 MiB of them."""
MANY: Final = 20_000
"""Leaves for which it is worth to start processes."""


def judged_leaves(
    source: Source, start: int, stop: int, known: Known
) -> Iterator[tuple[ReportedLeaf, JudgedLeaf]]:
    """The leaves with start <= index < stop, in order; none if there are no such.

    ``known`` are keys whose signatures are verified beforehand; it may grow meanwhile. Raises CorruptError
    for a leaf that is held back, or comes out of order, after what was read before it.
    """
    if start >= stop:
        return
    batches = _batches(source, start, stop)
    for batch, found in judged_batches(batches, _data, stop - start, known):
        yield from zip(batch, found, strict=True)


def judged_batches(
    batches: Iterator[Batch], data: Callable[[Batch], list[bytes]], count: int, known: Known
) -> Iterator[tuple[Batch, Sequence[JudgedLeaf]]]:
    """Each batch of leaves with what can be said of them without any state; there are ``count`` in all.

    ``data`` gives the bytes of a batch's leaves. An error of ``batches`` is raised after what came before it.
    Raises UnavailableError as `Workers.judged`.
    """
    if count < MANY:
        verifier = BatchVerifier()
        for batch in batches:
            yield batch, judged(data(batch), known, verifier)
        return
    with closing(Workers(os.cpu_count() or 1)) as workers:
        yield from workers.judged(batches, data, known)


def _data(batch: list[ReportedLeaf]) -> list[bytes]:
    return [leaf.data for leaf in batch]


def _batches(source: Source, start: int, stop: int) -> Iterator[list[ReportedLeaf]]:
    leaves = source.leaves(start, stop)
    at, error = start, None
    while error is None:
        batch: list[ReportedLeaf] = []
        try:
            for reported in islice(leaves, min(AT_ONCE, stop - at + 1)):
                if reported.index != at or at == stop:
                    msg = f"asked for leaf {at}, it gave leaf {reported.index}"
                    raise CorruptError(msg, index=str(at))  # as what the source raises itself
                batch.append(reported)
                at += 1
        except HashpactError as exc:  # what came before it is as good as ever
            error = exc
        if batch:
            yield batch
        elif error is None:
            break
    if error is None and at != stop:
        msg = f"leaf {at} of {stop} is held back"
        error = CorruptError(msg, index=str(at))
    if error is not None:
        raise error
