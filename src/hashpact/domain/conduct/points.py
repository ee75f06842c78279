"""Contact points as they stand at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hashpact.domain.kinds import Contact
from hashpact.domain.kinds.conduct.contacts import CONFIRM_EVERY, confirmed
from hashpact.domain.kinds.conduct.filed import newest
from hashpact.domain.kinds.conduct.spelling import Point
from hashpact.domain.state import Filing, View


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """A member's contact point. ``confirmed_at`` is in Unix seconds.

    It is ``live`` while it is valid, and ``overdue`` if it is live and was not confirmed for 90 days.
    """

    filing: Filing
    contact: Contact
    confirmed_at: int
    live: bool
    overdue: bool


def points_of(view: View, member: str, now: int) -> Iterator[ContactPoint]:
    """The contact points of a member, by what they are for; those that were taken back are left out."""
    for point in Point:
        filing = newest(view, Contact, point.value, member)
        if filing is None:
            continue
        found = point_at(filing, confirmed(view, filing), now)
        if found.contact.valid_to > found.contact.valid_from:
            yield found


def point_at(filing: Filing, confirmed_at: int, now: int) -> ContactPoint:
    """The contact point of a filing at the moment ``now``, last confirmed at that moment."""
    contact = Contact.read(filing)
    live = contact.valid_from <= now < contact.valid_to
    return ContactPoint(filing, contact, confirmed_at, live, live and now - confirmed_at > CONFIRM_EVERY)
