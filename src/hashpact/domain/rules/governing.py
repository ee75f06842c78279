"""Genesis, root and policy, and who is a member: rules 1, 7, 8 and 13."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hashpact.domain import keys
from hashpact.domain.kinds import (
    ADMIN,
    Genesis,
    MemberEnrol,
    MemberResume,
    MemberSuspend,
    Policy,
    Root,
)
from hashpact.domain.rules import authors
from hashpact.domain.rules.authors import Case
from hashpact.domain.rules.keyring import check_unseen
from hashpact.domain.state import Charter, Member, Record, View
from hashpact.domain.statements import SignedStatement
from hashpact.errors import ConflictError, InvalidInputError, NotFoundError, NotPermittedError

_SHARED: Final = 2
"""The least threshold of a log that was not founded by a single administrator."""


def genesis(
    charter: Charter | None, index: int, signed: SignedStatement, body: Genesis
) -> tuple[Record, ...]:
    """The first charter."""
    if charter is not None or index != 0:
        msg = "a genesis statement is only ever leaf 0"
        raise ConflictError(msg)
    if signed.statement.member != ADMIN:
        msg = f"a genesis statement is made by {ADMIN!r}"
        raise NotPermittedError(msg)
    _check_offices(body, 1)
    for public in (*(admin.public for admin in body.admins), *body.log_keys):
        keys.check_public_key(public)
    authors.check_administrators(body.admins, body.threshold, signed)
    single_admin = body.threshold == 1
    return (
        Charter(signed.statement.log, body.admins, body.threshold, body.log_keys, single_admin=single_admin),
    )


def root(case: Case, body: Root) -> tuple[Record, ...]:
    """Other administrators, another threshold or other log keys."""
    before = case.charter
    if body.version != before.root_version + 1:
        msg = f"the root's version must be {before.root_version + 1}"
        raise ConflictError(msg)
    _check_offices(body, 1 if before.single_admin else _SHARED)
    admins = {admin.public for admin in body.admins} - {admin.public for admin in before.admins}
    for public in sorted(admins) + [key for key in body.log_keys if key not in before.log_keys]:
        check_unseen(case.view, public)
    authors.check_threshold(authors.signed_by(body.admins, case.signed), body.threshold)
    after = replace(before, admins=body.admins, threshold=body.threshold, log_keys=body.log_keys)
    return (replace(after, root_version=body.version, since=case.index),)


def policy(case: Case, body: Policy) -> tuple[Record, ...]:
    """Other labels, or another delay."""
    if body.version != case.charter.policy_version + 1:
        msg = f"the policy's version must be {case.charter.policy_version + 1}"
        raise ConflictError(msg)
    after = replace(case.charter, policy_version=body.version, labels=body.labels, key_delay=body.key_delay)
    return (replace(after, since=case.index),)


def enrol(case: Case, body: MemberEnrol) -> tuple[Record, ...]:
    """A new member."""
    if body.id == ADMIN:
        msg = f"{ADMIN!r} is reserved for the administrators"
        raise InvalidInputError(msg, field="id")
    if case.view.member(body.id) is not None:
        msg = f"the member {body.id!r} is enrolled already"
        raise ConflictError(msg)
    return (Member(body.id, body.roles, case.index),)


def suspend(case: Case, body: MemberSuspend) -> tuple[Record, ...]:
    """The member, suspended."""
    member = member_named(case.view, body.id)
    if member.suspended_at is not None:
        msg = f"the member {body.id!r} is suspended already"
        raise ConflictError(msg)
    return (replace(member, suspended_at=case.index),)


def resume(case: Case, body: MemberResume) -> tuple[Record, ...]:
    """The member, not suspended any more."""
    member = member_named(case.view, body.id)
    if member.suspended_at is None:
        msg = f"the member {body.id!r} is not suspended"
        raise ConflictError(msg)
    return (replace(member, suspended_at=None),)


def member_named(view: View, member_id: str) -> Member:
    """The member of that id. Raises NotFoundError."""
    member = view.member(member_id)
    if member is None:
        msg = f"there is no member {member_id!r}"
        raise NotFoundError(msg, resource=f"members/{member_id}")
    return member


def _check_offices(body: Genesis | Root, least: int) -> None:
    """Refuse a key that stands twice, and a threshold that is below ``least`` or cannot be reached."""
    admins = {admin.public for admin in body.admins}
    names = {admin.name for admin in body.admins}
    if len(admins) != len(body.admins) or len(names) != len(body.admins):
        msg = f"an administrator's key or name stands twice in the {body.kind} statement"
        raise InvalidInputError(msg, field="admin")
    if admins & set(body.log_keys):
        msg = "a log key is also an administrator's key"
        raise InvalidInputError(msg, field="log-key")
    if not least <= body.threshold <= len(admins):
        msg = f"the threshold must be from {least} to {len(admins)}, the number of administrators"
        raise InvalidInputError(msg, field="threshold")
