"""Append: a signed statement becomes a leaf of the log, once."""

from __future__ import annotations

from hashpact.service.append.appender import MAX_AGE, MAX_SKEW, Appender, Group
from hashpact.service.append.intake import Coalescer, Intake
from hashpact.service.append.opened import Opened, Pause, Unit, no_pause, opened

__all__ = [
    "MAX_AGE",
    "MAX_SKEW",
    "Appender",
    "Coalescer",
    "Group",
    "Intake",
    "Opened",
    "Pause",
    "Unit",
    "no_pause",
    "opened",
]
