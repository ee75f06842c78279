"""Appeals and the rulings on them, questions to authorities and their replies. Rules 24 to 26."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Final

from hashpact.domain import standing
from hashpact.domain.kinds.body import Case, Touches, why
from hashpact.domain.kinds.conduct.filed import Filed, check_role, found, newest, standing_filings, terms_at
from hashpact.domain.kinds.conduct.notices import Decision, Notice
from hashpact.domain.kinds.conduct.spelling import (
    ABOUT_DECISION,
    ABOUT_ENTRY,
    ABOUT_NOTICE,
    ADDRESSEE,
    ANSWERED,
    APPEAL,
    APPEAL_OUTCOME,
    MORE_WORDS,
    RULED_ENTRY,
    WORDS,
    AppealOutcome,
)
from hashpact.domain.kinds.entries import any_entry, check_authority, standing_entry, withdrawn
from hashpact.domain.kinds.lines import REASON
from hashpact.domain.state import Filing, Opinion, Record, Role, Stance, View
from hashpact.errors import ConflictError, MalformedError, NotFoundError, NotPermittedError

UPHELD: Final = "appeal-upheld"
"""The reason that an entry has which a ruling ends or disputes."""


@dataclass(frozen=True, slots=True)
class Appeal(Filed):
    """A member asks, for a person who is affected, that an entry or a decision be looked at again.

    Nothing says who that person is. Why may be explained in the words.
    """

    kind: ClassVar[str] = "appeal"
    texts: ClassVar[frozenset[str]] = frozenset({"explanation"})
    entry: Annotated[int | None, ABOUT_ENTRY]
    decision: Annotated[int | None, ABOUT_DECISION]
    reason: Annotated[str, REASON]
    words: Annotated[bytes | None, MORE_WORDS] = None

    def check(self) -> None:
        """Refuse an appeal about nothing, and one about two things."""
        if (self.entry is None) is (self.decision is None):
            msg = "an appeal is about an entry or about a decision: want one of the two lines"
            raise MalformedError(msg, field="entry", missing="entry or decision")

    @property
    def subject(self) -> str:
        """The entry or the decision."""
        return str(self.decision if self.entry is None else self.entry)

    def summary(self) -> str:
        """What it is about, and the reason."""
        return f"{self._matter()}: {self.reason}"

    def describe(self) -> list[str]:
        """What it is about, and the reason."""
        return [f"Appeal against {self._matter()}.", why(self.reason)]

    def admit(self, case: Case) -> None:
        """What it is about stands, and the member has no appeal about it that waits for its ruling."""
        concerned(case.view, self)
        if self.entry is not None:
            standing_entry(case.view, self.entry)
        before = newest(case.view, Appeal, self.subject, case.member)
        if before is not None and not standing_filings(case.view, Ruling, before.index):
            msg = f"the appeal {before.index} of {case.member!r} about {self._matter()} waits for its ruling"
            raise ConflictError(msg)

    def _matter(self) -> str:
        return f"decision {self.decision}" if self.entry is None else f"entry {self.entry}"


@dataclass(frozen=True, slots=True)
class Ruling(Filed):
    """The result of an appeal, by the member whose entry or decision it is about, or by one of the panel.

    The panel rules once that member has rejected the appeal, or has let its clock run out; a quorum of it
    decides. ``entry`` is the entry that an appeal which is upheld is about: the contributor withdraws it by
    its ruling, the quorum of the panel strikes it, and another member whose decision followed it disputes it.
    """

    kind: ClassVar[str] = "ruling"
    touches: ClassVar[Touches] = Touches.STANDING
    texts: ClassVar[frozenset[str]] = frozenset({"explanation"})
    appeal: Annotated[int, APPEAL]
    outcome: Annotated[AppealOutcome, APPEAL_OUTCOME]
    entry: Annotated[int | None, RULED_ENTRY]
    reason: Annotated[str, REASON]
    words: Annotated[bytes | None, MORE_WORDS] = None

    def check(self) -> None:
        """Refuse to end an entry by an appeal that is rejected."""
        if self.entry is not None and self.outcome is not AppealOutcome.UPHELD:
            msg = "only an appeal that is upheld ends or disputes an entry"
            raise MalformedError(msg, field="entry")

    @property
    def subject(self) -> str:
        """The appeal."""
        return str(self.appeal)

    def summary(self) -> str:
        """The appeal, the outcome and the reason."""
        return f"appeal {self.appeal}: {self.outcome.value}{self._entry()}, {self.reason}"

    def describe(self) -> list[str]:
        """The appeal, the outcome and what follows."""
        follows = [] if self.entry is None else [f"It withdraws, strikes or disputes entry {self.entry}."]
        return [f"Rule on appeal {self.appeal}: {self.outcome.value}.", *follows, why(self.reason)]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The filing, and the entry or opinion that follows from it."""
        filing, appeal = found(case.view, Appeal, self.appeal)
        owner = concerned(case.view, appeal)
        self._check_entry(case, appeal)
        own = case.member == owner
        if newest(case.view, Ruling, self.appeal, case.member) is not None:
            msg = f"{case.member!r} has ruled on appeal {self.appeal} already"
            raise ConflictError(msg)
        if not own:
            _check_panel(case, filing, owner)
        records: tuple[Record, ...] = (self.filing(case),)
        if self.entry is None:
            return records
        entry = any_entry(case.view, self.entry)
        if own and entry.member == case.member:
            # A withdrawal that stands is not replaced: it could be a representative's, and the contributor
            # would undo it by revoking the key of its ruling.
            ends = not standing.withdrawn(case.view, entry)
            return (*records, withdrawn(case, entry, UPHELD)) if ends else records
        if own:
            return (*records, Opinion(self.entry, case.member, Stance.DISPUTE, case.index, case.key, UPHELD))
        if entry.voided_index is None and self._quorum(case):
            return (*records, replace(entry, voided_index=case.index, voided_reason=UPHELD))
        return records

    def _check_entry(self, case: Case, appeal: Appeal) -> None:
        """The line entry names the entry that the appeal is about, and is there if it must be."""
        if appeal.entry is not None:
            wanted = appeal.entry if self.outcome is AppealOutcome.UPHELD else None
            if self.entry != wanted:
                msg = f"want the line entry {wanted}" if wanted is not None else "want no line entry"
                raise ConflictError(msg, field="entry")
        elif self.entry is not None:
            decision = _decision(case.view, appeal)
            _, notice = found(case.view, Notice, decision.notice)
            if notice.entry != self.entry or case.member != concerned(case.view, appeal):
                msg = f"appeal {self.appeal} is about a decision, not about entry {self.entry}"
                raise ConflictError(msg, field="entry")

    def _quorum(self, case: Case) -> bool:
        """Whether enough of the panel uphold the appeal, with this ruling."""
        upheld = {
            each.member
            for each in standing_filings(case.view, Ruling, self.appeal)
            if Ruling.read(each).outcome is AppealOutcome.UPHELD
        }
        quorum = case.charter.terms.quorum
        return quorum is not None and len((upheld | {case.member}) & set(case.charter.terms.panel)) >= quorum

    def _entry(self) -> str:
        return "" if self.entry is None else f" on entry {self.entry}"


@dataclass(frozen=True, slots=True)
class Question(Filed):
    """A member asks an authority something, which is in the words."""

    kind: ClassVar[str] = "question"
    texts: ClassVar[frozenset[str]] = frozenset({"explanation"})
    addressee: Annotated[str, ADDRESSEE]
    notice: Annotated[int | None, ABOUT_NOTICE]
    reason: Annotated[str, REASON]
    words: Annotated[bytes, WORDS]

    @property
    def subject(self) -> str:
        """The authority."""
        return self.addressee

    def summary(self) -> str:
        """To whom, and about what."""
        return f"to {self.addressee}: {self.reason}{self._notice()}"

    def describe(self) -> list[str]:
        """To whom, and about what."""
        return [f"Ask {self.addressee} a question{self._notice()}.", why(self.reason)]

    def admit(self, case: Case) -> None:
        """It goes to an authority that can answer, and the notice is there."""
        check_authority(case.view, self.addressee)
        authority = case.view.member(self.addressee)
        if authority is not None and authority.suspended_index is not None:
            msg = f"the authority {self.addressee!r} is suspended, and could not answer"
            raise ConflictError(msg, addressee=self.addressee)
        if self.notice is not None:
            found(case.view, Notice, self.notice)

    def _notice(self) -> str:
        return "" if self.notice is None else f" about notice {self.notice}"


@dataclass(frozen=True, slots=True)
class AuthorityReply(Filed):
    """An authority answers what a member has said back: a decision, an appeal or a question."""

    kind: ClassVar[str] = "reply"
    texts: ClassVar[frozenset[str]] = frozenset({"explanation"})
    about: Annotated[int, ANSWERED]
    reason: Annotated[str, REASON]
    words: Annotated[bytes | None, MORE_WORDS] = None

    @property
    def subject(self) -> str:
        """What it answers."""
        return str(self.about)

    def summary(self) -> str:
        """What it answers."""
        return f"to leaf {self.about}: {self.reason}"

    def describe(self) -> list[str]:
        """What it answers."""
        return [f"Reply to the statement {self.about}.", why(self.reason)]

    def admit(self, case: Case) -> None:
        """The member is the authority from which the reply is awaited, and has not given it yet."""
        check_role(case, Role.AUTHORITY)
        filing = case.view.filing(self.about)
        if filing is None or case.member not in awaited_from(case.view, filing):
            msg = f"no reply to leaf {self.about} is awaited from {case.member!r}"
            raise NotPermittedError(msg)
        if newest(case.view, AuthorityReply, self.about, case.member) is not None:
            msg = f"{case.member!r} has replied to leaf {self.about} already"
            raise ConflictError(msg)


def concerned(view: View, appeal: Appeal) -> str:
    """The member that rules on an appeal first: the entry's contributor, or whose decision it is about.

    Raises NotFoundError, and ConflictError for a decision that does not stand.
    """
    if appeal.entry is not None:
        return any_entry(view, appeal.entry).member
    filing, _ = found(view, Decision, appeal.decision if appeal.decision is not None else -1)
    return filing.member


def carried(view: View, ballots: Iterable[Filing]) -> AppealOutcome | None:
    """What a quorum has decided by these rulings, in the order of the log: None if there was no quorum.

    A quorum is of the panel that was in force when its last ruling was made.
    """
    cast: dict[AppealOutcome, set[str]] = {outcome: set() for outcome in AppealOutcome}
    for ballot in ballots:
        outcome, terms = Ruling.read(ballot).outcome, terms_at(view, ballot.index)
        cast[outcome].add(ballot.member)
        if terms.quorum is not None and len(cast[outcome] & set(terms.panel)) >= terms.quorum:
            return outcome
    return None


def awaited_from(view: View, filing: Filing) -> frozenset[str]:
    """The authorities from which a reply to that filing is awaited: those that the matter names."""
    named: set[str | None] = set()
    try:
        match filing.kind:
            case Question.kind:
                named = {Question.read(filing).addressee}
            case Decision.kind:
                decision = Decision.read(filing)
                named = set() if decision.outcome.acted else {_authority(view, decision)}
            case Appeal.kind:
                appeal = Appeal.read(filing)
                if appeal.entry is not None:
                    named = {any_entry(view, appeal.entry).authority}
                else:
                    named = {_authority(view, _decision(view, appeal))}
    except (NotFoundError, ConflictError):  # the notice or decision does not stand any more
        pass
    return frozenset(name for name in named if name is not None)


def _decision(view: View, appeal: Appeal) -> Decision:
    _, decision = found(view, Decision, appeal.decision if appeal.decision is not None else -1)
    return decision


def _authority(view: View, decision: Decision) -> str | None:
    _, notice = found(view, Notice, decision.notice)
    return notice.authority


def _check_panel(case: Case, appeal: Filing, owner: str) -> None:
    """Raise NotPermittedError unless the member is of the panel and the panel's turn has come."""
    terms = case.charter.terms
    if case.member not in terms.panel:
        msg = f"appeal {appeal.index} is for {owner!r} to rule on, and then for the policy's panel"
        raise NotPermittedError(msg)
    if case.member == appeal.member:
        msg = f"{case.member!r} made appeal {appeal.index}, and does not rule on it"
        raise NotPermittedError(msg)
    first = newest(case.view, Ruling, appeal.index, owner)
    if first is not None and Ruling.read(first).outcome is AppealOutcome.UPHELD:
        msg = f"{owner!r} has upheld appeal {appeal.index}; there is nothing left to rule on"
        raise ConflictError(msg)
    if first is None and case.moment <= appeal.moment + terms_at(case.view, appeal.index).seconds("appeal"):
        msg = f"{owner!r} has not ruled on appeal {appeal.index} yet, and its time is not over"
        raise ConflictError(msg)
    ballots = [each for each in standing_filings(case.view, Ruling, appeal.index) if each.member != owner]
    outcome = carried(case.view, ballots)
    if outcome is not None:
        msg = f"a quorum of the panel has decided on appeal {appeal.index}: {outcome.value}"
        raise ConflictError(msg)
