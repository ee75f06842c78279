"""What is shared, and what is said of it: rules 10 to 12 and 17."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hashpact.domain.kinds import GiveOpinion, Submit, Void, Withdraw
from hashpact.domain.rules import standing
from hashpact.domain.rules.authors import Case
from hashpact.domain.state import Entry, Opinion, Record, Role, View
from hashpact.domain.statements import Statement
from hashpact.errors import ConflictError, NotFoundError, NotPermittedError, UnknownLabelError


def submit(case: Case, body: Submit) -> tuple[Record, ...]:
    """A new entry."""
    member = case.view.member(case.statement.member)
    if member is None or Role.CONTRIBUTE not in member.roles:
        msg = f"{case.statement.member!r} does not have the role contribute"
        raise NotPermittedError(msg)
    for label in body.labels:
        if label not in case.charter.labels:
            raise unknown_label(label, case.charter.labels)
    if body.authority is not None and case.view.member(body.authority) is None:
        msg = f"the authority {body.authority!r} is not enrolled"
        raise NotFoundError(msg, resource=f"members/{body.authority}")
    return (new_entry(case.index, case.statement, body),)


def withdraw(case: Case, body: Withdraw) -> tuple[Record, ...]:
    """The entry, withdrawn."""
    entry = _standing_entry(case.view, body.entry)
    if entry.member != case.statement.member:
        msg = f"only {entry.member!r}, who submitted entry {entry.index}, can withdraw it"
        raise NotPermittedError(msg)
    ended = replace(entry, withdrawn_at=case.index, withdrawn_reason=body.reason)
    return (replace(ended, withdrawn_by=case.statement.key),)


def give_opinion(case: Case, body: GiveOpinion) -> tuple[Record, ...]:
    """What the member says of the entry from here on."""
    statement = case.statement
    entry = _standing_entry(case.view, body.entry)
    if entry.member == statement.member:
        msg = "a member gives no opinion on its own entry; it can withdraw it"
        raise NotPermittedError(msg)
    return (Opinion(entry.index, statement.member, body.stance, case.index, statement.key),)


def void(case: Case, body: Void) -> tuple[Record, ...]:
    """The entry, struck, whatever became of it before."""
    entry = _entry(case.view, body.entry)
    if entry.voided_at is not None:
        msg = f"entry {entry.index} is voided"
        raise ConflictError(msg)
    return (replace(entry, voided_at=case.index, voided_reason=body.reason),)


def unknown_label(label: str, known: Iterable[str]) -> UnknownLabelError:
    """The error for a label that the policy does not have; it lists those that it has."""
    names = ", ".join(known)
    return UnknownLabelError(f"unknown label {label!r}; known are {names}", field="label", known=names)


def new_entry(index: int, statement: Statement, submit: Submit) -> Entry:
    """The entry that a submission makes as leaf ``index``, before anything is said of it."""
    return Entry(
        index=index,
        member=statement.member,
        labels=submit.labels,
        basis=submit.basis,
        authority=submit.authority,
        article=submit.article,
        jurisdictions=submit.jurisdictions,
        removed_at=submit.removed,
        shared_at=statement.time,
        items=len(submit.items),
        key=statement.key,
    )


def _entry(view: View, index: int) -> Entry:
    entry = view.entry(index)
    if entry is None:
        msg = f"there is no entry {index}"
        raise NotFoundError(msg, resource=f"entries/{index}")
    return entry


def _standing_entry(view: View, index: int) -> Entry:
    entry = _entry(view, index)
    if entry.voided_at is not None:
        msg = f"entry {index} is voided"
        raise ConflictError(msg)
    if standing.withdrawn(view, entry):
        msg = f"entry {index} is withdrawn"
        raise ConflictError(msg)
    if not standing.entry_stands(view, entry):
        msg = f"entry {index} does not stand: the key that signed it is revoked"
        raise ConflictError(msg)
    return entry
