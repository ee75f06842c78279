"""Pools: no member takes all of a pool, and work whose caller has left ends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest
import pytest_asyncio

from hashpact.errors import OverloadedError
from hashpact.wire.pools import Pool

Outcome = TypeVar("Outcome")


class Work:
    """Blocking work that begins and ends when a test wants."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.left = threading.Event()

    def __call__(self, wanted: Callable[[], bool]) -> str:
        """Wait for the test, or until the caller has left."""
        self.begun.release()
        end = time.monotonic() + 60  # it ends even if the test has failed
        while not self.go.wait(0.001) and time.monotonic() < end:
            if not wanted():
                self.left.set()
                return "left"
        return "done"

    async def begins(self, times: int = 1) -> None:
        """Wait until it has begun so often."""
        for _ in range(times):
            assert await asyncio.to_thread(self.begun.acquire, timeout=60)


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[Pool]:
    """Four threads, of which a member has two, for three calls."""
    pool = Pool("check", threads=4, calls=3, working=2)
    yield pool
    await asyncio.to_thread(pool.close)


async def soon(awaited: Awaitable[Outcome]) -> Outcome:
    """What is awaited, or a TimeoutError if it does not come about."""
    return await asyncio.wait_for(awaited, 60)


async def test_41_one_member_leaves_threads_to_another(pool: Pool) -> None:
    greedy, modest = Work(), Work()
    calls = [asyncio.create_task(pool.run("acme", greedy)) for _ in range(3)]
    await greedy.begins(2)
    other = asyncio.create_task(pool.run("bravo", modest))
    await modest.begins()
    assert not greedy.begun.acquire(blocking=False)  # the third waits
    greedy.go.set()
    modest.go.set()
    assert await asyncio.gather(*calls, other) == ["done"] * 4


async def test_44_a_member_has_so_many_calls_under_way(pool: Pool) -> None:
    work = Work()
    calls = [asyncio.create_task(pool.run("acme", work)) for _ in range(3)]
    await work.begins(2)
    with pytest.raises(OverloadedError, match="'acme' has 3 check calls under way"):
        await soon(pool.run("acme", work))
    with pool.place("bravo"):
        pass
    work.go.set()
    await asyncio.gather(*calls)
    assert await pool.run("acme", work) == "done"


async def test_41_work_ends_once_its_caller_has_left(pool: Pool) -> None:
    work = Work()
    calls = [asyncio.create_task(pool.run("acme", work)) for _ in range(3)]
    await work.begins(2)
    for call in calls:
        call.cancel()
    assert [type(one) for one in await asyncio.gather(*calls, return_exceptions=True)] == [
        asyncio.CancelledError
    ] * 3
    assert await asyncio.to_thread(work.left.wait, 60)
    assert not work.begun.acquire(blocking=False)  # the third has never begun
    work.go.set()
    assert await pool.run("acme", work) == "done"


async def test_41_work_that_goes_on_counts_though_its_caller_has_left(pool: Pool) -> None:
    begun, go = threading.Semaphore(0), threading.Event()

    def stubborn(_: Callable[[], bool]) -> None:
        begun.release()
        go.wait(60)

    calls = [asyncio.create_task(pool.run("acme", stubborn)) for _ in range(2)]
    for _ in calls:
        assert await asyncio.to_thread(begun.acquire, timeout=60)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    work = Work()
    after = asyncio.create_task(pool.run("acme", work))
    await pool.run("bravo", lambda _: None)
    assert not work.begun.acquire(blocking=False)
    go.set()
    await work.begins()
    work.go.set()
    assert await after == "done"


async def test_an_error_of_the_work_is_the_callers(pool: Pool) -> None:
    def fails(_: Callable[[], bool]) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await pool.run("acme", fails)
