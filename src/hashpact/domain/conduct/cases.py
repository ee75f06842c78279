"""The case that a notice opens for each of its addressees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hashpact.domain.conduct import clocks
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.kinds import Decision, Notice, ReceiptConfirm
from hashpact.domain.kinds.conduct.filed import newest, standing_filings, stands, terms_at
from hashpact.domain.state import Filing, View


@dataclass(frozen=True, slots=True)
class NoticeCase:
    """A notice as it stands for one addressee at a moment.

    ``due`` is when its clock runs out, and ``confirmed_at`` when the addressee confirmed that it had arrived,
    in Unix seconds. ``decisions`` are those of the addressee that stand, in the order of the log: the first
    stops the clock, the last is in force. ``priority`` is whether one of its labels has priority.
    """

    filing: Filing
    notice: Notice
    member: str
    due: int
    confirmed_at: int | None
    decisions: tuple[Filing, ...]
    standing: Standing
    priority: bool

    @property
    def decision(self) -> Decision | None:
        """The decision in force."""
        return Decision.read(self.decisions[-1]) if self.decisions else None

    @property
    def order(self) -> tuple[bool, int, int]:
        """What a queue is sorted by: those with priority first, then the next due."""
        return not self.priority, self.due, self.filing.index


def case_of(view: View, filing: Filing, member: str, now: int) -> NoticeCase:
    """The case of that notice and addressee at the moment ``now``; what was stated later does not count."""
    notice = Notice.read(filing)
    terms = terms_at(view, filing.index)
    until = filing.moment + terms.seconds(notice.clock, notice.labels)
    given = tuple(
        one
        for one in standing_filings(view, Decision, filing.index)
        if one.member == member and one.moment <= now
    )
    arrived = newest(view, ReceiptConfirm, filing.index, member)
    return NoticeCase(
        filing=filing,
        notice=notice,
        member=member,
        due=until,
        confirmed_at=None if arrived is None or arrived.moment > now else arrived.moment,
        decisions=given,
        standing=clocks.standing_at(now, filing.moment, until, given[0].moment if given else None),
        priority=terms.has_priority(notice.labels),
    )


def cases_of(view: View, filing: Filing, now: int) -> Iterator[NoticeCase]:
    """The case of each addressee of a notice; none if the notice does not stand."""
    if stands(view, filing):
        for member in Notice.read(filing).addressees:
            yield case_of(view, filing, member, now)
