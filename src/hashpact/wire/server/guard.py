"""What every RPC passes through: identity, the size and form of its request, its errors, one line of log.

Nothing of a request or an answer is logged, nor an exception's text, which could repeat them.
"""

from __future__ import annotations

import enum
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from typing import Final, Protocol

import grpc
from structlog.typing import FilteringBoundLogger

from hashpact.domain.state import Member
from hashpact.errors import HashpactError, UnavailableError, is_fault
from hashpact.wire import errors
from hashpact.wire.codec import MAX_CHECK, MAX_CHECK_BATCH
from hashpact.wire.server.core.incoming import IncomingCall
from hashpact.wire.server.ended import Ended, Gone, Refusal, caller_class, named
from hashpact.wire.server.identity import CHECK, CHECK_BATCH, CHECKS, HEALTH
from hashpact.wire.server.streams import Peer, Stream, StreamWatch

LIMITS: Final[Mapping[str, int]] = {CHECK: MAX_CHECK, CHECK_BATCH: MAX_CHECK_BATCH}
"""The largest requests of those RPCs that have a bound of their own, in bytes as encoded."""

RECHECK: Final = 1.0
"""Seconds after which a stream's caller must still be a member, with the roles that it had."""

UNREAD: Final = 30.0
"""Seconds for which a stream waits for its caller to read on."""


class AccessLog(enum.Enum):
    """For which RPCs there is a line of log, and whether that of a check names its member."""

    OFF = "off"
    ERRORS = "errors"
    CALLS = "calls"
    MEMBERS = "members"


class Admits(Protocol):
    """Lets callers in."""

    def admit(self, peer: Peer, method: str, /) -> Member:
        """The member at the other end of a channel. Raises NotPermittedError or UnauthenticatedError."""
        ...


class Guard:
    """Stands before every handler.

    ``record`` takes what is to be logged of each RPC that ``access`` asks for, and ``log`` what went wrong in
    the server itself; ``ended`` hears of every RPC, and must not take long. ``timer`` counts seconds, from
    any moment.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # each bounds something else
        self,
        gate: Admits,
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
        self._access = access
        self._held: Callable[[], str] | None = None
        self.limits = limits
        self.ended = ended
        self.log = log
        self.timer = timer
        self.streams = StreamWatch(gate.admit, recheck=recheck, unread=unread)

    def hold(self, why: Callable[[], str]) -> None:
        """Refuse every call but those of health with UnavailableError, which says why, until `release`."""
        self._held = why

    def release(self) -> None:
        """Let calls through."""
        self._held = None

    def admit(self, peer: Peer, method: str) -> Member:
        """The member that calls a method. Raises as `Gate.admit`."""
        return self._gate.admit(peer, method)

    def check_released(self, method: str) -> None:
        """Raise UnavailableError while calls of that method are held."""
        held = self._held
        if held is not None and method not in HEALTH:
            raise UnavailableError(held())

    def is_logged(self, code: str) -> bool:
        """Whether an RPC that ended with that status has a line of log."""
        return self._access is not AccessLog.OFF and (self._access is not AccessLog.ERRORS or code != "OK")

    def record(self, facts: dict[str, object]) -> None:
        """Have what is to be known of an RPC logged."""
        if facts["rpc"] in CHECKS and self._access is not AccessLog.MEMBERS:
            del facts["member"]
        self._record(facts)

    def crashed(self, error: BaseException, **facts: str) -> None:
        """Log what nobody expected to be raised, without its text, which could repeat a request."""
        self.log.error("rpc crashed", **facts, **_trace(error))

    def close(self) -> None:
        """Look after no stream any more."""
        self.streams.close()


class Rpc:
    """One RPC, from its arrival to its end."""

    __slots__ = ("_guard", "_named", "_since", "call", "caller", "method", "stream")

    def __init__(self, guard: Guard, method: str, call: IncomingCall) -> None:
        self.stream: Stream | None = None
        self.call = call
        self.method = method
        self.caller: Member | None = None
        self._named: tuple[str, str | None] | None = None
        self._guard = guard
        self._since = guard.timer()

    def let_in(self) -> Member:
        """Let the caller in. Raises as `Gate.admit`, and UnavailableError while calls are held."""
        self.caller = caller = self._guard.admit(self.call.peer, self.method)
        self._guard.check_released(self.method)
        return caller

    def restart(self) -> None:
        """Count its time from now on: the request is there, which the caller may have held back."""
        self._since = self._guard.timer()

    def ended(self, error: BaseException | None) -> None:
        """Have the RPC counted and logged."""
        code, reason = "OK", None
        left = isinstance(error, CancelledError)
        if left and self.stream is not None and self.stream.ending is not None:
            error = self.stream.ending  # it is the server that has ended it
        if error is None:
            given = self.call.code()
            code = "OK" if given is None else given.name
        elif isinstance(error, HashpactError):
            code, reason = errors.status_of(error).name, error.code
            if is_fault(error):
                facts = {"rpc": self.method, "request": self.request, "reason": reason}
                self._guard.log.error("rpc failed", message=error.message, **facts)
        elif left:
            code = "CANCELLED"
        else:
            code = reason = HashpactError.code
            self._guard.crashed(error, rpc=self.method, request=self.request)
        self._tell(code, reason)

    def status(self, error: BaseException) -> grpc.Status:
        """The status of a call that ends with that error; INTERNAL, whatever else a handler raises."""
        if isinstance(error, CancelledError):
            return Gone()
        known = errors.to_status(error) if isinstance(error, HashpactError) else errors.internal()
        return Refusal(known, self.request)

    def end(self, error: BaseException | None, message: bytes | None = None) -> None:
        """End the call, with a last message or the status of an error; without one if that fails."""
        try:
            self.ended(error)
            if error is None:
                self.call.answer(message)
            else:
                self.call.refuse(self.status(error))
        except Exception as failure:  # noqa: BLE001  # the caller would wait, and so would the server's stop
            self._guard.crashed(failure, rpc=self.method)
            self.call.cancel()
        finally:
            _forget_frames(error)

    def refused(self, error: BaseException) -> None:
        """End the call unread, with the status of an error, as if it had just arrived."""
        self.restart()
        self.end(error)

    def _tell(self, code: str, reason: str | None) -> None:
        """Have the RPC counted and logged, if it is to be."""
        guard = self._guard
        seconds = guard.timer() - self._since
        if guard.is_logged(code):
            member = None if self.caller is None else self.caller.id
            facts: dict[str, object] = {"rpc": self.method, "member": member, "code": code}
            if reason is not None:
                facts["reason"] = reason
            facts |= {"duration_ms": round(seconds * 1000, 3), "request": self.request}
            guard.record(facts)
        if guard.ended is not None:
            request, trace = self._names()
            caller = "" if reason is None else caller_class(self.caller)
            guard.ended(Ended(self.method, code, seconds, reason, caller, request, trace))

    @property
    def request(self) -> str:
        """The call's request id."""
        return self._names()[0]

    def _names(self) -> tuple[str, str | None]:
        """The call's request id, and the caller's span."""
        if self._named is None:
            self._named = named(self.call.metadata)
        return self._named


def _forget_frames(error: BaseException | None) -> None:
    """Drop the tracebacks of an error, and of those that it comes from.

    A variable or a future that holds the error is itself held by a frame of the traceback. That cycle would
    keep the call in memory until garbage is collected, and gRPC counts a call in memory as under way.
    """
    raised = [error]
    while raised:
        one = raised.pop()
        if one is not None and one.__traceback__ is not None:
            one.__traceback__ = None
            raised += (one.__cause__, one.__context__)


def _trace(error: BaseException) -> dict[str, str]:
    """The type and the place of an exception, without its text."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return {"exception": f"{type(error).__module__}.{type(error).__qualname__}", "traceback": frames}
