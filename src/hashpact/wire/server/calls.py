"""One call as gRPC's synchronous server has it inside, and the executor by which we come by it.

The public interface gives a call a thread before its request is there, and a blocking iterator of requests.
Beneath it are operations with a callback, which gRPC's one serving thread calls. So a call takes no thread
until there is something to do. This module and `loop` alone know what grpc._server looks like (grpcio 1.85).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any, Final, TypeAlias, TypeVar, cast

import grpc
from grpc import _server
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # an extension module without stubs

Result = TypeVar("Result")
Context: TypeAlias = grpc.ServicerContext

_NO_FLAGS: Final = 0
_grpc: Any = _server
_RECEIVING: Final = _grpc._RECEIVE_MESSAGE_TOKEN  # noqa: SLF001  # see above
_SENDING: Final = _grpc._SEND_MESSAGE_TOKEN  # noqa: SLF001  # see above
_CODES: Final = {code: getattr(cygrpc.StatusCode, code.name.lower()) for code in grpc.StatusCode}


class Call:
    """One call. Its functions may be called in any thread.

    What is passed to `read` and `write` is called in gRPC's serving thread, which must not wait: all calls of
    the server would.
    """

    def __init__(self, run: Callable[..., Any], event: Any, state: Any) -> None:  # noqa: ANN401  # gRPC's own
        self.context = cast("Context", _grpc._Context(event, state, None))  # noqa: SLF001  # see above
        self._run = run
        self._event = event
        self._state = state

    @cached_property
    def peer(self) -> Mapping[str, tuple[bytes, ...]]:
        """What is known of the other end of the connection, which is the same for the whole call."""
        known = cygrpc.auth_context(self._event.call) or {}
        return {key.decode(): values for key, values in known.items()}

    @property
    def metadata(self) -> Iterable[tuple[str, str | bytes]]:
        """What came with the call."""
        return cast("Iterable[tuple[str, str | bytes]]", self._event.invocation_metadata)

    @property
    def left(self) -> float:
        """The seconds until the caller gives up; 0 after that."""
        return max(float(self._event.call_details.deadline) - time.time(), 0.0)

    @property
    def active(self) -> bool:
        """Whether the caller still waits and has no answer."""
        return bool(_grpc._is_rpc_state_active(self._state))  # noqa: SLF001  # see above

    def run(self, work: Callable[..., Result], *args: object) -> Result:
        """Do some work with the context variables of this call."""
        return cast("Result", self._run(work, *args))

    def read(self, then: Callable[[bytes | None], None]) -> bool:
        """Have ``then`` called with the next message, None at the end. One at a time.

        False if the call is over by now: then it is not called.
        """
        operation = cygrpc.ReceiveMessageOperation(_NO_FLAGS)
        return self._start((operation,), _RECEIVING, lambda event: then(event.batch_operations[0].message()))

    def write(self, message: bytes, then: Callable[[], None]) -> bool:
        """Send a message, and have ``then`` called once the transport has taken it. One at a time.

        False if the call is over by now: then it is not called.
        """
        operation = cygrpc.SendMessageOperation(message, _NO_FLAGS)
        return self._start((operation,), _SENDING, lambda _: then())

    def answer(self, message: bytes | None) -> None:
        """End the call, with the status that its context has and a last message."""
        _grpc._status(self._event, self._state, message)  # noqa: SLF001  # see above

    def refuse(self, status: grpc.Status) -> None:
        """End the call with a status other than OK. It does nothing if the caller has left."""
        state = self._state
        with state.condition:
            if not state.statused:
                state.trailing_metadata = status.trailing_metadata
                code, details = _CODES[status.code], status.details.encode()
                _grpc._abort(state, self._event.call, code, details)  # noqa: SLF001  # see above

    def cancel(self) -> None:
        """End the call without a status."""
        self.context.cancel()

    def requests(self, read: Callable[[bytes], Any] | None) -> Iterator[Any]:
        """The messages of the caller, each decoded; the next waits for one."""
        return cast("Iterator[Any]", _grpc._RequestIterator(self._state, self._event.call, read))  # noqa: SLF001  # see above

    def stream(self, messages: Callable[[], Iterator[Any]], write: Callable[[Any], bytes] | None) -> None:
        """Send messages, each encoded, in this thread, which waits until the caller has taken each."""

        def behaviour(_requests: object, _context: object) -> Iterator[Any]:
            return messages()

        state, in_pool = self._state, _grpc._stream_response_in_pool  # noqa: SLF001  # see above
        self._run(in_pool, self._event, state, behaviour, tuple, None, write)

    def on_end(self, then: Callable[[], object]) -> bool:
        """Have ``then`` called in the serving thread when the call is over; False if it is."""
        return self.context.add_callback(cast("Callable[[], None]", then))

    def add_done_callback(self, done: Callable[[object], object]) -> None:
        """As of a future: gRPC counts the calls that are not over."""
        if not self.on_end(lambda: done(self)):
            done(self)

    def _start(self, operations: tuple[Any, ...], token: str, then: Callable[[Any], None]) -> bool:
        state = self._state

        def completed(event: Any) -> Any:  # noqa: ANN401  # gRPC's own
            with state.condition:
                done = _grpc._possibly_finish_call(state, token)  # noqa: SLF001  # see above
            try:
                then(event)
            except Exception:  # noqa: BLE001  # it would end the thread that serves all calls
                self.cancel()
            return done

        with state.condition:
            if not self.active:
                return False
            if token == _SENDING and state.initial_metadata_allowed:
                state.initial_metadata_allowed = False
                operations = (cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS), *operations)
            self._event.call.start_server_batch(operations, completed)
            state.due.add(token)
        return True


class Entrance(ThreadPoolExecutor):
    """Where the calls of one method arrive: gRPC passes each to its executor, in the serving thread.

    It is one only for gRPC, and starts no thread; ``arrived`` takes the calls.
    """

    def __init__(self, arrived: Callable[[Call], None]) -> None:
        super().__init__(1)
        self._arrived = arrived

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:  # noqa: ANN401  # as its base
        """Pass a call on."""
        _, event, state, *_rest = args
        call = Call(fn, event, state)
        try:
            self._arrived(call)
        except Exception:  # noqa: BLE001  # it would end the thread that serves all calls
            call.cancel()
        # gRPC wants to hear when the call is over, and nothing else of a future.
        return cast("Future[Any]", call)


def handler(entrance: Entrance) -> grpc.RpcMethodHandler[Any, Any]:
    """The handler of a method, for gRPC: its calls go to that entrance, whatever their form."""

    def never(_requests: object, _context: object) -> object:
        raise NotImplementedError

    behaviour: Any = never
    behaviour.experimental_thread_pool = entrance
    return grpc.stream_unary_rpc_method_handler(behaviour)
