"""Slots: how many requests hold content at a time, which bounds the memory that it takes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from hashpact.errors import OverloadedError


class Slots:
    """So many slots, and for how many more requests there is room to wait for one."""

    def __init__(self, count: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._most = waiting
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a slot for the length of the block. Raises OverloadedError if too many wait for one."""
        if self._waiting >= self._most:
            msg = f"{self._most} requests with content wait already"
            raise OverloadedError(msg)
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
