"""The serving thread: it takes what happens on the connections, and does short work itself in between.

A thread of its own for each check would cost more than most checks do: to pass a call on, and to wake up.
So work that never waits and takes well under a millisecond is done here, one piece at a time, in a fair order
of the members. What happened meanwhile is looked at first, so that all who ask stand in that order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import grpc
from grpc import _server
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # an extension module without stubs

from hashpact.wire.server.admission.turns import FairQueue

EVENTS: Final = 32
"""Events that are taken before the next piece of work, at most: in a flood none would be done otherwise."""
TICK: Final = 1.0
"""Seconds between two calls of what is to be called now and then."""

_grpc: Any = _server
_NOW: Final = 0.0
_TIMEOUT: Final = cygrpc.CompletionType.queue_timeout


class Loop:
    """What grpc._server does in its serving thread, and the work between two events.

    ``ticks`` are called about each second; ``crashed`` with what they, or a piece of work, raise.
    """

    def __init__(self, crashed: Callable[[Exception], None]) -> None:
        self.ticks: list[Callable[[], None]] = []
        self._crashed = crashed
        self._work: FairQueue[tuple[str, Callable[[], None]]] = FairQueue(1)

    @property
    def waiting(self) -> int:
        """How many members have work that waits."""
        return len(self._work)

    def soon(self, member: str, work: Callable[[], None]) -> None:
        """Have a piece of work done for a member, which must not wait. For the serving thread alone."""
        self._work.put(member, (member, work))

    def start(self, server: grpc.Server) -> None:
        """Start a server that is served by this loop."""
        inner: Any = server
        state = inner._state  # noqa: SLF001  # as `calls`
        with state.lock:
            state.server.start()
            state.stage = _grpc._ServerStage.STARTED  # noqa: SLF001  # as `calls`
            for method in state.registered_method_handlers:
                _grpc._request_registered_call(state, method)  # noqa: SLF001  # as `calls`
            _grpc._request_call(state)  # noqa: SLF001  # as `calls`
        threading.Thread(target=self._serve, args=(state,), name="hashpact-serving", daemon=True).start()

    def _serve(self, state: Any) -> None:  # noqa: ANN401  # gRPC's own
        poll, process = state.completion_queue.poll, _grpc._process_event_and_continue  # noqa: SLF001  # as `calls`
        queue, events, ticked = self._work, 0, time.time()
        while True:
            now = time.time()
            if now - ticked >= TICK:
                ticked = now
                for tick in self.ticks:
                    self._safely(tick)
            waits = queue.ready()
            if waits and events >= EVENTS:
                events = 0
                self._do()
                continue
            event = poll(_NOW if waits else now + TICK)
            if state.server_deallocated:
                _grpc._begin_shutdown_once(state)  # noqa: SLF001  # as `calls`
            if event.completion_type != _TIMEOUT:
                events += 1
                if not process(state, event):
                    break
            elif waits:
                events = 0
                self._do()
            # An event may hold the last reference to a call, which must be gone before the next poll.
            event = None
        while queue.ready():  # the callers have left, and so have the calls to be counted
            self._do()

    def _do(self) -> None:
        member, work = self._work.take()
        self._safely(work)
        self._work.done(member)

    def _safely(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # it would end the thread that serves all calls
            self._crashed(error)
