"""A quarter's report: its figures, the trend over four quarters, and what it is of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hashpact.domain.conduct.agreed import AgreedAction
from hashpact.errors import InvalidInputError, NotFoundError
from hashpact.report.counting import actions, count
from hashpact.report.figures import OVERALL, Figure, by_id
from hashpact.report.gathering import Gathered, gather
from hashpact.report.quarter import Quarter

QUARTERS: Final = 4
"""Quarters of the trend, of which the report's own is the last."""

TREND: Final = (
    "notices.valid",
    "notices.answered",
    "rate.within-24h",
    "rate.within-clock",
    "rate.acted",
    "rate.feedback",
    "entries.shared",
    "appeals.made",
)
"""The figures of all members together that are followed over the quarters."""

EUROPE: Final = (
    ("2016", "40", "28", None),
    ("2020", "90.4", "71", "67.1"),
    ("2021", "81", "62.5", "60.3"),
    ("2022", "64.4", "63.6", None),
)
"""Rounds in which the European Commission monitored its code of conduct of 2016, as it published them.

Each has its year, and in percent: notices assessed within 24 hours, content removed, notices with feedback.
"""


@dataclass(frozen=True, slots=True)
class QuarterReport:
    """The report on a quarter, of the first ``size`` leaves of a log. Times are in Unix seconds.

    ``root`` is the root of their tree. ``trend`` has for each quarter its figures named in `TREND`, in order;
    a figure that there is not is None. ``actions`` are those of the review of the quarter before.
    """

    origin: str
    size: int
    root: bytes
    quarter: Quarter
    as_of: int
    members: tuple[str, ...]
    figures: tuple[Figure, ...]
    trend: tuple[tuple[Quarter, tuple[int | str | None, ...]], ...]
    actions: tuple[AgreedAction, ...] = ()


def make(leaves: Iterable[bytes], quarter: Quarter) -> tuple[QuarterReport, Gathered]:
    """The report on a quarter from a log's leaves, and what it was made of.

    Raises InvalidInputError if there are no leaves, or the quarter begins after the newest statement.
    """
    gathered = gather(leaves)
    if not gathered.stated:
        msg = "the log has no statement to report on"
        raise InvalidInputError(msg, field="size")
    if gathered.newest < quarter.start:
        msg = f"the log's newest statement is earlier than {quarter}; there is nothing to report yet"
        raise InvalidInputError(msg, field="quarter")
    trend = []
    for past in range(QUARTERS - 1, -1, -1):
        of = quarter.later(-past)
        begun = of.stop > gathered.stated[0].moment
        found = by_id(count(gathered, of)) if past and begun else {}
        trend.append((of, found))
    figures = count(gathered, quarter)
    trend[-1] = (quarter, by_id(figures))
    report = QuarterReport(
        origin=gathered.origin,
        size=gathered.size,
        root=gathered.root,
        quarter=quarter,
        as_of=quarter.as_of(gathered.newest),
        members=tuple(sorted({one.scope for one in figures} - {OVERALL})),
        figures=figures,
        trend=tuple(
            (of, tuple(_value(found.get(f"{OVERALL}/{name}")) for name in TREND)) for of, found in trend
        ),
        actions=actions(gathered, quarter),
    )
    return report, gathered


def named(report: QuarterReport, figure_id: str) -> Figure:
    """The figure of that name. Raises NotFoundError that says how names are made."""
    found = by_id(report.figures).get(figure_id)
    if found is None:
        msg = f"the report has no figure {figure_id!r}; names are like {OVERALL}/notices.valid (--format csv)"
        raise NotFoundError(msg, resource=f"figures/{figure_id}")
    return found


def _value(figure: Figure | None) -> int | str | None:
    return None if figure is None else figure.value
