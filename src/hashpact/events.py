"""The event log of a server or a witness: one JSON object a line on standard error.

No content, fingerprint, key or exception text is ever given to it.
"""

from __future__ import annotations

import sys

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
