"""What a statement does: the one pure function that server, check node, mirror and auditor share.

The rules, in the order in which they are tried:

1.  Leaf 0 is a genesis; no other leaf is.
2.  ``log`` is the charter's origin.
3.  A request id is used once by its member.
4.  Administrators, and nobody else, make ``genesis``, ``policy``, ``member-enrol`` and ``key-enrol``.
5.  A statement of ``admin`` is signed by the key that it names and by at least the charter's threshold of
    administrators, counted as distinct raw public keys. Genesis is signed so by the administrators it names.
6.  Any other statement is signed by the key that it names, which is enrolled for its member.
7.  A policy's version is the one before plus one.
8.  A member is enrolled once; ``admin`` is no member's id.
9.  A key is enrolled for an enrolled member, once in the life of the log, and signs its own enrolment. Keys
    under which a signature proves nothing are refused, wherever they stand.
10. A submission is made by a member with the role ``contribute``; its labels are in the policy; with basis
    ``law`` its authority is enrolled.
11. A withdrawal is made by the entry's contributor, once.
12. An opinion is given on another member's entry that is not withdrawn.

Time is no rule here: order is the log index. A server also checks its clock before it accepts a statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hashpact.domain import keys, statements
from hashpact.domain.errors import (
    BadSignatureError,
    ConflictError,
    HashpactError,
    InvalidInputError,
    NotFoundError,
    NotPermittedError,
    RequestReusedError,
    UnknownKeyError,
    UnknownLabelError,
)
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import (
    ADMIN,
    Genesis,
    GiveOpinion,
    KeyEnrol,
    MemberEnrol,
    Policy,
    Submit,
    Withdraw,
)
from hashpact.domain.state import Charter, Entry, Key, Member, Opinion, Record, Role, State, View
from hashpact.domain.statements import SignedStatement, Statement


def decide(view: View, index: int, signed: SignedStatement) -> tuple[Record, ...]:
    """The records that this statement puts as leaf ``index`` on the state in ``view``.

    Pure: reads only ``view``, changes nothing. Raises the HashpactError that names the rule it breaks.
    """
    statement = signed.statement
    charter = view.charter()
    if isinstance(statement.body, Genesis):
        return _genesis(charter, index, signed, statement.body)
    if charter is None:
        msg = "the log has no genesis statement yet"
        raise ConflictError(msg)
    if statement.log != charter.origin:
        msg = f"the statement is for the log {statement.log!r}, this one is {charter.origin!r}"
        raise InvalidInputError(msg, field="log")
    if view.request(statement.member, statement.request) is not None:
        msg = "this member used the request id before"
        raise RequestReusedError(msg)
    _check_kind(statement)
    if statement.member == ADMIN:
        _check_admins(charter.admins, charter.threshold, signed)
        return _administer(view, charter, index, signed)
    member = _author(view, signed)
    return _contribute(view, charter, index, statement, member)


def _genesis(
    charter: Charter | None, index: int, signed: SignedStatement, body: Genesis
) -> tuple[Record, ...]:
    if charter is not None or index != 0:
        msg = "a genesis statement is only ever leaf 0"
        raise ConflictError(msg)
    if signed.statement.member != ADMIN:
        msg = f"a genesis statement is made by {ADMIN!r}"
        raise NotPermittedError(msg)
    admins = {admin.public for admin in body.admins}
    names = {admin.name for admin in body.admins}
    if len(admins) != len(body.admins) or len(names) != len(body.admins):
        msg = "an administrator's key or name stands twice in the genesis statement"
        raise InvalidInputError(msg, field="admin")
    if admins & set(body.log_keys):
        msg = "a log key is also an administrator's key"
        raise InvalidInputError(msg, field="log-key")
    if not 1 <= body.threshold <= len(admins):
        msg = f"the threshold must be from 1 to {len(admins)}, the number of administrators"
        raise InvalidInputError(msg, field="threshold")
    for public in (*(admin.public for admin in body.admins), *body.log_keys):
        keys.check_public_key(public)
    _check_admins(body.admins, body.threshold, signed)
    single_admin = body.threshold == 1
    return (
        Charter(signed.statement.log, body.admins, body.threshold, body.log_keys, single_admin=single_admin),
    )


def _check_kind(statement: Statement) -> None:
    of_admin = isinstance(statement.body, Genesis | Policy | MemberEnrol | KeyEnrol)
    if of_admin and statement.member != ADMIN:
        msg = f"a {statement.body.kind} statement is made by administrators, not by {statement.member!r}"
        raise NotPermittedError(msg)
    if not of_admin and statement.member == ADMIN:
        msg = f"administrators do not make {statement.body.kind} statements"
        raise NotPermittedError(msg)


def _check_admins(admins: tuple[NamedKey, ...], threshold: int, signed: SignedStatement) -> None:
    signers = {
        admin.public
        for admin in admins
        if statements.verify(signed, statements.key_name(ADMIN, admin.name), admin.public)
    }
    named = {admin.public for admin in admins if admin.id == signed.statement.key}
    if not named:
        msg = "the statement names a key that is no administrator's"
        raise UnknownKeyError(msg)
    if not named <= signers:
        msg = "the administrator's key that the statement names has not signed it"
        raise BadSignatureError(msg)
    if len(signers) < threshold:
        msg = f"signed by {len(signers)} administrators, {threshold} must sign"
        raise BadSignatureError(msg)


def _administer(view: View, charter: Charter, index: int, signed: SignedStatement) -> tuple[Record, ...]:
    match signed.statement.body:
        case Policy() as policy:
            if policy.version != charter.policy_version + 1:
                msg = f"the policy's version must be {charter.policy_version + 1}"
                raise ConflictError(msg)
            return (
                replace(
                    charter,
                    policy_version=policy.version,
                    labels=policy.labels,
                    key_delay=policy.key_delay,
                ),
            )
        case MemberEnrol() as enrol:
            if enrol.id == ADMIN:
                msg = f"{ADMIN!r} is reserved for the administrators"
                raise InvalidInputError(msg, field="id")
            if view.member(enrol.id) is not None:
                msg = f"the member {enrol.id!r} is enrolled already"
                raise ConflictError(msg)
            return (Member(enrol.id, enrol.roles, index),)
        case KeyEnrol() as enrol:
            return (_enrol_key(view, charter, index, signed, enrol),)
        case _:
            msg = f"no rule lets a {signed.statement.body.kind} statement through"
            raise NotPermittedError(msg)


def _enrol_key(view: View, charter: Charter, index: int, signed: SignedStatement, enrol: KeyEnrol) -> Key:
    if view.member(enrol.id) is None:
        msg = f"there is no member {enrol.id!r}"
        raise NotFoundError(msg, resource=f"members/{enrol.id}")
    keys.check_public_key(enrol.public)
    key = keys.key_id(enrol.public)
    governing = {admin.public for admin in charter.admins} | set(charter.log_keys)
    if view.key(key) is not None or enrol.public in governing:
        msg = "this key stands in the log already; make a new one"
        raise ConflictError(msg)
    if not statements.verify(signed, statements.key_name(enrol.id, enrol.name), enrol.public):
        msg = "the new key has not signed its own enrolment"
        raise BadSignatureError(msg)
    return Key(key, enrol.id, enrol.name, enrol.public, enrol.expires, index, enrol.use)


def _author(view: View, signed: SignedStatement) -> Member:
    """The member that made the statement, once its key and signature are proven."""
    statement = signed.statement
    member = view.member(statement.member)
    key = view.key(statement.key)
    if member is None or key is None:
        msg = "the statement names a member or a key that is not enrolled"
        raise UnknownKeyError(msg)
    if key.member != member.id:
        msg = "the statement names a key of another member"
        raise NotPermittedError(msg)
    if not statements.verify(signed, statements.key_name(key.member, key.name), key.public):
        msg = "the key that the statement names has not signed it"
        raise BadSignatureError(msg)
    return member


def _contribute(
    view: View, charter: Charter, index: int, statement: Statement, member: Member
) -> tuple[Record, ...]:
    match statement.body:
        case Submit() as submit:
            _check_submission(view, charter, submit, member)
            return (new_entry(index, statement, submit),)
        case Withdraw() as withdraw:
            entry = _standing_entry(view, withdraw.entry)
            if entry.member != member.id:
                msg = f"only {entry.member!r}, who submitted entry {entry.index}, can withdraw it"
                raise NotPermittedError(msg)
            return (
                replace(
                    entry, withdrawn_at=index, withdrawn_reason=withdraw.reason, withdrawn_by=statement.key
                ),
            )
        case GiveOpinion() as opinion:
            entry = _standing_entry(view, opinion.entry)
            if entry.member == member.id:
                msg = "a member gives no opinion on its own entry; it can withdraw it"
                raise NotPermittedError(msg)
            return (Opinion(entry.index, member.id, opinion.stance, index, statement.key),)
        case _:
            msg = f"no rule lets a {statement.body.kind} statement through"
            raise NotPermittedError(msg)


def _check_submission(view: View, charter: Charter, submit: Submit, member: Member) -> None:
    if Role.CONTRIBUTE not in member.roles:
        msg = f"{member.id!r} does not have the role contribute"
        raise NotPermittedError(msg)
    for label in submit.labels:
        if label not in charter.labels:
            raise unknown_label(label, charter.labels)
    if submit.authority is not None and view.member(submit.authority) is None:
        msg = f"the authority {submit.authority!r} is not enrolled"
        raise NotFoundError(msg, resource=f"members/{submit.authority}")


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


def _standing_entry(view: View, index: int) -> Entry:
    entry = view.entry(index)
    if entry is None:
        msg = f"there is no entry {index}"
        raise NotFoundError(msg, resource=f"entries/{index}")
    if entry.withdrawn_at is not None:
        msg = f"entry {index} is withdrawn"
        raise ConflictError(msg)
    return entry


@dataclass(frozen=True, slots=True)
class Fault:
    """A leaf in the log that breaks a rule: the operator's fault. It has no effect; this is the evidence."""

    index: int
    data: bytes
    error: HashpactError


@dataclass(slots=True)
class Replay:
    """What a log adds up to, and the leaves that it should not hold."""

    state: State = field(default_factory=State)
    faults: list[Fault] = field(default_factory=list)
    size: int = 0

    def apply(self, leaf: bytes) -> None:
        """Fold one more leaf."""
        index = self.size
        self.size += 1
        try:
            signed = statements.parse(leaf)
            records = decide(self.state, index, signed)
        except HashpactError as error:
            self.faults.append(Fault(index, leaf, error))
            return
        statement = signed.statement
        self.state.take(index, (statement.member, statement.request, statement.time), records)


def replay(leaves: Iterable[bytes]) -> Replay:
    """The fold of a whole log, from leaf 0."""
    folded = Replay()
    for leaf in leaves:
        folded.apply(leaf)
    return folded
