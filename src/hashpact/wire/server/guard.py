"""What every RPC passes through: identity, the size and form of its request, its errors, one line of log.

Nothing of a request or an answer is logged, nor an exception's text, which could repeat them.
"""

from __future__ import annotations

import enum
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, Self, TypeAlias, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2  # type: ignore[import-untyped]  # ships no type information
from structlog.typing import FilteringBoundLogger

from hashpact.domain.state import Member
from hashpact.errors import HashpactError, InvalidInputError, UnavailableError, is_fault
from hashpact.wire import errors
from hashpact.wire.codec import MAX_CHECK, MAX_CHECK_BATCH, MAX_MESSAGE
from hashpact.wire.server.admission.pools import Pool
from hashpact.wire.server.duplex import Duplex
from hashpact.wire.server.ended import Ended, Refusal, caller_class, named
from hashpact.wire.server.identity import CALLER, CHECK, CHECK_BATCH, CHECKS, HEALTH, Gate
from hashpact.wire.server.streams import Context, Stream, StreamWatch, Watched

LIMITS: Final[Mapping[str, int]] = {CHECK: MAX_CHECK, CHECK_BATCH: MAX_CHECK_BATCH}
"""The largest requests of those RPCs that have a bound of their own, in bytes as encoded."""

RECHECK: Final = 1.0
"""Seconds after which a stream's caller must still be a member, with the roles that it had."""

UNREAD: Final = 30.0
"""Seconds for which a stream waits for its caller to read on."""

# Of generated code or of gRPC itself, with messages of any type; subscripts exist in the stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Read: TypeAlias = "Callable[[bytes], Any] | None"


class AccessLog(enum.Enum):
    """For which RPCs there is a line of log, and whether that of a check names its member."""

    OFF = "off"
    ERRORS = "errors"
    CALLS = "calls"
    MEMBERS = "members"


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that goes on after its handler has returned, with its caller as admitted.

    ``admit`` admits the caller again, and raises as it did before. ``finish`` ends the call, with the status
    of an error if there is one. ``over`` is called once, when the call has ended.
    """

    context: Context
    method: str
    caller: Member
    duplex: Duplex
    timer: Callable[[], float]
    admit: Callable[[], Member]
    finish: Callable[[BaseException | None], None]
    over: Callable[[BaseException | None], None]


class Going(Watched, Protocol):
    """What keeps a call going."""

    def start(self) -> None:
        """Begin, when all is set up."""


class Guard:
    """Stands before every handler.

    ``record`` takes what is to be logged of each RPC that ``access`` asks for, and ``log`` what went wrong in
    the server itself; ``ended`` hears of every RPC, and must not take long. ``timer`` counts seconds, from
    any moment.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # each bounds something else
        self,
        gate: Gate,
        log: FilteringBoundLogger,
        record: Callable[[dict[str, object]], None],
        timer: Callable[[], float],
        limits: Mapping[str, int] = LIMITS,
        recheck: float = RECHECK,
        unread: float = UNREAD,
        access: AccessLog = AccessLog.CALLS,
        ended: Callable[[Ended], None] | None = None,
    ) -> None:
        self._gate = gate
        self._record = record
        self._limits = limits
        self._access = access
        self.ended = ended
        self.log = log
        self.timer = timer
        self._held: Callable[[], str] | None = None
        self._streams = StreamWatch(self.admit, recheck=recheck, unread=unread)

    def hold(self, why: Callable[[], str]) -> None:
        """Refuse every call but those of health with UnavailableError, which says why, until `release`."""
        self._held = why

    def release(self) -> None:
        """Let calls through."""
        self._held = None

    def check_released(self, method: str) -> None:
        """Raise UnavailableError while calls of that method are held."""
        held = self._held
        if held is not None and method not in HEALTH:
            raise UnavailableError(held())

    def admit(self, context: Context, method: str) -> Member:
        """The member that calls a method. Raises as `Gate.admit`."""
        # The stub gives another type than the values have.
        peer = cast("Mapping[str, Iterable[bytes]]", context.auth_context())
        return self._gate.admit(peer, method)

    def bars(self, pem: bytes, method: str) -> bool:
        """Whether a certificate is known to let nobody in for a method (`Gate.bars`)."""
        return self._gate.bars(pem, method)

    def before(self, method: str, handler: Handler, pool: Pool) -> Handler:
        """The handler of a method, guarded, to be run by a pool."""
        make: Any
        if handler.response_streaming:
            guarded, make = self._streaming(method, handler, pool), grpc.stream_stream_rpc_method_handler
        else:
            guarded, make = self._unary(method, handler, pool), grpc.stream_unary_rpc_method_handler
        guarded.experimental_thread_pool, guarded.method = pool, method
        # What gRPC itself cannot read it answers twice, and then a server's end waits for that call forever.
        made: Handler = make(guarded, None, handler.response_serializer)
        return made

    def is_logged(self, code: str) -> bool:
        """Whether an RPC that ended with that status has a line of log."""
        return self._access is not AccessLog.OFF and (self._access is not AccessLog.ERRORS or code != "OK")

    def lasting(self, method: str, begin: Callable[[OpenCall], Going], pool: Pool) -> Handler:
        """The handler of a method whose calls keep no thread: ``begin`` makes what keeps one going.

        ``pool`` runs what begins it. Neither counts the calls: what is begun does.
        """

        def guarded(_: object, context: Context, send: Callable[[Any], None]) -> None:
            call, watching = _Call(self, method, context, pool), ExitStack()

            def over(error: BaseException | None) -> None:
                watching.close()
                call.ended(error)

            def finish(error: BaseException | None) -> None:
                if error is not None:
                    _set_status(context, error, call.request)
                duplex.finish()

            try:
                caller = call.let_in()
                duplex = Duplex(context, send)
                again = partial(self._gate.admit, duplex.peer, method)
                going = begin(OpenCall(context, method, caller, duplex, self.timer, again, finish, over))
            except BaseException as error:
                call.__exit__(type(error), error, None)
                raise
            watching.enter_context(self._streams.over(going))
            going.start()

        run: Any = guarded
        run.experimental_thread_pool, run.method = pool, method
        run.experimental_non_blocking = True
        made: Handler = grpc.stream_stream_rpc_method_handler(run)
        return made

    def record(self, facts: dict[str, object]) -> None:
        """Have what is to be known of an RPC logged."""
        if facts["rpc"] in CHECKS and self._access is not AccessLog.MEMBERS:
            del facts["member"]
        self._record(facts)

    def refused(
        self, method: str, member: str, error: HashpactError, metadata: Iterable[tuple[str, str | bytes]]
    ) -> grpc.Status:
        """Have a call counted and logged that is refused before its caller is let in; its status."""
        request, trace = named(metadata)
        code = errors.status_of(error).name
        if self.is_logged(code):
            facts = {"rpc": method, "member": member, "code": code, "reason": error.code}
            self.record(facts | {"duration_ms": 0.0, "request": request})
        if self.ended is not None:
            self.ended(Ended(method, code, 0.0, error.code, caller_class(None), request, trace))
        return Refusal(errors.to_status(error), request)

    def close(self) -> None:
        """Look after no stream any more."""
        self._streams.close()

    def _unary(self, method: str, handler: Handler, pool: Pool) -> Any:  # noqa: ANN401  # of any message
        """The request comes as a stream, so that the caller is let in before it is waited for."""
        behaviour: Any = handler.unary_unary
        read = handler.request_deserializer
        limit = self._limits.get(method, MAX_MESSAGE)

        def guarded(requests: Iterator[bytes], context: Context) -> Any:  # noqa: ANN401  # a message of any type
            with _Call(self, method, context, pool) as call:
                call.admit()
                return behaviour(_read(read, call.receive(requests), limit), context)

        return guarded

    def _streaming(self, method: str, handler: Handler, pool: Pool) -> Any:  # noqa: ANN401  # as above
        behaviour: Any = handler.stream_stream if handler.request_streaming else handler.unary_stream
        read = handler.request_deserializer
        limit = self._limits.get(method, MAX_MESSAGE)

        def guarded(requests: Iterator[Any], context: Context) -> Iterator[Any]:
            with _Call(self, method, context, pool) as call:
                stream = call.stream = Stream(context, method, call.admit(), self.timer)
                with self._streams.over(stream):
                    asked = (
                        (_read(read, data, limit) for data in requests)
                        if handler.request_streaming
                        else _read(read, call.receive(requests), limit)
                    )
                    yield from stream.messages(behaviour(asked, context))

        return guarded


class _Call:
    """One RPC: lets its caller in, counts it, answers its error, has it logged."""

    __slots__ = ("_context", "_guard", "_member", "_method", "_named", "_pool", "_since", "stream")

    def __init__(self, guard: Guard, method: str, context: Context, pool: Pool) -> None:
        self.stream: Stream | None = None
        self._member: Member | None = None
        self._named: tuple[str, str | None] | None = None
        self._guard = guard
        self._method = method
        self._context = context
        self._pool = pool
        self._since = guard.timer()

    def __enter__(self) -> Self:
        """There is nothing to set up."""
        return self

    def admit(self) -> Member:
        """Let the caller in. Raises as `Gate.admit`."""
        member = self.let_in()
        CALLER.set(member)
        return member

    def let_in(self) -> Member:
        """Let the caller in, for a call that is counted elsewhere. Raises as `Gate.admit`."""
        member = self._guard.admit(self._context, self._method)
        self._member = member
        self._guard.check_released(self._method)
        return member

    def receive(self, requests: Iterator[bytes]) -> bytes:
        """The one request of the call. Raises InvalidInputError if there is none."""
        try:
            return self._pool.receive(requests.__next__, self._context.is_active, self._context.cancel)
        except StopIteration:
            msg = "the call has no request"
            raise InvalidInputError(msg, field="request") from None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Answer an error, and have the RPC logged."""
        status = self.ended(error)
        if status is not None:
            self._context.abort_with_status(Refusal(status, self.request))
        if isinstance(error, CancelledError):
            self._context.abort(grpc.StatusCode.CANCELLED, "the caller has left")

    def ended(self, error: BaseException | None) -> status_pb2.Status | None:
        """Have the RPC logged; the status of its error, for a caller who has not left."""
        code, reason, status = "OK", None, None
        left = isinstance(error, (CancelledError, GeneratorExit, grpc.RpcError))
        if left and self.stream is not None and self.stream.ending is not None:
            error = self.stream.ending  # it is the server that has ended it
        if error is None:
            code = _code(self._context)
        elif isinstance(error, HashpactError):
            status = errors.to_status(error)
            code, reason = errors.status_of(error).name, error.code
            if is_fault(error):
                self._fault("rpc failed", reason=reason, message=error.message)
        elif left:
            code = "CANCELLED"
        else:
            # Whatever a handler raises, the caller gets INTERNAL.
            status = errors.internal()
            code = reason = HashpactError.code
            self._fault("rpc crashed", **_trace(error))
        self._tell(code, reason)
        return None if left else status

    def _tell(self, code: str, reason: str | None) -> None:
        """Have the RPC counted and logged, if it is to be."""
        guard = self._guard
        seconds = guard.timer() - self._since
        if guard.is_logged(code):
            member = None if self._member is None else self._member.id
            facts: dict[str, object] = {"rpc": self._method, "member": member, "code": code}
            if reason is not None:
                facts["reason"] = reason
            facts |= {"duration_ms": round(seconds * 1000, 3), "request": self.request}
            guard.record(facts)
        if guard.ended is not None:
            request, trace = self._names()
            caller = "" if reason is None else caller_class(self._member)
            guard.ended(Ended(self._method, code, seconds, reason, caller, request, trace))

    def _fault(self, event: str, **facts: str) -> None:
        """Log a fault of the server."""
        self._guard.log.error(event, rpc=self._method, request=self.request, **facts)

    @property
    def request(self) -> str:
        """The call's request id."""
        return self._names()[0]

    def _names(self) -> tuple[str, str | None]:
        """The call's request id, and the caller's span."""
        if self._named is None:
            self._named = named(self._context.invocation_metadata())
        return self._named


def _set_status(context: Context, error: BaseException, request: str) -> None:
    """The status of an error, in place of an exception."""
    if isinstance(error, CancelledError):
        context.set_code(grpc.StatusCode.CANCELLED)
        return
    known = errors.to_status(error) if isinstance(error, HashpactError) else errors.internal()
    status = Refusal(known, request)
    context.set_code(status.code)
    context.set_details(status.details)
    context.set_trailing_metadata(status.trailing_metadata)


def _code(context: Any) -> str:  # noqa: ANN401  # its stub omits code()
    """The name of the status that a handler has set, if it has."""
    code = context.code()
    return "OK" if code is None else str(getattr(code, "name", code))


def _read(read: Read, data: bytes, limit: int) -> Any:  # noqa: ANN401  # any message
    if len(data) > limit:
        msg = f"the request has {len(data)} bytes; the limit is {limit}"
        raise InvalidInputError(msg, field="request")
    try:
        return data if read is None else read(data)
    except DecodeError:
        msg = "the request is not a protobuf message of its type"
        raise InvalidInputError(msg, field="request") from None


def _trace(error: BaseException) -> dict[str, str]:
    """The type and the place of an exception, without its text."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return {"exception": f"{type(error).__module__}.{type(error).__qualname__}", "traceback": frames}
