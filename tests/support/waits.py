"""Waiting in a test for what comes about by itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Final

PATIENCE: Final = 120.0
"""Seconds after which a test that still waits fails."""

_PAUSE: Final = 0.002


def wait_until(holds: Callable[[], object]) -> None:
    """Wait until that holds. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE
    began = time.monotonic()
    while not holds():
        looked = time.monotonic()
        if looked > end:
            raise TimeoutError
        time.sleep(max(_PAUSE, looked - began))  # to look takes half of a processor at most
        began = time.monotonic()


async def until(holds: Callable[[], object]) -> None:
    """Let other tasks run until that holds. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - no event tells when it does
            await asyncio.sleep(_PAUSE)


async def ended(writers: Iterable[asyncio.StreamWriter]) -> None:
    """End connections, and wait until they are: one that is left to the loop's end is a ResourceWarning."""
    for writer in writers:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
