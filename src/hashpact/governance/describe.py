"""Words: what a statement does, said so that whoever is about to sign it understands it."""

from __future__ import annotations

import datetime as dt

from hashpact.domain.keys import NamedKey, key_id
from hashpact.domain.kinds import (
    ADMIN,
    AnyBody,
    Genesis,
    GiveOpinion,
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
    Submit,
    Void,
    Withdraw,
)
from hashpact.domain.state import Charter, Use
from hashpact.domain.statements import Statement

_DAY = 24 * 3600


def describe(statement: Statement, charter: Charter | None = None) -> list[str]:
    """What the statement does, a line for each thing; who makes it, for which log and when comes last."""
    who = "The administrators" if statement.member == ADMIN else f"The member {statement.member}"
    return [
        *_body(statement.body, charter),
        f"{who} of the log {statement.log} say so." if statement.member == ADMIN else f"{who} says so.",
        f"Written {_time(statement.time)}.",
    ]


def needed(statement: Statement, charter: Charter) -> int:
    """How many administrators must sign a statement of theirs, at least."""
    return 1 if isinstance(statement.body, MemberSuspend | KeySuspend) else charter.threshold


def _body(  # noqa: C901, PLR0911, PLR0912 - a case for each kind
    body: AnyBody, charter: Charter | None
) -> list[str]:
    match body:
        case Genesis():
            return ["Found a new log.", *_roots(body)]
        case Root():
            return [
                f"Change who governs the log: version {body.version}.",
                *_roots(body),
                *_gone(body, charter),
            ]
        case Policy():
            return [
                f"Set version {body.version} of the policy.",
                f"Its labels: {', '.join(body.labels)}.",
                f"A newly enrolled key waits {body.key_delay or 0} s before it signs.",
            ]
        case MemberEnrol():
            roles = " and ".join(sorted(role.value for role in body.roles))
            return [f"Enrol the member {body.id}, who may {roles}."]
        case MemberSuspend():
            return [
                f"Suspend the member {body.id}: it can say and ask nothing until it is resumed.",
                _why(body.reason),
            ]
        case MemberResume():
            return [f"Lift the suspension of the member {body.id}.", _why(body.reason)]
        case KeyEnrol():
            use = "sign statements" if body.use is Use.SIGN else "replace its keys, and nothing else"
            return [
                f"Enrol the key {body.id}/{body.name}, with which {body.id} may {use}.",
                f"Its id is {key_id(body.public).hex()}.",
                f"It expires {_time(body.expires)}.",
            ]
        case KeyRotate():
            return [
                f"Replace the key {body.old.hex()} by a new one, {body.name}.",
                f"The new one's id is {key_id(body.public).hex()}; it expires {_time(body.expires)}.",
                f"The old one goes on for {body.overlap / _DAY:g} days.",
            ]
        case KeySuspend():
            return [
                f"Suspend the key {body.target.hex()} of {body.id}: it signs nothing until it is resumed.",
                _why(body.reason),
            ]
        case KeyResume():
            return [f"Lift the suspension of the key {body.target.hex()} of {body.id}.", _why(body.reason)]
        case KeyRevoke():
            return [
                f"Revoke the key {body.target.hex()} of {body.id}, for ever.",
                f"What it signed at leaf {body.cutoff} or later does not stand.",
                _why(body.reason),
            ]
        case Submit():
            return [f"Share {len(body.items)} fingerprints with the labels {', '.join(body.labels)}."]
        case Withdraw():
            return [f"Withdraw entry {body.entry}.", _why(body.reason)]
        case GiveOpinion():
            return [f"Give an opinion on entry {body.entry}: {body.stance.value}."]
        case Void():
            return [
                f"Strike entry {body.entry}: it matches no more, and stays in the log.",
                _why(body.reason),
            ]


def _roots(body: Genesis | Root) -> list[str]:
    return [
        f"{body.threshold} of these {len(body.admins)} administrators must sign from then on:",
        *(f"  {admin.name}, public key {admin.public.hex()}" for admin in body.admins),
        f"Checkpoints are signed by: {', '.join(key.hex() for key in body.log_keys)}.",
    ]


def _gone(body: Root, charter: Charter | None) -> list[str]:
    if charter is None:
        return []
    left = {admin.public for admin in body.admins}
    gone = [admin.name for admin in charter.admins if admin.public not in left]
    new = [admin.name for admin in body.admins if admin.public not in _publics(charter.admins)]
    return [
        f"New: {', '.join(new) or 'nobody'}. No longer: {', '.join(gone) or 'nobody'}.",
        f"Until now {charter.threshold} of {len(charter.admins)} must sign.",
    ]


def _publics(admins: tuple[NamedKey, ...]) -> set[bytes]:
    return {admin.public for admin in admins}


def _why(reason: str) -> str:
    return f"Reason given: {reason}."


def _time(unix: int) -> str:
    try:
        return dt.datetime.fromtimestamp(unix, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):  # past the year 9999
        return f"at Unix time {unix}"
