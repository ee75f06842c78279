"""The figures of a log's quarter, each of which the leaves bear out."""

from __future__ import annotations

from noticing import Noticed

from hashpact.report import recount
from hashpact.report.figures import Figure, by_id
from hashpact.report.quarter import Quarter
from hashpact.report.report import make

QUARTER = Quarter(2027, 1)
"""The quarter of `NOW`, 2027-01-15."""


def figures(made: Noticed, quarter: Quarter = QUARTER) -> dict[str, Figure]:
    """The figures of a quarter, each of which the leaves behind it bear out."""
    report, gathered = make(made.leaves, quarter)
    assert list(recount.disagreements(report, gathered)) == []
    return dict(by_id(report.figures))


def values(made: Noticed, *names: str) -> list[int | str]:
    """Some figures, 0 for each that is not there."""
    found = figures(made)
    return [found[name].value if name in found else 0 for name in names]
