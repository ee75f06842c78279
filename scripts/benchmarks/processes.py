"""Servers in processes of their own, and the processor time that the system has counted for each."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CPUCLOCK_SCHED: Final = 2
"""Linux, include/linux/posix-timers.h: the time on a processor, not what ticks have sampled."""
_NANOSECONDS: Final = 1e9
_START: Final = 600.0
"""Seconds that a server may take until it answers; it may have to fill its index from the log."""
_STOP: Final = 120.0
"""Seconds that it may take to stop; it may have to save its index."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers at HOST:PORT."""

    pid: int
    address: str

    def seconds(self) -> float:
        """User and system time of all threads of the process so far, also of those that have ended.

        It is the process's CPU clock (clock_getcpuclockid), in nanoseconds; /proc/PID/stat counts in ticks of
        10 ms.
        """
        return time.clock_gettime_ns(~self.pid << 3 | _CPUCLOCK_SCHED) / _NANOSECONDS


@contextlib.contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[Server]:
    """A server for the length of the block; it prints a line that ends with its HOST:PORT when it answers.

    ``log`` is the file for what it writes to stderr. Raises SystemExit if it does not start, or does not stop
    cleanly after a block without an error.
    """
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,  # noqa: S603 - our own commands
    ):
        watch = threading.Timer(_START, process.kill)
        watch.start()
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe, as asked for above
            line = process.stdout.readline()
            watch.cancel()
            if not line:
                sys.exit(f"{command[-3:]} did not start: {last_line(log)}")
            yield Server(process.pid, line.split()[-1])
            process.terminate()
            if process.wait(_STOP) > 0:
                sys.exit(f"{command[-3:]} did not stop cleanly: {last_line(log)}")
        finally:
            watch.cancel()
            process.kill()


def last_line(log: Path) -> str:
    """What a server wrote last."""
    return log.read_text(errors="replace").strip().rpartition("\n")[2] or "it gave no reason"
