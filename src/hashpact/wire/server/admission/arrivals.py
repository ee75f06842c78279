"""Arriving calls: finds the member of each, and refuses one before it takes a thread.

gRPC passes a call to an executor with what it knows of the connection. That is no public interface, so a
test holds it against the grpcio that is installed.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import grpc
from grpc import _server as internal
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # an extension module without stubs

from hashpact.errors import OverloadedError
from hashpact.keys.certificates import shown
from hashpact.wire.server.admission.pools import Arrivals

Refused: TypeAlias = Callable[[str, str, OverloadedError, Iterable[tuple[str, str | bytes]]], grpc.Status]
"""Takes the method, the member, the error and the metadata of a call."""

HOLD: Final = 1.0
"""Seconds for which a refusal is held, if no others of its member are before it."""
EACH: Final = 200
"""Refusals that one member gets in a second."""
HELD: Final = 4096
"""Refusals that are held at once, each of 10 to 20 KB."""
HELD_EACH: Final = 1024
"""Those of one member."""


def _member(args: tuple[Any, ...]) -> str:
    """The member that the certificate at the other end of a call's connection names, or "".

    It is not admitted yet: it may be unknown or suspended, and the certificate revoked.
    """
    call = getattr(args[1], "call", None) if len(args) > 1 else None
    peer = {} if call is None else cygrpc.auth_context(call) or {}
    pem = tuple(peer.get(b"x509_pem_cert", ()))
    names = shown(bytes(pem[0])).names if len(pem) == 1 else ()
    return (names[0] or "").rpartition("/")[2] if len(names) == 1 else ""


class Refusals:
    """Answers the calls that the pools of a gRPC server refuse, with the status that ``refused`` gives.

    A refusal is held for as long as the caller is asked to wait, a second at most and half of the time that
    its call has left, and a member gets at most `EACH` a second. So calling again at once does not bring more
    refusals. When too many are held, a call is refused at once.

    gRPC passes an executor five things: what runs a function in the call's context, the function, the event
    with which the call arrived, its state, and the handler.
    """

    def __init__(self, refused: Refused) -> None:
        self._refused = refused
        self._numbers = itertools.count()
        self._held: list[tuple[float, int, str, tuple[Any, ...], OverloadedError]] = []
        self._of: Counter[str] = Counter()
        self._next: dict[str, float] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def arrivals(self, hindrance: Callable[[str], OverloadedError | None] = lambda _member: None) -> Arrivals:
        """The `Arrivals` of a pool; ``hindrance`` is another reason to refuse a call."""
        return Arrivals(_member, hindrance, self.refuse)

    def refuse(self, member: str, args: tuple[Any, ...], error: OverloadedError) -> None:
        """Answer with the error's status, after a while."""
        now, left = time.monotonic(), max(args[1].call_details.deadline - time.time(), 0.0)
        wait = min(float(error.details.get("retry_after", 0)), HOLD, left / 2)
        with self._changed:
            held = not self._closed and len(self._held) < HELD and self._of[member] < HELD_EACH
            if held:
                self._of[member] += 1
                at = max(now + wait, self._next.get(member, 0.0))
                self._next[member] = at + 1 / EACH
                heapq.heappush(self._held, (at, next(self._numbers), member, args, error))
                self._changed.notify()
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="hashpact-refusals", daemon=True)
                    self._thread.start()
        if not held:
            self._answer(member, args, error)

    def close(self) -> None:
        """Answer all held refusals, and hold no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._held or self._closed)
                if not self._held:
                    return
                wait = 0.0 if self._closed else self._held[0][0] - time.monotonic()
                if wait > 0:
                    self._changed.wait(min(wait, HOLD))
                    continue
                _, _, member, args, error = heapq.heappop(self._held)
                self._of[member] -= 1
                if not self._of[member]:
                    del self._of[member], self._next[member]
            self._answer(member, args, error)

    def _answer(self, member: str, args: tuple[Any, ...], error: OverloadedError) -> None:
        _, event, state, handler = args[:4]
        status = self._refused(handler.method, member, error, event.invocation_metadata)
        with state.condition:
            state.trailing_metadata = status.trailing_metadata
            code, details = cygrpc.StatusCode.resource_exhausted, status.details.encode()
            # There is no other way without a thread. It does nothing if the caller has left.
            internal._abort(state, event.call, code, details)  # noqa: SLF001  # as above
