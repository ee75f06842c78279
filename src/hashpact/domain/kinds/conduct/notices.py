"""Notices, their receipt, and the decisions on them. Rules 21 to 23."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from hashpact.domain.grammar import Lines
from hashpact.domain.kinds.body import Case, utc
from hashpact.domain.kinds.conduct.contacts import live
from hashpact.domain.kinds.conduct.filed import Filed, check_role, found, newest, standing_filings
from hashpact.domain.kinds.conduct.spelling import (
    ABOUT_ENTRY,
    ACTED,
    ADDRESSEES,
    CHANNEL,
    CLAUSE,
    GUIDELINES,
    LAW,
    NOTICE,
    NOTIFIED,
    NOTIFIED_BY,
    OUTCOME,
    SOUGHT,
    URGENCY,
    WORDS,
    Channel,
    Judgement,
    Outcome,
    Point,
)
from hashpact.domain.kinds.entries import check_authority, check_labels, standing_entry
from hashpact.domain.kinds.lines import ARTICLE, AUTHORITY, GROUND, LABELS
from hashpact.domain.state import Basis, Filing, Role
from hashpact.errors import ConflictError, InvalidInputError, MalformedError, NotFoundError, NotPermittedError

CLOCKS_APART: Final = 600
"""Seconds by which the clock that gave a time may be ahead of the log's."""
MAX_DECISIONS: Final = 16
"""Decisions of one member on one notice."""


@dataclass(frozen=True, slots=True)
class Notice(Filed):
    """A notifier asks members to look at content: that of an entry, or such as its fingerprints find.

    The reference of the evidence and the explanation are in the words, which the addressees receive. The
    clock starts at the statement's moment, and runs for as long as its class and its labels have it.
    """

    kind: ClassVar[str] = "notice"
    texts: ClassVar[frozenset[str]] = frozenset({"reference", "explanation"})
    addressees: Annotated[tuple[str, ...], ADDRESSEES]
    entry: Annotated[int | None, ABOUT_ENTRY]
    labels: Annotated[tuple[str, ...], LABELS]
    basis: Annotated[Basis, GROUND]
    authority: Annotated[str | None, AUTHORITY]
    article: Annotated[str | None, ARTICLE]
    channel: Annotated[Channel, CHANNEL]
    clock: Annotated[str, URGENCY]
    items: Annotated[tuple[bytes, ...], SOUGHT]
    words: Annotated[bytes, WORDS]

    def check(self) -> None:
        """Refuse a notice about nothing, and one by law that names no authority or no article."""
        given = {"entry": self.entry, "item": self.items or None, "basis": self.basis.value}
        given |= {"authority": self.authority, "article": self.article}
        missing = self.lacking({name: str(value) for name, value in given.items() if value is not None})
        if missing:
            msg = f"the notice is incomplete: it lacks {', '.join(missing)}"
            raise MalformedError(msg, field=missing[0], missing=", ".join(missing))
        if self.entry is not None and self.items:
            msg = "a notice is about an entry or about items, not about both"
            raise MalformedError(msg, field="entry")
        if self.basis is not Basis.LAW and (self.authority, self.article) != (None, None):
            msg = "only basis law names an authority and an article"
            raise MalformedError(msg, field="basis")

    @classmethod
    def lacking(cls, lines: Lines) -> list[str]:
        """What it is about; and with basis law its authority and article."""
        missing = [] if {"entry", "item"} & lines.keys() else ["entry or item"]
        if lines.get("basis") == Basis.LAW.value:
            missing += [name for name in ("authority", "article") if name not in lines]
        return missing

    @property
    def subject(self) -> str:
        """The entry, or the word items."""
        return "items" if self.entry is None else str(self.entry)

    def fingerprints(self) -> tuple[bytes, ...]:
        """Those that the addressees are asked to look for."""
        return self.items

    def summary(self) -> str:
        """To whom, about what, and its clock."""
        about = f"{len(self.items)} fingerprints" if self.entry is None else f"entry {self.entry}"
        law = "" if self.authority is None else f" {self.authority} {self.article}"
        return (
            f"to {', '.join(self.addressees)}: {about}, {', '.join(self.labels)}, "
            f"{self.basis.value}{law}, clock {self.clock}"
        )

    def describe(self) -> list[str]:
        """To whom, about what, and its clock."""
        about = f"content of {len(self.items)} fingerprints" if self.entry is None else f"entry {self.entry}"
        return [
            f"Give notice to {', '.join(self.addressees)} about {about}.",
            f"Its labels: {', '.join(self.labels)}. Its basis: {self.basis.value}.",
            *([f"{self.authority} asks for it by {self.article}."] if self.authority is not None else []),
            f"Its clock is of the class {self.clock}, and starts when the statement is in the log.",
        ]

    def admit(self, case: Case) -> None:
        """The notifier has the role, and each addressee a contact point."""
        check_role(case, Role.NOTIFY)
        check_labels(case, self.labels)
        classes = case.charter.terms.classes()
        if self.clock not in classes:
            msg = f"the policy has no clock class {self.clock!r}; known are {', '.join(sorted(classes))}"
            raise InvalidInputError(msg, field="clock", known=", ".join(sorted(classes)))
        if self.authority is not None:
            check_authority(case.view, self.authority)
        if self.entry is not None:
            standing_entry(case.view, self.entry)
        if case.member in self.addressees:  # its figures would be what it makes of them
            msg = f"{case.member!r} gives no notice to itself"
            raise NotPermittedError(msg)
        for addressee in self.addressees:
            member = case.view.member(addressee)
            if member is None:
                msg = f"the addressee {addressee!r} is not enrolled"
                raise NotFoundError(msg, resource=f"members/{addressee}")
            if member.suspended_index is not None:  # it could not answer before its clock runs out
                msg = f"the addressee {addressee!r} is suspended, and could not answer"
                raise ConflictError(msg, addressee=addressee)
            if live(case.view, addressee, Point.NOTICES, case.moment) is None:
                msg = f"{addressee!r} has no contact point for notices that is valid now"
                raise ConflictError(msg, addressee=addressee)


@dataclass(frozen=True, slots=True)
class ReceiptConfirm(Filed):
    """An addressee states that the notice has arrived."""

    kind: ClassVar[str] = "receipt-confirm"
    notice: Annotated[int, NOTICE]

    @property
    def subject(self) -> str:
        """The notice."""
        return str(self.notice)

    def summary(self) -> str:
        """The notice."""
        return f"notice {self.notice}"

    def describe(self) -> list[str]:
        """The notice."""
        return [f"Confirm that notice {self.notice} has arrived."]

    def admit(self, case: Case) -> None:
        """The member is an addressee, and has not confirmed it yet."""
        addressed(case, self.notice)
        if newest(case.view, ReceiptConfirm, self.notice, case.member) is not None:
            msg = f"{case.member!r} has confirmed notice {self.notice} already"
            raise ConflictError(msg)


@dataclass(frozen=True, slots=True)
class Decision(Filed):
    """What an addressee has done about a notice, and how it judged by its own guidelines and by the law.

    ``clause`` is of its guidelines, ``article`` of the law. ``acted`` is when it acted and ``notified`` when
    it has informed the notifier, in Unix seconds; ``notified_by`` is the channel. A later decision takes the
    place of the earlier one, but the clock stops at the first.
    """

    kind: ClassVar[str] = "decision"
    notice: Annotated[int, NOTICE]
    outcome: Annotated[Outcome, OUTCOME]
    guidelines: Annotated[Judgement, GUIDELINES]
    clause: Annotated[str | None, CLAUSE]
    law: Annotated[Judgement, LAW]
    article: Annotated[str | None, ARTICLE]
    acted: Annotated[int | None, ACTED]
    notified: Annotated[int | None, NOTIFIED]
    notified_by: Annotated[str | None, NOTIFIED_BY]

    def check(self) -> None:
        """Refuse a breach of nothing, an act without its time, and an act that nothing is a reason for."""
        for finding, rule, names in (
            (self.guidelines, self.clause, ("guidelines", "clause")),
            (self.law, self.article, ("law", "article")),
        ):
            if (finding is Judgement.BREACH) is not (rule is not None):
                msg = f"{names[0]} breach, and only it, names the {names[1]}"
                raise MalformedError(msg, field=names[1])
        if self.outcome.acted is not (self.acted is not None):
            msg = "an outcome of removed or restricted, and only it, has the time acted"
            raise MalformedError(msg, field="acted")
        if self.outcome.acted and Judgement.BREACH not in {self.guidelines, self.law}:
            msg = f"content is {self.outcome.value} for a breach of the guidelines or of the law"
            raise MalformedError(msg, field="outcome")
        if (self.notified is None) is not (self.notified_by is None):
            msg = "notified and notified-by go together"
            raise MalformedError(msg, field="notified")

    @property
    def subject(self) -> str:
        """The notice."""
        return str(self.notice)

    def summary(self) -> str:
        """The notice and the outcome."""
        return f"notice {self.notice}: {self.outcome.value}{self._rules()}"

    def describe(self) -> list[str]:
        """The notice, the outcome and the judgement."""
        told = f"{utc(self.notified)}, by {self.notified_by}" if self.notified is not None else "not yet"
        return [
            f"Decide on notice {self.notice}: {self.outcome.value}.",
            f"By the guidelines: {self.guidelines.value}{_of(self.clause)}.",
            f"By the law: {self.law.value}{_of(self.article)}.",
            *([f"Acted at {utc(self.acted)}."] if self.acted is not None else []),
            f"Notifier informed: {told}.",
        ]

    def admit(self, case: Case) -> None:
        """The member is an addressee, and no time is in the future."""
        addressed(case, self.notice)
        for name, time in (("acted", self.acted), ("notified", self.notified)):
            if time is not None and time > case.moment + CLOCKS_APART:
                msg = f"{name} is in the future; give the time at which it was done"
                raise InvalidInputError(msg, field=name)
        given = [
            one for one in standing_filings(case.view, Decision, self.notice) if one.member == case.member
        ]
        if len(given) >= MAX_DECISIONS:
            msg = f"{case.member!r} has decided {MAX_DECISIONS} times on notice {self.notice}: the limit"
            raise ConflictError(msg)

    def _rules(self) -> str:
        rules = [rule for rule in (self.clause, self.article) if rule is not None]
        return f", {', '.join(rules)}" if rules else ""


def addressed(case: Case, notice: int) -> tuple[Filing, Notice]:
    """The notice. Raises NotFoundError, and NotPermittedError unless the member is one of its addressees."""
    filing, body = found(case.view, Notice, notice)
    if case.member not in body.addressees:
        msg = f"notice {notice} is not for {case.member!r}, but for {', '.join(body.addressees)}"
        raise NotPermittedError(msg)
    return filing, body


def _of(rule: str | None) -> str:
    return "" if rule is None else f", {rule}"
