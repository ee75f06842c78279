"""One call, by the operations of gRPC's core.

The servers that grpcio has keep a thread or a coroutine for each call. The core beneath them tells when an
operation is done, so that a call takes memory only until there is something to do. Its Python interface,
``grpc._cython.cygrpc``, is no public one: this room alone uses it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # an extension module without stubs

Metadata: TypeAlias = "tuple[tuple[str, str | bytes], ...]"

_NO_FLAGS: Final = 0
_CODES: Final = {code: getattr(cygrpc.StatusCode, code.name.lower()) for code in grpc.StatusCode}
_OK: Final = _CODES[grpc.StatusCode.OK]


class IncomingCall:
    """One call. Its functions may be called in any thread.

    What is passed to `read`, `write` and `add_callback` is called in the serving thread, which must not wait:
    all calls of the server would. A call is over when its status has gone out, or it is cancelled, and no
    operation is under way; ``over`` is called then, once.

    Servicers get it as their context, and may use of `grpc.ServicerContext` what it has.
    """

    def __init__(self, event: Any, over: Callable[[IncomingCall], None]) -> None:  # noqa: ANN401  # the core's own
        self._call = event.call
        self._deadline: float = event.call_details.deadline
        self._lock = threading.Lock()
        self._under_way = 0
        self._watched = self._begun = self._ended = self._cancelled = False
        self._code: grpc.StatusCode | None = None
        self._over = over
        self._then: list[Callable[[], None]] | None = []
        self.received = b""
        """The bytes of the request of a unary call, once it is read."""
        self.metadata: Metadata = event.invocation_metadata
        known = cygrpc.auth_context(event.call) or {}
        self.peer: Mapping[str, tuple[bytes, ...]] = {key.decode(): values for key, values in known.items()}
        """What is known of the other end of the connection, which is the same for the whole call."""

    def time_remaining(self) -> float:
        """The seconds until the caller gives up; 0 after that."""
        return max(self._deadline - time.time(), 0.0)

    def is_active(self) -> bool:
        """Whether the caller still waits and has no status."""
        return not (self._ended or self._cancelled) and time.time() < self._deadline

    def set_code(self, code: grpc.StatusCode) -> None:
        """The status that the call ends with, if no other is given."""
        self._code = code

    def code(self) -> grpc.StatusCode | None:
        """The status that was set."""
        return self._code

    def add_callback(self, then: Callable[[], None]) -> bool:
        """Have ``then`` called when the call is over; False if it is."""
        with self._lock:
            if self._then is None:
                return False
            self._then.append(then)
        return True

    def watch(self) -> None:
        """Notice from now on when the caller leaves. Calls that are answered at once do without."""
        with self._lock:
            self._watch()

    def cancel(self) -> None:
        """End the call without a status."""
        with self._lock:
            if not (self._ended or self._cancelled):
                self._watch()  # so that an operation is under way, with whose end the call is over
                self._cancelled = True
        self._call.cancel()

    def read(self, then: Callable[[bytes | None], None]) -> bool:
        """Have ``then`` called with the next message, None at the end. One at a time.

        False if the call is over by now: then it is not called.
        """
        operation = cygrpc.ReceiveMessageOperation(_NO_FLAGS)
        return self._go_on(operation, lambda event: then(event.batch_operations[0].message()))

    def write(self, message: bytes, then: Callable[[], object]) -> bool:
        """Send a message, and have ``then`` called once the transport has taken it. One at a time.

        False if the call is over by now: then it is not called.
        """
        return self._go_on(cygrpc.SendMessageOperation(message, _NO_FLAGS), lambda _: then())

    def send(self, message: bytes) -> Callable[[], None]:
        """Begin to send a message; what is returned waits until the transport has taken it.

        That raises CancelledError if the call is over by then.
        """
        taken: SimpleQueue[None] = SimpleQueue()
        begun = self.write(message, partial(taken.put, None))

        def wait() -> None:
            if begun:
                taken.get()
            if self._ended or self._cancelled:
                raise CancelledError

        return wait

    def requests(self) -> Iterator[bytes]:
        """The messages of the caller; each is waited for."""
        read: SimpleQueue[bytes | None] = SimpleQueue()
        while self.read(read.put):
            message = read.get()
            if message is None:
                return
            yield message

    def answer(self, message: bytes | None = None) -> None:
        """End the call, with a last message and the status that was set. It does nothing if it has ended."""
        code = _OK if self._code is None else _CODES[self._code]
        self._end(cygrpc.SendStatusFromServerOperation(None, code, b"", _NO_FLAGS), message)

    def refuse(self, status: grpc.Status) -> None:
        """End the call with a status. It does nothing if it has ended."""
        metadata, code, details = status.trailing_metadata, _CODES[status.code], status.details.encode()
        self._end(cygrpc.SendStatusFromServerOperation(metadata, code, details, _NO_FLAGS), None)

    def _end(self, status: Any, message: bytes | None) -> None:  # noqa: ANN401  # the core's own
        operations = [status]
        with self._lock:
            if self._ended or self._cancelled:
                return
            self._ended = True
            if not self._begun:
                operations.append(cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS))
            if message is not None:
                operations.append(cygrpc.SendMessageOperation(message, _NO_FLAGS))
            if not self._watched:
                operations.append(cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS))
            self._start(operations, None)

    def _watch(self) -> None:
        if not self._watched:
            self._watched = True
            self._start((cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),), self._closed)

    def _closed(self, event: Any) -> None:  # noqa: ANN401  # the core's own
        if event.batch_operations[0].cancelled():
            self._cancelled = True

    def _go_on(self, operation: Any, then: Callable[[Any], object]) -> bool:  # noqa: ANN401  # the core's own
        operations: tuple[Any, ...] = (operation,)
        with self._lock:
            if self._ended or self._cancelled:
                return False
            if not self._begun and isinstance(operation, cygrpc.SendMessageOperation):
                self._begun = True
                operations = (cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS), operation)
            self._start(operations, then)
        return True

    def _start(self, operations: Any, then: Callable[[Any], object] | None) -> None:  # noqa: ANN401  # the core's own
        self._under_way += 1
        self._call.start_server_batch(operations, partial(self._done, then))

    def _done(self, then: Callable[[Any], object] | None, event: Any) -> None:  # noqa: ANN401  # the core's own
        """Some operations are done. The serving thread calls it, with the core's event."""
        try:
            if then is not None:
                then(event)
        except BaseException:
            self.cancel()
            raise
        finally:
            self._settle()

    def _settle(self) -> None:
        """Note that operations are done, and that the call is over if they were the last."""
        with self._lock:
            self._under_way -= 1
            if self._under_way or not (self._ended or self._cancelled) or self._then is None:
                return
            callbacks, self._then = self._then, None
        self._over(self)  # first: a callback may raise
        for callback in callbacks:
            callback()
