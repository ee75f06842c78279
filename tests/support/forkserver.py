"""Forks a process for each command `hashpact` that it is sent; it has imported all that such a process needs.

The standard input of this program is a Unix socket. Each message is a pickled `Wanted` with four descriptors:
the input, output and error of the command, and a pipe for its exit status. It answers with the process id,
and ends when the socket is closed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import random
import runpy
import selectors
import signal
import socket
import struct
import sys
from typing import Final, TypeAlias

from forking import CHEAP_COST

PRELOADED: Final = (
    "hashpact.cli.main",
    "hashpact.cli.mirroring.mirror",
    "hashpact.mirror.process",
    "hashpact.serving.process",
    "hashpact.witness.serving",
)
MAX_REQUEST: Final = 1 << 18
Wanted: TypeAlias = tuple[list[str], dict[str, str], str]
"""The arguments of a command, its environment and its directory."""


class Started:
    """The processes that were forked and have not ended; the pipe for the exit status of each."""

    def __init__(self) -> None:
        self.pipes: dict[int, tuple[int, int]] = {}

    def add(self, pid: int, status: int) -> int:
        """A descriptor that can be read once that process has ended."""
        watched = os.pidfd_open(pid)
        self.pipes[watched] = pid, status
        return watched

    def ended(self, watched: int) -> None:
        """Report the exit status of a process that has ended, and the most memory that it had, in KiB."""
        pid, status = self.pipes.pop(watched)
        _, code, used = os.wait4(pid, 0)
        with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
            os.write(status, struct.pack(">iQ", os.waitstatus_to_exitcode(code), used.ru_maxrss))
        for descriptor in (status, watched):
            os.close(descriptor)


def serve(asked: socket.socket) -> Wanted | None:
    """Fork until the socket is closed; then None. In the child, what it is to run."""
    started = Started()
    selector = selectors.DefaultSelector()
    selector.register(asked, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not asked:
                selector.unregister(key.fileobj)
                started.ended(key.fd)
                continue
            data, descriptors, _, _ = socket.recv_fds(asked, MAX_REQUEST, 4)
            if not data:
                return None
            *streams, status = descriptors
            pid = os.fork()
            if pid == 0:
                for place, stream in enumerate(streams):
                    os.dup2(stream, place)
                selector.close()
                asked.close()
                os.closerange(3, 1 << 16)
                wanted: Wanted = pickle.loads(data)  # noqa: S301 - from the test that started this program
                return wanted
            selector.register(started.add(pid, status), selectors.EVENT_READ)
            for stream in streams:
                os.close(stream)
            asked.send(pid.to_bytes(4, "big"))


def main() -> None:
    """Import, fork, and be the command in each child."""
    # An interrupt at a terminal is for all processes of its group: this one ends with the one that asks it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in PRELOADED:
        importlib.import_module(name)
    vars(sys.modules["hashpact.keys.pkcs8"])["_COST"] = CHEAP_COST
    gc.freeze()  # otherwise each child would copy all of it to look through it
    found = serve(socket.socket(fileno=os.dup(0)))
    if found is None:
        return
    arguments, environment, directory = found
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    # The streams of this program know of the files that they were made for, whether they can be sought.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.argv = ["hashpact", *arguments]
    runpy.run_module("hashpact", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
