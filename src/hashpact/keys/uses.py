"""The day on which each channel certificate was last used, kept by the server for the members.

Processes of one home keep one file: each adds what it has seen to what the others have written.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hashpact.domain.ports import Clock
from hashpact.domain.state import SERIAL_SIZE
from hashpact.durable import read_bytes, write_private
from hashpact.errors import ConfigError

MAX_OF_ONE: Final = 1024
"""Certificates that are kept of a member: those used last."""
MAX_FILE: Final = 16 * 1024 * 1024
_KEPT: Final = 31
"""Days after which a certificate, which lasts 30, is forgotten."""
_DAY: Final = 24 * 3600
_LINE: Final = re.compile(rf"([a-z0-9-]{{3,32}}) ([0-9a-f]{{{2 * SERIAL_SIZE}}}) ([0-9]{{1,9}})", re.ASCII)


class LastUses:
    """Notes uses in memory, and writes them to a file on request. Any thread may call it.

    ``path`` is the file, which need not exist; lines that cannot be read are passed over. A day is in days
    since 1970 in UTC.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._days: dict[str, dict[bytes, int]] = {}
        self._take_in()

    def note(self, member: str, serial: bytes) -> None:
        """A member's certificate of that serial is used now."""
        today = self._clock() // _DAY
        known = self._days.get(member)
        # The usual case needs no lock.
        if known is not None and known.get(serial) == today:
            return
        with self._lock:
            self._put(member, serial, today)

    def of(self, member: str) -> tuple[tuple[bytes, int], ...]:
        """The serials of a member's certificates, each with the day of its last use, the newest first."""
        with self._lock:
            oldest = self._clock() // _DAY - _KEPT
            found = [one for one in self._days.get(member, {}).items() if one[1] >= oldest]
        return tuple(sorted(found, key=lambda one: (-one[1], one[0])))

    def save(self) -> None:
        """Take in what others wrote, and write the file if anything is missing in it. Raises ConfigError."""
        written = self._take_in()
        oldest = self._clock() // _DAY - _KEPT
        with self._lock:
            known = {member: list(days.items()) for member, days in sorted(self._days.items())}
        uses = ((member, *use) for member, some in known.items() for use in some)
        lines = [_line(member, serial, day) for member, serial, day in uses if day >= oldest]
        if set(lines) != written:
            write_private(self._path, "".join(lines).encode(), replace=True)

    def _take_in(self) -> set[str]:
        """Add what the file has of later uses; its lines."""
        found = list(_read(self._path))  # before the lock: who calls the server waits for it in `note`
        with self._lock:
            for member, serial, day in found:
                if day > self._days.get(member, {}).get(serial, -1):
                    self._put(member, serial, day)
        return {_line(*one) for one in found}

    def _put(self, member: str, serial: bytes, day: int) -> None:
        days = self._days.setdefault(member, {})
        days.pop(serial, None)
        days[serial] = day
        if len(days) > MAX_OF_ONE:
            del days[next(iter(days))]


def _line(member: str, serial: bytes, day: int) -> str:
    return f"{member} {serial.hex()} {day}\n"


def _read(path: Path) -> Iterator[tuple[str, bytes, int]]:
    """The lines of the file that can be read."""
    try:
        text = read_bytes(path, MAX_FILE).decode("ascii", "replace") if path.exists() else ""
    except ConfigError:
        return
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is not None:
            yield found[1], bytes.fromhex(found[2]), int(found[3])
