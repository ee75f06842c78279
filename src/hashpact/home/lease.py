"""The lease of a home: a record that the machine using it rewrites every second, for others to see.

SQLite's locks hold among the processes of one kernel, so any number of them share a home; two machines that
share its directory would damage it. Nothing here compares clocks: a process that finds another machine's
record watches whether it changes. The record is one line: the kernel's boot id, the host's name and a random
word. A link in its place is refused: it could make the server overwrite another file.
"""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashpact.durable import is_full, open_plain
from hashpact.errors import ConfigError, UnavailableError

REFRESH: Final = 1.0
"""Seconds between two writings of the record."""
WATCH: Final = 4.0
"""Seconds for which another machine's record is watched: if it stays the same, it is out of date."""
_LOOK: Final = 0.25
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_LIMIT: Final = 1024


def this_machine() -> str:
    """The kernel's boot id and the host's name: another kernel, or the same after a reboot, has another."""
    host = platform.node() or "unknown"
    boot = _BOOT_ID.read_text("ascii").strip() if _BOOT_ID.exists() else "unknown"
    return f"{boot} {host}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The record in the file ``path``, and the machine that this process runs on."""

    path: Path
    machine: str

    def look(self, wait: Callable[[float], None]) -> None:
        """Raise ConfigError if another machine has the home. Waits up to `WATCH` seconds to be sure."""
        first = self._read()
        if self._is_ours(first):
            return
        for _ in range(int(WATCH / _LOOK)):
            wait(_LOOK)
            now = self._read()
            if now != first and not self._is_ours(now):
                raise self._taken(now)

    def claim(self) -> None:
        """Write the record of this machine, after `look`. Raises UnavailableError if the disk is full."""
        self._write()

    def refresh(self) -> None:
        """Write it again. Raises ConfigError if another machine has claimed the home meanwhile.

        Raises UnavailableError if the disk is full.
        """
        now = self._read()
        if not self._is_ours(now):
            raise self._taken(now)
        self._write()

    def give_back(self) -> None:
        """Remove the record unless it is another machine's. Other processes here write it again."""
        if self._is_ours(self._read()):
            self.path.unlink(missing_ok=True)

    def _is_ours(self, record: str) -> bool:
        return not record or record.startswith(f"{self.machine} ")

    def _taken(self, record: str) -> ConfigError:
        host = record.split(" ")[1] if record.count(" ") > 1 else "unknown"
        return ConfigError(
            f"{self.path.parent} is in use on another machine ({host}); "
            "a home belongs to one machine at a time: stop what runs there, or serve a copy of your own"
        )

    def _read(self) -> str:
        try:
            descriptor = open_plain(self.path, os.O_RDONLY)
            try:
                return os.pread(descriptor, _LIMIT, 0).decode("utf-8", "replace").strip()
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return ""
        except OSError as exc:
            msg = f"cannot read {self.path}: {exc.strerror}; it must be a plain file"
            raise ConfigError(msg) from exc

    def _write(self) -> None:
        # In place and in one piece: other machines see a rename late on a shared file system.
        line = f"{self.machine} {secrets.token_hex(8)}\n".encode()
        try:
            descriptor = open_plain(self.path, os.O_CREAT | os.O_WRONLY)
            try:
                os.pwrite(descriptor, line, 0)
                os.ftruncate(descriptor, len(line))
            finally:
                os.close(descriptor)
        except OSError as exc:
            if is_full(exc):
                msg = f"cannot write {self.path}: the disk is full; free space and restart"
                raise UnavailableError(msg) from exc
            msg = f"cannot write {self.path}: {exc.strerror}; it must be a plain file"
            raise ConfigError(msg) from exc
