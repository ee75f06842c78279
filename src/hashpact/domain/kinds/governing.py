"""Governance and membership: rules 1, 8, 13 and 18."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Final

from hashpact.domain import keys
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import moment
from hashpact.domain.kinds.body import ADMIN, RESERVED, Body, Case, Signers, check_threshold, why
from hashpact.domain.kinds.keyring import begins, check_unseen
from hashpact.domain.kinds.lines import (
    ADMINS,
    ATTESTATION_KEYS,
    ID,
    LOG_KEYS,
    LOG_MLDSA_KEYS,
    MAX_WITNESSES,
    REASON,
    ROLES,
    THRESHOLD,
    VERSION,
    WITNESS_QUORUM,
    WITNESSES,
)
from hashpact.domain.state import Charter, Member, RecentTimes, Record, Role, View
from hashpact.errors import ConflictError, InvalidInputError, NotFoundError
from hashpact.log import cosignature
from hashpact.log.cosignature import Witness

_SHARED: Final = 2
"""The least threshold of a log that was not founded by a single administrator."""


@dataclass(frozen=True, slots=True)
class Genesis(Body):
    """Leaf 0: the administrators' keys, how many must sign, the log's other keys and its witnesses."""

    kind: ClassVar[str] = "genesis"
    signers: ClassVar[Signers] = Signers.THRESHOLD
    admins: Annotated[tuple[NamedKey, ...], ADMINS]
    threshold: Annotated[int, THRESHOLD]
    log_keys: Annotated[tuple[bytes, ...], LOG_KEYS]
    witnesses: Annotated[tuple[Witness, ...], WITNESSES] = ()
    witness_quorum: Annotated[int | None, WITNESS_QUORUM] = None
    attestation_keys: Annotated[tuple[bytes, ...], ATTESTATION_KEYS] = ()
    log_mldsa_keys: Annotated[tuple[Witness, ...], LOG_MLDSA_KEYS] = ()

    def summary(self) -> str:
        """How many must sign."""
        return f"{self.threshold} of {len(self.admins)} administrators must sign"

    def describe(self) -> list[str]:
        """Who governs the new log."""
        return ["Found a new log.", *_offices(self)]

    def brings(self, member: str) -> tuple[tuple[str, NamedKey], ...]:
        """The administrators' keys."""
        del member
        return tuple((ADMIN, admin) for admin in self.admins)

    def proposed(self, log: str) -> Charter:
        """The charter of a log of that origin. Raises InvalidInputError for an impossible office or key."""
        _check_offices(self, 1)
        _check_mldsa(self, log)
        for public in (*(admin.public for admin in self.admins), *self.log_keys, *self.attestation_keys):
            keys.check_public_key(public)
        offices = Charter(log, self.admins, self.threshold, self.log_keys, single_admin=self.threshold == 1)
        return _with_others(offices, self)

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The first charter."""
        return (case.charter,)


@dataclass(frozen=True, slots=True)
class Root(Body):
    """The administrators, the threshold, the log's keys and witnesses from here on; the genesis is 1."""

    kind: ClassVar[str] = "root"
    signers: ClassVar[Signers] = Signers.THRESHOLD
    version: Annotated[int, VERSION]
    admins: Annotated[tuple[NamedKey, ...], ADMINS]
    threshold: Annotated[int, THRESHOLD]
    log_keys: Annotated[tuple[bytes, ...], LOG_KEYS]
    witnesses: Annotated[tuple[Witness, ...], WITNESSES] = ()
    witness_quorum: Annotated[int | None, WITNESS_QUORUM] = None
    attestation_keys: Annotated[tuple[bytes, ...], ATTESTATION_KEYS] = ()
    log_mldsa_keys: Annotated[tuple[Witness, ...], LOG_MLDSA_KEYS] = ()

    def summary(self) -> str:
        """Its version, and how many must sign."""
        return f"version {self.version}, {self.threshold} of {len(self.admins)} administrators must sign"

    def describe(self) -> list[str]:
        """Who governs from then on."""
        return [f"Change who governs the log: version {self.version}.", *_offices(self)]

    def changes(self, charter: Charter) -> list[str]:
        """The administrators who join and leave, and the threshold until now."""
        before, after = ({admin.public for admin in admins} for admins in (charter.admins, self.admins))
        new = [admin.name for admin in self.admins if admin.public not in before]
        gone = [admin.name for admin in charter.admins if admin.public not in after]
        return [
            f"New: {', '.join(new) or 'none'}. No longer: {', '.join(gone) or 'none'}.",
            f"Until now {charter.threshold} of {len(charter.admins)} must sign.",
            f"Until now {_cosigning(charter.witnesses, charter.witness_quorum)}.",
        ]

    def brings(self, member: str) -> tuple[tuple[str, NamedKey], ...]:
        """The administrators' keys."""
        del member
        return tuple((ADMIN, admin) for admin in self.admins)

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The new charter. As many of the new administrators as the new threshold must sign, too."""
        before = case.charter
        if self.version != before.root_version + 1:
            msg = f"the root's version must be {before.root_version + 1}"
            raise ConflictError(msg)
        _check_offices(self, 1 if before.single_admin else _SHARED)
        _check_mldsa(self, before.origin)
        replaced = {key for charter in case.view.charters() for key in charter.log_mldsa_keys}
        if not replaced.difference(before.log_mldsa_keys).isdisjoint(self.log_mldsa_keys):
            msg = "an ML-DSA-44 key of the log was replaced before; make a new one"
            raise ConflictError(msg)
        admins = {admin.public for admin in self.admins} - {admin.public for admin in before.admins}
        log_keys = [key for key in self.log_keys if key not in before.log_keys]
        attestation_keys = [key for key in self.attestation_keys if key not in before.attestation_keys]
        for public in sorted(admins) + log_keys + attestation_keys:
            check_unseen(case.view, public)
        check_threshold(case.signed_among(self.admins), self.threshold)
        after = replace(before, admins=self.admins, threshold=self.threshold, log_keys=self.log_keys)
        after = _with_others(after, self)
        return (replace(after, root_version=self.version, since=case.index),)


@dataclass(frozen=True, slots=True)
class MemberEnrol(Body):
    """A platform or team joins, with what it may do. Its keys are enrolled separately."""

    kind: ClassVar[str] = "member-enrol"
    signers: ClassVar[Signers] = Signers.THRESHOLD
    id: Annotated[str, ID]
    roles: Annotated[frozenset[Role], ROLES]

    def summary(self) -> str:
        """The member and its roles."""
        return f"{self.id}: {', '.join(sorted(role.value for role in self.roles))}"

    def describe(self) -> list[str]:
        """The member and what it may do."""
        return [f"Enrol the member {self.id}, who may {_powers(self.roles)}."]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """A new member."""
        if self.id in RESERVED:
            msg = f"{self.id!r} is reserved for {RESERVED[self.id]}"
            raise InvalidInputError(msg, field="id")
        if case.view.member(self.id) is not None:
            msg = f"the member {self.id!r} is enrolled already"
            raise ConflictError(msg)
        return (Member(self.id, self.roles, case.index),)


@dataclass(frozen=True, slots=True)
class MemberSuspend(Body):
    """A member's statements are refused until it is resumed. Its earlier ones stand."""

    kind: ClassVar[str] = "member-suspend"
    signers: ClassVar[Signers] = Signers.ONE_ADMINISTRATOR | Signers.ITSELF
    is_incident: ClassVar[bool] = True
    id: Annotated[str, ID]
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """The member and the reason."""
        return f"{self.id}: {self.reason}"

    def describe(self) -> list[str]:
        """The member and the reason."""
        return [
            f"Suspend the member {self.id}: its statements and calls are refused until it is resumed.",
            why(self.reason),
        ]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The member, suspended."""
        member = _member_named(case.view, self.id)
        if member.suspended_index is not None:
            msg = f"the member {self.id!r} is suspended already"
            raise ConflictError(msg)
        return (replace(member, suspended_index=case.index),)


@dataclass(frozen=True, slots=True)
class MemberResume(Body):
    """The end of a member's suspension."""

    kind: ClassVar[str] = "member-resume"
    signers: ClassVar[Signers] = Signers.THRESHOLD
    id: Annotated[str, ID]
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """The member and the reason."""
        return f"{self.id}: {self.reason}"

    def describe(self) -> list[str]:
        """The member and the reason."""
        return [f"Lift the suspension of the member {self.id}.", why(self.reason)]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The member, no longer suspended."""
        member = _member_named(case.view, self.id)
        if member.suspended_index is None:
            msg = f"the member {self.id!r} is not suspended"
            raise ConflictError(msg)
        return (replace(member, suspended_index=None),)


@dataclass(frozen=True, slots=True)
class MemberRoles(Body):
    """What a member may do from now on, in place of what it might before. Its earlier statements stand."""

    kind: ClassVar[str] = "member-roles"
    signers: ClassVar[Signers] = Signers.THRESHOLD
    id: Annotated[str, ID]
    roles: Annotated[frozenset[Role], ROLES]
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """The member, its roles and the reason."""
        return f"{self.id}: {', '.join(sorted(role.value for role in self.roles))}: {self.reason}"

    def describe(self) -> list[str]:
        """The member, what it may do, and the reason."""
        return [
            f"From now on the member {self.id} may {_powers(self.roles)}, and nothing else.",
            why(self.reason),
        ]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The member with these roles."""
        member = _member_named(case.view, self.id)
        if member.roles == self.roles:
            msg = f"the member {self.id!r} has these roles already"
            raise ConflictError(msg)
        return (replace(member, roles=self.roles),)


@dataclass(frozen=True, slots=True)
class ClockMend(Body):
    """Ends the effect of statements dated ahead: earlier times that are later than its own count as its own.

    It works although every key seems to have expired, because administrators' keys do not expire.
    """

    kind: ClassVar[str] = "clock-mend"
    signers: ClassVar[Signers] = Signers.THRESHOLD
    is_incident: ClassVar[bool] = True
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """The effect and the reason."""
        return f"no earlier time counts as later: {self.reason}"

    def describe(self) -> list[str]:
        """The effect on the log's moment and on keys, and the reason."""
        return [
            "Set the log's moment back: no time of an earlier statement counts as later than this one's.",
            "Keys that have not begun wait at most the policy's delay from this statement on.",
            why(self.reason),
        ]

    def counted(self, times: RecentTimes, time: int) -> RecentTimes:
        """The times before it, none of them later than its own."""
        return moment.mended(times, time)

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The keys that would wait longer than if they were enrolled now."""
        return tuple(
            replace(key, valid_from=min(key.valid_from, begins(case, waits=key.enrolled_by is None)))
            for key in case.view.waiting(case.moment)
        )


def _powers(roles: frozenset[Role]) -> str:
    return " and ".join(sorted(role.power for role in roles))


def _member_named(view: View, member_id: str) -> Member:
    """The member of that id. Raises NotFoundError."""
    member = view.member(member_id)
    if member is None:
        msg = f"there is no member {member_id!r}"
        raise NotFoundError(msg, resource=f"members/{member_id}")
    return member


def _offices(body: Genesis | Root) -> list[str]:
    """The administrators, the threshold and the log's keys, described for people."""
    return [
        f"{body.threshold} of these {len(body.admins)} administrators must sign from then on:",
        *(f"  {admin.name}, public key {admin.public.hex()}" for admin in body.admins),
        f"Checkpoints are signed by: {', '.join(key.hex() for key in body.log_keys)}.",
        *(f"And by: {key.key}" for key in body.log_mldsa_keys),
        f"From then on {_cosigning(body.witnesses, body.witness_quorum or 0)}.",
        *(f"  {witness.key}" for witness in body.witnesses),
        *(f"Answers to checks are attested by: {key.hex()}." for key in body.attestation_keys),
    ]


def _with_others(charter: Charter, body: Genesis | Root) -> Charter:
    """The charter with the witnesses, attestation and ML-DSA-44 keys that a statement names."""
    quorum = body.witness_quorum or 0
    found = replace(charter, witnesses=body.witnesses, witness_quorum=quorum)
    return replace(found, attestation_keys=body.attestation_keys, log_mldsa_keys=body.log_mldsa_keys)


def _cosigning(witnesses: tuple[Witness, ...], quorum: int) -> str:
    """How many witnesses must cosign each checkpoint, described for people."""
    names = list(dict.fromkeys(witness.name for witness in witnesses))
    return (
        f"{quorum} of {len(names)} witnesses must cosign: {', '.join(names)}"
        if names
        else "no witness must cosign"
    )


def _check_offices(body: Genesis | Root, least: int) -> None:
    """Refuse a key that is listed twice, and a threshold that is below ``least`` or cannot be reached."""
    admins = {admin.public for admin in body.admins}
    names = {admin.name for admin in body.admins}
    if len(admins) != len(body.admins) or len(names) != len(body.admins):
        msg = f"an administrator's key or name is listed twice in the {body.kind} statement"
        raise InvalidInputError(msg, field="admin")
    if admins & set(body.log_keys):
        msg = "a log key is also an administrator's key"
        raise InvalidInputError(msg, field="log-key")
    if not least <= body.threshold <= len(admins):
        msg = f"the threshold must be from {least} to {len(admins)}, the number of administrators"
        raise InvalidInputError(msg, field="threshold")
    _check_witnesses(body, admins)
    others = admins | set(body.log_keys) | {witness.public for witness in body.witnesses}
    if not others.isdisjoint(body.attestation_keys):
        msg = "an attestation key is also an administrator's, the log's or a witness's"
        raise InvalidInputError(msg, field="attestation-key")


def _check_witnesses(body: Genesis | Root, admins: set[bytes]) -> None:
    """Refuse a witness's key that is another's, under which a signature proves nothing, or an odd quorum."""
    publics = {witness.public for witness in body.witnesses}
    if len(publics) != len(body.witnesses) or publics & (admins | set(body.log_keys)):
        msg = "a witness's key is listed twice, or is also an administrator's or the log's"
        raise InvalidInputError(msg, field="witness")
    for witness in body.witnesses:
        if witness.kind == cosignature.ED25519:
            keys.check_public_key(witness.public)
    names = {witness.name for witness in body.witnesses}
    if (body.witness_quorum is None) != (not names) or (body.witness_quorum or 0) > len(names):
        msg = f"the quorum must be from 1 to {len(names)}, the number of witnesses, or nothing without them"
        raise InvalidInputError(msg, field="witness-quorum")


def _check_mldsa(body: Genesis | Root, origin: str) -> None:
    """Refuse an ML-DSA-44 key that is not the log's own, and more witnesses than leave room for its line."""
    if any(key.name != origin for key in body.log_mldsa_keys):
        msg = f"the name of the log's ML-DSA-44 key must be its origin, {origin}"
        raise InvalidInputError(msg, field="log-mldsa-key")
    if not {key.public for key in body.log_mldsa_keys}.isdisjoint(each.public for each in body.witnesses):
        msg = "the log's ML-DSA-44 key is also a witness's"
        raise InvalidInputError(msg, field="log-mldsa-key")
    if body.log_mldsa_keys and len(body.witnesses) == MAX_WITNESSES:
        msg = (
            f"beside an ML-DSA-44 key of the log there is room for {MAX_WITNESSES - 1} witness lines at most"
        )
        raise InvalidInputError(msg, field="witness")
