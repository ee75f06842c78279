"""Shares with their uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

Z: Final = 1.959964
"""Of the normal distribution: 95 % lie within so many standard deviations."""


@dataclass(frozen=True, slots=True)
class Share:
    """``found`` of ``of``, with the interval of 95 % by Wilson (1927), without correction for continuity.

    Figures are in per cent. Nothing of nothing is anything: the share is None and the interval is 0 to 100.
    """

    found: int
    of: int

    @property
    def percent(self) -> float | None:
        """How much was found."""
        return 100 * self.found / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Between which the share lies that very many trials would have."""
        if not self.of:
            return 0.0, 100.0
        share, square = self.found / self.of, Z * Z / self.of
        middle = (share + square / 2) / (1 + square)
        half = Z / (1 + square) * math.sqrt(share * (1 - share) / self.of + square / (4 * self.of))
        return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)

    def __add__(self, other: Share) -> Share:
        return Share(self.found + other.found, self.of + other.of)

    def __str__(self) -> str:
        """As in a table: the share, and its interval in brackets."""
        if self.percent is None:
            return "-"
        low, high = self.interval
        return f"{self.percent:.0f} ({low:.0f}-{high:.0f})"
