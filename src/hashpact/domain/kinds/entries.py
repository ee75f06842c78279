"""Entries, and the opinions of members on them: rules 10 to 12 and 17."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from hashpact.domain import standing
from hashpact.domain.kinds.body import Body, Case, Signers, Touches, why
from hashpact.domain.kinds.lines import (
    ARTICLE,
    AUTHORITY,
    BASIS,
    ENTRY,
    ITEMS,
    JURISDICTIONS,
    LABELS,
    OPINION_REASON,
    REASON,
    REMOVED,
    REPLACE,
    STANCE,
)
from hashpact.domain.state import CATEGORIES, Basis, Entry, Opinion, Record, Role, Stance, View
from hashpact.errors import ConflictError, MalformedError, NotFoundError, NotPermittedError, UnknownLabelError


@dataclass(frozen=True, slots=True)
class Submit(Body):
    """Fingerprints of one removed piece of content, each as the commitment of its private part.

    With basis benign, of content that is known to be harmless: only the members that the policy names say so,
    and what it is (`CATEGORIES`) stands in the place of the policy's labels.
    """

    kind: ClassVar[str] = "submit"
    signers: ClassVar[Signers] = Signers.MEMBER
    touches: ClassVar[Touches] = Touches.MADE
    labels: Annotated[tuple[str, ...], LABELS]
    basis: Annotated[Basis, BASIS]
    authority: Annotated[str | None, AUTHORITY]
    article: Annotated[str | None, ARTICLE]
    jurisdictions: Annotated[tuple[str, ...], JURISDICTIONS]
    removed: Annotated[int, REMOVED]
    items: Annotated[tuple[bytes, ...], ITEMS]

    def check(self) -> None:
        """Refuse basis law without authority and article, and either of these without basis law."""
        by_law = self.basis is Basis.LAW
        if (self.authority is not None) is not by_law or (self.article is not None) is not by_law:
            msg = "basis law, and only it, names an authority and an article"
            raise MalformedError(msg, field="basis")

    def fingerprints(self) -> tuple[bytes, ...]:
        """Its items."""
        return self.items

    def summary(self) -> str:
        """How many fingerprints, their labels and the basis."""
        law = "" if self.authority is None else f" {self.authority} {self.article}"
        return f"{len(self.items)} fingerprints, {', '.join(self.labels)}, {self.basis.value}{law}"

    def describe(self) -> list[str]:
        """How many fingerprints, and their labels."""
        return [f"Share {len(self.items)} fingerprints with the labels {', '.join(self.labels)}."]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """A new entry."""
        member = case.view.member(case.member)
        if member is None or Role.CONTRIBUTE not in member.roles:
            msg = f"{case.member!r} does not have the role contribute"
            raise NotPermittedError(msg)
        if self.basis is Basis.BENIGN:
            check_benign(case, self.labels)
        else:
            check_labels(case, self.labels)
        if self.authority is not None:
            check_authority(case.view, self.authority)
        return (self.entry(case.index, case.member, case.key, case.time),)

    def entry(self, index: int, member: str, key: bytes, time: int) -> Entry:
        """The entry that it makes as leaf ``index``, with this header, before later statements on it."""
        return Entry(
            index=index,
            member=member,
            labels=self.labels,
            basis=self.basis,
            authority=self.authority,
            article=self.article,
            jurisdictions=self.jurisdictions,
            removed_at=self.removed,
            shared_at=time,
            items=len(self.items),
            key=key,
        )


@dataclass(frozen=True, slots=True)
class Withdraw(Body):
    """The contributor takes its entry back; it stops matching and stays in the log.

    A member that represents the people whom content harms withdraws an entry under a label with priority:
    nothing that others state keeps such an entry matching.
    """

    kind: ClassVar[str] = "withdraw"
    signers: ClassVar[Signers] = Signers.MEMBER
    touches: ClassVar[Touches] = Touches.STANDING
    entry: Annotated[int, ENTRY]
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """The entry and the reason."""
        return f"entry {self.entry}: {self.reason}"

    def describe(self) -> list[str]:
        """The entry and the reason."""
        return [f"Withdraw entry {self.entry}.", why(self.reason)]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The entry, withdrawn."""
        entry = standing_entry(case.view, self.entry)
        if entry.member != case.member and not _represented(case, entry):
            msg = f"only {entry.member!r}, who submitted entry {entry.index}, can withdraw it"
            raise NotPermittedError(msg)
        return (withdrawn(case, entry, self.reason),)


@dataclass(frozen=True, slots=True)
class GiveOpinion(Body):
    """A member endorses or disputes another's entry, or states that it has seen the content.

    The authority that an entry with basis law names may disown it: it has not ordered the removal.
    ``replace`` goes with the stance seen: the member takes back its endorsement or dispute.
    """

    kind: ClassVar[str] = "opinion"
    signers: ClassVar[Signers] = Signers.MEMBER
    touches: ClassVar[Touches] = Touches.OPINIONS
    entry: Annotated[int, ENTRY]
    stance: Annotated[Stance, STANCE]
    reason: Annotated[str | None, OPINION_REASON] = None
    replace: Annotated[bool, REPLACE] = False

    def check(self) -> None:
        """Refuse ``replace`` with another stance than seen: those always replace the earlier opinion."""
        if self.replace and self.stance is not Stance.SEEN:
            msg = "only the stance seen has a line replace; the others replace an opinion anyway"
            raise MalformedError(msg, field="replace")

    def summary(self) -> str:
        """The entry, the stance and the reason."""
        replaces = ", replaces the opinion before" if self.replace else ""
        return f"entry {self.entry}: {self.stance.value}{replaces}{f', {self.reason}' if self.reason else ''}"

    def describe(self) -> list[str]:
        """The entry, the stance and the reason."""
        return [
            f"Give an opinion on entry {self.entry}: {self.stance.value}.",
            *(["It takes back an endorsement or dispute of the entry."] if self.replace else []),
            *([why(self.reason)] if self.reason is not None else []),
        ]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The member's new opinion of the entry."""
        entry = standing_entry(case.view, self.entry)
        if entry.member == case.member:
            msg = "a member gives no opinion on its own entry; it can withdraw it"
            raise NotPermittedError(msg)
        if self.stance is Stance.DISOWN and entry.authority != case.member:
            msg = f"{case.member!r} is not the authority of entry {entry.index}, and cannot disown it"
            raise NotPermittedError(msg)
        if self.stance is Stance.SEEN and not self.replace:
            self._check_silent(case)
        return (Opinion(entry.index, case.member, self.stance, case.index, case.key, self.reason),)

    def _check_silent(self, case: Case) -> None:
        """Refuse with ConflictError if the member's endorsement or dispute of the entry stands."""
        for given in standing.opinions(case.view, self.entry):
            if given.member == case.member and given.stance is not Stance.SEEN:
                msg = (
                    f"{case.member!r} has the opinion {given.stance.value} on entry {self.entry}; "
                    "seen replaces it only with a line replace (--replace)"
                )
                raise ConflictError(msg)


@dataclass(frozen=True, slots=True)
class Void(Body):
    """The administrators strike an entry; it stops matching and stays in the log."""

    kind: ClassVar[str] = "void"
    signers: ClassVar[Signers] = Signers.THRESHOLD
    touches: ClassVar[Touches] = Touches.STANDING
    is_incident: ClassVar[bool] = True
    entry: Annotated[int, ENTRY]
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """The entry and the reason."""
        return f"entry {self.entry}: {self.reason}"

    def describe(self) -> list[str]:
        """The entry and the reason."""
        return [f"Strike entry {self.entry}: it stops matching, and stays in the log.", why(self.reason)]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The entry, struck, whether it is withdrawn or not."""
        entry = any_entry(case.view, self.entry)
        if entry.voided_index is not None:
            msg = f"entry {entry.index} is voided"
            raise ConflictError(msg)
        return (replace(entry, voided_index=case.index, voided_reason=self.reason),)


def check_authority(view: View, member_id: str) -> None:
    """Raise NotFoundError or NotPermittedError unless that is a member with the role authority."""
    authority = view.member(member_id)
    if authority is None:
        msg = f"the authority {member_id!r} is not enrolled"
        raise NotFoundError(msg, resource=f"members/{member_id}")
    if Role.AUTHORITY not in authority.roles:
        msg = f"{member_id!r} does not have the role authority"
        raise NotPermittedError(msg)


def check_labels(case: Case, labels: Iterable[str]) -> None:
    """Raise UnknownLabelError for a label that the policy does not have."""
    for label in labels:
        if label not in case.charter.labels:
            raise unknown_label(label, case.charter.labels)


def check_benign(case: Case, labels: Iterable[str]) -> None:
    """Raise NotPermittedError unless the policy lets the member say what is benign, and of which category."""
    if case.member not in case.charter.matching.benign_by:
        msg = f"the policy names no {case.member!r} in a line benign-by: it does not say what is benign"
        raise NotPermittedError(msg)
    for label in labels:
        if label not in CATEGORIES:
            raise unknown_label(label, CATEGORIES)


def unknown_label(label: str, known: Iterable[str]) -> UnknownLabelError:
    """The error for a label that the policy does not have; it lists the known ones."""
    names = ", ".join(known)
    return UnknownLabelError(f"unknown label {label!r}; known are {names}", field="label", known=names)


def any_entry(view: View, index: int) -> Entry:
    """The entry at that index, whether it stands or not. Raises NotFoundError."""
    entry = view.entry(index)
    if entry is None:
        msg = f"there is no entry {index}"
        raise NotFoundError(msg, resource=f"entries/{index}")
    return entry


def withdrawn(case: Case, entry: Entry, reason: str) -> Entry:
    """The entry, withdrawn by this statement."""
    ended = replace(entry, withdrawn_index=case.index, withdrawn_reason=reason)
    return replace(ended, withdrawn_by=case.key)


def _represented(case: Case, entry: Entry) -> bool:
    member = case.view.member(case.member)
    represents = member is not None and Role.REPRESENT in member.roles
    return represents and case.charter.terms.has_priority(entry.labels)


def standing_entry(view: View, index: int) -> Entry:
    """The entry at that index. Raises NotFoundError, and ConflictError if it does not stand."""
    entry = any_entry(view, index)
    if entry.voided_index is not None:
        msg = f"entry {index} is voided"
        raise ConflictError(msg)
    if standing.withdrawn(view, entry):
        msg = f"entry {index} is withdrawn"
        raise ConflictError(msg)
    if not standing.entry_stands(view, entry):
        msg = f"entry {index} does not stand: the key that signed it is revoked"
        raise ConflictError(msg)
    return entry
