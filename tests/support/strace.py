"""strace: which calls a process makes on the files of a home, and a fault in place of one of them.

A process is attached to, not started, so that a fault costs a fork and not an interpreter's start.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CALLS: Final = (
    *("write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "fsync", "fdatasync"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"),
)
"""Every call that changes a file or a name, or makes one durable. What is reported goes through a socket."""

STRACE: Final = shutil.which("strace")

KILL: Final = "SIGKILL"
KINDS: Final = (KILL, "EIO", "ENOSPC", "ENOSPC+")
"""A kill at the call, or an error in its place; with a plus, in place of every such call from then on."""

_ANYONE: Final = -1
_SET_PTRACER: Final = 0x59616D61  # prctl(2): lets a process that is no ancestor attach, where Yama forbids it
_LINE: Final = re.compile(r"\d+ +(?P<call>\w+)\((?P<rest>.*)")
_PATHS: Final = re.compile(r'<(/[^>]*)>|"(/[^"]*)"')
_RANDOM: Final = re.compile(r"\.[0-9a-f]{16}\.new$")
_TILE: Final = re.compile(r"log/tile/.*?(?P<new>(\.new)?)$")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was traced: its name, the files in it, and whether a fault was put in its place."""

    name: str
    paths: tuple[str, ...]
    injected: bool

    def on(self, home: Path) -> str | None:
        """The file of the home that the call is made on, None if none; one name stands for all tiles."""
        found = [Path(path) for path in self.paths if Path(path).is_relative_to(home)]
        if not found:
            return None
        return _TILE.sub(r"log/tile/*\g<new>", _RANDOM.sub(".new", str(found[-1].relative_to(home))))


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: the ``at``-th (from 1) call of that name is a kill, or fails with that error."""

    call: str
    at: int
    kind: str

    @property
    def option(self) -> str:
        """As strace takes it."""
        error, stays = self.kind.removesuffix("+"), self.kind.endswith("+")
        how = f"signal={KILL}" if self.kind == KILL else f"error={error}"
        return f"inject={self.call}:{how}:when={self.at}{'+' if stays else ''}"


def missing() -> str | None:
    """Why no fault can be injected here; None if they can."""
    if STRACE is None:
        return "strace is not installed, so no fault can be injected into a system call"
    tried = subprocess.run(
        [STRACE, "-f", "-e", "inject=fsync:error=EIO", "true"], capture_output=True, text=True, check=False
    )
    return f"strace cannot trace here: {tried.stderr.strip()}" if tried.returncode else None


def allow_tracing() -> None:
    """Let any strace attach to this process."""
    ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_long(_ANYONE), 0, 0, 0)


@contextmanager
def traced(pid: int, log: Path, faults: Sequence[Fault] = ()) -> Iterator[None]:
    """Trace a process and all its threads from the block's beginning until the process or the block ends."""
    options = [option for fault in faults for option in ("-e", fault.option)]
    command = [str(STRACE), "-f", "-y", "-s", "0", "-o", str(log), "-e", f"trace={','.join(CALLS)}", *options]
    with subprocess.Popen([*command, "-p", str(pid)], stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        assert "attached" in said, said
        try:
            yield
        finally:
            strace.terminate()  # lets the process go on; nothing is left to stop if it has ended
            strace.communicate()


def calls(log: Path) -> list[Call]:
    """The calls of a trace, in order."""
    found = []
    for line in log.read_text().splitlines():
        parts = _LINE.match(line)
        if parts is not None and parts["call"] in CALLS:
            paths = tuple(one or two for one, two in _PATHS.findall(parts["rest"]))
            found.append(Call(parts["call"], paths, "(INJECTED)" in line))
    return found


def was_killed(log: Path) -> bool:
    """Whether the trace ends with the kill that was injected."""
    return "+++ killed by SIGKILL +++" in log.read_text()
