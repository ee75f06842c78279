"""A real server process on a real home, for tests."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import secrets
import select
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from forking import HASHPACT, UNMEASURED, Process, started

from hashpact.clock import unix_time
from hashpact.config import HomeConfig
from hashpact.domain.state import Role
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home
from hashpact.member.author import Author
from hashpact.member.profile import Profile

ORIGIN = "test.example/log"
BOTH = frozenset(Role)

_START = 120.0
"""Seconds in which a server must answer on the slowest machine."""


def found(directory: Path, members: dict[str, frozenset[Role]]) -> Path:
    """A home in ``directory``/home with those members, whose profiles are in ``directory``/<id>."""
    home = directory / "home"
    create_home(home, HomeConfig(ORIGIN), admins=2, threshold=2, passphrase=None)
    with open_home(home) as opened:
        for member_id, roles in members.items():
            enrol_member(opened, member_id, roles, directory / member_id, None)
    return home


def log_size(home: Path) -> int:
    """How many leaves the log of a home has, also while it is served."""
    with open_home(home) as opened:
        return opened.ledger.head().size


_PORTS: Final = itertools.cycle(range(2000))


def free_port() -> int:
    """A port of loopback that nobody has, and nobody gets meanwhile: the system picks others, from 32768 on.

    Each worker of a run has ports of its own.
    """
    first = 12_000 + 2000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 20_000
    for port in (first + number for number in itertools.islice(_PORTS, 2000)):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    msg = f"the ports {first} to {first + 1999} of 127.0.0.1 are all taken"
    raise RuntimeError(msg)


def ready_line(process: Process, log: Path) -> str:
    """The first line that a server prints once it answers."""
    assert process.stdout is not None
    deadline = time.monotonic() + _START
    line = b""
    while not line.endswith(b"\n"):
        left = max(deadline - time.monotonic(), 0)
        ready, _, _ = select.select([process.stdout], [], [], left)
        more = os.read(process.stdout.fileno(), 4096) if ready else b""
        assert more, f"the server did not start:\n{log.read_text()}"
        line += more
    return line.decode().strip()


def answered(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of an answer over plain HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


def plain_port(log: str, name: str) -> int:
    """The port of plain HTTP of the last server that was started with it, health or metrics, from its log."""
    lines = [line for line in log.splitlines() if json.loads(line)["event"] == name]
    return int(json.loads(lines[-1])["address"].rpartition(":")[2])


def health_port(log: str) -> int:
    """The plain port of a server that was started with HASHPACT_HEALTH, from its log."""
    return plain_port(log, "health")


def state(task: Path) -> str:
    """The letter of a thread's state, as in /proc; X if it has ended."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


class Running:
    """A process of ours, which is stopped at the end of a block."""

    process: Process

    def kill(self) -> int:
        """SIGKILL; the exit status."""
        self.process.kill()
        return self.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for the process to end; its exit status."""
        status = self.process.wait(120)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.stop()


class RunningServer(Running):
    """`hashpact serve` of a home as a process of its own; ``address`` is the HOST:PORT it answers on.

    ``options`` are those of the command, of which ``program`` may be another form. Its coverage is measured
    only if that is asked for: it then takes twice as long to start.
    """

    def __init__(
        self,
        home: Path,
        *options: str,
        port: int = 0,
        measured: bool = False,
        program: Sequence[str] = HASHPACT,
        **environ: str,
    ) -> None:
        self._directory = home.parent
        self.log_path = home.parent / "serve.log"
        with self.log_path.open("ab") as log:
            self.process = started(
                ["serve", str(home), "--listen", f"127.0.0.1:{port}", *options],
                log,
                {**os.environ, **({} if measured else UNMEASURED), **environ},
                program,
            )
        try:
            self.address = ready_line(self.process, self.log_path).rsplit(" ", 1)[1]
        except BaseException:
            self.kill()
            raise

    def profile(self, member_id: str) -> Profile:
        """The profile of a member that `found` enrolled, for this server."""
        return Profile.load(self._directory / member_id).at(self.address)

    def author(self, member_id: str) -> Author:
        """What signs that member's statements."""
        profile = self.profile(member_id)
        return Author(
            profile.origin, profile.member, profile.key, profile.signer, unix_time, secrets.token_bytes
        )

    @property
    def log(self) -> str:
        """What the servers of this home have written to their standard error."""
        return self.log_path.read_text()

    @property
    def memory(self) -> int:
        """Bytes of memory that the process has: with several, the one that supervises the others."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    def pause(self) -> None:
        """SIGSTOP, and wait until every thread stands still: until then a call may still be answered."""
        self.process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self.process.pid}/task")
        while any(state(task) not in "TXZ" for task in tasks.iterdir()):
            time.sleep(0.001)
