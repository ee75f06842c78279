"""Audience: which members read the words of a filing, and the fingerprints that a notice asks for."""

from __future__ import annotations

from typing import Final

from hashpact.domain.kinds import Appeal, AuthorityReply, Contact, Decision, Notice, Question, Ruling
from hashpact.domain.kinds.conduct.appeals import awaited_from, concerned
from hashpact.domain.state import Filing, Member, Role, View
from hashpact.errors import ConflictError, NotFoundError

_DEEP: Final = 4
"""How far a filing may hang from a notice: a reply to an appeal about a decision on it."""


def may_read(view: View, filing: Filing, member: Member) -> bool:
    """Whether a member reads what is confidential in a filing.

    Every member reads addresses of contact points, and a member with the role audit reads everything. Any
    other member reads what it states, what is addressed to it, and what was stated about these.
    """
    if filing.kind == Contact.kind or Role.AUDIT in member.roles:
        return True
    return member.id in _concerned(view, filing, _DEEP)


def _concerned(view: View, filing: Filing, deep: int) -> frozenset[str]:
    """The members that a filing is by, for or about."""
    about: set[str | None] = {filing.member}
    above: int | None = None
    match filing.kind:
        case Notice.kind:
            notice = Notice.read(filing)
            about |= {*notice.addressees, notice.authority}
        case Decision.kind:
            above = Decision.read(filing).notice
        case Question.kind:
            about.add(Question.read(filing).addressee)
        case AuthorityReply.kind:
            above = AuthorityReply.read(filing).about
        case Ruling.kind:
            above = Ruling.read(filing).appeal
        case Appeal.kind:
            about |= _judges(view, Appeal.read(filing)) | awaited_from(view, filing)
        case _:
            pass
    parent = None if above is None or not deep else view.filing(above)
    beyond = frozenset() if parent is None else _concerned(view, parent, deep - 1)
    return beyond | {name for name in about if name is not None}


def _judges(view: View, appeal: Appeal) -> set[str | None]:
    """Who rules on an appeal."""
    charter = view.charter()
    panel: set[str | None] = set() if charter is None else set(charter.terms.panel)
    try:
        return {concerned(view, appeal), *panel}
    except (ConflictError, NotFoundError):
        return panel
