"""Work divided among processes, with a bar that shows how far it is."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

Job = TypeVar("Job")
Done = TypeVar("Done")


def each(
    what: str, work: Callable[[Job], Done], jobs: Sequence[Job], processes: int | None
) -> Iterator[Done]:
    """What ``work`` makes of each job, in their order; ``processes`` None: one for each core, 1: this one."""
    count = processes or os.cpu_count() or 1
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task(what, total=len(jobs))
        if count == 1:
            for job in jobs:
                yield work(job)
                progress.advance(bar)
            return
        # Not forked: a process that has threads cannot be copied safely.
        with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
            for done in pool.map(work, jobs):
                yield done
                progress.advance(bar)
