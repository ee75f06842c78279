"""How old a mirror's copy is: measured by the process that copies, for all that answer from it.

The process that copies writes it to a file of the home about once a second. So it survives a restart, and a
process that only reads the copy knows it as well. The file is one line of JSON.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hashpact.config import MAX_SIZE
from hashpact.domain.checks import Lag
from hashpact.durable import read_bytes, write_private
from hashpact.errors import ConfigError, LaggingError
from hashpact.log.lines import MAX_INTEGER

if TYPE_CHECKING:
    from hashpact.mirror.replicating import ReplicaStatus

_NEVER: Final = 0


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is known of the log that is copied; times in Unix seconds, 0 for never.

    ``announced`` is the size of the newest checkpoint that was believed, ``level_at`` when the copy last had
    all of that while the source was heard, ``heard_at`` when it was heard, ``fresh_at`` the newest time up to
    which witnesses vouch for what it has shown. ``trouble`` is what is wrong with it at present, empty for
    nothing.
    """

    announced: int = 0
    level_at: int = _NEVER
    heard_at: int = _NEVER
    fresh_at: int = _NEVER
    trouble: str = ""


class Freshness:
    """How old a copy is. Any thread may ask; one at a time notes or loads.

    ``clock`` gives Unix seconds, with which those of the file are compared. Beyond ``max_lag`` seconds (0:
    any) the copy is not to be answered from.
    """

    def __init__(self, path: Path, clock: Callable[[], int], max_lag: int) -> None:
        self._path = path
        self._clock = clock
        self._max_lag = max_lag
        self._mark: object = None
        self._saving = threading.Lock()
        self._found = self._saved = SourceState()
        self._last = Lag(0, 0)
        self.state = SourceState()
        self.load(MAX_INTEGER)

    def note(self, status: ReplicaStatus, position: int) -> None:
        """Take in how the copying stands, of which answers reflect the first ``position`` leaves."""
        heard = status.heard_at or self.state.heard_at
        whole = self.is_whole(status, position)
        self.state = SourceState(
            max(status.announced, self.state.announced),
            heard if whole and status.heard_at is not None else self.state.level_at,
            heard,
            status.fresh_at or self.state.fresh_at,
            status.trouble or "",
        )

    @staticmethod
    def is_whole(status: ReplicaStatus, position: int) -> bool:
        """Whether the first ``position`` leaves are all that a source has announced, which is believed."""
        return status.trouble is None and status.position > 0 and position >= status.announced > 0

    def save(self) -> None:
        """Write it to the file if it has changed. Raises ConfigError if that is not possible."""
        with self._saving:
            state = self.state
            if state != self._saved:
                write_private(self._path, json.dumps(asdict(state)).encode() + b"\n", replace=True)
                self._saved = state

    def load(self, position: int) -> None:
        """Read the file if it has changed. One that is damaged is as good as none: the copy is too old.

        That the copy is level counts only if ``position``, what answers reflect, is no less than what was
        announced: the index of this process may be behind the copy.
        """
        try:
            stat = self._path.stat()
        except OSError:
            return
        mark = stat.st_ino, stat.st_mtime_ns
        if mark != self._mark:
            self._mark = mark
            self._found = self._saved = _read(self._path)
        found = self._found
        self.state = found if position >= found.announced else replace(found, level_at=self.state.level_at)

    def lag(self, position: int) -> Lag:
        """How old an answer is that reflects the first ``position`` leaves.

        Raises LaggingError if that is too old, or if the copy has never been level with the log.
        """
        state = self.state
        if state.level_at == _NEVER:
            msg = f"this mirror has not copied the whole log yet: {position} of {state.announced} leaves"
            raise LaggingError(msg, statements=str(max(state.announced - position, 0)))
        lag = self._lag(state, position)
        if 0 < self._max_lag < lag.seconds:
            why = f": {state.trouble}" if state.trouble else ""
            msg = (
                f"this mirror was last level with the log {lag.seconds} s ago, and may answer for "
                f"{self._max_lag} s{why}"
            )
            raise LaggingError(msg, seconds=str(lag.seconds), statements=str(lag.statements))
        return lag

    def age(self, position: int) -> Lag | None:
        """How old the copy is, however old it may be; None if it has never been level with the log."""
        state = self.state
        if state.level_at == _NEVER:
            return None
        return self._lag(state, position)

    def _lag(self, state: SourceState, position: int) -> Lag:
        """The lag now: the last one, as long as it is the same, since every answer has one."""
        statements, seconds = state.announced - position, self._clock() - state.level_at
        last = self._last
        if last.statements != statements or last.seconds != seconds:
            last = self._last = Lag(max(0, statements), max(0, seconds))
        return last


def _read(path: Path) -> SourceState:
    try:
        values = json.loads(read_bytes(path, MAX_SIZE))
        state = replace(SourceState(), **values)
    except (ConfigError, ValueError, TypeError, RecursionError):
        return SourceState()
    numbers = (state.announced, state.level_at, state.heard_at, state.fresh_at)
    good = all(type(number) is int and number >= 0 for number in numbers) and isinstance(state.trouble, str)
    return state if good else SourceState()
