"""A child: one process of a home, as its supervisor sees it, and what runs in it.

Between the two is a pipe. The child sends that it is ready, and why it failed, if it does. The supervisor
sends nothing; when it is gone, however it ended, the child reads the end of the file and stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import traceback
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from hashpact.errors import HashpactError, UnavailableError
from hashpact.home.opening import open_home
from hashpact.keys.core_dumps import forbid_core_dumps
from hashpact.keys.passphrase import Passphrases
from hashpact.serving import process
from hashpact.serving.duty import Duty

_SPAWN: Final = multiprocessing.get_context("spawn")
_READY: Final = "ready"
_FAILED: Final = 1
"""The exit status of a child that has sent why it failed."""
PATIENCE: Final = 60.0
"""Seconds that a child has to end before it is killed: a keeper may save a large index."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a child is to do: a duty for the home in ``directory``, at the HOST:PORT ``listen``."""

    directory: Path
    listen: str
    duty: Duty
    known: tuple[bytes, ...] = field(repr=False)
    """Passphrases that a person has typed."""
    verify: bool = False


class Child:
    """A process that carries out an order. Belongs to the event loop in which it is made.

    ``ready`` is set once it does its duty, and ``ended`` once it has ended: with ``failure``, if it could say
    why, and ``status``, its exit status or, below 0, the signal that ended it. It is ``retired`` once the
    supervisor itself has begun to replace it.
    """

    def __init__(self, order: Order) -> None:
        """Start it."""
        self.order = order
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.failure: HashpactError | None = None
        self.status: int | None = None
        self.retired = False
        self._loop = asyncio.get_running_loop()
        self.born = self._loop.time()
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_work, args=(order, theirs), name=order.duty.name)
        self._process.start()
        theirs.close()
        self._loop.add_reader(self._pipe.fileno(), self._hear)
        self._loop.add_reader(self._process.sentinel, self._bury)

    @property
    def pid(self) -> int | None:
        """The number of the process."""
        return self._process.pid

    async def settled(self) -> None:
        """Wait until it is ready or has ended."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self.ready, self.ended)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def stop(self) -> None:
        """Have it end in order, or by force after a while; nothing if it has ended."""
        if not self.ended.is_set():
            self._process.terminate()
            self._loop.call_later(PATIENCE, self._kill)

    def _kill(self) -> None:
        if not self.ended.is_set():
            self._process.kill()

    def _hear(self) -> bool:
        """Take in what it has sent; False at the end."""
        try:
            heard = self._pipe.recv()
        except (EOFError, OSError):
            self._loop.remove_reader(self._pipe.fileno())
            return False
        if isinstance(heard, HashpactError):
            self.failure = heard
        else:
            self.ready.set()
        return True

    def _bury(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self._process.join()
        self.status = self._process.exitcode
        while self._pipe.poll() and self._hear():
            pass
        self._loop.remove_reader(self._pipe.fileno())
        self._pipe.close()
        self._process.close()
        self.ended.set()


def _work(order: Order, pipe: Connection) -> None:
    """Carry out an order, in the process made for it."""
    forbid_core_dumps()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with open_home(order.directory, Passphrases(known=list(order.known)), reserve=True) as home:
            process.run(
                home,
                order.listen,
                lambda *_: pipe.send(_READY),
                order.duty,
                verify=order.verify,
                leash=pipe.fileno(),
            )
    except HashpactError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - only its class and place: its text may hold anything
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} in {place.filename}, line {place.lineno}"
        failure = UnavailableError(f"internal error: {what}; please report it")
    else:
        return
    with contextlib.suppress(OSError):  # the supervisor may be gone
        pipe.send(failure)
    os._exit(_FAILED)
