"""The serving thread: it takes what happens on the connections, and does short work itself in between.

A thread of its own for each check would cost more than most checks do: to pass a call on, and to wake up.
So work that never waits and takes well under a millisecond is done here, one piece at a time, in a fair order
of the members. What happened meanwhile is looked at first, so that all who ask stand in that order.

Each look lets go of the interpreter. A thread that runs Python beside would take it every time, and keep it
for a switch interval: so the others `give_way` between two pieces of their work, while there is work here.
They have up to a fifth of the time in any case.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # an extension module without stubs

from hashpact.wire.server.core.incoming import IncomingCall
from hashpact.wire.server.core.turns import FairQueue

EVENTS: Final = 32
"""Events that are taken before the next piece of work, at most: in a flood none would be done otherwise."""
LOOKING: Final = 0.0005
"""Seconds for which they are taken, at most: a call that is refused takes as long as a check."""
TICK: Final = 1.0
"""Seconds between two calls of what is to be called now and then."""

_PAUSE: Final = 0.0002
_PAUSES: Final = 20
"""Times that a thread which gives way looks again, before it goes on in any case: 4 ms and some."""
_SLICE: Final = 0.001
"""Seconds for which the others then go on before one gives way again."""
_NOW: Final = 0.0
_TIMEOUT: Final = cygrpc.CompletionType.queue_timeout
_SHUTDOWN: Final = "shutdown"
_UNKNOWN: Final = "unknown"


class _Unknown(grpc.Status):
    """The status of a call of a method that there is not."""

    code = grpc.StatusCode.UNIMPLEMENTED
    details = "Method not found!"
    trailing_metadata = ()


class Loop:
    """A gRPC server, with ``options`` as `grpc.server` takes them.

    ``crashed`` is called with what anything that is called here raises; it would end the serving thread.
    """

    def __init__(self, options: Sequence[tuple[str, int]], crashed: Callable[[Exception], None]) -> None:
        self.ticks: list[Callable[[], None]] = []
        """Called about each second."""
        self._crashed = crashed
        self._first: Callable[[], None] | None = None
        self._work: FairQueue[tuple[str, Callable[[], None]]] = FairQueue(1)
        self._arrived: dict[str, Callable[[IncomingCall], None]] = {_UNKNOWN: _refuse}
        self._lock = threading.Lock()
        self._requested: set[str] = set()  # that gRPC is to tell of
        self._calls: set[IncomingCall] = set()
        self._stopping = False
        self._busy = False
        self._thread = 0
        self._gave_way = 0.0  # when a thread last did so for as long as it may
        self._stopped = threading.Event()
        self._stopped.set()
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server(tuple(options), False)  # noqa: FBT003  # no xDS
        self._server.register_completion_queue(self._queue)

    @property
    def waiting(self) -> int:
        """How many members have work that waits."""
        return len(self._work) + (self._first is not None)

    def serve(self, method: str, arrived: Callable[[IncomingCall], None]) -> None:
        """Have ``arrived`` called with each call of a method, before the start."""
        self._server.register_method(method)
        self._arrived[method] = arrived

    def listen(self, address: str, credentials: grpc.ServerCredentials) -> int:
        """Bind an address, HOST:PORT; the port, 0 if it cannot be bound."""
        inner: Any = credentials
        return int(self._server.add_http2_port(address.encode(), inner._credentials))  # noqa: SLF001  # as `incoming`

    def start(self) -> None:
        """Begin to serve."""
        self._stopped.clear()
        self._server.start()
        for method in self._arrived:
            self._request(method)
        threading.Thread(target=self._run, name="hashpact-serving", daemon=True).start()

    def stop(self, grace: float) -> None:
        """Accept no more calls, cancel those that are under way after so many seconds, and end."""
        with self._lock:
            if not self._stopping and not self._stopped.is_set():
                self._stopping = True
                self._requested.add(_SHUTDOWN)
                self._server.shutdown(self._queue, _SHUTDOWN)
        if not self._stopped.wait(grace):
            with self._lock:
                if not self._stopped.is_set():
                    self._server.cancel_all_calls()
            self._stopped.wait()

    def soon(self, member: str, work: Callable[[], None]) -> None:
        """Have a piece of work done for a member, which must not wait. For the serving thread alone."""
        if self._first is None and not self._work:
            self._first = work  # nobody waits, so there is no order to keep
        else:
            self._work.put(member, (member, work))

    def give_way(self) -> None:
        """Let the serving thread go first. Other threads call this between two pieces of work."""
        if threading.get_ident() == self._thread:
            return
        if time.monotonic() - self._gave_way < _SLICE:
            return
        for _ in range(_PAUSES):
            if not self._busy:
                return
            time.sleep(_PAUSE)
        self._gave_way = time.monotonic()

    def _request(self, method: str) -> None:
        """Ask gRPC for the next call of a method, as an event of the queue."""
        with self._lock:
            if self._stopping:
                return
            self._requested.add(method)
            if method == _UNKNOWN:
                self._server.request_call(self._queue, self._queue, method)
            else:
                self._server.request_registered_call(self._queue, self._queue, method, method)

    def _run(self) -> None:
        poll, queue, events, since = self._queue.poll, self._work, 0, 0.0
        ticked = time.time()
        self._thread, self._busy = threading.get_ident(), True
        while self._requested or self._calls or self._first or queue:
            now = time.time()
            if abs(now - ticked) >= TICK:  # the machine's clock may have been set back
                ticked = now
                for tick in self.ticks:
                    self._safely(tick)
            waits = self._first is not None or bool(queue)
            if not (waits and events):
                since = now
            if waits and (events >= EVENTS or not 0 <= now - since < LOOKING):
                events = 0
                self._do()
                continue
            event = poll(_NOW)
            if not waits and event.completion_type == _TIMEOUT:
                self._busy = False
                event = poll(now + TICK)
                self._busy = True
            if event.completion_type != _TIMEOUT:
                events += 1
                self._take(event)
            elif waits:
                events = 0
                self._do()
            # An event may hold the last reference to a call, which must be gone before the next poll.
            event = None
        self._busy = False
        with self._lock:
            self._server.destroy()
            self._stopped.set()

    def _take(self, event: Any) -> None:  # noqa: ANN401  # the core's own
        tag = event.tag
        if tag.__class__ is not str:
            self._safely(tag, event)
            return
        self._requested.discard(tag)
        if tag == _SHUTDOWN:
            return
        if event.success:
            call = IncomingCall(event, self._calls.discard)
            self._calls.add(call)
            if not self._safely(self._arrived[tag], call):
                call.cancel()
        self._request(tag)

    def _do(self) -> None:
        work = self._first
        if work is not None:
            self._first = None
            self._safely(work)
            return
        member, work = self._work.take()
        self._safely(work)
        self._work.done(member)

    def _safely(self, work: Callable[..., None], *args: object) -> bool:
        """Whether it has raised nothing."""
        try:
            work(*args)
        except Exception as error:  # noqa: BLE001  # it would end the thread that serves all calls
            self._crashed(error)
            return False
        return True


def _refuse(call: IncomingCall) -> None:
    call.refuse(_Unknown())
