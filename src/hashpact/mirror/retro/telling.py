"""Telling: the thread that looks through a mirror's window while entries arrive."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from hashpact.errors import HashpactError
from hashpact.mirror.retro.matching import Retro, RetroMatch
from hashpact.mirror.threads.beside import beside

_LOOK: Final = 0.25
"""Seconds between two looks, at least. Without new entries one reads the headers of frames."""
_REST: Final = 9
"""How many times as long as a look took there is none."""


@contextlib.contextmanager
def telling(
    retro: Retro, tell: Callable[[RetroMatch], object], failed: Callable[[str], object]
) -> Iterator[None]:
    """Call ``tell`` with each retroactive match, in a thread, for the length of the block.

    It must not raise. ``failed`` is called with what keeps a look from being made, and with each segment that
    is damaged, once.
    """
    with beside(partial(_look, retro, tell, failed), "hashpact-retro"):
        yield


def _look(
    retro: Retro,
    tell: Callable[[RetroMatch], object],
    failed: Callable[[str], object],
    stop: threading.Event,
) -> None:
    said, pause = set[str](), 0.0
    while not stop.wait(pause):
        start = time.monotonic()
        try:
            wrong = retro.run(tell, going=lambda: not stop.is_set()).damaged
        except (HashpactError, OSError) as error:  # another process looks, say: the next look tries again
            wrong = (str(error),)
        for message in wrong:
            if message not in said:
                said.add(message)
                failed(message)
        pause = max(_LOOK, _REST * (time.monotonic() - start))
