"""The port of a server: shared by the processes of one home, and by nobody else.

Servers bind with SO_REUSEPORT, by which the kernel spreads connections over the processes of a home. It
would spread them over two homes as well, and each would answer members of the other. So a server first looks
whether anybody listens, and if so, whether that is a process of its own home: each holds a shared lock on a
file of the home, named after the port, from before it binds until it ends, whatever ends it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hashpact.errors import ConfigError
from hashpact.settings import EVERYWHERE

_WAIT: Final = 10.0
"""Seconds to wait for another process of this machine that is about to bind the same port."""
_LOOK: Final = 0.02


class Listening:
    """The claim of one process on HOST:PORT for the home in ``directory``; port 0 needs none."""

    def __init__(self, directory: Path, host: str, port: int) -> None:
        self._directory = directory
        self._path = directory / f"serving-{port}.lock"
        self._host = host
        self._port = port
        self._lock: int | None = None
        self._reserved: socket.socket | None = None

    def is_shared(self) -> bool:
        """Whether somebody listens on the port: another process of the home, or else `claimed` refuses."""
        return self._port != 0 and _is_taken(self._host, self._port)

    def reserve(self) -> int:
        """Claim the port for processes that bind it, until `close`, and return it: a free one for port 0.

        Another home is refused even while none of these processes listens. Raises ConfigError as `claimed`
        does, and if the host cannot be bound.
        """
        with self.claimed():
            self._reserved = _bound(self._host, self._port)
        if self._port == 0:
            self._port = self._reserved.getsockname()[1]
            self._path = self._directory / f"serving-{self._port}.lock"
            self._lock = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        return self._port

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Bind the port in this block. Raises ConfigError if another program or another home has it."""
        if self._port == 0:
            yield
            return
        with _alone(self._port):
            self._lock = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            if _is_taken(self._host, self._port) and not self._is_ours():
                self.close()
                msg = (
                    f"port {self._port} of {self._host} is in use by another program or another "
                    "clearinghouse; stop that one, or name another port with --listen or in hashpact.toml"
                )
                raise ConfigError(msg, field="listen")
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            yield

    def close(self) -> None:
        """Give the claim back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._reserved is not None:
            self._reserved.close()

    def _is_ours(self) -> bool:
        """Whether another process of this home holds its claim on the port."""
        assert self._lock is not None  # noqa: S101  # `claimed` has opened it
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextlib.contextmanager
def _alone(port: int) -> Iterator[None]:
    """Let one process at a time look at the port and bind it: of two homes that start, one is first.

    An abstract socket is as wide as the ports are, a network namespace, and goes with its process.
    """
    deadline = time.monotonic() + _WAIT
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mark:
        while True:
            try:
                mark.bind(f"\0hashpact-binds-{port}")
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    msg = f"another process has been about to bind port {port} for {_WAIT:.0f} s"
                    raise ConfigError(msg, field="listen") from error
                time.sleep(_LOOK)
        yield


def _is_taken(host: str, port: int) -> bool:
    """Whether anybody listens there. Other reasons why it cannot be bound are for the server to report."""
    # gRPC listens for both families if it is given every address of one.
    hosts = EVERYWHERE if host in EVERYWHERE else (host,)
    return any(_holds(address) for each in hosts for address in _addresses(each, port))


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        return []
    return [(family, address) for family, _, _, _, address in found]


def _bound(host: str, port: int) -> socket.socket:
    """A socket on the port that does not listen, so that no connection comes to it."""
    reason = "its address is not known"
    for family, address in _addresses(host, port):
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind(address)
        except OSError as error:
            bound.close()
            reason = error.strerror or str(error)
        else:
            return bound
    msg = f"cannot listen on {host}, port {port}: {reason}; check listen"
    raise ConfigError(msg, field="listen")


def _holds(where: tuple[socket.AddressFamily, Any]) -> bool:
    """Whether an address of a family is bound by somebody who listens."""
    family, address = where
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections of a server that has just ended do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False
