"""Pools: the threads that answer one kind of call, shared fairly by the members.

A member has a bounded number of calls under way, and of these a smaller number at work, so that one member
never takes all threads or all places. Work whose caller has left is not begun, and can ask whether to go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from hashpact.errors import OverloadedError

Result = TypeVar("Result")


@dataclass(slots=True)
class _Share:
    """What one member has of a pool. It is kept for as long as anything uses it."""

    working: asyncio.Semaphore
    calls: int = 0
    uses: int = 0


class Pool:
    """``threads`` threads for one kind of call, in one event loop.

    At most ``calls`` calls of a member are under way, and ``working`` of them at work; the others wait.
    """

    def __init__(self, name: str, *, threads: int, calls: int, working: int) -> None:
        self._name = name
        self._threads = ThreadPoolExecutor(threads, f"hashpact-{name}")
        self._calls = calls
        self._working = working
        self._shares: dict[str, _Share] = {}

    @contextlib.contextmanager
    def place(self, member: str) -> Iterator[None]:
        """One of the member's places, for the length of the block; OverloadedError if all are taken."""
        with self._share(member) as share:
            if share.calls >= self._calls:
                msg = f"{member!r} has {share.calls} {self._name} calls under way, the most it may; try again"
                raise OverloadedError(msg)
            share.calls += 1
            try:
                yield
            finally:
                share.calls -= 1

    async def run(self, member: str, work: Callable[[Callable[[], bool]], Result]) -> Result:
        """The result of blocking work, in a place of its own.

        ``work`` is given what says whether its caller still waits. Raises as it does, and OverloadedError.
        """
        with self.place(member):
            return await self.work(member, work)

    async def work(self, member: str, work: Callable[[Callable[[], bool]], Result]) -> Result:
        """The result of blocking work, in a place that is taken already.

        If the caller leaves, work that has begun keeps its thread until it notices, and counts until then.
        """
        with contextlib.ExitStack() as stack:
            share = stack.enter_context(self._share(member))
            await share.working.acquire()
            stack.callback(share.working.release)
            left = threading.Event()
            job = self._threads.submit(work, lambda: not left.is_set())
            done = asyncio.wrap_future(job)
            ended = stack.pop_all()
            done.add_done_callback(lambda _: ended.close())
            try:
                return await asyncio.shield(done)
            except asyncio.CancelledError:
                left.set()
                job.cancel()
                raise

    def close(self) -> None:
        """Begin no more work, and wait for what is at work."""
        self._threads.shutdown(cancel_futures=True)

    @contextlib.contextmanager
    def _share(self, member: str) -> Iterator[_Share]:
        share = self._shares.setdefault(member, _Share(asyncio.Semaphore(self._working)))
        share.uses += 1
        try:
            yield share
        finally:
            share.uses -= 1
            if not share.uses:
                del self._shares[member]
