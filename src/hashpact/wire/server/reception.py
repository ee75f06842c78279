"""How calls are received: each is let in, counted, read and answered, in the serving thread or by a pool.

All but the answer is done in gRPC's serving thread, and so are short answers to checks: `loop`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from hashpact.domain.state import Member
from hashpact.errors import HashpactError, InvalidInputError, StoppingError
from hashpact.wire.codec import MAX_MESSAGE
from hashpact.wire.server.admission.pools import AT_ONCE, SHORT, Deferred, Pool
from hashpact.wire.server.admission.receiving import Receiving
from hashpact.wire.server.admission.refusals import Refusals
from hashpact.wire.server.admission.untaken import CALL, Untaken
from hashpact.wire.server.core.incoming import IncomingCall
from hashpact.wire.server.core.loop import Loop
from hashpact.wire.server.guard import Guard, Rpc
from hashpact.wire.server.identity import CALLER
from hashpact.wire.server.streams import Stream, Watched

# Of generated code or of gRPC itself, with messages of any type; subscripts exist in the stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that goes on after its handler has returned, with its caller as admitted.

    ``admit`` admits the caller again, and raises as it did before. ``finish`` ends the call, with the status
    of an error if there is one. ``over`` is called once, when the call has ended.
    """

    call: IncomingCall
    method: str
    caller: Member
    timer: Callable[[], float]
    admit: Callable[[], Member]
    finish: Callable[[BaseException | None], None]
    over: Callable[[BaseException | None], None]


class Going(Watched, Protocol):
    """What keeps a call going."""

    def start(self) -> None:
        """Begin, when all is set up."""


@dataclass(frozen=True, slots=True)
class Reception:
    """Receives the calls of a server, past a guard."""

    guard: Guard
    loop: Loop
    refusals: Refusals
    untaken: Untaken

    def serve(self, method: str, handler: Handler, pool: Pool, *, short: bool = False) -> None:
        """Have a handler answer the calls of a method: in the serving thread, if they can be ``short``."""
        limit, receiving = self.guard.limits.get(method, MAX_MESSAGE), Receiving(self.guard.timer)
        if handler.response_streaming:
            route: _Route = _Streamed(self, method, pool, receiving, handler, limit)
        else:
            route = _Unary(self, method, pool, receiving, handler, limit, short=short)
        self.loop.ticks.append(receiving.give_up)
        self.loop.serve(method, route.arrived)

    def last(self, method: str, begin: Callable[[OpenCall], Going]) -> None:
        """Have the calls of a method go on without a thread: ``begin`` makes what keeps one going."""

        def arrived(call: IncomingCall) -> None:
            rpc, watching = Rpc(self.guard, method, call), ExitStack()
            call.watch()

            def over(error: BaseException | None) -> None:
                watching.close()
                rpc.ended(error)

            def finish(error: BaseException | None) -> None:
                if error is None:
                    call.answer()
                else:
                    call.refuse(rpc.status(error))

            try:
                caller = rpc.let_in()
                again = partial(self.guard.admit, call.peer, method)
                going = begin(OpenCall(call, method, caller, self.guard.timer, again, finish, over))
            except Exception as error:  # noqa: BLE001  # whatever it is, it is answered
                self.refuse(rpc, error)
                return
            watching.enter_context(self.guard.streams.over(going))
            going.start()

        self.loop.serve(method, arrived)

    def refuse(self, rpc: Rpc, error: Exception) -> None:
        """Answer a call with an error, unread and after a while. Those not let in count as one member's."""
        member = "" if rpc.caller is None else rpc.caller.id
        details = error.details if isinstance(error, HashpactError) else {}
        wait = float(details.get("retry_after", 0))
        self.refusals.refuse(member, min(wait, rpc.call.time_remaining() / 2), partial(rpc.refused, error))


@dataclass(frozen=True)
class _Route(ABC):
    """What becomes of the calls of one method."""

    reception: Reception
    method: str
    pool: Pool
    receiving: Receiving
    handler: Handler
    limit: int

    def arrived(self, call: IncomingCall) -> None:
        """A call has arrived: let it in, count it, and wait for its request."""
        rpc = Rpc(self.reception.guard, self.method, call)
        try:
            caller = rpc.let_in()
            self.pool.enter(caller.id)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is answered
            self.reception.refuse(rpc, error)
            return
        self.begin(_Visit(rpc, caller))

    def begin(self, visit: _Visit) -> None:
        """Wait for a call's request."""
        visit.rpc.call.watch()
        self.receiving.receive(visit.caller.id, visit.rpc.call, partial(self.received, visit))

    def received(self, visit: _Visit, data: bytes | None) -> None:
        """A call's request has arrived."""
        visit.rpc.restart()
        self.submit(visit, data)

    def submit(self, visit: _Visit, data: bytes | None) -> None:
        """Have a thread answer a call."""
        try:
            self.pool.submit(visit.caller.id, partial(self.serve, visit, data))
        except RuntimeError:  # the pool is closed
            self.pool.leave(visit.caller.id)
            visit.rpc.refused(StoppingError("the server is stopping; ask again"))

    @abstractmethod
    def serve(self, visit: _Visit, data: bytes | None) -> None:
        """Answer a call in this thread."""

    def read(self, data: bytes | None) -> Any:  # noqa: ANN401  # any message
        """A request, decoded. Raises InvalidInputError."""
        read = self.handler.request_deserializer
        if data is None:
            msg = "the call has no request"
            raise InvalidInputError(msg, field="request")
        if len(data) > self.limit:
            msg = f"the request has {len(data)} bytes; the limit is {self.limit}"
            raise InvalidInputError(msg, field="request")
        try:
            return data if read is None else read(data)
        except DecodeError:
            msg = "the request is not a protobuf message of its type"
            raise InvalidInputError(msg, field="request") from None


class _Visit(NamedTuple):
    """A call that has been let in, and its caller as admitted."""

    rpc: Rpc
    caller: Member


@dataclass(frozen=True)
class _Unary(_Route):
    """Calls with one request and one answer; ``short`` if the loop may answer some of them."""

    short: bool

    def begin(self, visit: _Visit) -> None:
        """Wait for a call's request. One that may be answered at once is not watched: its caller waits."""
        if not self.short:
            visit.rpc.call.watch()
        self.receiving.receive(visit.caller.id, visit.rpc.call, partial(self.received, visit))

    def received(self, visit: _Visit, data: bytes | None) -> None:
        """A request that may be answered soon waits for the loop, any other for a thread."""
        visit.rpc.restart()
        if self.short and data is not None and len(data) <= SHORT:
            self.reception.loop.soon(visit.caller.id, partial(self._serve_at_once, visit, data))
        else:
            self.submit(visit, data)

    def submit(self, visit: _Visit, data: bytes | None) -> None:
        """Have a thread answer a call."""
        visit.rpc.call.watch()
        super().submit(visit, data)

    def _serve_at_once(self, visit: _Visit, data: bytes) -> None:
        """Answer a call in the serving thread, unless that would take long."""
        AT_ONCE.set(True)
        try:
            self._answer(visit, data)
        except Deferred:
            self.submit(visit, data)
        finally:
            AT_ONCE.set(False)

    def serve(self, visit: _Visit, data: bytes | None) -> None:
        """Answer a call in this thread."""
        self._answer(visit, data)

    def _answer(self, visit: _Visit, data: bytes | None) -> None:
        rpc, caller = visit
        CALLER.set(caller)
        error, message = None, b""
        try:
            message = self._message(rpc.call, data, caller.id)
        except Deferred:
            raise
        except BaseException as raised:  # noqa: BLE001  # whatever it is, it is answered
            error = raised
        # Before it is answered: a caller with an answer may ask again.
        self.pool.leave(caller.id)
        self.reception.untaken.give(caller.id, rpc.call, CALL + len(message))
        rpc.end(error, message)

    def _message(self, call: IncomingCall, data: bytes | None, member: str) -> bytes:
        if not call.is_active():
            raise CancelledError
        self.reception.untaken.check(member)
        handler: Any = self.handler  # of generated code or of gRPC itself
        call.received = data or b""
        message: bytes = handler.response_serializer(handler.unary_unary(self.read(data), call))
        return message


class _Streamed(_Route):
    """Calls with a stream of answers, which keep a thread."""

    def begin(self, visit: _Visit) -> None:
        """Wait for a call's request; a stream of them is read by its handler."""
        if self.handler.request_streaming:
            visit.rpc.call.watch()
            self.submit(visit, None)
        else:
            super().begin(visit)

    def serve(self, visit: _Visit, data: bytes | None) -> None:
        """Answer a call in this thread."""
        (rpc, caller), guard = visit, self.reception.guard
        CALLER.set(caller)
        write: Any = self.handler.response_serializer

        def begin(message: object) -> Callable[[], None]:
            with self.pool.turn(caller.id, rpc.call.is_active):
                return rpc.call.send(write(message))

        stream = rpc.stream = Stream(rpc.call, self.method, caller, guard.timer)
        error = None
        try:
            with guard.streams.over(stream):
                stream.send(self._source(rpc.call, data), begin)
        except BaseException as raised:  # noqa: BLE001  # whatever it is, it is answered
            error = raised
        self.pool.leave(caller.id)
        rpc.end(error)

    def _source(self, call: IncomingCall, data: bytes | None) -> Iterator[Any]:
        handler: Any = self.handler  # of generated code or of gRPC itself
        if handler.request_streaming:
            found: Iterator[Any] = handler.stream_stream(map(self.read, call.requests()), call)
        else:
            found = handler.unary_stream(self.read(data), call)
        return found
