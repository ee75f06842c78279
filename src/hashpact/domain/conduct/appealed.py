"""Appeals: who rules on them, how they stand, and what they have led to."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from hashpact.domain.conduct import clocks
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.kinds import Appeal, Ruling
from hashpact.domain.kinds.conduct.appeals import carried, concerned
from hashpact.domain.kinds.conduct.filed import standing_filings
from hashpact.domain.kinds.conduct.spelling import AppealOutcome
from hashpact.domain.state import Filing, View
from hashpact.errors import ConflictError, NotFoundError


class Stage(enum.Enum):
    """Whose turn it is, or how an appeal has ended."""

    OWNER = "owner"
    PANEL = "panel"
    UPHELD = "upheld"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class AppealCase:
    """An appeal as it stands at a moment.

    ``owner`` is the member that rules on it first, None if the decision it is about does not stand any more.
    ``due`` is when the owner's time runs out. ``rulings`` are those that stand, in the order of the log.
    """

    filing: Filing
    appeal: Appeal
    owner: str | None
    due: int
    rulings: tuple[Filing, ...]
    stage: Stage
    standing: Standing


def appeal_case(view: View, filing: Filing, now: int) -> AppealCase:
    """The appeal at the moment ``now``; what was stated later does not count."""
    appeal = Appeal.read(filing)
    try:
        owner = concerned(view, appeal)
    except (ConflictError, NotFoundError):
        owner = None
    until = clocks.due(view, filing, "appeal")
    rulings = tuple(one for one in standing_filings(view, Ruling, filing.index) if one.moment <= now)
    own = next((one for one in rulings if one.member == owner), None)
    standing = clocks.standing_at(now, filing.moment, until, None if own is None else own.moment)
    overdue = standing is Standing.OVERDUE
    stage = (
        Stage.UPHELD if _struck(view, filing, appeal, now) else _stage(view, own, rulings, overdue=overdue)
    )
    return AppealCase(filing, appeal, owner, until, rulings, stage, standing)


def _stage(view: View, own: Filing | None, rulings: tuple[Filing, ...], *, overdue: bool) -> Stage:
    """Who rules next, or how it has ended: the owner upholds it, or a quorum of the panel decides."""
    if own is not None and _outcome(own) is AppealOutcome.UPHELD:
        return Stage.UPHELD
    decided = carried(view, [one for one in rulings if one is not own])
    if decided is not None:
        return Stage.UPHELD if decided is AppealOutcome.UPHELD else Stage.REJECTED
    if own is None and not overdue:
        return Stage.OWNER
    charter = view.charter()
    if charter is None or charter.terms.quorum is None:
        return Stage.OWNER if own is None else Stage.REJECTED
    return Stage.PANEL


def _struck(view: View, filing: Filing, appeal: Appeal, now: int) -> bool:
    """Whether the panel has struck the entry by this appeal; that stays, also if a key is revoked later."""
    entry = None if appeal.entry is None else view.entry(appeal.entry)
    rulings = view.filings(Ruling.kind, str(filing.index))
    return entry is not None and any(one.index == entry.voided_index and one.moment <= now for one in rulings)


def _outcome(filing: Filing) -> AppealOutcome:
    return Ruling.read(filing).outcome
