"""Contact points: where a member is reached, and until when. Rule 20."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from hashpact.domain.kinds.body import Case, utc
from hashpact.domain.kinds.conduct.filed import Filed, newest
from hashpact.domain.kinds.conduct.spelling import (
    HOURS,
    LANGUAGES,
    POINT,
    PROCEDURE,
    VALID_FROM,
    VALID_TO,
    WORDS,
    Point,
)
from hashpact.domain.state import Filing, View
from hashpact.errors import ConflictError, MalformedError

MAX_VALID: Final = 2 * 366 * 24 * 3600
"""Seconds for which a contact point may be valid."""
CONFIRM_EVERY: Final = 90 * 24 * 3600
"""Seconds after which a contact point is to be confirmed again."""


@dataclass(frozen=True, slots=True)
class Contact(Filed):
    """A member's contact point, in the place of its earlier one for the same matters.

    The address is in the words, which members receive. ``procedure`` is the SHA-256 of the document that says
    how to submit a notice to the member. One that ends before it begins takes the contact point back.
    """

    kind: ClassVar[str] = "contact"
    texts: ClassVar[frozenset[str]] = frozenset({"address"})
    published: ClassVar[bool] = True
    point: Annotated[Point, POINT]
    valid_from: Annotated[int, VALID_FROM]
    valid_to: Annotated[int, VALID_TO]
    languages: Annotated[tuple[str, ...], LANGUAGES]
    hours: Annotated[tuple[str, ...], HOURS]
    procedure: Annotated[bytes | None, PROCEDURE]
    words: Annotated[bytes, WORDS]

    def check(self) -> None:
        """Refuse a contact point that is valid for too long."""
        if self.valid_to - self.valid_from > MAX_VALID:
            msg = f"a contact point is valid for at most {MAX_VALID // 86400} days; confirm or renew it"
            raise MalformedError(msg, field="to")

    @property
    def subject(self) -> str:
        """What the contact point is for."""
        return self.point.value

    def documents(self) -> tuple[bytes, ...]:
        """The procedure."""
        return () if self.procedure is None else (self.procedure,)

    def summary(self) -> str:
        """What it is for, and until when."""
        return f"{self.point.value}, until {utc(self.valid_to)}, {', '.join(self.languages)}"

    def describe(self) -> list[str]:
        """What it is for, and when."""
        return [
            f"Name a contact point for {self.point.value}, in the place of the one before.",
            f"It is valid from {utc(self.valid_from)} to {utc(self.valid_to)}.",
            f"It answers in {', '.join(self.languages)}, at these hours: {', '.join(self.hours)}.",
            *(["Its document says how to submit a notice."] if self.procedure is not None else []),
        ]


@dataclass(frozen=True, slots=True)
class ContactConfirm(Filed):
    """A member confirms that its contact point is still the right one."""

    kind: ClassVar[str] = "contact-confirm"
    point: Annotated[Point, POINT]

    @property
    def subject(self) -> str:
        """What the contact point is for."""
        return self.point.value

    def summary(self) -> str:
        """What the contact point is for."""
        return self.point.value

    def describe(self) -> list[str]:
        """What is confirmed."""
        return [f"Confirm the contact point for {self.point.value}."]

    def admit(self, case: Case) -> None:
        """There is one to confirm."""
        if live(case.view, case.member, self.point, case.moment) is None:
            msg = f"{case.member!r} has no contact point for {self.point.value} that is valid; set one"
            raise ConflictError(msg)


def live(view: View, member: str, point: Point, moment: int) -> Filing | None:
    """The member's contact point for that, if it is valid at that moment."""
    filing = newest(view, Contact, point.value, member)
    if filing is None:
        return None
    contact = Contact.read(filing)
    return filing if contact.valid_from <= moment < contact.valid_to else None


def confirmed(view: View, filing: Filing) -> int:
    """When the contact point of that filing was last confirmed: the moment it was set, if not since."""
    later = newest(view, ContactConfirm, filing.about, filing.member)
    return filing.moment if later is None or later.index < filing.index else later.moment
