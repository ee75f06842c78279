"""Our HTTP door over the files of the case, for their readers; it runs in our environment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from hashpact.http.door import Door
from hashpact.http.published import published_app


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """The URL at which a directory is served for the length of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def made() -> Door:
        return Door(published_app(directory), structlog.get_logger())

    door = asyncio.run_coroutine_threadsafe(made(), loop).result()
    port = asyncio.run_coroutine_threadsafe(door.open("127.0.0.1", 0), loop).result()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(door.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
