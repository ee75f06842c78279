"""Forks: a forked child can use gRPC only if no call was under way; otherwise it hangs.

So calls under way are counted, and in a child that cannot make calls they raise an error (grpc issue 22624).
The last channel of grpc.aio must not be collected in a child either: its destructor loops until the thread
of grpc.aio has ended, and a fork does not copy threads. So a child keeps the channels open at the fork.
With GRPC_ENABLE_FORK_SUPPORT=0 in the environment, gRPC cannot be used after a fork once it was used before.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from typing import Final, Protocol
from weakref import WeakSet

from hashpact.errors import UnavailableError

_OFF: Final = {"0", "f", "false", "n", "no"}
_calls: Final[set[object]] = set()
_awaiting: Final[WeakSet[object]] = WeakSet()


class Forkable(Protocol):
    """What must be put right in a forked process, where locks may be held by threads that are gone."""

    def forked(self) -> None:
        """Put it right; called in the new process while it has one thread."""


_remembered: Final[WeakSet[Forkable]] = WeakSet()


class _Process:
    """Whether gRPC has been used in the running process, and whether it can be."""

    used = False
    broken = False


@contextlib.contextmanager
def under_way() -> Iterator[None]:
    """While a call is under way. Raises UnavailableError in a process that was forked during one."""
    check()
    _Process.used = True
    token = object()
    _calls.add(token)
    try:
        yield
    finally:
        _calls.discard(token)


def opened(channels: object) -> None:
    """Note what has open channels of grpc.aio, whose thread runs until they are closed or collected."""
    _Process.used = True
    _awaiting.add(channels)


def closed(channels: object) -> None:
    """Note that they are closed."""
    _awaiting.discard(channels)


def check() -> None:
    """Raise UnavailableError in a process in which gRPC would hang."""
    if _Process.broken:
        msg = (
            "this process was forked while its parent was using a client, which gRPC does not survive: "
            "start it by spawn, or fork before the first call or while nothing is under way"
        )
        raise UnavailableError(msg)


def remember(thing: Forkable) -> None:
    """Call its ``forked`` in every process that is forked while it exists."""
    _remembered.add(thing)


def _forked() -> None:
    unaided = os.environ.get("GRPC_ENABLE_FORK_SUPPORT", "").lower() in _OFF and _Process.used
    _Process.broken = _Process.broken or unaided or bool(_calls) or bool(_awaiting)
    _calls.clear()
    for channels in list(_awaiting):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(channels))  # so it outlives the interpreter, too
    for thing in list(_remembered):
        thing.forked()


os.register_at_fork(after_in_child=_forked)
