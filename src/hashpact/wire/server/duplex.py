"""A call with messages both ways that keeps no thread while it waits for one.

gRPC's synchronous server offers only a blocking iterator of requests, so that each open stream would hold a
thread. Beneath it are operations with a callback, which its one serving thread calls. This module starts two
of these itself: it is the only one that knows what grpc._server looks like inside (grpcio 1.85).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from grpc import _server
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # its stubs leave out what is private

from hashpact.wire.server.streams import Context

_NO_FLAGS: Final = 0
_grpc: Any = _server
_RECEIVING: Final = _grpc._RECEIVE_MESSAGE_TOKEN  # noqa: SLF001  # see above
_SENDING: Final = _grpc._SEND_MESSAGE_TOKEN  # noqa: SLF001  # see above
_is_active: Final = _grpc._is_rpc_state_active  # noqa: SLF001  # see above
_completed: Final = _grpc._possibly_finish_call  # noqa: SLF001  # see above


class Duplex:
    """One call. ``send`` is the function that gRPC passes to a handler with ``experimental_non_blocking``.

    The functions that are passed to `read` and `write` are called in gRPC's serving thread, which must not
    wait: all calls of the server would.
    """

    def __init__(self, context: Context, send: Callable[[Any], None]) -> None:
        inner: Any = context
        self._context = context
        self._state = inner._state  # noqa: SLF001  # see above
        self._call = inner._rpc_event.call  # noqa: SLF001  # as above
        self._send = send
        # The connection's, so it does not change while the call lasts. The stub gives another type.
        self.peer = cast("Mapping[str, tuple[bytes, ...]]", context.auth_context())

    def read(self, then: Callable[[bytes | None], None]) -> None:
        """Have ``then`` called with the next message, None at the end. One at a time.

        It is not called if the call is over by now.
        """
        operation = cygrpc.ReceiveMessageOperation(_NO_FLAGS)
        self._start((operation,), _RECEIVING, lambda event: then(event.batch_operations[0].message()))

    def write(self, message: bytes, then: Callable[[], None]) -> None:
        """Send a message, and have ``then`` called once the transport has taken it. One at a time.

        It is not called if the call is over by now.
        """
        operation = cygrpc.SendMessageOperation(message, _NO_FLAGS)
        self._start((operation,), _SENDING, lambda _: then())

    def finish(self) -> None:
        """End the call, with the status that its context has."""
        self._send(None)

    def _start(self, operations: tuple[Any, ...], token: str, then: Callable[[Any], None]) -> None:
        state = self._state

        def completed(event: Any) -> Any:  # noqa: ANN401  # gRPC's own
            with state.condition:
                done = _completed(state, token)
            try:
                then(event)
            except Exception:  # noqa: BLE001  # it would end the thread that serves all calls
                self._context.cancel()
            return done

        with state.condition:
            if not _is_active(state):
                return
            if token == _SENDING and state.initial_metadata_allowed:
                state.initial_metadata_allowed = False
                operations = (cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS), *operations)
            self._call.start_server_batch(operations, completed)
            state.due.add(token)
