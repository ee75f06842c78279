"""Pools: the threads that do what takes long for one kind of call, shared fairly by the members.

Few of a pool's threads run at a time, because more would only fight for the interpreter. One that has to wait
for its turn at work that takes long steps aside, and another runs in its place.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextvars import ContextVar
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import Final, NamedTuple, TypeAlias, TypeVar

from hashpact.errors import OverloadedError
from hashpact.wire.server.core.turns import FairQueue, Turns

IDLE: Final = 16
"""Threads that are kept when there is nothing to do."""
AGAIN: Final = 0.1
"""Seconds that a caller is asked to wait if its member has too many calls under way."""
_LOOK: Final = 0.02
"""Seconds between two looks at whether the caller of a call that waits for its turn has left, at least."""
_LOOKS: Final = 500
"""Looks a second that all calls of a pool take together: each wakes a thread."""
_AT_ONCE: Final = 16
"""Items that a stream holds, each of at most 32 KiB and with its private parts 3 MiB."""
SHORT: Final = 1024
"""Bytes of a request, as encoded, that may be answered in a thread that must not wait: a few codes."""
AT_ONCE: Final[ContextVar[bool]] = ContextVar("hashpact_at_once", default=False)
"""Whether the work is done in a thread that must not wait."""

Item = TypeVar("Item")


class Deferred(Exception):  # noqa: N818  # it is no error
    """The work takes long: it is to be done again in a thread of its pool, from the beginning."""


def wait() -> None:
    """Called before what may wait. Raises Deferred in a thread that must not."""
    if AT_ONCE.get():
        raise Deferred


class _Job(NamedTuple):
    """Work of a member's."""

    member: str
    work: Callable[[], object]


_Box: TypeAlias = "SimpleQueue[_Job | None]"


class Pool:
    """At most ``threads`` threads for one kind of call, of which ``running`` run at a time.

    At most ``each`` of those that run answer one member; all of them if it is alone: no call of another has
    entered lately.

    A member has at most ``calls`` calls that have entered and not left, and no more than there are threads
    left: so members that take all they can get do not take all threads together. ``hindrance`` gives a reason
    why no call of a member enters now. Those that wait are begun in a fair order of the members. ``turns``
    share out the work that takes long. The thread that ran last runs next, while its memory is warm. Between
    two pieces of work a thread calls ``give_way``.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # each bounds something else
        self,
        name: str,
        running: int,
        threads: int,
        calls: int,
        turns: Turns,
        each: int,
        hindrance: Callable[[str], OverloadedError | None] = lambda _member: None,
        crashed: Callable[[Exception], None] = lambda _error: None,
        give_way: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._running_limit = running
        self.threads = threads
        self._calls_limit = calls
        self._turns = turns
        self._hindrance = hindrance
        self._crashed = crashed
        self.give_way = give_way
        """To be called between two pieces of work, so that short checks go first."""
        self._lock = threading.Lock()
        self._running = 0
        self._started: set[threading.Thread] = set()
        self._idle: list[_Box] = []
        self._queue: FairQueue[_Job] = FairQueue(each)
        self._lanes: dict[str, deque[Callable[[], object]]] = {}
        self._calls: dict[str, int] = {}
        self._under_way = 0
        self._waiting = 0
        self._members: dict[int, str] = {}
        self._closed = False

    def enter(self, member: str) -> None:
        """Count a call of a member's until it leaves. Raises OverloadedError if it may have no more."""
        hindered = self._hindrance(member)
        if hindered is not None:
            raise hindered
        with self._lock:
            has = self._calls.get(member, 0)
            if has >= min(self._calls_limit, self.threads - self._under_way):
                msg = f"{member!r} has {has} {self._name} calls under way, the most it may; try again"
                raise OverloadedError(msg, member=member, retry_after=str(AGAIN))
            self._calls[member] = has + 1
            self._under_way += 1
            self._queue.met(member)

    def met(self, member: str) -> None:
        """A member calls, though this call does not enter: none but it can be alone."""
        with self._lock:
            self._queue.met(member)

    def leave(self, member: str) -> None:
        """Count a call that has entered no more."""
        with self._lock:
            self._under_way -= 1
            has = self._calls.pop(member)
            if has > 1:
                self._calls[member] = has - 1

    def submit(self, member: str, work: Callable[[], object]) -> None:
        """Have a thread do some work of a member's. Raises RuntimeError once the pool is closed."""
        with self._lock:
            self._put(_Job(member, work))

    def _put(self, job: _Job) -> None:
        if self._closed:
            msg = f"the pool of {self._name} calls is closed"
            raise RuntimeError(msg)
        self._queue.put(job.member, job)
        self._begin()

    def work(self, member: str, fn: Callable[[], object]) -> None:
        """Have a thread do some work for a member's open call.

        One piece of a member's work is done at a time, and the next one joins the end of the queue. So a
        member with many open calls delays others by one piece. Raises RuntimeError as `submit`.
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
            self.submit(member, partial(self._go_along, member))
        except RuntimeError:
            del self._lanes[member]
            raise

    def _go_along(self, member: str) -> None:
        """Do the next piece of a member's work."""
        try:
            self._lanes[member].popleft()()
        finally:
            with self._lock:
                more = bool(self._lanes[member])
                if not more:
                    del self._lanes[member]
            if more:
                self._submit_next(member)

    def retry(self) -> None:
        """Begin what waits because the system had no thread to give."""
        with self._lock:
            self._begin()

    def close(self) -> None:
        """Drop what waits, begin nothing more, and wait for what is under way."""
        with self._lock:
            self._closed = True
            self._queue.clear()
            for box in self._idle:
                box.put(None)
            self._idle.clear()
            started = list(self._started)
        for thread in started:
            thread.join()

    @property
    def load(self) -> tuple[int, int]:
        """How many calls are under way, and how many wait for a thread."""
        return self._under_way, len(self._queue)

    @contextlib.contextmanager
    def turn(self, member: str, wanted: Callable[[], bool]) -> Iterator[None]:
        """A slot for work, for the length of the block.

        Raises CancelledError if the caller leaves before, and Deferred in a thread that must not wait.
        """
        wait()
        if not wanted():
            raise CancelledError
        turn = self._turns.take(member)
        if turn is not None:
            with self._aside():
                while not turn.wait(max(_LOOK, self._waiting / _LOOKS)):
                    if not wanted():
                        self._turns.leave(member, turn)
                        raise CancelledError
        try:
            self.give_way()
            yield
        finally:
            self._turns.give_back(member)

    def between(self, wanted: Callable[[], bool]) -> Callable[[], bool]:
        """What says whether a caller still waits, for work that asks between its pieces.

        Only for work that keeps nobody waiting meanwhile, and not for `turn`, which asks again and again.
        """

        def asked() -> bool:
            self.give_way()
            return wanted()

        return asked

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Let another thread run while this one waits."""
        member = self._members.get(threading.get_ident(), "")
        with self._lock:
            self._waiting += 1
            self._running -= 1
            self._queue.done(member)
            self._begin()
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                self._running += 1
                self._queue.again(member)

    def _begin(self) -> None:
        """Have the next piece of work done, if one waits and may run."""
        if not self._queue.ready() or self._running >= self._running_limit:
            return
        if self._idle:
            self._running += 1
            self._idle.pop().put(self._queue.take())
        elif len(self._started) < self.threads:
            with contextlib.suppress(RuntimeError):  # the system has no thread to give: `retry`
                self._start()

    def _start(self) -> None:
        """Have the next piece of work done by another thread."""
        box: _Box = SimpleQueue()
        thread = threading.Thread(target=self._work, args=(box,), name=f"hashpact-{self._name}", daemon=True)
        thread.start()
        self._started.add(thread)
        self._running += 1
        box.put(self._queue.take())

    def _work(self, box: _Box) -> None:
        """Do pieces of work until there are more idle threads than may run, or the pool is closed."""
        me, job = threading.get_ident(), box.get()
        while job is not None:
            member = self._members[me] = job.member
            self.give_way()
            try:
                job.work()
            except Exception as error:  # noqa: BLE001  # it would end the thread, and others count on it
                self._crashed(error)
            job = None  # an idle thread keeps nothing of its last call
            job = self._next(box, member) or box.get()
        self._members.pop(me, None)

    def _next(self, box: _Box, member: str) -> _Job | None:
        """The next piece of work, after one of that member's."""
        with self._lock:
            self._queue.done(member)
            if self._queue.ready() and self._running <= self._running_limit:
                return self._queue.take()
            self._running -= 1
            if self._closed or len(self._idle) >= IDLE:
                self._started.discard(threading.current_thread())
                box.put(None)
            else:
                self._idle.append(box)
            return None


def in_turns(
    pool: Pool, member: str, items: Iterator[Item], wanted: Callable[[], bool], at_once: int = _AT_ONCE
) -> Iterator[Item]:
    """The items of an iterator that takes long, a few at a time, each time in a turn of the member's."""
    more = True
    while more:
        with pool.turn(member, wanted):
            some = list(islice(items, at_once))
        yield from some
        more = bool(some)
