"""Duty: what one process of a home does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Duty:
    """What one process of a home does.

    One that ``answers`` has the port and its own copy of what changes in the index. One that ``keeps`` signs
    and publishes what nobody has, merges the index and saves it, for all. ``name`` is how the log of events
    calls it, empty for a process that is alone. A process that is ``early`` binds the port before it has read
    the whole log, and says NOT_SERVING until then; otherwise it binds when it can answer. ``workers``
    is the number of processes that answer, which share a member's rates.
    """

    answers: bool = True
    keeps: bool = True
    name: str = ""
    early: bool = True
    workers: int = 1


ALONE: Final = Duty()
"""The only process of a home, which does everything."""
