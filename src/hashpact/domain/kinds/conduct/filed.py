"""The base class of the kinds of the code of conduct, whose statements are kept as filings.

A filing is about another statement, named by its index, or about a word that its kind defines. What follows
from filings, such as whether a notice is overdue, is derived (`hashpact.domain.conduct`).
"""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from typing import ClassVar, Self, TypeVar

from hashpact.domain import standing
from hashpact.domain.grammar import Form
from hashpact.domain.kinds.body import ADMIN, Body, Case, Signers, lines_of
from hashpact.domain.state import ConductTerms, Filing, Record, Role, View
from hashpact.errors import ConflictError, NotFoundError, NotPermittedError

_READ_BACK = 4096
"""Filings whose fields are remembered."""

_Kind = TypeVar("_Kind", bound="Filed")


class Filed(Body):
    """A kind whose statements are kept as filings."""

    __slots__ = ()
    signers: ClassVar[Signers] = Signers.MEMBER

    @property
    @abstractmethod
    def subject(self) -> str:
        """What it is about: the index of a statement in decimal, or a word."""

    def admit(self, case: Case) -> None:
        """Raise the HashpactError of the rule that the statement breaks."""

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The filing."""
        self.admit(case)
        return (self.filing(case),)

    def filing(self, case: Case) -> Filing:
        """The record of the statement."""
        lines = self.write().encode("ascii")
        return Filing(case.index, self.kind, self.subject, case.member, case.key, case.moment, lines)

    @classmethod
    def read(cls, filing: Filing) -> Self:
        """The fields of a filing of this kind."""
        if filing.kind != cls.kind:
            msg = f"leaf {filing.index} is no {cls.kind} but a {filing.kind}"
            raise ValueError(msg)
        body: Self = _read(cls, filing.lines)
        return body


@lru_cache(_READ_BACK)
def _read(kind: type[_Kind], lines: bytes) -> _Kind:
    return kind.of(Form(kind.kind, *lines_of(kind)).read(f"{kind.kind}\n".encode() + lines))


def stands(view: View, filing: Filing) -> bool:
    """Whether the filing's statement stands; those of administrators always do."""
    return filing.member == ADMIN or standing.stands(view, filing.key, filing.index)


def standing_filings(view: View, kind: type[Filed], about: str | int) -> list[Filing]:
    """The filings of that kind about that which stand, in the order of the log."""
    return [filing for filing in view.filings(kind.kind, str(about)) if stands(view, filing)]


def newest(view: View, kind: type[Filed], about: str | int, member: str) -> Filing | None:
    """The member's newest filing of that kind about that, if it stands."""
    found = view.newest(kind.kind, str(about), member)
    return found if found is not None and stands(view, found) else None


def found(view: View, kind: type[_Kind], index: int) -> tuple[Filing, _Kind]:
    """The filing of that kind at that index, and its fields.

    Raises NotFoundError if the leaf is of another kind, ConflictError if the filing does not stand.
    """
    filing = view.filing(index)
    if filing is None or filing.kind != kind.kind:
        msg = f"there is no {kind.kind} {index}"
        raise NotFoundError(msg, resource=f"{kind.kind}s/{index}")
    if not stands(view, filing):
        msg = f"the {kind.kind} {index} does not stand: the key that signed it is revoked"
        raise ConflictError(msg)
    return filing, kind.read(filing)


def terms_at(view: View, index: int) -> ConductTerms:
    """The terms of the policy that was in force when the leaf at that index was made."""
    found = ConductTerms()
    for charter in view.charters():
        if charter.since > index:
            break
        found = charter.terms
    return found


def check_role(case: Case, role: Role) -> None:
    """Raise NotPermittedError unless the statement's member has that role."""
    member = case.view.member(case.member)
    if member is None or role not in member.roles:
        msg = f"{case.member!r} does not have the role {role.value}"
        raise NotPermittedError(msg)
