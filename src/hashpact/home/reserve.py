"""The reserve of a home: a file that holds space, for a server to end in order on a full disk.

It is made when a server starts. After a failed commit it is removed, so that SQLite can move its write-ahead
log over and the last signed checkpoint can be published.
"""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashpact.durable import is_full, open_plain
from hashpact.errors import ConfigError

SIZE: Final = 4 << 20
"""Bytes: what SQLite's write-ahead log has at most when it is moved over by itself (1000 pages of 4 KiB)."""
_LOOK: Final = 1.0
"""Seconds between two looks at whether a full disk has room again."""


def wait_for_room(directory: Path, stop: threading.Event) -> bool:
    """True once the disk has room for a reserve and as much again, False if ``stop`` is set before."""
    while not stop.is_set():
        if shutil.disk_usage(directory).free >= 2 * SIZE:
            return True
        stop.wait(_LOOK)
    return False


@dataclass(frozen=True, slots=True)
class Reserve:
    """The file ``path``, of `SIZE` bytes that are really allocated, readable by its owner only."""

    path: Path

    def make(self) -> bool:
        """Make the file if there is none; False unless the disk has as much room again beside it.

        Without the second half a server that has just freed the reserve would start as if there were room,
        and stop again at the next append. Raises ConfigError if the file cannot be made for another reason.
        """
        try:
            descriptor = open_plain(self.path, os.O_CREAT | os.O_RDWR)
        except OSError as exc:
            return self._refused(exc)
        try:
            held = os.fstat(descriptor).st_size == SIZE
            try:
                os.posix_fallocate(descriptor, 0, 2 * SIZE)
            except OSError as exc:
                if not held:
                    self.free()
                return self._refused(exc)
            finally:
                os.ftruncate(descriptor, SIZE)
        finally:
            os.close(descriptor)
        return True

    def free(self) -> None:
        """Remove the file, if it is there."""
        self.path.unlink(missing_ok=True)

    def _refused(self, exc: OSError) -> bool:
        """False for a full disk; raises ConfigError for anything else."""
        if is_full(exc):
            return False
        msg = f"cannot make {self.path}: {exc.strerror}; it must be a plain file"
        raise ConfigError(msg) from exc
