"""Conversations: CheckStream's calls, each of which answers one check after another while it lasts.

No thread waits for a message: the serving thread puts it into the conversation's queue, and answers as many
as there are by then, in one response; a thread of the checks' pool does that if one takes long. So an idle
conversation, or one whose caller does not read, takes memory only, and the more requests are in flight, the
less each of them costs.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError

from hashpact.domain.checks import Answer
from hashpact.domain.state import Member, Role
from hashpact.errors import HashpactError, InvalidInputError, OverloadedError, StoppingError, UnavailableError
from hashpact.service.check import Checker
from hashpact.wire import streamed
from hashpact.wire.server.admission.pools import AT_ONCE, SHORT, Deferred, Pool, wait
from hashpact.wire.server.admission.quotas import Quotas
from hashpact.wire.server.core.incoming import IncomingCall
from hashpact.wire.server.core.loop import Loop
from hashpact.wire.server.identity import require_of
from hashpact.wire.server.reception import OpenCall
from hashpact.wire.v1 import check_pb2

IN_FLIGHT: Final = 64
"""Requests of a conversation that are read and whose answers are not sent yet; no more are read meanwhile."""
HELD: Final = 256 * 1024
"""Bytes of these requests, after which no more are read either."""
TOGETHER: Final = 16
"""Requests that are answered in one response, at most: 1 to 2 ms, if they are of few codes."""
RESPONSE: Final = 256 * 1024
"""Bytes of a response, after which no more answers are put into it."""

PIECE: Final = 0.002
"""Seconds after which no more answers are put into a response, so that others have their turn."""
PIECE_AT_ONCE: Final = 0.0005
"""The same in the serving thread, for which all calls wait."""
AGAIN: Final = 1.0
"""Seconds that a caller is asked to wait whose member has too many open."""

_Request: TypeAlias = bytes | InvalidInputError
"""A request as it came, or what is wrong with it."""


class Conversations:
    """The conversations of one server; ``pool`` answers them, beside other checks.

    There are ``most`` at a time. A member has at most ``each`` of them, and no more than there are places
    left, so that members that take all they can get do not take all together.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what answers them, and their bounds
        self, checker: Checker, loop: Loop, pool: Pool, quotas: Quotas, most: int, each: int
    ) -> None:
        self._checker = checker
        self._loop = loop
        self._pool = pool
        self._quotas = quotas
        self._most = most
        self._each = each
        self._lock = threading.Lock()
        self._open: set[Conversation] = set()
        self._of: Counter[str] = Counter()
        self._ending: HashpactError | None = None

    def begin(self, call: OpenCall) -> Conversation:
        """A call's conversation.

        Raises NotPermittedError if the caller has no right to check, OverloadedError if it has too many, and
        what the server is drained with.
        """
        member = call.caller.id
        require_of(call.caller, Role.CHECK)
        conversation = Conversation(call, self._checker, self._loop, self._pool, self._quotas, self._forget)
        with self._lock:
            if self._ending is not None:
                raise self._ending
            has = self._of[member]
            if has >= min(self._each, self._most - len(self._open)):
                msg = f"{member!r} has {has} check streams open, the most it may; try again"
                raise OverloadedError(msg, member=member, retry_after=str(AGAIN))
            self._of[member] += 1
            self._open.add(conversation)
        return conversation

    def drain(self, error: HashpactError) -> None:
        """End each conversation with that error, after answers to what it has read, and begin no other."""
        with self._lock:
            self._ending = error
            conversations = list(self._open)
        for conversation in conversations:
            conversation.drain(error)

    def _forget(self, conversation: Conversation) -> None:
        member = conversation.caller.id
        with self._lock:
            self._open.discard(conversation)
            self._of[member] -= 1
            if not self._of[member]:
                del self._of[member]


@dataclass(eq=False, slots=True)
class Conversation:
    """One CheckStream call; ``forget`` is called when it is over."""

    _call: OpenCall
    _checker: Checker
    _loop: Loop
    _pool: Pool
    _quotas: Quotas
    _forget: Callable[[Conversation], None]
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _waiting: deque[_Request] = field(default_factory=deque, init=False)
    _number: int = field(default=0, init=False)  # of the next request to be answered
    _held: int = field(default=0, init=False)
    _bytes: int = field(default=0, init=False)
    _reading: bool = field(default=False, init=False)
    _busy: bool = field(default=False, init=False)  # a thread is asked to answer, or a response is on its way
    _last: bool = field(default=False, init=False)  # no request will follow
    _ending: HashpactError | None = field(default=None, init=False)
    _dropping: bool = field(default=False, init=False)  # what waits is not answered any more
    _sending_since: float | None = field(default=None, init=False)
    _finished: bool = field(default=False, init=False)

    @property
    def call(self) -> IncomingCall:
        """The call itself."""
        return self._call.call

    @property
    def method(self) -> str:
        """The method's path."""
        return self._call.method

    @property
    def caller(self) -> Member:
        """The member, as it was when the call began."""
        return self._call.caller

    def start(self) -> None:
        """Wait for the first request."""
        if not self.call.add_callback(self._ended):
            self._ended()
        self._read_on()

    def unread(self) -> float:
        """The seconds for which the caller has not taken a response that is offered to it."""
        since = self._sending_since
        return 0 if since is None else self._call.timer() - since

    def end(self, error: HashpactError) -> None:
        """End with that error once no thread is at work for it; or at once and without it, if asked again."""
        if self._dropping:
            self.call.cancel()
        self._dropping = True
        self.drain(error)

    def drain(self, error: HashpactError) -> None:
        """Read no more requests, answer those that are read, and end with that error."""
        with self._lock:
            self._ending = error
            idle = not self._busy
            self._busy = True
        if idle:
            self._finish(error)

    def _read_on(self) -> None:
        with self._lock:
            full = self._held >= IN_FLIGHT or self._bytes >= HELD
            if full or self._reading or self._last or self._ending is not None:
                return
            self._reading = True
        self.call.read(self._received)

    def _received(self, data: bytes | None) -> None:
        with self._lock:
            self._reading = False
            if data is None:
                self._last = True
            else:
                request = _bounded(data)
                self._held += 1
                self._bytes += _size(request)
                self._waiting.append(request)
            idle = not self._busy
            self._busy = True
        self._read_on()
        if idle:
            self._submit()

    def _submit(self) -> None:
        """Have what waits answered."""
        self._pool.met(self.caller.id)
        self._loop.soon(self.caller.id, self._work_at_once)

    def _work_at_once(self) -> None:
        AT_ONCE.set(True)
        try:
            self._work()
        except Deferred:
            self._defer()
        finally:
            AT_ONCE.set(False)

    def _defer(self) -> None:
        """Have what waits answered by a thread."""
        try:
            self._pool.work(self.caller.id, self._work)
        except RuntimeError:  # the pool is closed
            self._finish(StoppingError("the server is stopping; ask again"))
        except Exception as error:  # noqa: BLE001  # whatever it is, the call ends with it
            self._finish(error)

    def _work(self) -> None:
        """Answer some of what waits; end if nothing will follow."""
        try:
            with self._lock:
                there = 0 if self._dropping else min(TOGETHER, len(self._waiting))
                some = [self._waiting.popleft() for _ in range(there)]
                if not some and not self._last and self._ending is None:
                    self._busy = False
                    return
            if some:
                # As for each call of its own: the caller may have been suspended since the last ones.
                require_of(self._call.admit(), Role.CHECK)
                self._respond(some)
            elif self.call.is_active():  # the requests of a caller who has left end, too
                self._finish(self._ending)
        except Deferred:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever it is, the call ends with it
            self._finish(error)

    def _respond(self, some: list[_Request]) -> None:
        """Answer some requests, as many as there is time for. Raises Deferred if the first takes too long."""
        piece = PIECE_AT_ONCE if AT_ONCE.get() else PIECE
        response, size, since = check_pb2.CheckStreamResponse(), 0, self._call.timer()
        for number, request in enumerate(some, self._number):
            try:
                # No variable holds an error: through its traceback it would hold this frame, and the call.
                answer = streamed.add_outcome(response, number, self._outcome(request), self._loop.give_way)
            except Deferred:
                break
            size += answer.ByteSize()
            if size > RESPONSE or self._call.timer() - since > piece:
                break
        answered = len(response.answers)
        self._number += answered
        with self._lock:
            self._waiting.extendleft(reversed(some[answered:]))
        if not answered:
            raise Deferred
        self._sending_since = self._call.timer()
        taken = sum(map(_size, some[:answered]))
        self.call.write(response.SerializeToString(), lambda: self._written(answered, taken))

    def _outcome(self, request: _Request) -> Answer | HashpactError:
        """What becomes of one request. Raises what the whole call ends with."""
        if isinstance(request, InvalidInputError):
            return request
        if len(request) > SHORT:
            wait()
        wanted = self.call.is_active

        def turn() -> AbstractContextManager[None]:
            return self._pool.turn(self.caller.id, wanted)

        try:
            check = streamed.request_from_wire(check_pb2.CheckStreamRequest.FromString(request))
            with self._quotas.asking(self.caller.id, len(check.queries)):
                return self._checker.check(check, self._pool.between(wanted), turn, wait)
        except DecodeError:
            return InvalidInputError("the request is not a protobuf message of its type", field="request")
        except (InvalidInputError, OverloadedError, UnavailableError) as error:
            return error

    def _written(self, answered: int, taken: int) -> None:
        with self._lock:
            self._sending_since = None
            self._held -= answered
            self._bytes -= taken
            more = self._busy = bool(self._waiting) or self._last or self._ending is not None
        self._read_on()
        if more:
            self._submit()

    def _finish(self, error: BaseException | None) -> None:
        """End the call, with its status; what is counted and logged is so before the caller knows."""
        if self._over(error):
            self._call.finish(error)

    def _ended(self) -> None:
        """The call is over: finished, or given up by its caller or by the server."""
        self._over(self._ending or CancelledError())
        with self._lock:
            self._waiting.clear()

    def _over(self, error: BaseException | None) -> bool:
        """Note the end of the call; whether it was not noted before."""
        with self._lock:
            if self._finished:
                return False
            self._finished = True
        self._forget(self)
        self._call.over(error)
        return True


def _bounded(data: bytes) -> _Request:
    if len(data) <= streamed.MAX_STREAMED:
        return data
    msg = f"the request has {len(data)} bytes; the limit is {streamed.MAX_STREAMED}"
    return InvalidInputError(msg, field="request")


def _size(request: _Request) -> int:
    """The bytes that are kept of a request: none of one that is too large."""
    return len(request) if isinstance(request, bytes) else 0
