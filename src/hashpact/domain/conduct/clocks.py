"""Clocks: when an answer is due, and how a matter stands at a moment.

A clock starts at the moment of the leaf (`hashpact.domain.kinds.moment`) and runs for the seconds that the
policy in force at that leaf has for its class. An answer at the last second is in time.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

from hashpact.domain.kinds.conduct.filed import terms_at
from hashpact.domain.state import Filing, View

DUE_SOON: Final = 4
"""A matter is due soon when less than one part in so many of its time is left."""


class Standing(enum.Enum):
    """How a matter with a clock stands."""

    OPEN = "open"
    DUE_SOON = "due-soon"
    OVERDUE = "overdue"
    ANSWERED = "answered"
    ANSWERED_LATE = "answered-late"

    @property
    def waits(self) -> bool:
        """Whether an answer is still awaited."""
        return self not in {Standing.ANSWERED, Standing.ANSWERED_LATE}


def due(view: View, filing: Filing, name: str, labels: Iterable[str] = ()) -> int:
    """When the clock of that class, which started with the filing, runs out: in Unix seconds."""
    return filing.moment + terms_at(view, filing.index).seconds(name, labels)


def standing_at(now: int, start: int, until: int, answered: int | None) -> Standing:
    """How a matter stands at the moment ``now``.

    Its clock runs from ``start`` until ``until``, and it was answered at the moment ``answered``. All in Unix
    seconds; an answer after ``now`` does not count.
    """
    if answered is not None and answered <= now:
        return Standing.ANSWERED if answered <= until else Standing.ANSWERED_LATE
    if now > until:
        return Standing.OVERDUE
    return Standing.DUE_SOON if (until - now) * DUE_SOON < until - start else Standing.OPEN


def next_change(now: int, start: int, until: int) -> int | None:
    """The first moment after ``now`` at which a matter that nobody answers stands otherwise; None if none."""
    soon = until - -(-(until - start) // DUE_SOON) + 1
    return next((moment for moment in (soon, until + 1) if moment > now), None)
