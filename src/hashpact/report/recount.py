"""Recount: the numbers again from the leaves that a report names, each read by itself.

It uses nothing of how figures are counted: only the statements' own fields and moments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hashpact.domain.kinds import Decision, Notice, Tally
from hashpact.report.figures import Figure
from hashpact.report.gathering import Gathered, Stated
from hashpact.report.report import QuarterReport

_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "actions": ("review", "action-done"),
    "appeals": ("appeal",),
    "contacts": ("contact",),
    "entries": ("submit", "withdraw", "ruling"),
    "incidents": ("key-revoke", "key-suspend", "member-suspend", "void", "clock-mend"),
    "keys": ("key-rotate",),
    "notices": ("notice",),
    "practices": ("practice",),
    "rate": ("notice",),
    "replies": ("question", "decision", "appeal"),
    "reviews": ("review",),
    "suspensions": ("member-suspend",),
    "trainings": ("training",),
    "uploads": ("tally",),
}
"""The kinds of the statements that may be behind a figure, by the first word of its name."""
_TALLIED: Final = {"checked": None, "matched": 1, "acted": 2, "let-stand": 3}
_DAY: Final = 24 * 3600


def disagreements(report: QuarterReport, gathered: Gathered) -> Iterator[str]:
    """Every figure that the leaves behind it do not bear out, described."""
    stated = {one.index: one for one in gathered.stated}
    for figure in report.figures:
        wrong = _wrong(figure, stated)
        if wrong is not None:
            yield f"{figure.id}: {wrong}"


def _wrong(figure: Figure, stated: Mapping[int, Stated]) -> str | None:
    """What the leaves behind a figure say against it."""
    missing = [leaf for leaf in figure.leaves if leaf not in stated]
    if missing:
        return f"leaf {missing[0]} is no statement that counts"
    behind = [stated[leaf] for leaf in figure.leaves]
    kinds = _KINDS[figure.name.partition(".")[0]]
    foreign = [one for one in behind if one.body.kind not in kinds]
    if foreign:
        return f"leaf {foreign[0].index} is a {foreign[0].body.kind}"
    if figure.unit == "count":
        found = _counted(figure, behind)
        return None if found == figure.value else f"{figure.value}, but the leaves have {found}"
    if figure.name in {"rate.within-24h", "rate.within-clock", "rate.acted", "rate.feedback"}:
        return _rated(figure, behind, stated)
    return None


def _counted(figure: Figure, behind: list[Stated]) -> int:
    """The number again: leaves, or what tallies add up to."""
    name = figure.name.partition(".")[2]
    if not figure.reported:
        return len(behind)
    place = _TALLIED[name]
    total = 0
    for one in {one.index: one for one in behind}.values():
        body: Any = one.body
        assert isinstance(body, Tally)  # noqa: S101  # its kind was looked at
        total += body.checked if place is None else sum(int(count[place]) for count in body.counts)
    return total


def _rated(figure: Figure, behind: list[Stated], stated: Mapping[int, Stated]) -> str | None:
    """Whether a rate within 24 hours can be: no more than were decided on within a day at all."""
    if figure.name != "rate.within-24h" or figure.value == "-":
        return None
    notices = {one.index: one for one in behind}
    first: dict[tuple[int, str], int] = {}
    for one in stated.values():
        body = one.body
        if isinstance(body, Decision) and body.notice in notices:
            first.setdefault((body.notice, one.member), one.moment)
    possible = 0
    for index, one in notices.items():
        assert isinstance(one.body, Notice)  # noqa: S101  # as above
        for member in one.body.addressees:
            decided = first.get((index, member))
            in_time = decided is not None and decided - one.moment <= _DAY
            possible += in_time and figure.scope in {"all", member}
    most = 100 * possible / len(behind)
    return (
        None if float(figure.value) <= most + 0.05 else f"{figure.value} %, but at most {most:.1f} % can be"
    )
