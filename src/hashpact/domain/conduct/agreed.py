"""What the joint review of a quarter has agreed on, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hashpact.domain.kinds import ActionDone, Review
from hashpact.domain.kinds.conduct.filed import standing_filings
from hashpact.domain.state import View

_TOGETHER: Final = 2
"""Members that sign an action with the same time until an action is agreed on: nobody agrees alone."""


@dataclass(frozen=True, slots=True)
class AgreedAction:
    """An action that a review has agreed on; ``until`` is when it is to be done, in Unix seconds.

    ``agreed`` is the leaf of the review by which it was agreed on: the first that a second member signs with
    the same time. ``done`` is the leaf that states that it is done, by ``member``; ``by`` is the leaf that
    did it, if that is stated. ``late`` is whether it was done after its time, or is not done and its time is
    over.
    """

    action: str
    until: int
    agreed: int
    late: bool
    done: int | None = None
    member: str | None = None
    by: int | None = None

    @property
    def standing(self) -> str:
        """How it is counted: done, late or open."""
        if self.done is not None:
            return "done"
        return "late" if self.late else "open"


def agreed(view: View, quarter: str, now: int) -> tuple[AgreedAction, ...]:
    """The actions of the review of that quarter, by name, as they stand at the moment ``now``."""
    reviews = [one for one in standing_filings(view, Review, quarter) if one.moment <= now]
    signed: dict[tuple[str, int], set[str]] = {}
    found: dict[str, AgreedAction] = {}
    for review in reviews:
        for action, until in Review.read(review).actions:
            members = signed.setdefault((action, until), set())
            members.add(review.member)
            if len(members) >= _TOGETHER:
                found.setdefault(action, AgreedAction(action, until, review.index, until < now))
    for review in reviews:
        for filing in standing_filings(view, ActionDone, review.index):
            done = ActionDone.read(filing)
            before = found.get(done.action)
            if before is None or filing.moment > now:
                continue
            if before.done is None or filing.index < before.done:
                late = filing.moment > before.until
                found[done.action] = AgreedAction(
                    done.action, before.until, before.agreed, late, filing.index, filing.member, done.by
                )
    return tuple(found[action] for action in sorted(found))
