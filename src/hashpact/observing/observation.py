"""Puts together what a server shows its operator, by its configuration: log, metrics, spans, ports.

What is not configured is not loaded.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Final

from structlog.typing import FilteringBoundLogger

from hashpact.config import HomeConfig
from hashpact.domain.checks import Lag
from hashpact.domain.ports import Ledger
from hashpact.events import CallLog, event_log
from hashpact.home.opening import Home
from hashpact.home.trust import ServerTrust
from hashpact.observing.timed import TimedLedger
from hashpact.service.follow import Follower
from hashpact.settings import join_address, split_address

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from hashpact.observing.sampling import Loads, SizedIndex
    from hashpact.wire.server.ended import Ended

_FLUSH: Final = 0.25
"""Seconds between two times that the lines of log of calls are written, and calls counted."""
_SAMPLE: Final = 4
"""Of these, how many pass between two times that the gauges are set."""


@contextlib.contextmanager
def sharing(config: HomeConfig) -> Iterator[None]:
    """Have the processes that are started in the block share their metrics with this one, if there are any.

    It must begin before this process has made an `Observation`.
    """
    if config.metrics is None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="hashpact-metrics-", ignore_cleanup_errors=True) as directory:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        yield


class Observation:
    """The log, metrics and spans of one server process: ``log`` has its events, ``calls`` its calls.

    ``process`` is how the log names it, if there are several. ``serving`` is whether it serves, set once that
    is known. Without ``ports`` it opens no HTTP port: another process, which shares its metrics, answers
    for it (`sharing`).
    """

    def __init__(self, config: HomeConfig, process: str = "", *, ports: bool = True) -> None:
        """Raises ConfigError if spans are asked for and OpenTelemetry is not installed."""
        self._config = config
        self._ports = ports
        self.serving: Callable[[], bool] = lambda: False
        self._metrics = self._sampler = self._spans = self._meter = None
        if config.metrics is not None:
            from hashpact.observing.metrics import Metrics
            from hashpact.observing.sampling import Sampler

            self._metrics = Metrics()
            self._sampler = Sampler(self._metrics, self._is_serving)
        seen = None if self._metrics is None else self._metrics.seen
        log = event_log(config.log_format, config.log_level, seen)
        self.log: FilteringBoundLogger = log.bind(process=process) if process else log
        self.calls = CallLog(config.log_format, process)
        if config.traces is not None:
            from hashpact.observing.tracing import Spans

            self._spans = Spans(config.traces, self.log)
        if self._metrics is not None or self._spans is not None:
            from hashpact.observing.calls import CallMeter

            self._meter = CallMeter(self._metrics, self._spans)

    @property
    def ended(self) -> Callable[[Ended], None] | None:
        """Takes each call that has ended; None if calls are only logged."""
        return None if self._meter is None else self._meter.record

    @property
    def access_log(self) -> str:
        """For which calls there is a line of log: none if the log begins above their level."""
        return self._config.access_log if self._config.log_level in {"debug", "info"} else "off"

    def timed(self, ledger: Ledger) -> Ledger:
        """The ledger, with its commits timed if there are metrics."""
        return ledger if self._metrics is None else TimedLedger(ledger, self._metrics.commit_seconds.observe)

    def observe(  # noqa: PLR0913, PLR0917  # the parts that gauges are read from
        self,
        home: Home,
        trust: ServerTrust,
        follower: Follower,
        index: SizedIndex,
        loads: Loads | None,
        unsaved: Callable[[], int] | None,
        age: Callable[[], Lag | None] | None = None,
    ) -> None:
        """Read the gauges from these parts from now on (`Sources`), if there are any."""
        if self._sampler is not None:
            from hashpact.observing.sampling import Sources

            self._sampler.sources = Sources(home, trust, follower, index, loads, unsaved, age)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open the HTTP ports, and write and count what comes in, for the length of the block."""
        async with contextlib.AsyncExitStack() as stack:
            for names, address, app in self._apps():
                await self._open(stack, names, address, app)
            flushing = asyncio.create_task(self._flush_often())
            try:
                yield
            finally:
                flushing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await flushing
                self.flush()
                if self._spans is not None:
                    await asyncio.to_thread(self._spans.close)

    def forget(self, process: int) -> None:
        """Leave out the gauges of a process that has ended, whose metrics this one shares."""
        if self._metrics is not None:
            self._metrics.forget(process)

    def flush(self) -> None:
        """Write the lines of log of calls that wait, and take calls into metrics and spans."""
        self.calls.flush()
        if self._meter is not None:
            self._meter.flush()

    def _is_serving(self) -> bool:
        return self.serving()

    async def _flush_often(self) -> None:
        count = 0
        while True:
            await asyncio.to_thread(self.flush)
            if count % _SAMPLE == 0 and self._sampler is not None:
                await asyncio.to_thread(self._sample)
            count += 1
            await asyncio.sleep(_FLUSH)

    def _sample(self) -> None:
        assert self._sampler is not None  # noqa: S101  # it is asked before
        try:
            self._sampler.sample()
        except Exception as error:  # noqa: BLE001  # no gauge is worth the lines of log that follow
            # The next time may do; meanwhile the gauges stay, and the time of the last scrape does not.
            self.log.debug("cannot read the gauges", reason=type(error).__name__)

    def _apps(self) -> list[tuple[tuple[str, ...], str, Starlette]]:
        """The apps that are asked for: what each is called, its HOST:PORT and itself."""
        health, metrics = self._config.health, self._config.metrics
        if not self._ports or (health is None and metrics is None):
            return []
        from hashpact.http.plain import Exposition, plain_app

        shown = None
        if self._metrics is not None:
            from hashpact.observing.metrics import CONTENT_TYPE

            shown = Exposition(self._metrics.exposed, CONTENT_TYPE)
        if health is not None and health == metrics:
            return [(("health", "metrics"), health, plain_app(self._is_serving, shown))]
        apps: list[tuple[tuple[str, ...], str, Starlette]] = []
        if health is not None:
            apps.append((("health",), health, plain_app(self._is_serving)))
        if metrics is not None:
            apps.append((("metrics",), metrics, plain_app(metrics=shown)))
        return apps

    async def _open(
        self, stack: contextlib.AsyncExitStack, names: tuple[str, ...], address: str, app: Starlette
    ) -> None:
        from hashpact.http.door import Door

        door = Door(app, self.log)
        host, port = split_address(names[0], address)
        bound = await door.open(host, port)
        stack.push_async_callback(door.close)
        for name in names:
            self.log.info(name, address=join_address(host, bound))
