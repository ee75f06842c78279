"""What every RPC passes through: identity, the size and form of its request, its errors, one line of log.

Nothing of a request or an answer is logged, nor an exception's text, which could repeat them.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status
from structlog.typing import FilteringBoundLogger

from hashpact.errors import HashpactError, InvalidInputError, NotPermittedError, OverloadedError, is_fault
from hashpact.wire import errors
from hashpact.wire.codec import MAX_CHECK, MAX_MESSAGE
from hashpact.wire.identity import CALLER, CHECK, Gate

LIMITS: Final[Mapping[str, int]] = {CHECK: MAX_CHECK}
"""The largest requests of those RPCs that have a bound of their own, in bytes as encoded."""

RECHECK: Final = 1.0
"""Seconds after which a stream's caller must still be a member, with the roles that it had."""

MEMBER_CALLS: Final = 400
"""Calls of all kinds, health and reflection too, that a member has under way at most in one process.

It is what the pools allow in all; what does not pass through a pool is bounded by this alone.
"""

UNREAD: Final = 30.0
"""Seconds for which a stream waits for its caller to read on."""

# Of generated code or of gRPC itself, with messages of any type; subscripts exist in the stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_STREAMS: Final[Mapping[bool, Any]] = {
    False: grpc.unary_stream_rpc_method_handler,
    True: grpc.stream_stream_rpc_method_handler,
}


class AccessLog(enum.Enum):
    """For which RPCs the log gets an event ``rpc``, and whether that of a check names its member."""

    OFF = "off"
    ERRORS = "errors"
    CALLS = "calls"
    MEMBERS = "members"


class Guard(grpc.aio.ServerInterceptor):
    """Stands before every handler.

    ``log`` gets an event ``rpc`` for each RPC that ``access`` asks for; ``timer`` counts seconds, from any
    moment.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # each bounds something else
        self,
        gate: Gate,
        log: FilteringBoundLogger,
        timer: Callable[[], float],
        limits: Mapping[str, int] = LIMITS,
        recheck: float = RECHECK,
        unread: float = UNREAD,
        member_calls: int = MEMBER_CALLS,
        access: AccessLog = AccessLog.CALLS,
    ) -> None:
        self._gate = gate
        self._log = log
        self._timer = timer
        self._limits = limits
        self._recheck = recheck
        self._unread = unread
        self._member_calls = member_calls
        self._under_way: Counter[str] = Counter()
        self._access = access
        # Only methods that exist get here, so this is bounded.
        self._guarded: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of the call, guarded; None if there is no such method."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        guarded = self._guarded.get(method)
        if guarded is None:
            guarded = (
                self._streaming(method, handler)
                if handler.response_streaming
                else self._unary(method, handler)
            )
            self._guarded[method] = guarded
        return guarded

    def _unary(self, method: str, handler: Handler) -> Handler:
        """The handler takes bytes, so that it is this class that says what is wrong with them."""
        behaviour: Any = handler.unary_unary
        read = handler.request_deserializer
        limit = self._limits.get(method, MAX_MESSAGE)

        async def guarded(data: bytes, context: Context) -> Any:  # noqa: ANN401  # a message of any type
            async def work() -> Any:  # noqa: ANN401  # as above
                return await behaviour(_read(read, data, limit), context)

            return await self._run(method, context, work)

        return grpc.unary_unary_rpc_method_handler(guarded, None, handler.response_serializer)

    def _streaming(self, method: str, handler: Handler) -> Handler:
        behaviour: Any = handler.stream_stream if handler.request_streaming else handler.unary_stream
        # As in `_unary`, one request comes as bytes; a stream of them is gRPC's to read.
        late = None if handler.request_streaming else handler.request_deserializer
        limit = self._limits.get(method, MAX_MESSAGE)

        async def guarded(request: Any, context: Context) -> None:  # noqa: ANN401  # bytes or an iterator
            async def work() -> None:
                read = request if late is None else _read(late, request, limit)
                writing = _Writing(self._timer)
                await self._watched(method, _pump(behaviour, read, context, writing), context, writing)

            await self._run(method, context, work)

        make = _STREAMS[handler.request_streaming]
        early = handler.request_deserializer if late is None else None
        guarded_handler: Handler = make(guarded, early, handler.response_serializer)
        return guarded_handler

    async def _run(self, method: str, context: Context, work: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401  # of any RPC
        """Let the caller in, do the work, answer its error, write the line."""
        start = self._timer()
        facts: dict[str, object] = {"rpc": method, "member": None, "code": "OK"}
        try:
            member = self._gate.admit(context.auth_context(), method)
            facts["member"] = member.id
            CALLER.set(member)
            with self._counted(member.id):
                return await work()
        except HashpactError as error:
            status = errors.to_status(error)
            facts |= {"code": errors.status_of(error).name, "reason": error.code}
            if is_fault(error):
                self._log.error("rpc failed", rpc=method, reason=error.code, message=error.message)
        except grpc.aio.AbortError:
            code = context.code()
            facts["code"] = getattr(code, "name", code)
            raise
        except asyncio.CancelledError:
            facts["code"] = "CANCELLED"
            raise
        except Exception as error:  # noqa: BLE001  # whatever a handler raises, the caller gets INTERNAL
            status = errors.internal()
            facts["code"] = "INTERNAL"
            self._log.error("rpc crashed", rpc=method, **_trace(error))
        finally:
            self._write(facts, self._timer() - start)
        await context.abort_with_status(rpc_status.to_status(status))
        raise AssertionError  # abort_with_status always raises; its stub does not say so

    @contextlib.contextmanager
    def _counted(self, member: str) -> Iterator[None]:
        """Count a call of a member while it is under way; OverloadedError if it has too many."""
        if self._under_way[member] >= self._member_calls:
            msg = f"{member!r} has {self._member_calls} calls under way, the most it may; try again"
            raise OverloadedError(msg)
        self._under_way[member] += 1
        try:
            yield
        finally:
            self._under_way[member] -= 1

    def _write(self, facts: dict[str, object], seconds: float) -> None:
        """Write the event of an RPC, if it is asked for."""
        if self._access is AccessLog.OFF or (self._access is AccessLog.ERRORS and facts["code"] == "OK"):
            return
        if facts["rpc"] == CHECK and self._access is not AccessLog.MEMBERS:
            del facts["member"]
        self._log.info("rpc", **facts, duration_ms=round(seconds * 1000, 3))

    async def _watched(
        self, method: str, stream: Awaitable[None], context: Context, writing: _Writing
    ) -> None:
        """Run a stream; end it when its caller is no longer a member, has other roles or does not read on."""
        roles = CALLER.get().roles
        task = asyncio.ensure_future(stream)
        pause = min(self._recheck, self._unread)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=pause)
                if self._gate.admit(context.auth_context(), method).roles != roles:
                    msg = "the member's roles have changed; call again"
                    raise NotPermittedError(msg)
                if writing.seconds >= self._unread:
                    msg = f"the stream was not read for {self._unread:g} s; ask for the rest again"
                    raise OverloadedError(msg)
            await task
        finally:
            task.cancel()


class _Writing:
    """Since when a stream waits for its caller to take a message."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        return 0 if self._since is None else self._timer() - self._since

    def begin(self) -> None:
        self._since = self._timer()

    def end(self) -> None:
        self._since = None


def _read(read: Callable[[bytes], Any] | None, data: bytes, limit: int) -> Any:  # noqa: ANN401  # any message
    if len(data) > limit:
        msg = f"the request has {len(data)} bytes; the limit is {limit}"
        raise InvalidInputError(msg, field="request")
    try:
        return data if read is None else read(data)
    except DecodeError:
        msg = "the request is not a protobuf message of its type"
        raise InvalidInputError(msg, field="request") from None


async def _pump(behaviour: Any, request: Any, context: Context, writing: _Writing) -> None:  # noqa: ANN401  # any handler
    """Run a streaming handler of either style: one that yields messages, or one that writes them itself."""
    running = behaviour(request, context)
    if not hasattr(running, "__aiter__"):
        await running
        return
    async for message in running:
        writing.begin()
        await context.write(message)
        writing.end()


def _trace(error: BaseException) -> dict[str, str]:
    """The type and the place of an exception, without its text."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return {"exception": f"{type(error).__module__}.{type(error).__qualname__}", "traceback": frames}
