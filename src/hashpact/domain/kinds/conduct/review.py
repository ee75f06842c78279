"""What members and administrators publish and report: methods, training, practices, tallies, joint reviews.

Rules 27 to 29.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from hashpact.domain.kinds.body import Case, Signers, short, utc
from hashpact.domain.kinds.conduct.filed import Filed, found, newest
from hashpact.domain.kinds.conduct.spelling import (
    ACTION,
    ACTIONS,
    CHECKED,
    COUNTED,
    DOCUMENT,
    DONE_BY,
    HEADS,
    MINUTES,
    MONTH,
    QUARANTINED,
    QUARTER,
    REVIEW,
    TOPICS,
    Heads,
)
from hashpact.domain.kinds.entries import check_labels
from hashpact.errors import ConflictError, InvalidInputError, MalformedError


@dataclass(frozen=True, slots=True)
class Methods(Filed):
    """The administrators publish how unlawful content is found and what is kept, as a document."""

    kind: ClassVar[str] = "methods"
    signers: ClassVar[Signers] = Signers.ONE_ADMINISTRATOR
    published: ClassVar[bool] = True
    document: Annotated[bytes, DOCUMENT]

    @property
    def subject(self) -> str:
        """The word methods: the newest is in force."""
        return self.kind

    def documents(self) -> tuple[bytes, ...]:
        """The methods statement."""
        return (self.document,)

    def summary(self) -> str:
        """The document."""
        return f"document {short(self.document)}"

    def describe(self) -> list[str]:
        """The document."""
        return [f"Publish the methods statement with the SHA-256 {self.document.hex()}."]


@dataclass(frozen=True, slots=True)
class Training(Filed):
    """A member records that reviewers were trained: topics, month, and about how many took part."""

    kind: ClassVar[str] = "training"
    topics: Annotated[tuple[str, ...], TOPICS]
    month: Annotated[str, MONTH]
    heads: Annotated[Heads, HEADS]

    @property
    def subject(self) -> str:
        """The month."""
        return self.month

    def summary(self) -> str:
        """The month, the topics, and how many."""
        return f"{self.month}: {', '.join(self.topics)}, {self.heads.value} people"

    def describe(self) -> list[str]:
        """The month, the topics, and how many."""
        return [f"Record a training in {self.month}: {', '.join(self.topics)}, {self.heads.value} people."]


@dataclass(frozen=True, slots=True)
class Practice(Filed):
    """A member shares a document about what works, with the members."""

    kind: ClassVar[str] = "practice"
    topics: Annotated[tuple[str, ...], TOPICS]
    document: Annotated[bytes, DOCUMENT]

    @property
    def subject(self) -> str:
        """The document."""
        return self.document.hex()

    def documents(self) -> tuple[bytes, ...]:
        """What is shared."""
        return (self.document,)

    def summary(self) -> str:
        """The topics and the document."""
        return f"{', '.join(self.topics)}, document {short(self.document)}"

    def describe(self) -> list[str]:
        """The topics and the document."""
        return [f"Share a document on {', '.join(self.topics)}: SHA-256 {self.document.hex()}."]


@dataclass(frozen=True, slots=True)
class Tally(Filed):
    """How many uploads a member has checked in a month, and what became of the matches, by label.

    ``quarantined`` is how many entries its mirror put into quarantine, None if it does not say. Numbers only,
    rounded as the policy has it. A later one of the same month takes its place.
    """

    kind: ClassVar[str] = "tally"
    month: Annotated[str, MONTH]
    checked: Annotated[int, CHECKED]
    counts: Annotated[tuple[tuple[str, int, int, int], ...], COUNTED]
    quarantined: Annotated[int | None, QUARANTINED] = None

    def check(self) -> None:
        """Refuse a label that is counted twice, and more that became of matches than there were."""
        if len({label for label, *_ in self.counts}) != len(self.counts):
            msg = "count names a label twice"
            raise MalformedError(msg, field="count")
        for label, matched, acted, stood in self.counts:
            if acted + stood > matched:
                msg = f"count {label}: {acted} acted on and {stood} let stand are more than {matched} matches"
                raise MalformedError(msg, field="count")

    @property
    def subject(self) -> str:
        """The month."""
        return self.month

    def summary(self) -> str:
        """The month and the sums."""
        return f"{self.month}: {self.checked} checked, {sum(count[1] for count in self.counts)} matched"

    def describe(self) -> list[str]:
        """The month and the numbers."""
        return [
            f"Report on {self.month}: {self.checked} uploads checked.",
            *(
                f"Under {label}: {matched} matched, {acted} acted on, {stood} let stand."
                for label, matched, acted, stood in self.counts
            ),
            *([] if self.quarantined is None else [f"{self.quarantined} entries were put into quarantine."]),
        ]

    def admit(self, case: Case) -> None:
        """The labels are of the policy, and every number is rounded."""
        check_labels(case, (label for label, *_ in self.counts))
        step = case.charter.terms.tally_step
        numbers = [
            self.checked,
            self.quarantined or 0,
            *(number for _, *of_label in self.counts for number in of_label),
        ]
        if any(number % step for number in numbers):
            msg = f"the policy has tallies rounded to multiples of {step}"
            raise InvalidInputError(msg, field="count", step=str(step))


@dataclass(frozen=True, slots=True)
class Review(Filed):
    """A member has taken part in the joint review of a quarter, with these minutes and agreed actions.

    Each member and authority that took part states the same; the actions are slugs, each with the time until
    which it is to be done.
    """

    kind: ClassVar[str] = "review"
    quarter: Annotated[str, QUARTER]
    minutes: Annotated[bytes, MINUTES]
    actions: Annotated[tuple[tuple[str, int], ...], ACTIONS]

    def check(self) -> None:
        """Refuse an action that is named twice."""
        if len({action for action, _ in self.actions}) != len(self.actions):
            msg = "action is named twice"
            raise MalformedError(msg, field="action")

    @property
    def subject(self) -> str:
        """The quarter."""
        return self.quarter

    def documents(self) -> tuple[bytes, ...]:
        """The minutes."""
        return (self.minutes,)

    def summary(self) -> str:
        """The quarter and the actions."""
        agreed = ", ".join(action for action, _ in self.actions) or "no actions"
        return f"{self.quarter}: {agreed}"

    def describe(self) -> list[str]:
        """The quarter, the minutes and the actions."""
        return [
            f"Sign the review of {self.quarter}, with the minutes of the SHA-256 {self.minutes.hex()}.",
            *(f"Agreed: {action}, until {utc(until)}." for action, until in self.actions),
        ]

    def admit(self, case: Case) -> None:
        """The member has not signed the same already."""
        before = newest(case.view, Review, self.quarter, case.member)
        if before is not None and Review.read(before) == self:
            msg = f"{case.member!r} has signed this review of {self.quarter} already"
            raise ConflictError(msg)


@dataclass(frozen=True, slots=True)
class ActionDone(Filed):
    """A member states that an agreed action is done; ``by`` is the statement that did it."""

    kind: ClassVar[str] = "action-done"
    review: Annotated[int, REVIEW]
    action: Annotated[str, ACTION]
    by: Annotated[int | None, DONE_BY]

    @property
    def subject(self) -> str:
        """The review."""
        return str(self.review)

    def summary(self) -> str:
        """The review, the action and what did it."""
        return f"review {self.review}: {self.action}{'' if self.by is None else f', by leaf {self.by}'}"

    def describe(self) -> list[str]:
        """The review, the action and what did it."""
        done = "" if self.by is None else f" by the statement {self.by}"
        return [f"State that the action {self.action} of the review {self.review} is done{done}."]

    def admit(self, case: Case) -> None:
        """The review has the action, and what did it is in the log."""
        _, review = found(case.view, Review, self.review)
        if self.action not in {action for action, _ in review.actions}:
            msg = f"the review {self.review} has no action {self.action!r}"
            raise InvalidInputError(msg, field="action")
        if self.by is not None and self.by >= case.index:
            msg = f"leaf {self.by} is not in the log yet"
            raise InvalidInputError(msg, field="by")
