"""What a member asks about matters of the code of conduct, and gets in answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from hashpact.domain.conduct.appealed import AppealCase
from hashpact.domain.conduct.cases import NoticeCase
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.conduct.points import ContactPoint
from hashpact.domain.conduct.replies import AwaitedReply
from hashpact.domain.conduct.watching import WatchPlace
from hashpact.domain.state import Filing

DEFAULT_MATTERS: Final = 50
"""Matters of one page."""
MAX_MATTERS: Final = 100

Matter = TypeVar("Matter")


@dataclass(frozen=True, slots=True)
class FiledDetail:
    """A filing with the bytes of its leaf, and its private parts in their order.

    These are ``withheld`` from a member whom the statement does not concern.
    """

    filing: Filing
    statement: bytes
    stands: bool
    private: tuple[bytes, ...] = ()
    withheld: bool = False

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.statement) + sum(map(len, self.private))


@dataclass(frozen=True, slots=True)
class MattersRequest:
    """Which matters: those that stand as one of ``standings``, or any if there are none.

    Of notices also those ``to`` or ``by`` a member, with one of the ``labels``, ``due_before`` a time in Unix
    seconds. ``index`` names one alone. ``after`` is the log index after which a page begins, and ``size`` how
    many matters it has.
    """

    standings: frozenset[Standing] = frozenset()
    to: str | None = None
    by: str | None = None
    labels: frozenset[str] = frozenset()
    due_before: int | None = None
    index: int | None = None
    after: int = 0
    size: int = DEFAULT_MATTERS


EVERY: Final = MattersRequest()
"""Any matter, from the beginning of the log."""


@dataclass(frozen=True, slots=True)
class Matters(Generic[Matter]):
    """A page of matters; ``next_after`` is where the next one begins, None on the last."""

    matters: tuple[Matter, ...] = ()
    next_after: int | None = None


@dataclass(frozen=True, slots=True)
class NoticeDetail:
    """A notice as it stands for one addressee, with the statements behind it."""

    case: NoticeCase
    notice: FiledDetail
    decisions: tuple[FiledDetail, ...] = ()

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.notice.size + sum(one.size for one in self.decisions)


@dataclass(frozen=True, slots=True)
class NoticeChange:
    """A notice to the member that stands otherwise than ``before``, which is None of a new one.

    ``detail`` is None when that is all for now. ``seen`` is where to go on from after a break: what came
    after it comes again, and nothing is left out.
    """

    detail: NoticeDetail | None
    before: Standing | None
    seen: WatchPlace


@dataclass(frozen=True, slots=True)
class AppealDetail:
    """An appeal as it stands, with the statements behind it."""

    case: AppealCase
    appeal: FiledDetail
    rulings: tuple[FiledDetail, ...] = ()

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.appeal.size + sum(one.size for one in self.rulings)


@dataclass(frozen=True, slots=True)
class ReplyDetail:
    """A reply that is awaited or was given, with the statements behind it."""

    awaited: AwaitedReply
    matter: FiledDetail
    reply: FiledDetail | None = field(default=None)

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.matter.size + (0 if self.reply is None else self.reply.size)


@dataclass(frozen=True, slots=True)
class ContactDetail:
    """A contact point, with the statement that names it."""

    point: ContactPoint
    contact: FiledDetail


@dataclass(frozen=True, slots=True)
class Contacts:
    """A page of contact points; ``next_after`` is the member to go on after, None on the last page."""

    contacts: tuple[ContactDetail, ...] = ()
    next_after: str | None = None


def following(asked: MattersRequest, page: Matters[Matter] | None) -> MattersRequest:
    """The request for the page after that one; for the first if there is none yet."""
    return asked if page is None else replace(asked, after=page.next_after or 0)
