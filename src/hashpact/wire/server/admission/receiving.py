"""Receiving: requests on their way, a few of each member's at a time.

gRPC keeps what has arrived of a request until it is whole, up to 8 MiB, and of one that nobody receives yet
64 KiB. All is done in the serving thread, so there is no lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from hashpact.wire.server.core.incoming import IncomingCall

COMING: Final = 8
"""Requests of a member's that are received at a time."""
PATIENCE: Final = 10.0
"""Seconds after which a call whose request has not arrived is given up."""

_Then: TypeAlias = Callable[[bytes | None], None]


class Receiving:
    """The requests of one kind of call; ``timer`` counts seconds, from any moment."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._coming: dict[IncomingCall, float] = {}
        self._of: dict[str, int] = {}
        self._waiting: dict[str, deque[tuple[IncomingCall, _Then]]] = {}

    def receive(self, member: str, call: IncomingCall, then: _Then) -> None:
        """Have ``then`` called once, with the one request of a call, or None if none comes."""
        if self._of.get(member, 0) < COMING:
            self._begin(member, call, then)
        else:
            self._waiting.setdefault(member, deque()).append((call, then))

    def give_up(self) -> None:
        """Cancel the calls whose requests have not arrived for too long. To be called now and then."""
        now = self._timer()
        for call, since in list(self._coming.items()):
            if now - since <= PATIENCE:
                break  # the others are younger
            call.cancel()

    def _begin(self, member: str, call: IncomingCall, then: _Then) -> None:
        def received(data: bytes | None) -> None:
            del self._coming[call]
            self._end(member)
            then(data)

        self._of[member] = self._of.get(member, 0) + 1
        self._coming[call] = self._timer()
        if not call.read(received):
            received(None)

    def _end(self, member: str) -> None:
        left = self._of.pop(member) - 1
        if left:
            self._of[member] = left
        waiting = self._waiting.get(member)
        if waiting:
            call, then = waiting.popleft()
            if not waiting:
                del self._waiting[member]
            self._begin(member, call, then)
