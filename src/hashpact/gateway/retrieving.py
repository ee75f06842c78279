"""Fetching beside the event loop: a few addresses at a time, and only if hosts are configured."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from hashpact.errors import OverloadedError
from hashpact.gateway.fetching import Fetched, Fetcher

AT_ONCE: Final = 4
WAITING: Final = 64
"""Addresses that wait for a thread or are fetched."""


class Retriever:
    """Fetches content from ``hosts``; close it at the end. ``limit`` is in bytes."""

    def __init__(self, hosts: Sequence[str], limit: int) -> None:
        self.enabled = bool(hosts)
        self._fetcher = Fetcher(hosts, limit)
        self._pool = ThreadPoolExecutor(AT_ONCE, "hashpact-fetching")
        self._waiting = 0

    async def fetch(self, url: str) -> Fetched:
        """What is at an address. Raises what `Fetcher.fetch` does, and OverloadedError."""
        if self._waiting >= WAITING:
            msg = f"{WAITING} addresses wait to be fetched already"
            raise OverloadedError(msg)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._fetcher.fetch, url)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Take nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
