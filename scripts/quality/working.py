"""Work divided among processes, with a bar that shows how far it is."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import Progress

Given = TypeVar("Given")
Job = TypeVar("Job")
Done = TypeVar("Done")

_held: list[Any] = []
"""In a process of a pool: what every job of it is given."""


def each(
    what: str,
    work: Callable[[Given, Job], Done],
    given: Given,
    jobs: Sequence[Job],
    processes: int | None,
) -> Iterator[Done]:
    """What ``work`` makes of each job, in their order; every process is ``given`` the same once.

    ``processes`` None: one for each core, 1: this one.
    """
    count = min(processes or os.cpu_count() or 1, len(jobs))
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task(what, total=len(jobs))
        if count <= 1:
            for job in jobs:
                yield work(given, job)
                progress.advance(bar)
            return
        # Not forked: a process that has threads cannot be copied safely.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(count, spawn, initializer=_hold, initargs=(given,)) as pool:
            for done in pool.map(partial(_call, work), jobs):
                yield done
                progress.advance(bar)


def _hold(given: Any) -> None:  # noqa: ANN401 - anything that can be pickled
    _held[:] = [given]


def _call(work: Callable[[Any, Job], Done], job: Job) -> Done:
    return work(_held[0], job)
