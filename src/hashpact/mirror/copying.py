"""Copying: the thread that keeps a mirror's copy level with the log, and how it reports to the others."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from hashpact.clock import unix_time
from hashpact.durable import claimed
from hashpact.errors import CommitFailedError, HashpactError, UnavailableError
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.believing import Trust
from hashpact.mirror.freshness import Freshness
from hashpact.mirror.home import MirrorHome
from hashpact.mirror.replica import Replica, Taken
from hashpact.mirror.replicating import ReconnectPolicy, Replicator, connecting
from hashpact.mirror.threads.beside import beside
from hashpact.service.follow import Follower
from hashpact.wire.client.connection import Connection

TELL: Final = 0.25
"""Seconds between two looks at how the copying stands."""
CLAIM: Final = 1.0
"""Seconds after which a process that may not copy asks again whether it may."""
AGAIN: Final = 30.0
"""Seconds after which copying that could not begin is tried again."""
_SAVES: Final = 4
"""Looks between two times that how the copying stands is written to the home."""


@dataclass(slots=True)
class Copying:
    """Copies a log into the home of a mirror; while another process does so, waits to take its place.

    ``on_alarm`` is called with each alarm, and ``on_end`` if copying has ended for a fault of this machine;
    both in a thread of this class, which ``on_end`` may keep until the event that it is called with is set.
    ``moved`` is notified whenever there may be more to answer from.
    """

    home: MirrorHome
    follower: Follower
    freshness: Freshness
    on_alarm: Callable[[Alarm], object]
    on_end: Callable[[HashpactError, threading.Event], object]
    reconnect: ReconnectPolicy = field(default_factory=ReconnectPolicy)
    moved: threading.Condition = field(default_factory=threading.Condition, init=False)
    _replicator: Replicator | None = field(default=None, init=False)
    _waits: bool = field(default=False, init=False)
    _failure: HashpactError | None = field(default=None, init=False)

    @property
    def alarms(self) -> dict[str, int]:
        """How many alarms of each kind there were."""
        return {} if self._replicator is None else dict(self._replicator.alarms)

    @property
    def copies(self) -> bool:
        """Whether it is this process that copies."""
        return self._replicator is not None

    def level_since(self, began: int) -> bool:
        """Whether answers have reflected the whole log at some time since ``began``, in whole Unix seconds.

        If this process copies, since it does; what another one writes counts from the next second on.
        """
        if self._replicator is None:
            return self._waits and self.freshness.state.level_at > began
        status = self._replicator.status
        return status.heard_at is not None and self.freshness.is_whole(status, self.follower.position)

    def check(self) -> None:
        """Raise what copying has ended with, or UnavailableError while the source cannot be copied."""
        if self._failure is not None:
            raise self._failure
        if self.freshness.state.trouble:
            raise UnavailableError(self.freshness.state.trouble)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Copy for the length of the block."""
        try:
            with beside(self._tell, "hashpact-telling"), beside(self._copy, "hashpact-copying"):
                yield
        finally:
            self._look(save=True)

    def _copy(self, stop: threading.Event) -> None:
        while not stop.is_set():
            pause = CLAIM
            try:
                with claimed(self.home.paths.copying) as mine:
                    self._waits = not mine
                    if mine:
                        self._replicate(stop)
            except CommitFailedError as error:
                self._failure = error
                self.on_end(error, stop)
                return
            except (HashpactError, OSError) as error:  # a profile that is being replaced, no file to be had
                self.on_alarm(Alarm("fault", f"cannot copy: {error}", unix_time()))
                pause = AGAIN
            stop.wait(pause)

    def _replicate(self, stop: threading.Event) -> None:
        trust = Trust.of(self.home.profile())
        replica = Replica(self.home.served.ledger, trust, self.home.paths.home, unix_time)
        self._replicator = Replicator(
            replica, self._connect, unix_time, self.on_alarm, self._taken, self.reconnect
        )
        self._replicator.run(stop)

    def _connect(self) -> Connection:
        # The profile's certificate is renewed now and then: each connection reads it.
        return connecting(self.home.profile())()

    def _taken(self, leaves: Sequence[Taken]) -> None:
        with contextlib.suppress(HashpactError):  # what follows the ledger tries again
            self.follower.take(leaves)
        self._look(save=False)

    def _tell(self, stop: threading.Event) -> None:
        looks = 0
        while not stop.wait(TELL):
            self._look(save=looks % _SAVES == 0)
            looks += 1

    def _look(self, *, save: bool) -> None:
        """Take in how the copying stands, here or in the other process, and wake those who wait for it."""
        with self.moved:
            if self._replicator is None:
                self.freshness.load(self.follower.position)
            else:
                self.freshness.note(self._replicator.status, self.follower.position)
            self.moved.notify_all()
        if save:
            self.save()

    def save(self) -> None:
        """Write how the copying stands to the home, if it is this process that copies.

        On a full disk it cannot be written: then the copy is believed to be older after a restart.
        """
        if self._replicator is not None:
            with contextlib.suppress(HashpactError):
                self.freshness.save()
