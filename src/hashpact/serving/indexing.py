"""The index of a home while it is served: it follows the ledger, and is merged, saved and taken over.

Each task runs until it is cancelled. Work that may wait for the disk or for others runs in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from structlog.typing import FilteringBoundLogger

from hashpact.domain.ports import Log
from hashpact.errors import HashpactError
from hashpact.service.follow import Compactor, Follower, IndexSaver

if TYPE_CHECKING:
    from hashpact.lookup.directory import Frozen, IndexDirectory
    from hashpact.serving.adopting import Adopter

_POLL: Final = 0.05
"""Seconds between two looks at the ledger's head, for leaves that other processes append."""
_PAUSE: Final = 1.0
"""Seconds to wait after the log could not be followed."""
_ALARM: Final = 10.0
"""Seconds until sealing is tried again when it cannot be, with a line of log each time."""
_LOOK: Final = 2.0
"""Seconds between two looks at how far the index has moved since it was saved."""
_FAR: Final = 200_000
"""So many items must be replayed at most, and some, when a server starts after a crash: 2.5 seconds' work."""
_CALM: Final = 10.0
"""Seconds between two looks at whether the index is to be merged into one segment."""
_STEP: Final = 0.01
"""Seconds between two looks at whether that is done."""


async def follow(ledger: Log, follower: Follower, log: FilteringBoundLogger) -> None:
    """Apply what other processes append to the same ledger, and settle what revocations have changed."""
    pause: float = _POLL
    while True:
        await asyncio.sleep(pause)
        pause = _POLL
        try:
            if ledger.head().size != follower.position:
                position = await asyncio.to_thread(follower.catch_up)
                log.debug("followed the log", position=position)
            if follower.unsettled:
                await asyncio.to_thread(follower.settle)
                pause = 0
        except HashpactError as error:
            log.warning("cannot follow the log", reason=error.code, message=error.message)
            pause = _PAUSE


async def _merged(steps: Iterator[None], log: FilteringBoundLogger) -> bool:
    """Wait until the steps of a merge are done; False if there were none."""
    some, start = False, time.monotonic()
    for _ in steps:
        some = True
        await asyncio.sleep(_STEP)
    if some:
        log.info("merged the index", seconds=round(time.monotonic() - start, 3))
    return some


@dataclass(slots=True)
class IndexKeeping:
    """What one process of a home does for the index of all: it merges it, and saves it.

    It is saved by the process that has claimed that right; another one tries again and again.
    """

    segments: IndexDirectory
    saver: IndexSaver[Mapping[str, Frozen]]
    compactor: Compactor
    log: FilteringBoundLogger

    def tasks(self) -> list[Coroutine[None, None, None]]:
        """What runs until it is cancelled."""
        return [self._save_often(), self._compact()]

    async def finish(self) -> None:
        """Merge, if that is quick, and save once more."""
        if self.segments.claim():
            merged = await _merged(self.compactor.at_stop(), self.log)
            await self._save(again=merged)
        self.segments.close()

    async def _save_often(self) -> None:
        """Save the index whenever it has moved far enough."""
        while True:
            await asyncio.sleep(_LOOK)
            await self.save_if_far()

    async def save_if_far(self) -> None:
        """Save the index if it has moved far enough, and this process may."""
        if self.saver.behind >= _FAR and self.segments.claim():
            await self._save()

    async def _compact(self) -> None:
        """Merge the index's segments into one now and then, and save it at once, so that a stop need not."""
        while True:
            await asyncio.sleep(_CALM)
            if self.segments.claim() and await _merged(self.compactor.when_calm(), self.log):
                await self._save(again=True)

    async def _save(self, *, again: bool = False) -> None:
        """Save the index; a failure is logged."""
        start = time.monotonic()
        try:
            position = await asyncio.to_thread(self.saver.save, again=again)
        except (HashpactError, OSError) as error:
            # The log has everything: the next start takes longer, that is all.
            self.log.warning("cannot save the index", reason=str(error))
        else:
            self.log.info("saved the index", position=position, seconds=round(time.monotonic() - start, 3))


async def adopt(adopter: Adopter, log: FilteringBoundLogger) -> None:
    """Take over what another process saves of the index."""
    adopting = True
    try:
        while True:
            await asyncio.sleep(_LOOK)
            try:
                position = await asyncio.to_thread(adopter.adopt, lambda: adopting)
            except (HashpactError, OSError) as error:
                log.warning("cannot take over the saved index", reason=str(error))
                await asyncio.sleep(_ALARM)
            else:
                if position is not None:
                    log.info("took over the saved index", position=position)
    finally:
        adopting = False
