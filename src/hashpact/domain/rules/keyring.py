"""The life of members' keys: rules 9 and 14 to 16."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hashpact.domain import keys, statements
from hashpact.domain.kinds import ADMIN, KeyEnrol, KeyResume, KeyRevoke, KeyRotate, KeySuspend
from hashpact.domain.rules import standing
from hashpact.domain.rules.authors import Case
from hashpact.domain.state import Key, Record, Use, View
from hashpact.errors import (
    BadSignatureError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    NotPermittedError,
)

_DAY: Final = 24 * 3600
MAX_KEY_LIFE: Final = 366 * _DAY
"""Seconds for which a key may be enrolled: twelve months, a leap year's, and never for ever."""


def enrol(case: Case, body: KeyEnrol) -> tuple[Record, ...]:
    """A new key, which waits as long as the policy says."""
    if case.view.member(body.id) is None:
        msg = f"there is no member {body.id!r}"
        raise NotFoundError(msg, resource=f"members/{body.id}")
    key = _new_key(case, body.id, body)
    return (replace(key, use=body.use, valid_from=case.moment + (case.charter.key_delay or 0)),)


def rotate(case: Case, body: KeyRotate) -> tuple[Record, ...]:
    """A new key in the place of the old, which retires."""
    member, by = case.statement.member, case.statement.key
    old = _key_of(case.view, member, body.old)
    if by != old.id:
        signer = case.view.key(by)
        if signer is None or signer.use is not Use.RECOVERY:
            msg = "a key is replaced by itself or by a recovery key"
            raise NotPermittedError(msg)
        if body.overlap:
            msg = "a key that a recovery key replaces has no overlap"
            raise InvalidInputError(msg, field="overlap")
    if standing.replaced(case.view, old):
        msg = f"the key {member}/{old.name} has been replaced already"
        raise ConflictError(msg)
    new = _new_key(case, member, body)
    return (
        replace(old, rotated_at=case.index, retires=case.moment + body.overlap),
        replace(new, use=old.use, enrolled_by=by),
    )


def suspend(case: Case, body: KeySuspend) -> tuple[Record, ...]:
    """The key, suspended."""
    key = _key_of(case.view, body.id, body.target)
    if key.suspended_at is not None:
        msg = f"the key {key.member}/{key.name} is suspended already"
        raise ConflictError(msg)
    return (replace(key, suspended_at=case.index),)


def resume(case: Case, body: KeyResume) -> tuple[Record, ...]:
    """The key, not suspended any more."""
    key = _key_of(case.view, body.id, body.target)
    if key.suspended_at is None:
        msg = f"the key {key.member}/{key.name} is not suspended"
        raise ConflictError(msg)
    return (replace(key, suspended_at=None),)


def revoke(case: Case, body: KeyRevoke) -> tuple[Record, ...]:
    """The key, at its end."""
    key = _key_of(case.view, body.id, body.target)
    if not key.enrolled_at <= body.cutoff <= case.index:
        msg = f"the cutoff must be from {key.enrolled_at}, the key's enrolment, to {case.index}"
        raise InvalidInputError(msg, field="cutoff")
    by = None if case.statement.member == ADMIN else case.statement.key
    if by is not None:
        if key.revoked_at is not None:
            msg = f"the key {key.member}/{key.name} is revoked already; administrators can revoke it again"
            raise ConflictError(msg)
        if by != key.id and standing.hangs_on(case.view, by, case.index, key.id, body.cutoff):
            msg = "the revocation would undo what the revoking key itself hangs on; administrators can do it"
            raise ConflictError(msg)
    return (replace(key, revoked_at=case.index, revoked_by=by, cutoff=body.cutoff),)


def check_unseen(view: View, public: bytes) -> None:
    """Refuse a key that proves nothing, with InvalidInputError, and one that stands in the log already."""
    keys.check_public_key(public)
    governing = (
        public in {admin.public for admin in charter.admins} or public in charter.log_keys
        for charter in view.charters()
    )
    if view.key(keys.key_id(public)) is not None or any(governing):
        msg = "this key stands in the log already; make a new one"
        raise ConflictError(msg)


def _new_key(case: Case, member: str, body: KeyEnrol | KeyRotate) -> Key:
    """The key that the statement brings, for signing from its moment on."""
    check_unseen(case.view, body.public)
    if any(key.name == body.name for key in case.view.keys(member)):
        msg = f"{member!r} has had a key named {body.name!r}; take another name"
        raise ConflictError(msg)
    if not case.moment < body.expires <= case.moment + MAX_KEY_LIFE:
        msg = f"a key must expire within {MAX_KEY_LIFE // _DAY} days, and not before now"
        raise InvalidInputError(msg, field="expires")
    if not statements.verify(case.signed, statements.key_name(member, body.name), body.public):
        msg = "the new key has not signed its own enrolment"
        raise BadSignatureError(msg)
    key_id = keys.key_id(body.public)
    return Key(key_id, member, body.name, body.public, body.expires, case.index, valid_from=case.moment)


def _key_of(view: View, member: str, key_id: bytes) -> Key:
    key = view.key(key_id)
    if key is None or key.member != member:
        msg = f"{member!r} has no such key"
        raise NotFoundError(msg, resource=f"members/{member}")
    return key
