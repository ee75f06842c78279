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

    @property
    def active(self) -> bool:
        """Whether the caller still waits, and no status has been sent."""
        return self._context.is_active()

    def read(self, then: Callable[[bytes | None], None]) -> None:
        """Have ``then`` called with the next message, None at the end. One at a time.

        It is not called if the call is over by now.
        """

        def received(event: Any) -> Any:  # noqa: ANN401  # gRPC's own
            with self._state.condition:
                done = _grpc._possibly_finish_call(self._state, _grpc._RECEIVE_MESSAGE_TOKEN)  # noqa: SLF001
            then(event.batch_operations[0].message())
            return done

        self._start((cygrpc.ReceiveMessageOperation(_NO_FLAGS),), received, _grpc._RECEIVE_MESSAGE_TOKEN)  # noqa: SLF001

    def write(self, message: bytes, then: Callable[[], None]) -> None:
        """Send a message, and have ``then`` called once the transport has taken it. One at a time.

        It is not called if the call is over by now.
        """

        def sent(_event: object) -> Any:  # noqa: ANN401  # as above
            with self._state.condition:
                done = _grpc._possibly_finish_call(self._state, _grpc._SEND_MESSAGE_TOKEN)  # noqa: SLF001
            then()
            return done

        self._start((cygrpc.SendMessageOperation(message, _NO_FLAGS),), sent, _grpc._SEND_MESSAGE_TOKEN)  # noqa: SLF001

    def finish(self) -> None:
        """End the call, with the status that its context has."""
        self._send(None)

    def _start(self, operations: tuple[Any, ...], then: Callable[[Any], Any], token: str) -> None:
        state = self._state
        with state.condition:
            if not _grpc._is_rpc_state_active(state):  # noqa: SLF001
                return
            if token == _grpc._SEND_MESSAGE_TOKEN and state.initial_metadata_allowed:  # noqa: SLF001
                state.initial_metadata_allowed = False
                operations = (cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS), *operations)
            self._call.start_server_batch(operations, then)
            state.due.add(token)
