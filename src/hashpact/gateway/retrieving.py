"""Fetching beside the event loop: a few addresses at a time, and only if hosts are configured."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from hashpact.gateway.fetching import Fetched, Fetcher

AT_ONCE: Final = 4


class Retriever:
    """Fetches content from ``hosts``; close it at the end. ``limit`` is in bytes."""

    def __init__(self, hosts: Sequence[str], limit: int) -> None:
        self.enabled = bool(hosts)
        self._fetcher = Fetcher(hosts, limit)
        self._pool = ThreadPoolExecutor(AT_ONCE, "hashpact-fetching")

    async def fetch(self, url: str) -> Fetched:
        """What is at an address. Raises what `Fetcher.fetch` does."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._fetcher.fetch, url)

    def close(self) -> None:
        """Take nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
