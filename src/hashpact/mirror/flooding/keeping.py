"""Opening the quarantine of a mirror, and keeping what it counts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final

from hashpact.clock import unix_time
from hashpact.durable import claimed
from hashpact.errors import HashpactError
from hashpact.mirror.flooding.baseline import Flood
from hashpact.mirror.flooding.quarantine import Quarantine
from hashpact.mirror.home import MirrorHome
from hashpact.mirror.threads.beside import beside

_EVERY: Final = 60.0
"""Seconds between two writes of the counts: a crash loses those since the last one."""


@contextlib.contextmanager
def open_quarantine(
    home: MirrorHome,
    on_flood: Callable[[Flood], object],
    on_error: Callable[[HashpactError], object],
    every: float = _EVERY,
) -> Iterator[Quarantine | None]:
    """The quarantine of a mirror, None if mirror.toml has none: then nothing is counted.

    Of several processes the first one keeps what it counts, every so many seconds and at the end.
    ``on_flood`` and ``on_error`` are as in `Quarantine`. Raises ConfigError.
    """
    terms, directory = home.config.quarantine, home.paths.quarantine
    if terms is None:
        yield None
        return
    quarantine = Quarantine(directory, terms, unix_time, on_flood, on_error)
    with claimed(directory / "counting") as mine:
        if not mine:
            yield quarantine
            return

        def save() -> None:
            try:
                quarantine.save()
            except HashpactError as error:
                on_error(error)

        def keep(stop: threading.Event) -> None:
            while not stop.wait(every):
                save()

        with beside(keep, "hashpact-counting"):
            yield quarantine
        save()


def describe(flood: Flood) -> str:
    """The message about an entry that is put into quarantine."""
    return (
        f"entry {flood.entry} is in quarantine: it has matched {flood.matches} times in a window of checks, "
        f"where {flood.expected:.0f} were expected; look at it, then: "
        "hashpact mirror quarantine confirm HOME ENTRY"
    )
