"""Pools: the threads that answer one kind of call, shared fairly by the members.

A synchronous gRPC server keeps a thread for each call that it has begun. Few of a pool's threads run at a
time, because more would only fight for the interpreter. One that has to wait steps aside, and another runs in
its place: for its turn at work that takes long, or for a request that the caller holds back.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, TypeAlias, TypeVar

from hashpact.errors import OverloadedError
from hashpact.wire.server.admission.turns import FairQueue, Turns

Result = TypeVar("Result")

PATIENCE: Final = 0.002
"""Seconds for which a thread may wait for a request before another runs in its place, if calls wait."""
RECEIVE: Final = 10.0
"""Seconds after which a call whose request has not arrived is given up."""
COMING: Final = 8
"""Requests of a member's that a pool receives at a time: gRPC keeps what has arrived of each, up to 8 MiB."""
IDLE: Final = 16
"""Threads that are kept when there is nothing to do."""
AGAIN: Final = 0.1
"""Seconds that a caller is asked to wait whose member has too many calls under way."""
_LOOK: Final = 0.02
"""Seconds between two looks at whether the caller of a call that waits for its turn has left, at least."""
_LOOKS: Final = 500
"""Looks a second that all calls of a pool take together: each wakes a thread."""
_SWEEP: Final = 1.0
"""Seconds between two looks at calls whose requests have not arrived, when no call waits."""

_Box: TypeAlias = "SimpleQueue[_Job | None]"


class _Job:
    """A call that is to be answered, and what becomes of it."""

    __slots__ = ("_args", "_fn", "counted", "done", "member")

    def __init__(self, member: str, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.member = member
        self.counted = False
        self._fn = fn
        self._args = args
        self.done: Future[Any] = Future()

    def run(self) -> None:
        if not self.done.set_running_or_notify_cancel():
            return
        try:
            result = self._fn(*self._args)
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is the future's
            self.done.set_exception(error)
        else:
            self.done.set_result(result)


@dataclass(slots=True)
class _Receiving:
    """A thread that waits for a request of a member's."""

    member: str
    since: float
    give_up: Callable[[], object]
    aside: bool = False


def _raise(_member: str, _args: tuple[Any, ...], error: OverloadedError) -> None:
    raise error


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Whose call arrives, from what an executor gets of it, and what becomes of one that is refused.

    ``member`` names the member, ``hindrance`` a reason why none of its calls is taken now, and ``refuse``
    answers a call of a member's with an error; without these all calls are of one member, and the error is
    the call's result.
    """

    member: Callable[[tuple[Any, ...]], str] = lambda _args: ""
    hindrance: Callable[[str], OverloadedError | None] = lambda _member: None
    refuse: Callable[[str, tuple[Any, ...], OverloadedError], None] = _raise


class Pool(ThreadPoolExecutor):
    """At most ``threads`` threads for one kind of call, of which ``running`` run at a time.

    ``each`` of those that run are one member's, or all if it is alone.

    A member has at most ``calls`` calls that wait or are under way, and no more than there are threads left:
    so members that take all they can get do not take all threads together. Those that wait are begun in a
    fair order of the members. ``turns`` share out the work that takes long. It is an executor because gRPC
    wants one; the thread that ran last runs next, while its memory is warm.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # each bounds something else
        self,
        name: str,
        running: int,
        threads: int,
        calls: int,
        turns: Turns,
        each: int,
        arrivals: Arrivals = Arrivals(),
    ) -> None:
        super().__init__(1)  # it starts no thread: all that would is replaced here
        self._name = name
        self._running_limit = running
        self.threads = threads
        self._calls_limit = calls
        self._turns = turns
        self._coming = Turns(threads, COMING)
        self._arrivals = arrivals
        self._lock = threading.Lock()
        self._running = 0
        self._started: set[threading.Thread] = set()
        self._idle: list[_Box] = []
        self._queue: FairQueue[_Job] = FairQueue(each)
        self._lanes: dict[str, deque[Callable[[], object]]] = {}
        self._calls: Counter[str] = Counter()
        self._under_way = 0
        self._waiting = 0
        self._receiving: dict[int, _Receiving] = {}
        self._members: dict[int, str] = {}
        self._pressed = threading.Event()
        self._closed = False
        self._watch: threading.Thread | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401  # as its base
        """Have a call answered, or refused. Raises RuntimeError once the pool is closed."""
        member = self._arrivals.member(args)
        refused = self._arrivals.hindrance(member)
        job = _Job(member, partial(fn, **kwargs) if kwargs else fn, args)
        with self._lock:
            if refused is None:
                refused = self._too_many(member)
            if refused is None:
                self._put(job)
                job.counted = True
                self._calls[member] += 1
                self._under_way += 1
        if refused is not None:
            job = _Job(member, self._arrivals.refuse, (member, args, refused))
            job.run()
        else:
            self._press()
        return job.done

    def _too_many(self, member: str) -> OverloadedError | None:
        has = self._calls[member]
        if has < min(self._calls_limit, self.threads - self._under_way):
            return None
        msg = f"{member!r} has {has} {self._name} calls under way, the most it may; try again"
        return OverloadedError(msg, member=member, retry_after=str(AGAIN))

    def _put(self, job: _Job) -> None:
        """Have a job done, at once if it may run."""
        if self._closed:
            msg = f"the pool of {self._name} calls is closed"
            raise RuntimeError(msg)
        self._queue.put(job.member, job)
        self._begin()

    def _press(self) -> None:
        if self._queue and not self._pressed.is_set():
            self._pressed.set()

    def work(self, member: str, fn: Callable[[], object]) -> None:
        """Have a thread do some work for an open call of a member's.

        One piece of a member's is done at a time, and the next one behind all that waits by then: a member
        with many open calls delays others by one. Raises RuntimeError as `submit`.
        """
        with self._lock:
            lane = self._lanes.get(member)
            if lane is not None:
                lane.append(fn)
                return
            self._lanes[member] = deque([fn])
        self._submit_next(member)

    def _submit_next(self, member: str) -> None:
        try:
            with self._lock:
                self._put(_Job(member, self._go_along, (member,)))
        except RuntimeError:
            del self._lanes[member]
            raise
        self._press()

    def _go_along(self, member: str) -> None:
        """Do the next piece of work of a member's."""
        try:
            self._lanes[member].popleft()()
        finally:
            with self._lock:
                more = bool(self._lanes[member])
                if not more:
                    del self._lanes[member]
            if more:
                self._submit_next(member)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  # as its base
        """Begin no more calls, and wait for those that are under way."""
        with self._lock:
            self._closed = True
            dropped = self._queue.clear() if cancel_futures else []
            for box in self._idle:
                box.put(None)
            self._idle.clear()
            started = [*self._started, *([] if self._watch is None else [self._watch])]
        for job in dropped:
            job.done.cancel()
        self._pressed.set()
        if wait:
            for thread in started:
                thread.join()

    @property
    def load(self) -> tuple[int, int]:
        """How many calls are under way, and how many wait for a thread."""
        return self._under_way, len(self._queue)

    @contextlib.contextmanager
    def turn(self, member: str, wanted: Callable[[], bool]) -> Iterator[None]:
        """A slot for work, for the length of the block. Raises CancelledError if the caller leaves before."""
        with self._slot(self._turns, member, wanted):
            yield

    @contextlib.contextmanager
    def _slot(self, turns: Turns, member: str, wanted: Callable[[], bool]) -> Iterator[None]:
        if not wanted():
            raise CancelledError
        turn = turns.take(member)
        if turn is not None:
            with self._aside():
                while not turn.wait(max(_LOOK, self._waiting / _LOOKS)):
                    if not wanted():
                        turns.leave(member, turn)
                        raise CancelledError
        try:
            yield
        finally:
            turns.give_back(member)

    def receive(
        self, read: Callable[[], Result], wanted: Callable[[], bool], give_up: Callable[[], object]
    ) -> Result:
        """What ``read`` waits for: a request, which is on its way or may never come.

        ``give_up`` is called in another thread to end the waiting. Raises CancelledError as `turn`: so many
        requests of a member's are received at a time, and others of its calls wait.
        """
        me = threading.get_ident()
        member = self._members.get(me, "")
        with self._slot(self._coming, member, wanted):
            receiving = _Receiving(member, time.monotonic(), give_up)
            self._receiving[me] = receiving
            try:
                return read()
            finally:
                with self._lock:
                    del self._receiving[me]
                    if receiving.aside:
                        self._go_on(member)

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Let another thread run while this one waits."""
        member = self._members.get(threading.get_ident(), "")
        with self._lock:
            self._waiting += 1
            self._step_aside(member)
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                self._go_on(member)

    def _step_aside(self, member: str) -> None:
        self._running -= 1
        self._queue.done(member)
        self._begin()

    def _go_on(self, member: str) -> None:
        self._running += 1
        self._queue.again(member)

    def _begin(self) -> None:
        """Have the next call answered, if one waits and may run."""
        if not self._queue.ready() or self._running >= self._running_limit:
            return
        if self._idle:
            self._running += 1
            self._idle.pop().put(self._queue.take())
        elif len(self._started) < self.threads:
            # The system may have no thread to give. gRPC would end with submit's error; so the call waits.
            with contextlib.suppress(RuntimeError):
                self._start()

    def _start(self) -> None:
        """Have the next call answered by another thread."""
        if self._watch is None:
            watch = threading.Thread(
                target=self._look_after, name=f"hashpact-{self._name}-watch", daemon=True
            )
            watch.start()
            self._watch = watch
        box: _Box = SimpleQueue()
        thread = threading.Thread(target=self._work, args=(box,), name=f"hashpact-{self._name}", daemon=True)
        thread.start()
        self._started.add(thread)
        self._running += 1
        box.put(self._queue.take())

    def _work(self, box: _Box) -> None:
        """Answer calls until there are more idle threads than may run, or the pool is closed."""
        me, job = threading.get_ident(), box.get()
        while job is not None:
            member, counted = job.member, job.counted
            self._members[me] = member
            job.run()
            job = None  # an idle thread keeps nothing of its last call
            job = self._next(box, member, counted=counted) or box.get()
        self._members.pop(me, None)

    def _next(self, box: _Box, member: str, *, counted: bool) -> _Job | None:
        """The next job, after one of that member's."""
        with self._lock:
            self._queue.done(member)
            if counted:
                self._under_way -= 1
                self._calls[member] -= 1
                if not self._calls[member]:
                    del self._calls[member]
            if self._queue.ready() and self._running <= self._running_limit:
                return self._queue.take()
            self._running -= 1
            if self._closed or len(self._idle) >= IDLE:
                self._started.discard(threading.current_thread())
                box.put(None)
            else:
                self._idle.append(box)
            return None

    def _look_after(self) -> None:
        """Put threads aside whose requests do not arrive, while calls wait; give calls up after a while."""
        while not self._closed:
            self._pressed.wait(_SWEEP)
            with self._lock:
                if not self._queue:
                    self._pressed.clear()
            self._put_aside()
            if self._queue:
                time.sleep(PATIENCE)

    def _put_aside(self) -> None:
        now = time.monotonic()
        late: list[_Receiving] = []
        with self._lock:
            self._begin()  # what found no thread
            for receiving in self._receiving.copy().values():
                waited = now - receiving.since
                if self._queue and waited > PATIENCE and not receiving.aside:
                    receiving.aside = True
                    self._step_aside(receiving.member)
                if waited > RECEIVE:
                    late.append(receiving)
        for receiving in late:
            receiving.give_up()
