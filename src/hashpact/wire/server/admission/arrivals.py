"""Calls as they arrive: whose each is, and how one is refused before a thread is taken for it.

gRPC passes a call to an executor with what it knows of the connection. That is no public interface, so a
test holds it against the grpcio that is installed.
"""

from __future__ import annotations

import contextlib
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


class Refusals:
    """Answers the calls that the pools of a gRPC server refuse, with the status that ``refused`` gives.

    A refusal is held for as long as the caller is asked to wait, a second at most and half of the time that
    its call has left; and of one member there are so many in a second. So calling again at once does not make
    for more of them. Above the number that may be held a call is refused at once.

    ``bars`` knows certificates that let nobody in, such as a revoked one. Their calls are no member's, so
    that a thief's do not count as its victim's.

    An executor gets: what runs a function in the call's context, the function, the event that the call
    arrived, gRPC's state of it, and the handler.
    """

    def __init__(
        self, refused: Refused, bars: Callable[[bytes, str], bool] = lambda _pem, _method: False
    ) -> None:
        self._refused = refused
        self._bars = bars
        self._numbers = itertools.count()
        self._held: list[tuple[float, int, str, tuple[Any, ...], OverloadedError]] = []
        self._of: Counter[str] = Counter()
        self._next: dict[str, float] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def arrivals(self, hindrance: Callable[[str], OverloadedError | None] = lambda _member: None) -> Arrivals:
        """How a pool takes calls that may be refused for that reason, too."""
        return Arrivals(self._member, hindrance, self.refuse)

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
                    thread = threading.Thread(target=self._run, name="hashpact-refusals", daemon=True)
                    # The system may have no thread to give; then this one waits for the next refusal.
                    with contextlib.suppress(RuntimeError):
                        thread.start()
                        self._thread = thread
        if not held:
            self._answer(member, args, error)

    def close(self) -> None:
        """Hold nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _member(self, args: tuple[Any, ...]) -> str:
        """The member that the certificate at the other end of a call's connection names, or "".

        It is not admitted yet: it may be unknown or suspended, and the certificate revoked.
        """
        if len(args) < 4:  # noqa: PLR2004  # see above
            return ""
        pem = tuple((cygrpc.auth_context(args[1].call) or {}).get(b"x509_pem_cert", ()))
        if len(pem) != 1 or self._bars(pem[0], args[3].method):
            return ""
        names = shown(pem[0]).names
        return (names[0] or "").rpartition("/")[2] if len(names) == 1 else ""

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
