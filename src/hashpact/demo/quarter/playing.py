"""Plays a quarter into a directory: the ledger and the published log of a code of conduct."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path

from hashpact.demo.quarter.cast import DAY, founded
from hashpact.demo.quarter.course import Course


def play_quarter(directory: Path, quarter: str, seed: int, scale: float = 1.0) -> Iterator[float]:
    """Play a quarter such as 2026Q4; gives after each event which part of the quarter is over, from 0 to 1.

    ``directory`` is there and empty; afterwards it holds ``hashpact.db``, and in ``log`` the signed log as it
    is published. The same seed makes the same bytes.
    """
    start, stop = bounds(quarter)
    with founded(directory, seed, start - 2 * DAY) as cast:
        course = Course(cast, quarter, start, stop, random.Random(seed), scale)  # noqa: S311 - a play
        for time in course.play():
            yield max(0.0, (time - start) / (stop - start))
        cast.seal()


def bounds(quarter: str) -> tuple[int, int]:
    """The first second of a quarter such as 2026Q4 and of the one after, in Unix seconds."""
    year, number = int(quarter[:4]), int(quarter[-1])
    following = (year, 3 * number + 1) if number < 4 else (year + 1, 1)  # noqa: PLR2004 - the last of a year
    first, after = (
        dt.datetime(*of, 1, tzinfo=dt.UTC).timestamp() for of in ((year, 3 * number - 2), following)
    )
    return int(first), int(after)
