"""The supervisor of a home: starts its processes, replaces those that end, and ends all of them.

Workers answer members; the kernel spreads connections over them, since all bind one port. A keeper signs,
publishes, merges and saves. Processes are spawned, each a new interpreter: gRPC and the index have threads,
which a fork does not copy.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Final

import uvloop

from hashpact.errors import ConfigError, CorruptError, HashpactError
from hashpact.home.listening import Listening
from hashpact.home.opening import Home, open_home
from hashpact.keys.passphrase import Passphrases
from hashpact.observing.observation import Observation, sharing
from hashpact.serving.child import Child, Order
from hashpact.serving.duty import Duty
from hashpact.serving.outward import open_log
from hashpact.serving.process import check_home, record_address
from hashpact.settings import join_address, split_address

KEEPER: Final = "keeper"

_SHORT: Final = 10.0
"""Seconds of life below which a process that ends is not replaced at once."""
_PAUSES: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds until it is: longer each time that this happens again."""


def supervise(  # noqa: PLR0913 - the arguments of `serve`, and the number of workers
    directory: Path,
    listen: str | None,
    ready: Callable[[str, str], None],
    passphrases: Passphrases,
    *,
    workers: int,
    verify: bool = False,
) -> None:
    """Serve a home with several processes until SIGTERM or SIGINT; otherwise as `process.serve`.

    SIGHUP replaces them one after the other: each new one reads hashpact.toml and answers before the one
    whose place it takes ends.
    """
    with open_home(directory, passphrases, reserve=True) as home:
        check_home(home, verify=verify)
        # Asks for the passphrases, once: the processes have nobody to ask.
        home.open_log_key()
        home.open_attestation_key()
        home.open_credential(home.paths.server_key, home.paths.server_cert)
        if home.paths.ca_key.exists():
            home.open_authority()
        host, port = split_address("listen", home.config.bound_at(listen))
        with sharing(home.config), contextlib.closing(Listening(home.paths.home, host, port)) as listening:
            bound = listening.reserve()
            supervisor = _Supervisor(home, join_address(host, bound), passphrases, verify=verify)
            uvloop.run(supervisor.run(workers, ready))
        home.lease().give_back()


class _Supervisor:
    """The processes of one home, each in a place of its own; belongs to one event loop."""

    def __init__(self, home: Home, address: str, passphrases: Passphrases, *, verify: bool) -> None:
        self._home = home
        self._address = address
        self._passphrases = passphrases
        self._verify = verify
        self._observation = Observation(home.config, "supervisor")
        self._observation.serving = self._answers
        self._log = self._observation.log
        self._places: dict[str, Child] = {}
        self._children: set[Child] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._short_lives: Counter[str] = Counter()
        self._over = asyncio.Event()
        self._failure: HashpactError | None = None
        self._begun = False

    async def run(self, workers: int, ready: Callable[[str, str], None]) -> None:
        """Serve with that many workers. Raises the error that ended it, if one did."""
        loop = asyncio.get_running_loop()
        reload = asyncio.Event()
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_, self._over.set)
        loop.add_signal_handler(signal.SIGHUP, reload.set)
        async with self._observation.running(), open_log(self._home, self._log):
            try:
                await self._start_all(workers)
                if not self._over.is_set():
                    self._begin(ready)
                while not self._over.is_set():
                    await self._unless_over(reload.wait())
                    if reload.is_set():
                        reload.clear()
                        await self._reload()
            finally:
                await self._stop_all()
        if self._failure is not None:
            raise self._failure

    def _answers(self) -> bool:
        """Whether a worker answers members."""
        return any(
            child.order.duty.answers and child.ready.is_set() and not child.ended.is_set()
            for child in self._places.values()
        )

    async def _start_all(self, workers: int) -> None:
        """Start every process, and wait until all are ready."""
        answering = [
            Duty(keeps=False, name=f"worker-{number}", workers=workers) for number in range(1, workers + 1)
        ]
        self._start(Duty(answers=False, name=KEEPER), verify=self._verify)
        if self._verify:
            # It makes the index again and saves it: the others open that one.
            await self._all_ready()
        for duty in answering:
            if not self._over.is_set():
                self._start(duty)
        await self._all_ready()

    async def _all_ready(self) -> None:
        """Wait until each place has a process that is ready; one that ends before is replaced meanwhile."""
        while waiting := [child for child in self._places.values() if not child.ready.is_set()]:
            await self._unless_over(waiting[0].settled())
            if waiting[0].ended.is_set():
                await self._unless_over(asyncio.sleep(_PAUSES[0]))
            if self._over.is_set():
                return

    def _begin(self, ready: Callable[[str, str], None]) -> None:
        self._begun = True
        origin = self._home.charter().origin
        if not self._home.full:
            record_address(self._home, self._address)
        self._log.info("serving", origin=origin, address=self._address, processes=len(self._places))
        ready(origin, self._address)

    def _start(self, duty: Duty, *, verify: bool = False) -> Child:
        """Start a process in the place of its duty, at once. Raises OSError."""
        child = self._spawn(duty, verify=verify)
        self._places[duty.name] = child
        return child

    def _spawn(self, duty: Duty, *, verify: bool = False) -> Child:
        """Start a process that has no place yet. Raises OSError."""
        directory = self._home.paths.home.resolve()
        child = Child(Order(directory, self._address, duty, tuple(self._passphrases.known), verify=verify))
        self._log.info("started a process", name=duty.name, pid=child.pid)
        self._children.add(child)
        task = asyncio.create_task(self._watch(child))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return child

    async def _watch(self, child: Child) -> None:
        """Wait until a process ends; replace it, or end the others, if its place was not given to another."""
        pid = child.pid
        await child.ended.wait()
        self._children.discard(child)
        if pid is not None:
            self._observation.forget(pid)
        duty = child.order.duty
        if self._over.is_set() or child.retired or self._places.get(duty.name) is not child:
            return
        failure = child.failure
        if failure is not None and (not self._begun or (child.ready.is_set() and _is_final(failure))):
            self._failure = failure
            self._over.set()
            return
        reason = f"status {child.status}" if failure is None else failure.message
        self._log.error("a process ended and is replaced", name=duty.name, reason=reason)
        await self._unless_over(asyncio.sleep(self._pause(child)))
        # A check of the whole log that was cut short begins again.
        await self._refill(child, verify=child.order.verify and not child.ready.is_set())

    async def _refill(self, child: Child, *, verify: bool = False) -> None:
        """Start another process in the place of one that has ended, as soon as the system can."""
        duty = replace(child.order.duty, early=False)
        while not self._over.is_set() and self._places.get(duty.name) is child:
            try:
                self._start(duty, verify=verify)
            except OSError as error:
                self._log.error("cannot start a process", name=duty.name, reason=error.strerror)
                await self._unless_over(asyncio.sleep(_PAUSES[-1]))

    def _pause(self, child: Child) -> float:
        """Seconds to wait before a process that has ended is replaced."""
        name = child.order.duty.name
        if asyncio.get_running_loop().time() - child.born > _SHORT:
            self._short_lives[name] = 0
            return 0
        self._short_lives[name] += 1
        return _PAUSES[min(self._short_lives[name], len(_PAUSES)) - 1]

    async def _reload(self) -> None:
        """Replace each process by one that has read the configuration anew, unless one of these fails."""
        self._log.info("reloading", processes=len(self._places))
        for name in sorted(self._places, key=lambda name: (name == KEEPER, name)):
            if self._over.is_set():
                return
            if name == KEEPER:
                await self._replace_keeper()
            elif not await self._replace(name):
                return
        self._log.info("reloaded", processes=len(self._places))

    async def _replace(self, name: str) -> bool:
        """Put a new worker in the place of another once it is ready; False if it does not become so."""
        try:
            new = self._spawn(replace(self._places[name].order.duty, early=False))
        except OSError as error:
            self._log.error("cannot reload; the other processes go on as they are", reason=error.strerror)
            return False
        await self._unless_over(new.settled())
        if new.ended.is_set() or not new.ready.is_set():
            if new.ended.is_set():
                reason = f"status {new.status}" if new.failure is None else new.failure.message
                self._log.error("cannot reload; the other processes go on as they are", reason=reason)
            return False
        old, self._places[name] = self._places[name], new
        old.stop()
        await self._unless_over(old.ended.wait())
        return True

    async def _replace_keeper(self) -> None:
        """End the keeper in order, then start another: only one may save the index."""
        old = self._places[KEEPER]
        old.retired = True
        old.stop()
        await self._unless_over(old.ended.wait())
        await self._refill(old)
        if not self._over.is_set():
            await self._unless_over(self._places[KEEPER].settled())

    async def _stop_all(self) -> None:
        """End the workers in order, then the keeper, which seals and saves what they leave."""
        self._over.set()
        for keeper in (False, True):
            some = [child for child in self._children if (child.order.duty.name == KEEPER) is keeper]
            for child in some:
                child.stop()
            for child in some:
                await child.ended.wait()

    async def _unless_over(self, work: Coroutine[None, None, object]) -> None:
        """Wait for some work, or until all is over, whichever is first."""
        waits = [asyncio.ensure_future(each) for each in (work, self._over.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _is_final(failure: HashpactError) -> bool:
    """Whether a process that was ready failed by something that would stop the next one as well."""
    return isinstance(failure, ConfigError | CorruptError)
