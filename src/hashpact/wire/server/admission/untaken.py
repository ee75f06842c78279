"""Untaken answers: gRPC keeps what a caller does not read, as long as its connection lasts."""

from __future__ import annotations

import threading
from functools import partial
from typing import Final

from hashpact.errors import OverloadedError
from hashpact.wire.server.core.incoming import IncomingCall

AGAIN: Final = 1.0
"""Seconds that a caller is asked to wait if its member does not take its answers."""
CALL: Final = 16 * 1024
"""Bytes that gRPC keeps of a call beside its answer, about."""
_MEMBERS: Final = 4
"""So many members may leave all of theirs untaken before each has less."""


class Untaken:
    """The bytes of answers that were given and not taken yet. Any thread may count.

    A member has at most ``each``, and no more than there are left of a few times as many: beyond that no call
    of its is answered. One that has taken all is always answered.
    """

    def __init__(self, each: int) -> None:
        self._each = each
        self._lock = threading.Lock()
        self._all = 0
        self._of: dict[str, int] = {}

    def check(self, member: str) -> None:
        """Raise OverloadedError if a member has too many."""
        has = self._of.get(member, 0)
        if has and has >= min(self._each, _MEMBERS * self._each - self._all):
            msg = f"{member!r} has {has} bytes of answers that it does not take, the most it may; read them"
            raise OverloadedError(msg, member=member, retry_after=str(AGAIN))

    def give(self, member: str, call: IncomingCall, size: int) -> None:
        """Count the bytes of an answer until its call is over."""
        self._count(member, size)
        if not call.add_callback(partial(self._count, member, -size)):
            self._count(member, -size)

    def _count(self, member: str, size: int) -> None:
        with self._lock:
            self._all += size
            has = self._of.pop(member, 0) + size
            if has:
                self._of[member] = has
