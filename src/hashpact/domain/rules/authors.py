"""Who may make a statement, and who must have signed it: rules 4 to 6."""

from __future__ import annotations

from typing import Final

from hashpact.domain import standing
from hashpact.domain.kinds import ADMIN, AnyBody, Case, KeyRotate, Signers, check_threshold
from hashpact.domain.state import Key, Use
from hashpact.errors import MissingSignatureError, NotPermittedError, UnknownKeyError

GRACE: Final = 30 * 24 * 3600
"""Seconds for which an expired key may still replace itself."""


def check(case: Case, body: AnyBody) -> None:
    """Refuse a statement that its author may not make, or that does not have the required signatures."""
    if case.member == ADMIN:
        if not body.signers & Signers.ADMINISTRATORS:
            msg = f"administrators do not make {body.kind} statements"
            raise NotPermittedError(msg)
        _check_administrators(case, body.administrators(case.charter))
        return
    if not body.signers & Signers.MEMBERS:
        msg = f"a {body.kind} statement is made by administrators, not by {case.member!r}"
        raise NotPermittedError(msg)
    key = _signing_key(case)
    about = getattr(body, "id", None)
    if Signers.ITSELF in body.signers and about != case.member:
        msg = f"{case.member!r} makes no {body.kind} statement about {about!r}"
        raise NotPermittedError(msg)
    _check_in_force(case, body, key)


def _check_administrators(case: Case, enough: int) -> None:
    """Refuse unless the administrator's key that the header names has signed, and ``enough`` in all."""
    admins = case.charter.admins
    signed = case.signed_among(admins)
    named = {admin.public for admin in admins if admin.id == case.key}
    if not named:
        msg = "the statement names a key that is no administrator's"
        raise UnknownKeyError(msg)
    if not named <= signed:
        msg = "the administrator's key that the statement names has not signed it"
        raise MissingSignatureError(msg)
    check_threshold(signed, enough)


def _signing_key(case: Case) -> Key:
    """The key that a member's statement names, once it is known to have signed."""
    key = case.view.key(case.key)
    if key is None or case.view.member(case.member) is None:
        msg = "the statement names a member or a key that is not enrolled"
        raise UnknownKeyError(msg)
    if key.member != case.member:
        msg = "the statement names a key of another member"
        raise NotPermittedError(msg)
    if not case.signed_by(key.member, key.name, key.public):
        msg = "the key that the statement names has not signed it"
        raise MissingSignatureError(msg)
    return key


def _check_in_force(case: Case, body: AnyBody, key: Key) -> None:
    reason = standing.hindrance(case.view, key, case.index, case.moment)
    if reason is None and key.use is Use.RECOVERY and not isinstance(body, KeyRotate):
        reason = "it is a recovery key, which only replaces keys"
    if (
        reason is None
        and case.moment >= key.expires
        and not (isinstance(body, KeyRotate) and body.old == key.id and case.moment < key.expires + GRACE)
    ):
        reason = "it has expired"
    if reason is None:
        return
    msg = f"the key {key.member}/{key.name} signs no {body.kind} statement: {reason}"
    raise NotPermittedError(msg)
