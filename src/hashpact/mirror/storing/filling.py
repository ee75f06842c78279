"""Filling: stores for everybody what the mirror has copied, so that the log need not upload it again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hashpact.clock import unix_time
from hashpact.errors import CommitFailedError, ForkError, HashpactError, ProofError, UnavailableError
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.storing.depository import Depository
from hashpact.mirror.threads.beside import beside

LOOK: Final = 0.25
"""Seconds between two looks at the copy."""
CHUNK: Final = 1000
"""Leaves that are stored at once."""


@dataclass(slots=True)
class Filling:
    """A thread that compares, stores and cosigns what is copied.

    ``on_alarm`` is called once if what was uploaded is not of the copied log: then nothing more is stored of
    the copy. It is called once for each other kind of error, too. ``on_end`` is called if the disk has
    refused a commit, and may keep the thread until the event that it is called with is set.
    """

    depository: Depository
    on_alarm: Callable[[Alarm], object]
    on_end: Callable[[HashpactError, threading.Event], object]
    _forked: bool = field(default=False, init=False)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Do so for the length of the block."""
        with beside(self._run, "hashpact-filling"):
            yield

    def _run(self, stop: threading.Event) -> None:
        said = set[str]()
        while not stop.is_set():
            try:
                self.look(stop)
            except CommitFailedError as error:
                self.on_end(error, stop)
                return
            except UnavailableError:  # a lock, say: the next look tries again
                pass
            except HashpactError as error:  # so does it of this, but somebody has to see to it
                if not self._forked and error.code not in said:
                    said.add(error.code)
                    self.on_alarm(Alarm.of(error, unix_time()))
            stop.wait(LOOK)

    def look(self, stop: threading.Event) -> None:
        """Bring what is stored level with the copy. Raises HashpactError."""
        if self._forked:
            return
        try:
            self.depository.check_posted()
            while not stop.is_set() and self.depository.held.extend(self.depository.copy, CHUNK):
                pass
        except (ForkError, ProofError) as error:
            self._forked = True
            if isinstance(error, ForkError):
                self.on_alarm(Alarm.of(error, unix_time()))
            raise
        self.depository.level()
