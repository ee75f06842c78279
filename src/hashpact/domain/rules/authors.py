"""Who may make a statement, and who must have signed it: rules 4 to 6."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from hashpact.domain import statements
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import (
    ADMIN,
    KeyEnrol,
    KeyResume,
    KeyRevoke,
    KeyRotate,
    KeySuspend,
    MemberEnrol,
    MemberResume,
    MemberSuspend,
    Policy,
    Root,
    Void,
)
from hashpact.domain.rules import standing
from hashpact.domain.state import Charter, Key, Use, View
from hashpact.domain.statements import SignedStatement, Statement
from hashpact.errors import BadSignatureError, NotPermittedError, UnknownKeyError

GRACE: Final = 30 * 24 * 3600
"""Seconds for which an expired key may still replace itself."""

_OfAdmin: TypeAlias = Root | Policy | MemberEnrol | MemberResume | KeyEnrol | KeyResume | Void
_OfBoth: TypeAlias = MemberSuspend | KeySuspend | KeyRevoke


@dataclass(frozen=True, slots=True)
class Case:
    """A statement before the rules: the state it meets, the index it would have, and its moment."""

    view: View
    charter: Charter
    index: int
    moment: int
    signed: SignedStatement

    @property
    def statement(self) -> Statement:
        """What is said."""
        return self.signed.statement


def check(case: Case) -> None:
    """Refuse a statement that its author may not make, or that has not been signed as it must."""
    statement, body = case.statement, case.statement.body
    if statement.member == ADMIN:
        if not isinstance(body, _OfAdmin | _OfBoth):
            msg = f"administrators do not make {body.kind} statements"
            raise NotPermittedError(msg)
        enough = 1 if isinstance(body, MemberSuspend | KeySuspend) else case.charter.threshold
        check_administrators(case.charter.admins, enough, case.signed)
        return
    if isinstance(body, _OfAdmin):
        msg = f"a {body.kind} statement is made by administrators, not by {statement.member!r}"
        raise NotPermittedError(msg)
    key = _signing_key(case)
    if isinstance(body, _OfBoth) and body.id != statement.member:
        msg = f"{statement.member!r} makes no {body.kind} statement about {body.id!r}"
        raise NotPermittedError(msg)
    _check_in_force(case, key)


def check_administrators(admins: Iterable[NamedKey], threshold: int, signed: SignedStatement) -> None:
    """Raise UnknownKeyError or BadSignatureError unless the named key and ``threshold`` of these signed."""
    admins = tuple(admins)
    signers = signed_by(admins, signed)
    named = {admin.public for admin in admins if admin.id == signed.statement.key}
    if not named:
        msg = "the statement names a key that is no administrator's"
        raise UnknownKeyError(msg)
    if not named <= signers:
        msg = "the administrator's key that the statement names has not signed it"
        raise BadSignatureError(msg)
    check_threshold(signers, threshold)


def check_threshold(signers: frozenset[bytes], threshold: int) -> None:
    """Raise BadSignatureError if fewer than ``threshold`` have signed."""
    if len(signers) < threshold:
        msg = f"signed by {len(signers)} administrators, {threshold} must sign"
        raise BadSignatureError(msg)


def signed_by(admins: Iterable[NamedKey], signed: SignedStatement) -> frozenset[bytes]:
    """The raw public keys among these administrators' that have signed: a key counts once."""
    return frozenset(
        admin.public
        for admin in admins
        if statements.verify(signed, statements.key_name(ADMIN, admin.name), admin.public)
    )


def _signing_key(case: Case) -> Key:
    """The key that a member's statement names, once it is known to have signed."""
    statement = case.statement
    key = case.view.key(statement.key)
    if key is None or case.view.member(statement.member) is None:
        msg = "the statement names a member or a key that is not enrolled"
        raise UnknownKeyError(msg)
    if key.member != statement.member:
        msg = "the statement names a key of another member"
        raise NotPermittedError(msg)
    if not statements.verify(case.signed, statements.key_name(key.member, key.name), key.public):
        msg = "the key that the statement names has not signed it"
        raise BadSignatureError(msg)
    return key


def _check_in_force(case: Case, key: Key) -> None:
    body = case.statement.body
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
