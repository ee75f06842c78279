"""A thread that works beside a block, and ends with it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def beside(work: Callable[[threading.Event], object], name: str) -> Iterator[None]:
    """Have a thread of that name do ``work(stop)`` for the length of the block.

    At its end ``stop`` is set, and the thread is waited for. What it raises is not passed on.
    """
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
