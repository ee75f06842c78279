"""What a statement does: the one pure function that server, check node, mirror and auditor share.

A statement's **moment** is the later of its own time and the log's moment, a median of the signers' times
before it (`hashpact.domain.kinds.moment`). Order is the log index; only expiry, delay and overlap depend on
the moment. The rules, in the order in which they are tried:

1.  Leaf 0 is a genesis; no other leaf is. The keys that it names all differ.
2.  ``log`` is the charter's origin.
3.  A request id is used once by its member.
4.  Who makes a kind, administrators or members or both, is part of its declaration (`Signers`). Of a
    kind that both make, a member makes only statements about itself and its own keys.
5.  A statement of ``admin`` is signed by the key that it names and by as many administrators as its kind
    needs, the charter's threshold or one, counted as distinct raw public keys. A genesis is signed by the
    administrators that it names; a root also by its own threshold of those that it names.
6.  Any other statement is signed by the key that it names, which is its member's. The member is not
    suspended. The key stands, is not suspended, has not been replaced longer ago than its overlap, and the
    moment is in its time. A recovery key only makes ``key-rotate``; an expired key replaces itself, for 30
    days.
7.  A policy's version is the one before plus one.
8.  A member is enrolled once; ``admin`` and ``all`` are no member's id. A suspended member is not suspended
    again, and only a suspended member is resumed. A member's roles are replaced by others.
9.  A new key is its enrolled member's, under a name that none of the member's keys ever had, was nowhere in
    the log before, expires within 366 days after the moment, and signs the statement. Keys under which a
    signature proves nothing are refused, in every kind.
10. A submission is made by a member with the role ``contribute``; its labels are in the policy; with basis
    ``law`` its authority is a member with the role ``authority``. With basis ``benign`` the policy names the
    member, and the labels are categories of harmless content.
11. A withdrawal is made by the contributor of an entry that stands, or, if a label of it has priority, by a
    member with the role ``represent``.
12. An opinion is given on another member's entry that stands. ``seen`` takes the place of an endorsement or
    dispute of the same member that stands only if it has ``replace``. ``disown`` is given only by the
    authority that the entry names.
13. A root's version is the one before plus one. Its threshold is from 2 (from 1 in a log that was founded
    with 1) to the number of its administrators; each of its keys had the same office in the root before, or
    is new.
14. A key is replaced once, by itself or by a recovery key of its member; then without overlap. The new key is
    for the same use. Within 30 days the signing keys of a member make at most 32 replacements that stand, and
    its recovery keys another 32.
15. A key that is suspended is not suspended again, and only one that is suspended is resumed.
16. A revocation's cutoff is from the key's enrolment to the revocation itself. Only the administrators
    revoke a key again, and no revocation depends on a statement that it undoes.
17. An entry is voided once.
18. A ``clock-mend`` is judged at its own time. No time before it counts as later, and no key waits longer
    than one that it would enrol.
19. A certificate is revoked once, and at most 256 that have not expired are of one member.
20. A contact point is confirmed while it is valid. Its newest statement counts.
21. A notice is given by a member with the role ``notify``, to others that are not suspended and have a
    contact point for notices that is valid at its moment, about an entry that stands or about fingerprints.
    Its labels and its clock class are in the policy; with basis ``law`` its authority is a member with the
    role ``authority``.
22. A notice's receipt is confirmed once by each addressee.
23. A decision is made by an addressee; at most 16 of a member on one notice stand. No time in it is more
    than 600 seconds after its moment.
24. An appeal is about an entry that stands or a decision that stands. A member has one about it that waits
    for a ruling.
25. A ruling is made once, by the entry's contributor or whose decision it is; or, when that member has
    rejected the appeal or its clock has run out, by a member of the policy's panel that did not make the
    appeal, until a quorum of the panel has decided. With the first an entry is withdrawn, or disputed by a
    member whose decision followed it; with the panel's quorum it is struck.
26. A question goes to a member with the role ``authority`` that is not suspended. A reply is made once, by
    the authority that the matter names, to a question, an appeal, or a decision by which nothing was
    removed.
27. The labels of a tally are in the policy, and its numbers multiples of the policy's step.
28. A member signs the same review of a quarter once.
29. An action that is done is one of a review that stands, and what did it is in the log.

What each kind does under rules 7 to 29 is its effect, in `hashpact.domain.kinds`. What stands is derived from
the records, by `hashpact.domain.standing`. A server also checks its clock before it accepts a statement.
"""

from __future__ import annotations

from collections.abc import Callable

from hashpact.domain import statements
from hashpact.domain.kinds import Case, Genesis, moment
from hashpact.domain.rules import authors
from hashpact.domain.state import Charter, Record, View
from hashpact.domain.statements import SignedStatement, Statement
from hashpact.errors import ConflictError, InvalidInputError, RequestReusedError


def decide(view: View, index: int, signed: SignedStatement) -> tuple[Record, ...]:
    """The records that this statement puts as leaf ``index`` on the state in ``view``.

    Pure: reads only ``view``, changes nothing. Raises the HashpactError that names the rule it breaks.
    """

    def signed_by(member: str, name: str, public: bytes) -> bool:
        return statements.verify(signed, statements.key_name(member, name), public)

    return judge(view, index, signed.statement, signed_by)


def foresee(view: View, index: int, statement: Statement) -> tuple[Record, ...]:
    """As `decide`, as if every key that must sign the statement had signed it.

    So a draft that the rules would refuse, however many sign it, is refused before anybody does.
    """
    return judge(view, index, statement, lambda *_: True)


def judge(
    view: View, index: int, statement: Statement, signed_by: Callable[[str, str, bytes], bool]
) -> tuple[Record, ...]:
    """As `decide`, of a statement that is read already; ``signed_by`` is as in `Case`."""
    charter = _charter(view.charter(), index, statement)
    if statement.log != charter.origin:
        msg = f"the statement is for the log {statement.log!r}, this one is {charter.origin!r}"
        raise InvalidInputError(msg, field="log")
    if view.request(statement.member, statement.request) is not None:
        msg = "this member used the request id before"
        raise RequestReusedError(msg)
    times = statement.body.counted(view.times(), statement.time)
    case = Case(
        view=view,
        charter=charter,
        index=index,
        moment=moment.of_statement(times, statement.time),
        member=statement.member,
        key=statement.key,
        time=statement.time,
        signed_by=signed_by,
    )
    authors.check(case, statement.body)
    return (*statement.body.effect(case), moment.after(times, case.member, case.moment))


def _charter(before: Charter | None, index: int, statement: Statement) -> Charter:
    """The charter that a statement is judged by: the one in force, or that which a genesis proposes."""
    body = statement.body
    if not isinstance(body, Genesis):
        if before is None:
            msg = "the log has no genesis statement yet"
            raise ConflictError(msg)
        return before
    if before is not None or index != 0:
        msg = "a genesis statement is only ever leaf 0"
        raise ConflictError(msg)
    return body.proposed(statement.log)
