"""What a statement does: the one pure function that server, check node, mirror and auditor share.

A statement's **moment** is the later of its own time and the latest time of any statement before it, so that
nothing is won by writing an earlier time. Order is the log index; only what is said to expire looks at the
moment. The rules, in the order in which they are tried:

1.  Leaf 0 is a genesis; no other leaf is. Every key that it names is another one.
2.  ``log`` is the charter's origin.
3.  A request id is used once by its member.
4.  Administrators make ``root``, ``policy``, ``member-enrol``, ``member-resume``, ``key-enrol``,
    ``key-resume`` and ``void``; members make ``submit``, ``withdraw``, ``opinion`` and ``key-rotate``. Both
    make ``member-suspend``, ``key-suspend`` and ``key-revoke``, a member only of itself and its own keys.
5.  A statement of ``admin`` is signed by the key that it names and by at least the charter's threshold of
    administrators, counted as distinct raw public keys; to suspend, one is enough. Genesis is signed so by
    the administrators it names, root also by its own threshold of those it names.
6.  Any other statement is signed by the key that it names, which is its member's. The member is not
    suspended. The key stands, is not suspended, has not been replaced longer ago than its overlap, and the
    moment is in its time. A recovery key only makes ``key-rotate``; an expired key replaces itself, for 30
    days.
7.  A policy's version is the one before plus one.
8.  A member is enrolled once; ``admin`` is no member's id. Who is suspended is not suspended again, and only
    who is suspended is resumed.
9.  A new key is its enrolled member's, under a name that none of the member's keys ever had, stood nowhere in
    the log before, expires within 366 days after the moment, and signs the statement. Keys under which a
    signature proves nothing are refused, wherever they stand.
10. A submission is made by a member with the role ``contribute``; its labels are in the policy; with basis
    ``law`` its authority is enrolled.
11. A withdrawal is made by the contributor of an entry that stands.
12. An opinion is given on another member's entry that stands.
13. A root's version is the one before plus one. Its threshold is from 2 (from 1 in a log founded so) to the
    number of its administrators; each of its keys had the same office in the root before, or is new.
14. A key is replaced once, by itself or by a recovery key of its member; then without overlap. The new key is
    for the same use.
15. A key that is suspended is not suspended again, and only one that is suspended is resumed.
16. A revocation's cutoff is from the key's enrolment to the revocation itself. Only the administrators
    revoke a key again, and no key's revocation hangs on what it undoes.
17. An entry is voided once.

What stands is derived from the records, by `hashpact.domain.rules.standing`. A server also checks its clock
before it accepts a statement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hashpact.domain.kinds import (
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
from hashpact.domain.rules import authors, entries, governing, keyring
from hashpact.domain.rules.authors import Case
from hashpact.domain.state import Record, View
from hashpact.domain.statements import SignedStatement
from hashpact.errors import ConflictError, InvalidInputError, RequestReusedError

_EFFECTS: Final[dict[type[AnyBody], Callable[[Case, Any], tuple[Record, ...]]]] = {
    Root: governing.root,
    Policy: governing.policy,
    MemberEnrol: governing.enrol,
    MemberSuspend: governing.suspend,
    MemberResume: governing.resume,
    KeyEnrol: keyring.enrol,
    KeyRotate: keyring.rotate,
    KeySuspend: keyring.suspend,
    KeyResume: keyring.resume,
    KeyRevoke: keyring.revoke,
    Submit: entries.submit,
    Withdraw: entries.withdraw,
    GiveOpinion: entries.give_opinion,
    Void: entries.void,
}


def decide(view: View, index: int, signed: SignedStatement) -> tuple[Record, ...]:
    """The records that this statement puts as leaf ``index`` on the state in ``view``.

    Pure: reads only ``view``, changes nothing. Raises the HashpactError that names the rule it breaks.
    """
    statement = signed.statement
    charter = view.charter()
    if isinstance(statement.body, Genesis):
        return governing.genesis(charter, index, signed, statement.body)
    if charter is None:
        msg = "the log has no genesis statement yet"
        raise ConflictError(msg)
    if statement.log != charter.origin:
        msg = f"the statement is for the log {statement.log!r}, this one is {charter.origin!r}"
        raise InvalidInputError(msg, field="log")
    if view.request(statement.member, statement.request) is not None:
        msg = "this member used the request id before"
        raise RequestReusedError(msg)
    case = Case(view, charter, index, max(statement.time, view.time()), signed)
    authors.check(case)
    return _EFFECTS[type(statement.body)](case, statement.body)
