"""The life of members' keys and certificates: rules 9, 14 to 16 and 19."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Final

from hashpact.domain import keys, standing
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import moment
from hashpact.domain.kinds.body import ADMIN, Body, Case, Signers, Touches, short, utc, why
from hashpact.domain.kinds.lines import (
    CUTOFF,
    EXPIRES,
    ID,
    NAME,
    OLD,
    OVERLAP,
    PUBLIC,
    REASON,
    SERIAL,
    TARGET,
    USE,
)
from hashpact.domain.state import Key, Record, RevokedCertificate, Use, View
from hashpact.errors import (
    ConflictError,
    InvalidInputError,
    MissingSignatureError,
    NotFoundError,
    NotPermittedError,
)

_DAY: Final = 24 * 3600
MAX_KEY_LIFE: Final = 366 * _DAY
"""Seconds for which a key may be enrolled: at most 366 days."""
MAX_ROTATIONS: Final = 32
"""Replacements by a member's signing keys in `ROTATION_WINDOW`, and as many by its recovery keys.

Each is a key that the log keeps, and that a revocation must consider; a member needs a few in a year.
"""
ROTATION_WINDOW: Final = 30 * _DAY
"""Seconds."""
MAX_REVOKED: Final = 256
"""Revoked certificates of a member that have not expired.

A member in need of more revokes the key that vouched for them, which ends them all.
"""
CERTIFICATE_LIFE: Final = 40 * _DAY
"""Seconds after which a revoked certificate has certainly expired.

It lasts 30 days, and administrators may submit a revocation 7 days after they have drafted it.
"""


@dataclass(frozen=True, slots=True)
class KeyEnrol(Body):
    """A member's key, signed by that key itself and by a threshold of administrators."""

    kind: ClassVar[str] = "key-enrol"
    signers: ClassVar[Signers] = Signers.THRESHOLD
    id: Annotated[str, ID]
    name: Annotated[str, NAME]
    public: Annotated[bytes, PUBLIC]
    use: Annotated[Use, USE]
    expires: Annotated[int, EXPIRES]

    def summary(self) -> str:
        """The key, its use and its end."""
        return f"{self.id}/{self.name} to {self.use.value} until {utc(self.expires)}"

    def describe(self) -> list[str]:
        """The key, its use and its end."""
        use = "sign statements" if self.use is Use.SIGN else "replace its keys, and nothing else"
        return [
            f"Enrol the key {self.id}/{self.name}, with which {self.id} may {use}.",
            f"Its id is {keys.key_id(self.public).hex()}.",
            f"It expires {utc(self.expires)}.",
        ]

    def brings(self, member: str) -> tuple[tuple[str, NamedKey], ...]:
        """The new key."""
        del member
        return ((self.id, NamedKey(self.name, self.public)),)

    def effect(self, case: Case) -> tuple[Record, ...]:
        """A new key, which becomes valid after the delay that the policy sets."""
        if case.view.member(self.id) is None:
            msg = f"there is no member {self.id!r}"
            raise NotFoundError(msg, resource=f"members/{self.id}")
        key = _new_key(case, self.id, self)
        return (replace(key, use=self.use, valid_from=begins(case, waits=True)),)


@dataclass(frozen=True, slots=True)
class KeyRotate(Body):
    """Replaces a member's key ``old`` by a new one; the old key stays valid for ``overlap`` seconds."""

    kind: ClassVar[str] = "key-rotate"
    signers: ClassVar[Signers] = Signers.MEMBER
    old: Annotated[bytes, OLD]
    name: Annotated[str, NAME]
    public: Annotated[bytes, PUBLIC]
    expires: Annotated[int, EXPIRES]
    overlap: Annotated[int, OVERLAP]

    def summary(self) -> str:
        """The old key, the new one and its end."""
        return f"{short(self.old)} by {self.name} until {utc(self.expires)}"

    def describe(self) -> list[str]:
        """The old key and the new one."""
        return [
            f"Replace the key {self.old.hex()} by a new one, {self.name}.",
            f"The new one's id is {keys.key_id(self.public).hex()}; it expires {utc(self.expires)}.",
            f"The old one stays valid for {self.overlap / _DAY:g} days.",
        ]

    def brings(self, member: str) -> tuple[tuple[str, NamedKey], ...]:
        """The new key."""
        return ((member, NamedKey(self.name, self.public)),)

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The new key, and the old one with the moment at which it retires."""
        old = _key_of(case.view, case.member, self.old)
        if case.key != old.id:
            signer = case.view.key(case.key)
            if signer is None or signer.use is not Use.RECOVERY:
                msg = "a key is replaced by itself or by a recovery key"
                raise NotPermittedError(msg)
            if self.overlap:
                msg = "a key that a recovery key replaces has no overlap"
                raise InvalidInputError(msg, field="overlap")
        if standing.replaced(case.view, old):
            msg = f"the key {case.member}/{old.name} has been replaced already"
            raise ConflictError(msg)
        _check_rotations(case)
        new = _new_key(case, case.member, self)
        return (
            # Without overlap the old key ends at this index, whatever the clocks say.
            replace(
                old,
                rotated_index=case.index,
                rotated_by=case.key,
                retires=case.moment + self.overlap if self.overlap else 0,
            ),
            replace(new, use=old.use, enrolled_by=case.key),
        )


@dataclass(frozen=True, slots=True)
class KeySuspend(Body):
    """The key ``target`` of a member may not sign until it is resumed."""

    kind: ClassVar[str] = "key-suspend"
    signers: ClassVar[Signers] = Signers.ONE_ADMINISTRATOR | Signers.ITSELF
    is_incident: ClassVar[bool] = True
    id: Annotated[str, ID]
    target: Annotated[bytes, TARGET]
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """The key and the reason."""
        return f"{self.id} {short(self.target)}: {self.reason}"

    def describe(self) -> list[str]:
        """The key and the reason."""
        return [
            f"Suspend the key {self.target.hex()} of {self.id}: it signs nothing until it is resumed.",
            why(self.reason),
        ]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The key, suspended."""
        key = _key_of(case.view, self.id, self.target)
        if key.suspended_index is not None:
            msg = f"the key {key.member}/{key.name} is suspended already"
            raise ConflictError(msg)
        return (replace(key, suspended_index=case.index),)


@dataclass(frozen=True, slots=True)
class KeyResume(Body):
    """The end of a key's suspension."""

    kind: ClassVar[str] = "key-resume"
    signers: ClassVar[Signers] = Signers.THRESHOLD
    id: Annotated[str, ID]
    target: Annotated[bytes, TARGET]
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """The key and the reason."""
        return f"{self.id} {short(self.target)}: {self.reason}"

    def describe(self) -> list[str]:
        """The key and the reason."""
        return [f"Lift the suspension of the key {self.target.hex()} of {self.id}.", why(self.reason)]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The key, no longer suspended."""
        key = _key_of(case.view, self.id, self.target)
        if key.suspended_index is None:
            msg = f"the key {key.member}/{key.name} is not suspended"
            raise ConflictError(msg)
        return (replace(key, suspended_index=None),)


@dataclass(frozen=True, slots=True)
class KeyRevoke(Body):
    """The end of a key: its signatures at or after the index ``cutoff`` do not stand."""

    kind: ClassVar[str] = "key-revoke"
    signers: ClassVar[Signers] = Signers.THRESHOLD | Signers.ITSELF
    touches: ClassVar[Touches] = Touches.SIGNED
    is_incident: ClassVar[bool] = True
    id: Annotated[str, ID]
    target: Annotated[bytes, TARGET]
    cutoff: Annotated[int, CUTOFF]
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """The key, the cutoff and the reason."""
        return f"{self.id} {short(self.target)} from index {self.cutoff}: {self.reason}"

    def describe(self) -> list[str]:
        """The key, the cutoff and the reason."""
        return [
            f"Revoke the key {self.target.hex()} of {self.id}. It cannot be resumed.",
            f"What it signed at leaf {self.cutoff} or later does not stand.",
            why(self.reason),
        ]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The key, revoked, and each other key of the member of which more or less stands now."""
        key = _key_of(case.view, self.id, self.target)
        if not key.enrolled_index <= self.cutoff <= case.index:
            msg = f"the cutoff must be from {key.enrolled_index}, the key's enrolment, to {case.index}"
            raise InvalidInputError(msg, field="cutoff")
        by = None if case.member == ADMIN else case.key
        if by is not None:
            self._check_alone(case, key, by)
        revoked = replace(key, revoked_index=case.index, revoked_by=by, cutoff=self.cutoff)
        ring = [revoked if one.id == key.id else one for one in case.view.keys(self.id)]
        changed = {one.id: one for one in standing.settled(ring)}
        return tuple(({revoked.id: revoked} | changed).values())

    def _check_alone(self, case: Case, key: Key, by: bytes) -> None:
        """Refuse with ConflictError a revocation that only administrators may make."""
        if key.revoked_index is not None:
            msg = f"the key {key.member}/{key.name} is revoked already; administrators can revoke it again"
            raise ConflictError(msg)
        if by != key.id and standing.hangs_on(case.view, by, case.index, key.id, self.cutoff):
            msg = "the revocation would undo what the revoking key depends on; administrators can revoke it"
            raise ConflictError(msg)


@dataclass(frozen=True, slots=True)
class CertRevoke(Body):
    """The end of a channel certificate of a member: it is refused from here on.

    It only closes a channel, and the member gets another certificate. It is not undone, whatever becomes of
    the key that signed it.
    """

    kind: ClassVar[str] = "cert-revoke"
    signers: ClassVar[Signers] = Signers.ONE_ADMINISTRATOR | Signers.ITSELF
    id: Annotated[str, ID]
    serial: Annotated[bytes, SERIAL]
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """The certificate and the reason."""
        return f"{self.id} {self.serial.hex()}: {self.reason}"

    def describe(self) -> list[str]:
        """The certificate and the reason."""
        return [
            f"Revoke the channel certificate of {self.id} with the serial {self.serial.hex()}.",
            why(self.reason),
        ]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The member, with one more revoked certificate, and without those that have expired."""
        member = case.view.member(self.id)
        if member is None:
            msg = f"there is no member {self.id!r}"
            raise NotFoundError(msg, resource=f"members/{self.id}")
        if self.serial in {one.serial for one in member.revoked}:
            msg = f"the certificate {self.serial.hex()} is revoked already"
            raise ConflictError(msg)
        listed = tuple(one for one in member.revoked if one.until > moment.of_log(case.view.times()))
        if len(listed) >= MAX_REVOKED:
            msg = (
                f"{self.id!r} has {MAX_REVOKED} revoked certificates; "
                "replace or revoke the key that vouched for this one"
            )
            raise ConflictError(msg)
        new = RevokedCertificate(self.serial, case.index, case.moment + CERTIFICATE_LIFE)
        return (replace(member, revoked=(*listed, new)),)


def check_unseen(view: View, public: bytes) -> None:
    """Refuse a weak or malformed public key, with InvalidInputError, and one that is in the log already."""
    keys.check_public_key(public)
    governing = (
        public in {*(admin.public for admin in charter.admins), *charter.log_keys, *charter.attestation_keys}
        for charter in view.charters()
    )
    if view.key(keys.key_id(public)) is not None or any(governing):
        msg = "this key is in the log already; make a new one"
        raise ConflictError(msg)


def begins(case: Case, *, waits: bool) -> int:
    """The moment from which a key that the statement adds may sign: after the policy's delay if it ``waits``.

    A key that has no delay may be used at once on a machine whose clock is behind the statement's.
    """
    delay = (case.charter.key_delay or 0) if waits else 0
    return case.moment + delay if delay else max(0, case.moment - moment.SPAN)


def _check_rotations(case: Case) -> None:
    """Refuse a replacement with ConflictError if keys of this use have made too many that stand."""
    ring = {key.id: key for key in case.view.keys(case.member)}
    use, since = ring[case.key].use, case.moment - ROTATION_WINDOW - moment.SPAN
    recent = [
        key
        for key in ring.values()
        if key.enrolled_by in ring
        and ring[key.enrolled_by].use is use
        and key.valid_from > since
        and standing.stands(case.view, key.enrolled_by, key.enrolled_index)
    ]
    if len(recent) >= MAX_ROTATIONS:
        msg = (
            f"{case.member!r} has replaced keys {len(recent)} times in {ROTATION_WINDOW // _DAY} days; "
            "wait, or let the administrators enrol a key"
        )
        raise ConflictError(msg)


def _new_key(case: Case, member: str, body: KeyEnrol | KeyRotate) -> Key:
    """The key that the statement adds, to be used at once."""
    check_unseen(case.view, body.public)
    if any(key.name == body.name for key in case.view.keys(member)):
        msg = f"{member!r} has had a key named {body.name!r}; take another name"
        raise ConflictError(msg)
    if not case.moment < body.expires <= case.moment + MAX_KEY_LIFE:
        msg = f"a key must expire within {MAX_KEY_LIFE // _DAY} days, and not before now"
        raise InvalidInputError(msg, field="expires")
    if not case.signed_by(member, body.name, body.public):
        msg = "the new key has not signed its own enrolment"
        raise MissingSignatureError(msg)
    key_id = keys.key_id(body.public)
    valid_from = begins(case, waits=False)
    return Key(key_id, member, body.name, body.public, body.expires, case.index, valid_from=valid_from)


def _key_of(view: View, member: str, key_id: bytes) -> Key:
    key = view.key(key_id)
    if key is None or key.member != member:
        msg = f"{member!r} has no such key"
        raise NotFoundError(msg, resource=f"members/{member}")
    return key
