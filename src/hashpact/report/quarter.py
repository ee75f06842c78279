"""Quarters of a year, in UTC."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final, Self

from hashpact.errors import InvalidInputError

_SPELT: Final = re.compile(r"([0-9]{4})Q([1-4])", re.ASCII)
_QUARTERS: Final = 4
_MONTHS: Final = 3
_YEARS: Final = range(1970, 9999)
"""Years of Unix time of which every quarter, and the one after it, has a date."""


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """A quarter; ``number`` is from 1 to 4. ``str`` spells it as 2026Q4."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The quarter that is spelt so. Raises InvalidInputError."""
        found = _SPELT.fullmatch(text)
        if found is None or int(found[1]) not in _YEARS:
            msg = f"{text!r} is not a quarter of the years {_YEARS[0]} to {_YEARS[-1]}; write it as 2026Q4"
            raise InvalidInputError(msg, field="quarter")
        return cls(int(found[1]), int(found[2]))

    @property
    def start(self) -> int:
        """Its first second, in Unix seconds."""
        month = (self.number - 1) * _MONTHS + 1
        return int(dt.datetime(self.year, month, 1, tzinfo=dt.UTC).timestamp())

    @property
    def stop(self) -> int:
        """The first second after it."""
        return self.later(1).start

    def as_of(self, newest: int) -> int:
        """The moment that a report is as of: the quarter's last second, or the newest statement's moment."""
        return min(self.stop - 1, newest)

    def later(self, quarters: int) -> Quarter:
        """The quarter so many later, or earlier if it is negative."""
        year, number = divmod(self.year * _QUARTERS + self.number - 1 + quarters, _QUARTERS)
        return Quarter(year, number + 1)

    @property
    def months(self) -> tuple[str, ...]:
        """Its months, such as 2026-10."""
        first = (self.number - 1) * _MONTHS + 1
        return tuple(f"{self.year:04d}-{month:02d}" for month in range(first, first + _MONTHS))

    def __str__(self) -> str:
        """Its spelling."""
        return f"{self.year:04d}Q{self.number}"
