"""Commands as processes that start fast: each is forked from a process that has imported all of Hashpact.

A fresh interpreter imports for longer than most tests take. What is forked is a process of its own all the
same: it has its own memory, descriptors and exit status, and can be killed.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Protocol

SERVER: Final = Path(__file__).with_name("forkserver.py")
AT_START: Final = ("PYTHON", "COVERAGE_", "LD_", "GRPC_", "MALLOC_")
"""How variables begin that have an effect while an interpreter starts or imports."""

HASHPACT: Final = ("-m", "hashpact")
"""What an interpreter is to run."""
UNMEASURED: Final = {"COVERAGE_PROCESS_CONFIG": ""}
"""The environment of a process that is not to measure its coverage: a killed one could not report it."""

CHEAP_COST: Final = 1 << 4
"""The N of scrypt for the keys that a test encrypts, here or in a process that is forked."""


class Process(Protocol):
    """What tests use of a process: `subprocess.Popen` has it, and so has `Forked`."""

    pid: int
    returncode: int | None
    stdout: IO[bytes] | None

    def poll(self) -> int | None:
        """The exit status, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended. Raises subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""

    def kill(self) -> None:
        """SIGKILL."""


class Forked:
    """`hashpact` with some arguments, forked: its output is a pipe, its input empty.

    ``peak`` is the most memory that it had, in KiB, once it has ended; what it shares with the process that
    it was forked from counts.
    """

    def __init__(self, arguments: Sequence[str], stderr: IO[bytes], env: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        self.peak = 0
        output, theirs = os.pipe()
        self._status, status = os.pipe()
        with Path(os.devnull).open("rb") as nothing:
            self.pid = _asked(arguments, env, [nothing.fileno(), theirs, stderr.fileno(), status])
        os.close(theirs)
        os.close(status)
        self.stdout: IO[bytes] | None = os.fdopen(output, "rb", buffering=0)

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self._ended()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, once it has ended. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(HASHPACT, timeout or 0)
            self._ended()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ended, and its status is on its way
                os.kill(self.pid, sig)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ended(self) -> None:
        data = os.read(self._status, 12)
        assert data, "the process that forks has ended"
        self.returncode, self.peak = struct.unpack(">iQ", data)
        os.close(self._status)


def started(
    arguments: Sequence[str],
    stderr: IO[bytes],
    env: Mapping[str, str],
    program: Sequence[str] = HASHPACT,
    under: Sequence[str] = (),
) -> Process:
    """`hashpact` with those arguments, as a process with that environment, whose output is a pipe.

    It is forked, unless ``program`` names another way to start it, ``under`` a command that runs it, or the
    environment differs in variables that only a new interpreter reads.
    """
    if program == HASHPACT and not under and _at_start(env) == _at_start({**os.environ, **UNMEASURED}):
        return Forked(arguments, stderr, env)
    return subprocess.Popen(
        [*under, sys.executable, *program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=dict(env),
    )


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if value and name.startswith(AT_START)}


_LOCK: Final = threading.Lock()


def _asked(arguments: Sequence[str], env: Mapping[str, str], descriptors: list[int]) -> int:
    """The id of a new process."""
    data = pickle.dumps((list(arguments), dict(env), str(Path.cwd())))
    with _LOCK:
        server = _server()
        socket.send_fds(server, [data], descriptors)
        answer = server.recv(4)
    assert answer, "the process that forks has ended"
    return int.from_bytes(answer, "big")


@functools.cache
def _server() -> socket.socket:
    """The socket of the process that forks, which is started."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            env={**os.environ, **UNMEASURED},
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours
