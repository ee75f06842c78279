"""Logs about the life of keys: replacements, revocations, and what stands after them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from vectoring.worlds import key, revocation, rotate, rotation, submission, submit, suspension, town
from vectoring.writing import ADMINS, DAY, Group, Trial, bad_line, group, key_id, line_as


def rotations() -> Group:
    """Keys that are replaced."""
    prelude = town()
    return group("rotation", "A member's keys are replaced.", prelude, list(_rotations(prelude)))


def _rotations(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork(
        "key-rotate", "By itself, with a new key that signs too; without overlap it ends at once."
    )
    one.no(
        "another signing key", "key-rotate", *rotation(one, "acme/k1", "acme/k2"), by=("beta/k1", "acme/k2")
    )
    one.no("the new key has not signed", "key-rotate", *rotation(one, "acme/k1", "acme/k2"), by="acme/k1")
    one.no(
        "the new key's line is bad",
        "key-rotate",
        *rotation(one, "acme/k1", "acme/k2"),
        by="acme/k1",
        extra=bad_line("acme/k2"),
    )
    one.no(
        "the name was used",
        "key-rotate",
        *rotation(one, "acme/k1", "acme/safe#2"),
        by=("acme/k1", "acme/safe#2"),
    )
    one.no(
        "a key of another member",
        "key-rotate",
        *rotation(one, "beta/k1", "acme/k2"),
        by=("acme/k1", "acme/k2"),
    )
    one.no("no key", "key-rotate", *rotation(one, "acme/k9", "acme/k2"), by=("acme/k1", "acme/k2"))
    one.no(
        "a key that is in the log",
        "key-rotate",
        *rotation(one, "acme/k1", "acme/k2")[:2],
        rotation(one, "acme/k1", "beta/k1")[2],
        *rotation(one, "acme/k1", "acme/k2")[3:],
        by="acme/k1",
        extra=line_as("acme/k2", "beta/k1"),
    )
    rotate(one, "acme/k1", "acme/k2")
    one.no("it has ended", "submit", *submission(), by="acme/k1")
    one.ok("submit", *submission(), by="acme/k2", why="at once, also when the policy has a delay")
    one.no(
        "replaced already", "key-rotate", *rotation(one, "acme/k1", "acme/k3"), by=("acme/safe", "acme/k3")
    )
    one.no(
        "k2 is no recovery key", "key-rotate", *rotation(one, "acme/k1", "acme/k3"), by=("acme/k2", "acme/k3")
    )
    yield one

    one = prelude.fork("key-rotate-signing", "A signing key replaces itself and no other key.")
    key(one, "acme/k2")
    one.no(
        "another signing key", "key-rotate", *rotation(one, "acme/k1", "acme/k3"), by=("acme/k2", "acme/k3")
    )
    one.no(
        "the recovery key", "key-rotate", *rotation(one, "acme/safe", "acme/k3"), by=("acme/k2", "acme/k3")
    )
    yield one

    one = prelude.fork(
        "key-rotate-overlap", "Until its overlap ends, the old key signs on; it is replaced once."
    )
    for overlap, good in ((30 * DAY + 1, False), (30 * DAY, True)):
        lines = rotation(one, "beta/k1", "beta/k2", overlap)
        if good:
            one.ok("key-rotate", *lines, by=("beta/k1", "beta/k2"), why="30 days")
        else:
            one.no("more than 30 days", "key-rotate", *lines, by=("beta/k1", "beta/k2"))
    rotate(one, "acme/k1", "acme/k2", 600)
    ends = one.at + 600
    submit(one, "acme/k1", time=ends - 1)
    one.no("replaced already", "key-rotate", *rotation(one, "acme/k1", "acme/k3"), by=("acme/k1", "acme/k3"))
    one.no("its overlap is over", "submit", *submission(), by="acme/k1", time=ends)
    submit(one, "acme/k2", time=ends)
    submit(one, "acme/k1", item="dated back", time=ends - 1)
    yield one

    one = prelude.fork(
        "recovery-replaces", "A recovery key replaces each key of its member, without overlap."
    )
    key(one, "acme/k2")
    one.no("an overlap", "key-rotate", *rotation(one, "acme/k1", "acme/k3", 60), by=("acme/safe", "acme/k3"))
    one.ok("key-suspend", *suspension("acme/k1"), by="admin/alice")
    one.ok(
        "key-rotate", *rotation(one, "acme/k1", "acme/k3"), by=("acme/safe", "acme/k3"), why="a suspended key"
    )
    one.ok("key-revoke", *revocation("acme/k2", one.size), why="by administrators")
    one.ok(
        "key-rotate", *rotation(one, "acme/k2", "acme/k4"), by=("acme/safe", "acme/k4"), why="a revoked key"
    )
    submit(one, "acme/k3")
    submit(one, "acme/k4", item="two")
    one.ok(
        "key-rotate",
        *rotation(one, "acme/safe", "acme/safe-2", 60),
        by=("acme/safe", "acme/safe-2"),
        why="itself, with an overlap",
    )
    one.no("of the same use: a recovery key", "submit", *submission("other", "three"), by="acme/safe-2")
    one.ok("key-rotate", *rotation(one, "acme/k3", "acme/k5"), by=("acme/safe-2", "acme/k5"))
    one.no(
        "another member's", "key-rotate", *rotation(one, "beta/k1", "acme/k6"), by=("acme/safe-2", "acme/k6")
    )
    yield one

    one = prelude.fork("rotation-undone", "A replacement that does not stand counts for nothing.")
    key(one, "acme/safe2", "recovery")
    cutoff = one.size
    rotate(one, "acme/k1", "acme/k2", by="acme/safe")
    submit(one, "acme/k2")
    one.ok("key-revoke", *revocation("acme/safe", cutoff), why="what the recovery key signed is undone")
    one.no("its rotation does not stand", "submit", *submission("other", "two"), by="acme/k2")
    submit(one, "acme/k1", item="two")
    one.no("k2 is in the log", "key-rotate", *rotation(one, "acme/k1", "acme/k2"), by=("acme/k1", "acme/k2"))
    rotate(one, "acme/k1", "acme/k3", by="acme/safe2")
    submit(one, "acme/k3", item="three")
    one.ok("key-revoke", *revocation("acme/safe", one.size), why="later: the first replacement stands again")
    submit(one, "acme/k2", item="four")
    yield one

    one = prelude.fork(
        "rotations-32", "At most 32 replacements in 30 days, for signing and recovery keys each."
    )
    names = ["acme/k1", *(f"acme/n{number}" for number in range(1, 33))]
    start = one.now
    for old, new in itertools.pairwise(names):
        rotate(one, old, new)
    one.no("the 33rd", "key-rotate", *rotation(one, names[-1], "acme/n33"), by=(names[-1], "acme/n33"))
    rotate(one, names[-1], "acme/n34", by="acme/safe")
    late = start + 30 * DAY
    lines = [*rotation(one, "acme/n34", "acme/n35")[:3], f"expires {late + DAY}", "overlap 0"]
    one.no(
        "the first is 30 days old but for a second",
        "key-rotate",
        *lines,
        by=("acme/n34", "acme/n35"),
        time=late - 1,
    )
    one.ok("key-rotate", *lines, by=("acme/n34", "acme/n35"), time=late, why="the first counts no more")
    yield one

    one = prelude.fork("rotations-undone", "Replacements that do not stand do not count.")
    key(one, "acme/k2")
    names = ["acme/k1", *(f"acme/n{number}" for number in range(1, 33))]
    cutoff = one.size
    for old, new in itertools.pairwise(names):
        rotate(one, old, new)
    one.no("the 33rd", "key-rotate", *rotation(one, "acme/k2", "acme/n33"), by=("acme/k2", "acme/n33"))
    one.ok("key-revoke", *revocation("acme/k1", cutoff), by="acme/k2", why="undoes all 32")
    rotate(one, "acme/k2", "acme/n34")
    yield one


def revocations() -> Group:
    """What stands."""
    prelude = town()
    return group(
        "standing",
        "Keys are revoked; what they have signed stands below an index.",
        prelude,
        list(_revocations(prelude)),
    )


def _revocations(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork(
        "key-revoke", "What the key signed at or after the cutoff does not stand; it signs no more."
    )
    key(one, "acme/k2")
    submit(one, "acme/k2")
    cutoff = submit(one, "acme/k2", item="two")
    born = cutoff - 2
    one.no("a cutoff before the enrolment", "key-revoke", *revocation("acme/k2", born - 1))
    one.no("a cutoff after this leaf", "key-revoke", *revocation("acme/k2", one.size + 1))
    one.no("another member", "key-revoke", *revocation("acme/k2", cutoff), by="beta/k1")
    one.no(
        "not the member's key",
        "key-revoke",
        "id beta",
        f"target {key_id('acme/k2')}",
        f"cutoff {cutoff}",
        "reason stolen",
    )
    one.no("one administrator of two", "key-revoke", *revocation("acme/k2", cutoff), by="admin/alice")
    one.ok("key-revoke", *revocation("acme/k2", cutoff), by="acme/k1")
    one.no("it is revoked", "submit", *submission("other", "three"), by="acme/k2")
    one.no("revoked before, by a member", "key-revoke", *revocation("acme/k2", born), by="acme/k1")
    one.ok("key-revoke", *revocation("acme/k2", born), why="by administrators again: from its enrolment on")
    one.ok("key-revoke", *revocation("acme/k2", one.size), why="and up to here")
    one.no("it stays revoked", "submit", *submission("other", "three"), by="acme/k2")
    one.no("revoked before", "key-revoke", *revocation("acme/k2", born), by="acme/k2")
    yield one

    one = prelude.fork("revoked-itself", "A key that revokes itself stays revoked, from any cutoff.")
    key(one, "acme/k2")
    submit(one, "acme/k2")
    one.ok("key-revoke", *revocation("acme/k2", one.size - 2), by="acme/k2")
    one.no("it is revoked", "submit", *submission("other", "two"), by="acme/k2")
    one.ok("key-revoke", *revocation("acme/k1", one.size), by="acme/k1", why="at this very leaf")
    one.no("it is revoked", "submit", *submission("other", "two"), by="acme/k1")
    yield one

    one = prelude.fork(
        "revocation-undone", "A revocation by a key that is revoked itself from before is undone."
    )
    key(one, "acme/k2")
    entry = submit(one, "acme/k1")
    one.ok("withdraw", f"entry {entry}", "reason mistake", by="acme/k2", why="by the thief")
    one.ok("key-revoke", *revocation("acme/k1", entry), by="acme/k2", why="by the thief")
    one.no("it is revoked", "submit", *submission("other", "two"), by="acme/k1")
    one.ok("key-revoke", *revocation("acme/k2", entry + 1), why="what the thief signed is undone")
    submit(one, "acme/k1", item="two")
    one.no(
        "revoked before, whether that stands or not",
        "key-revoke",
        *revocation("acme/k1", one.size),
        by="acme/k1",
    )
    one.no("as before", "key-revoke", *revocation("acme/k2", one.size), by="acme/k1")
    one.ok("key-revoke", *revocation("acme/k1", one.size), why="administrators may; the newest counts")
    one.no("it is revoked", "submit", *submission("other", "three"), by="acme/k1")
    yield one

    one = prelude.fork("revocation-hangs", "No revocation undoes what it hangs on itself.")
    key(one, "acme/safe2", "recovery")
    begun = one.size
    rotate(one, "acme/k1", "acme/k2")
    one.no("k2 came by k1", "key-revoke", *revocation("acme/k1", begun), by="acme/k2")
    one.ok("key-revoke", *revocation("acme/k1", begun + 1), by="acme/k2", why="after the rotation")
    submit(one, "acme/k2")
    yield one

    one = prelude.fork(
        "revocation-hangs-far", "It hangs on rotations of rotations, and on revocations on the way."
    )
    key(one, "acme/k2")
    begun = one.size
    rotate(one, "acme/k1", "acme/n1")
    rotate(one, "acme/n1", "acme/n2")
    rotate(one, "acme/n2", "acme/n3")
    one.no("n3 came by n2, by n1, by k1", "key-revoke", *revocation("acme/k1", begun), by="acme/n3")
    one.ok("key-revoke", *revocation("acme/n1", begun + 2), by="acme/k2", why="n1, after its rotation")
    one.no(
        "the key itself signed its rotation", "key-revoke", *revocation("acme/n2", begun + 2), by="acme/n3"
    )
    one.ok("key-revoke", *revocation("acme/k2", begun + 4), by="acme/n3", why="below its cutoff stands all")
    yield one

    one = prelude.fork(
        "revocation-hangs-round", "A hangs on the revocation of the key that brought it: no circle."
    )
    key(one, "acme/k2")
    begun = one.size
    rotate(one, "acme/k1", "acme/n1", 600)
    one.ok("key-revoke", *revocation("acme/k1", begun), by="acme/k2", why="undoes the rotation to n1")
    one.no("n1 does not stand", "key-revoke", *revocation("acme/k2", begun), by="acme/n1")
    one.ok("key-revoke", *revocation("acme/k2", begun + 1), why="by administrators: k1 and n1 stand again")
    submit(one, "acme/n1")
    submit(one, "acme/k1", item="two")
    one.no("revoked before", "key-revoke", *revocation("acme/k1", one.size), by="acme/n1")
    yield one

    one = prelude.fork(
        "revocation-hangs-undone", "Also a revocation that does not stand is one that it hangs on."
    )
    for name in ("acme/k2", "acme/k3"):
        key(one, name)
    begun = one.size
    rotate(one, "acme/k1", "acme/n1", 600)
    one.ok("key-revoke", *revocation("acme/k1", begun), by="acme/k2")
    one.ok("key-revoke", *revocation("acme/k2", begun + 1), by="acme/k3", why="so k1 and n1 stand again")
    submit(one, "acme/n1")
    one.no(
        "n1 hangs on k1's revocation by k2, which hangs on k2's by k3",
        "key-revoke",
        *revocation("acme/k3", begun + 2),
        by="acme/n1",
    )
    one.ok("key-revoke", *revocation("acme/k3", begun + 3), by="acme/n1", why="after that")
    yield one

    one = prelude.fork("revocation-chain", "A chain of undone revocations: each second one holds.")
    for name in ("acme/k2", "acme/k3", "acme/k4"):
        key(one, name)
    begun = submit(one, "acme/k1")
    one.ok("key-revoke", *revocation("acme/k1", begun), by="acme/k2")
    one.ok("key-revoke", *revocation("acme/k2", begun + 1), by="acme/k3")
    submit(one, "acme/k1", item="two")
    one.ok("key-revoke", *revocation("acme/k3", begun + 2), by="acme/k4")
    one.no("k2 and its revocation stand again", "submit", *submission("other", "three"), by="acme/k1")
    submit(one, "acme/k2", item="four")
    one.ok("key-revoke", *revocation("acme/k4", begun + 5), why="later than what k4 revoked")
    one.ok("key-revoke", *revocation("acme/k4", begun + 4), why="from there on: k3 holds again")
    submit(one, "acme/k1", item="five")
    yield one

    one = prelude.fork("suspension-stays", "Suspensions are not undone with the key that made them.")
    key(one, "acme/k2")
    begun = one.size
    one.ok("key-suspend", *suspension("acme/k1"), by="acme/k2")
    one.ok("cert-revoke", "id acme", f"serial {'0a' * 20}", "reason lost", by="acme/k2")
    one.ok("key-revoke", *revocation("acme/k2", begun))
    one.no("suspended still", "submit", *submission(), by="acme/k1")
    one.ok("key-resume", *suspension("acme/k1"))
    submit(one, "acme/k1")
    one.ok("member-suspend", "id acme", "reason care", by="acme/k1")
    one.ok("key-revoke", *revocation("acme/k1", begun), by=ADMINS)
    one.no("the member is suspended still", "submit", *submission(), by="acme/k2")
    yield one
