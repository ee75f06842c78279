"""Waiters share a run that starts after they joined, and each hears of its error."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from hashpact.service.append import Coalescer


class Work:
    """Work whose runs wait until a test lets them end."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.ends: list[Future[None]] = [Future() for _ in range(3)]
        self.runs = 0

    def __call__(self) -> None:
        """One run."""
        end = self.ends[self.runs]
        self.runs += 1
        self.begun.release()
        end.result()


def joined(coalescer: Coalescer, count: int) -> list[Future[None]]:
    """That many waiters, each in a thread of its own."""
    pool = ThreadPoolExecutor(count)
    waiting = [pool.submit(coalescer.join) for _ in range(count)]
    pool.shutdown(wait=False)
    return waiting


def test_those_who_wait_share_the_next_run_and_not_the_one_under_way() -> None:
    work = Work()
    coalescer = Coalescer(work)
    (first,) = joined(coalescer, 1)
    assert work.begun.acquire(timeout=120)
    late = joined(coalescer, 20)
    work.ends[0].set_result(None)
    first.result(120)
    assert work.begun.acquire(timeout=120)
    # Some may join while the second run is under way: a third run, and no more, is theirs.
    work.ends[1].set_result(None)
    work.ends[2].set_result(None)
    for each in late:
        each.result(120)
    assert work.runs in {2, 3}


def test_an_error_reaches_each_that_joined_its_run_and_no_other() -> None:
    work = Work()
    coalescer = Coalescer(work)
    (first,) = joined(coalescer, 1)
    assert work.begun.acquire(timeout=120)
    (second,) = joined(coalescer, 1)
    work.ends[0].set_exception(ValueError("no quorum"))
    work.ends[1].set_result(None)
    with pytest.raises(ValueError, match="no quorum"):
        first.result(120)
    second.result(120)
    assert work.runs == 2
