"""The event log of a server or a witness: one JSON object a line on standard error.

No content, fingerprint, key or exception text is ever given to it.
"""

from __future__ import annotations

import contextlib
import json
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog
from structlog.typing import FilteringBoundLogger


def event_log() -> FilteringBoundLogger:
    """A logger of events from level info on, each with its level and its time in UTC."""
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return log


MOST: Final = 20_000
"""Lines that wait to be written at most; what is too much is counted."""


class CallLog:
    """A line of log for each RPC, written a few times a second, all that there are at once.

    A call only leaves its facts here. What is not written yet is lost if the process is killed.
    """

    def __init__(self, process: str = "") -> None:
        """``process`` is how the lines name this one, if several write to one log."""
        self._named = {"process": process} if process else {}
        self._waiting: deque[tuple[float, dict[str, object]]] = deque()
        self._dropped = 0
        self._writing = threading.Lock()

    def record(self, facts: dict[str, object]) -> None:
        """Have a line written. Any thread may call it."""
        if len(self._waiting) < MOST:
            self._waiting.append((time.time(), facts))
        else:
            self._dropped += 1

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            lines = [
                _line("info", "rpc", at, self._named | facts)
                for at, facts in (self._waiting.popleft() for _ in range(len(self._waiting)))
            ]
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                lines.append(
                    _line("warning", "rpcs not logged", time.time(), self._named | {"count": dropped})
                )
            # What reads the log may be gone, or its disk full: no reason for the server to stop.
            with contextlib.suppress(OSError, ValueError):
                for piece in _pieces(lines):
                    sys.stderr.write(piece)
                    sys.stderr.flush()


def _pieces(lines: Sequence[str]) -> Iterator[str]:
    """The lines, as many at once as a pipe takes in one piece: others may write to the same one."""
    piece = ""
    for line in lines:
        if piece and len(piece) + len(line) > select.PIPE_BUF:
            yield piece
            piece = ""
        piece += line
    if piece:
        yield piece


def _line(level: str, event: str, at: float, facts: dict[str, object]) -> str:
    """A line as `event_log` writes them."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
    facts |= {"event": event, "level": level, "timestamp": moment.replace("+00:00", "Z")}
    return f"{json.dumps(facts)}\n"
