"""A relay between a client and a server that can be cut, and made to hold back all that passes."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import Counter
from typing import Self

HOST = "127.0.0.1"


class Relay:
    """Passes connections on to ADDRESS, unless it is off. Use it as a context.

    ``off_since`` is when it was cut or stalled, by the monotonic clock; None while it passes everything on.
    ``fired`` counts what came of it: connections that were cut and refused, and pieces that were held back.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server((HOST, 0))
        self.address = f"{HOST}:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._refuses = False
        self._passes = threading.Event()
        self._passes.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.off_since: float | None = None
        self.fired: Counter[str] = Counter()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and refuse others."""
        with self._lock:
            self._refuses = True
            for pair in self._pairs:
                self.fired["cut"] += 1
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
        self.off_since = time.monotonic()

    def stall(self) -> None:
        """Hold back everything, on connections that stay, and on those that come."""
        self._passes.clear()
        self.off_since = time.monotonic()

    def restore(self) -> None:
        """Pass everything on again, also what was held back."""
        self.off_since = None
        with self._lock:
            self._refuses = False
        self._passes.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock, contextlib.suppress(OSError):
                if self._refuses:
                    self.fired["refused"] += 1
                    near.close()
                    continue
                pair = near, socket.create_connection(self._target)
                self._pairs.append(pair)
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        with near, far, contextlib.suppress(OSError):
            self._carry(near, far)
        with self._lock:
            self._pairs = [pair for pair in self._pairs if near not in pair]

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]  # a socket
                    if not data:
                        return
                    if not self._passes.is_set():
                        self.fired["held back"] += 1
                        self._passes.wait()
                    key.data.sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()
        self._passes.set()
