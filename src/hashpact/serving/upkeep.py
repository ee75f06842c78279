"""The upkeep of a server: what it does beside answering, and how it comes to stop.

Each task runs until it is cancelled. Work that may wait for the disk or for others runs in a thread.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from structlog.typing import FilteringBoundLogger

from hashpact.clock import unix_time
from hashpact.domain.conduct.cases import NoticeCase
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.conduct.watching import DueWatch
from hashpact.domain.ports import Ledger
from hashpact.errors import CommitFailedError, ConfigError, HashpactError, UnavailableError
from hashpact.home.lease import REFRESH, Lease
from hashpact.home.opening import Home
from hashpact.home.reserve import Reserve
from hashpact.home.trust import ServerTrust
from hashpact.keys.uses import LastUses
from hashpact.service.follow import Follower
from hashpact.service.publishing.publish import Publisher
from hashpact.service.sign import SigningGuard
from hashpact.serving.indexing import IndexKeeping, adopt, follow

if TYPE_CHECKING:
    from hashpact.serving.adopting import Adopter

_SEAL: Final = 1.0
"""Seconds between two times that the log is published; each append is signed before it is answered."""
_FRESH: Final = 3600.0
"""Seconds after which the witnesses cosign the newest checkpoint again; readers want it within a day."""
_ALARM: Final = 10.0
"""Seconds until sealing is tried again when it cannot be, with a line of log each time."""
_NOTE: Final = 60.0
"""Seconds between two times that the last uses of certificates are written down."""
_DAY: Final = 24 * 3600
_REMINDED: Final = frozenset({Standing.DUE_SOON, Standing.OVERDUE})
"""How a notice stands when a line of log says so."""


@dataclass(slots=True)
class Stop:
    """Why and when the server ends. Any thread may end it; ``event`` belongs to the loop."""

    loop: asyncio.AbstractEventLoop
    log: FilteringBoundLogger
    reserve: Reserve
    event: asyncio.Event = field(default_factory=asyncio.Event)
    failure: HashpactError | None = None
    serving: bool = False

    def begin(self) -> None:
        """Serve from now on.

        What is in memory by now stays there, so Python's garbage collector is told to leave it out. To look
        through it takes 20 ms, for which every check would wait.
        """
        gc.collect()
        gc.freeze()
        atexit.register(gc.unfreeze)  # else nanobind reports what is in memory at the end as leaked
        self.serving = True

    def end(self, failure: HashpactError) -> None:
        """Stop, and let the process end with that error."""
        self.failure = failure
        self.loop.call_soon_threadsafe(self.event.set)

    def on_fault(self, error: Exception) -> None:
        """Stop after a failed commit, with the reserve's space to end in; anything else is a line of log."""
        self.log.error("append failed", reason=type(error).__name__)
        if isinstance(error, CommitFailedError):
            self.reserve.free()
            self.end(error)


async def _watch(trust: ServerTrust) -> None:
    """Warn of certificates that will expire soon, once a day."""
    while True:
        trust.warn()
        await asyncio.sleep(_DAY)


@dataclass(slots=True)
class SigningTask:
    """Signs and publishes what is appended, by other processes too, while nothing is wrong with it."""

    guard: SigningGuard
    publishers: Sequence[Publisher]
    stop: Stop

    async def run(self) -> None:
        """Sign and publish now and then."""
        pause = _SEAL
        while True:
            await asyncio.sleep(pause)
            pause = _SEAL if await self.once() else _ALARM

    async def refresh(self) -> None:
        """Have the newest checkpoint cosigned again now and then, the first time at once."""
        while True:
            done = await self._logged(self.guard.freshen)
            await asyncio.sleep(_FRESH if done else _ALARM)

    async def once(self) -> bool:
        """Sign and publish what is new; False if that cannot be, which is logged."""
        return await self._logged(self._sign)

    async def publish(self) -> bool:
        """Publish what is signed already, as `once`: all that is left to do after a failed commit."""
        return await self._logged(self._publish)

    async def _logged(self, work: Callable[[], object]) -> bool:
        try:
            await asyncio.to_thread(work)
        except HashpactError as error:
            self.stop.log.warning("cannot seal the log", reason=error.code, message=error.message)
            if isinstance(error, CommitFailedError):
                self.stop.on_fault(error)
            return False
        return True

    def _sign(self) -> None:
        self.guard.sign()
        self._publish()

    def _publish(self) -> None:
        """Publish everywhere; a directory that cannot be written keeps nothing from the others."""
        failures = []
        for publisher in self.publishers:
            try:
                publisher.publish()
            except HashpactError as error:
                failures.append(error)
        if failures:
            raise failures[0]


async def _hold(lease: Lease, stop: Stop) -> None:
    """Keep the home for this machine; stop if another one has taken it."""
    while stop.failure is None:
        await asyncio.sleep(REFRESH)
        try:
            await asyncio.to_thread(lease.refresh)
        except UnavailableError:
            continue  # a full disk, which the next append reports; checks are answered meanwhile
        except ConfigError as error:
            stop.end(error)


@dataclass(slots=True)
class Keeping:
    """What one process of a home does for all: sign and publish the log, merge and save the index."""

    index: IndexKeeping
    signing: SigningTask

    def tasks(self) -> list[Coroutine[None, None, None]]:
        """What runs until it is cancelled."""
        return [self.signing.run(), self.signing.refresh(), *self.index.tasks()]


async def remind(
    ledger: Ledger, clock: Callable[[], int], log: FilteringBoundLogger, pause: float = _NOTE
) -> None:
    """Write a line for each notice that is due soon, and for each that is overdue, once.

    It looks again after so many seconds, until it is cancelled.
    """
    watch = DueWatch()

    def look() -> list[NoticeCase]:
        with ledger.snapshot() as view:
            return watch.changes(view, clock())

    while True:
        try:
            for case in await asyncio.to_thread(look):
                if case.standing in _REMINDED:
                    log.warning(
                        "a notice waits",
                        state=case.standing.value,
                        notice=case.filing.index,
                        member=case.member,
                        clock=case.notice.clock,
                        priority=case.priority,
                        due=case.due,
                    )
        except HashpactError as error:
            log.warning("cannot look at the notices", reason=error.code)
        await asyncio.sleep(pause)


async def _note(uses: LastUses, log: FilteringBoundLogger) -> None:
    """Write down now and then which certificates were used."""
    while True:
        await asyncio.sleep(_NOTE)
        await _save_uses(uses, log)


async def _save_uses(uses: LastUses, log: FilteringBoundLogger) -> None:
    try:
        await asyncio.to_thread(uses.save)
    except ConfigError as error:
        log.warning("cannot write which certificates were used", reason=error.message)


@dataclass(slots=True)
class Upkeep:
    """The upkeep of one process: ``keeping`` if it keeps the home, ``adopter`` if another one does.

    ``flush`` writes the lines of log of calls that wait.
    """

    home: Home
    follower: Follower
    trust: ServerTrust
    stop: Stop
    keeping: Keeping | None
    adopter: Adopter | None
    uses: LastUses
    flush: Callable[[], None]

    @property
    def unsaved(self) -> Callable[[], int] | None:
        """What a start after a crash would replay, as `IndexSaver.behind`; None if this one saves nothing."""
        keeping = self.keeping
        return None if keeping is None else lambda: keeping.index.saver.behind

    async def prepare(self) -> None:
        """What is done before the first call is answered: sign and publish what is not yet."""
        if self.keeping is not None:
            await self.keeping.signing.once()

    async def save(self) -> None:
        """Save the index if it has moved far, and this process keeps it."""
        if self.keeping is not None:
            await self.keeping.index.save_if_far()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The tasks that run for the length of the block. A defect in one of them ends the process."""
        work = [
            follow(self.home.ledger, self.follower, self.stop.log),
            _watch(self.trust),
            _hold(self.home.lease(), self.stop),
        ]
        if not self.home.full:
            work.append(_note(self.uses, self.stop.log))
        if self.keeping is not None:
            work += self.keeping.tasks()
            work.append(remind(self.home.ledger, unix_time, self.stop.log))
        if self.adopter is not None:
            work.append(adopt(self.adopter, self.stop.log))
        tasks = [asyncio.create_task(each) for each in work]
        for task in tasks:
            task.add_done_callback(self._ended)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Stop if a task was not cancelled: without it the process would go on with what is out of date."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.stop.log.error("upkeep crashed", reason=type(error).__name__)
            self.stop.end(UnavailableError(f"the upkeep of the home failed: {type(error).__name__}"))

    async def finish(self) -> None:
        """Seal and save once more, when no call is under way. Raises what ended the server, if it failed."""
        self.flush()
        if self.stop.failure is not None:
            if self.keeping is not None:
                await self.keeping.signing.publish()
            raise self.stop.failure
        await self.prepare()
        if not self.home.full:
            await _save_uses(self.uses, self.stop.log)
        if self.keeping is not None:
            await self.keeping.index.finish()
