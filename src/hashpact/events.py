"""The event log of a server or a witness: one event a line on standard error, as JSON or as text.

No content, fingerprint, key or exception text is ever given to it.
"""

from __future__ import annotations

import contextlib
import io
import json
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

import structlog
from structlog.typing import FilteringBoundLogger

Event: TypeAlias = MutableMapping[str, Any]
Seen: TypeAlias = Callable[[Event], None]

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_TEXT: Final = structlog.processors.LogfmtRenderer(
    key_order=("timestamp", "level", "event"), bool_as_flag=False
)


def render(form: str, event: Event) -> str:
    """An event as a line, without its end: an object of JSON, or text of the form ``name=value``."""
    return json.dumps(event) if form == "json" else _TEXT(None, "", event)


def event_log(form: str = "json", level: str = "info", seen: Seen | None = None) -> FilteringBoundLogger:
    """A logger of events from ``level`` on, each with its level and its time in UTC.

    ``form`` is json or text. ``seen`` is called with every event from level info on, whether it is written
    or not; any thread may log.
    """

    def pass_on(_logger: object, _method: str, event: Event) -> Event:
        if seen is not None and event["level"] != "debug":
            seen(event)
        if _LEVELS[event["level"]] < _LEVELS[level]:
            raise structlog.DropEvent
        return event

    log: FilteringBoundLogger = structlog.wrap_logger(
        # A line and its end in one write: CallLog, and other processes, write to the same place.
        structlog.WriteLogger(_STANDARD_ERROR),
        processors=[
            structlog.processors.add_log_level,
            pass_on,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            lambda _logger, _method, event: render(form, event),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("debug" if level == "debug" else "info"),
    )
    return log


class _StandardError(io.TextIOBase):
    """Standard error. What reads it may be gone, or its disk full: no reason for the server to stop."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


_STANDARD_ERROR: Final[Any] = _StandardError()  # as much of a TextIO as is used

MOST: Final = 20_000
"""Lines that wait to be written at most; what is too much is counted."""


class CallLog:
    """A line of log for each RPC, written a few times a second, all that there are at once.

    A call only leaves its facts here. What is not written yet is lost if the process is killed.
    """

    def __init__(self, form: str = "json", process: str = "") -> None:
        """``form`` is json or text; ``process`` names this one in its lines, if several write to one log."""
        self._form = form
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
                self._line("info", "rpc", at, self._named | facts)
                for at, facts in (self._waiting.popleft() for _ in range(len(self._waiting)))
            ]
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                lines.append(
                    self._line("warning", "rpcs not logged", time.time(), self._named | {"count": dropped})
                )
            for piece in _pieces(lines):
                _STANDARD_ERROR.write(piece)
                _STANDARD_ERROR.flush()

    def _line(self, level: str, event: str, at: float, facts: dict[str, object]) -> str:
        """A line as `event_log` writes them."""
        second, part = divmod(at, 1)
        facts |= {"event": event, "level": level, "timestamp": f"{_second(second)}.{int(part * 1e6):06}Z"}
        return f"{render(self._form, facts)}\n"


@lru_cache(1)
def _second(second: float) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"


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
