"""Logs about members and the keys that administrators give them: who may sign what."""

from __future__ import annotations

from collections.abc import Iterator

from vectoring.worlds import (
    contact_lines,
    enrolment,
    key,
    lawful,
    office,
    revocation,
    submission,
    suspension,
    town,
)
from vectoring.writing import ADMINS, DAY, Group, Trial, bad_line, digest, group, key_id, line_as, public

ROLES = ("audit", "authority", "check", "contribute", "notify", "represent")


def members() -> Group:
    """Members, their roles and suspensions."""
    prelude = town()
    return group(
        "members",
        "Members join, change their roles, are suspended and resumed.",
        prelude,
        list(_members(prelude)),
    )


def _members(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork("member-enrol", "A member is enrolled once, with 1 to 6 roles.")
    one.no("enrolled before", "member-enrol", "id acme", "role audit")
    for name in ("admin", "all"):
        one.no(f"{name} is no member's id", "member-enrol", f"id {name}", "role check")
    one.no("no role", "member-enrol", "id new")
    one.no("no such role", "member-enrol", "id new", "role judge")
    for name in ("ab", "a" * 33, "Acme", "a_b"):
        one.no(f"{name}: no spelling of a member", "member-enrol", f"id {name}", "role check")
    one.ok("member-enrol", "id " + "-" * 32, "role check", why="32 characters")
    one.ok("member-enrol", "id a-0", *(f"role {role}" for role in ROLES), why="3 characters, every role")
    one.no("one administrator of two", "member-enrol", "id new", "role check", by="admin/alice")
    one.no("a member enrols none", "member-enrol", "id new", "role check", by="acme/k1")
    yield one

    one = prelude.fork("member-suspend", "A suspended member makes no statement; what it has stated stands.")
    entry = one.ok("submit", *submission(), by="acme/k1")
    one.no("another member", "member-suspend", "id acme", "reason care", by="beta/k1")
    one.no("not enrolled", "member-suspend", "id nobody", "reason care", by="admin/alice")
    one.ok("member-suspend", "id acme", "reason care", by="admin/bob", why="one administrator is enough")
    one.no("suspended already", "member-suspend", "id acme", "reason care", by="admin/bob")
    one.no("it is suspended", "submit", *submission("other", "two"), by="acme/k1")
    one.no(
        "its recovery key too",
        "key-rotate",
        f"old {key_id('acme/k1')}",
        "name k2",
        f"public {public('acme/k2')}",
        f"expires {one.now + DAY}",
        "overlap 0",
        by=("acme/safe", "acme/k2"),
    )
    one.ok("opinion", f"entry {entry}", "stance endorse", by="beta/k1")
    one.no("one administrator of two", "member-resume", "id acme", "reason care", by="admin/alice")
    one.ok("member-resume", "id acme", "reason care")
    one.no("not suspended", "member-resume", "id acme", "reason care")
    one.no("not enrolled", "member-resume", "id nobody", "reason care")
    one.ok("submit", *submission("other", "two"), by="acme/k1")
    one.ok("member-suspend", "id acme", "reason care", by="acme/k1", why="of itself")
    one.no("it does not resume itself", "member-resume", "id acme", "reason care", by="acme/k1")
    yield one

    one = prelude.fork("member-roles", "Roles are replaced by others, and count for what is stated later.")
    entry = one.ok("submit", *submission(), by="beta/k1")
    one.no("the same roles", "member-roles", "id beta", "role contribute", "reason care")
    one.no("not enrolled", "member-roles", "id nobody", "role contribute", "reason care")
    one.no("one administrator", "member-roles", "id beta", "role check", "reason care", by="admin/alice")
    one.ok("member-roles", "id beta", "role check", "reason care")
    one.no("not a contributor any more", "submit", *submission("other", "two"), by="beta/k1")
    one.no("no authority", "submit", *lawful("beta"), by="acme/k1")
    one.ok("member-roles", "id beta", "role authority", "role check", "reason care")
    one.ok("submit", *lawful("beta"), by="acme/k1")
    one.ok("withdraw", f"entry {entry}", "reason mistake", by="beta/k1", why="its entry is still its own")
    yield one

    one = prelude.fork(
        "who-makes-what", "Members make no statements of administrators, and these none of members."
    )
    lines = {
        "root": ["version 2", *office(2, "alice", "bob")],
        "policy": ["version 2", "label hate"],
        "member-roles": ["id acme", "role check", "reason care"],
        "void": ["entry 0", "reason care"],
        "clock-mend": ["reason care"],
        "key-resume": suspension("acme/k1"),
        "methods": [f"document {digest('methods')}"],
    }
    for kind, fields in lines.items():
        one.no(f"a {kind} by a member", kind, *fields, by="acme/k1")
    one.no("a submission by administrators", "submit", *submission())
    one.no("a contact point by administrators", "contact", *contact_lines("press", one.now, one.now + DAY))
    one.no(
        "a rotation by administrators",
        "key-rotate",
        f"old {key_id('acme/k1')}",
        "name k2",
        f"public {public('acme/k2')}",
        f"expires {one.now + DAY}",
        "overlap 0",
        by=(*ADMINS, "acme/k2"),
    )
    one.ok("methods", f"document {digest('methods')}", by="admin/alice", why="one administrator is enough")
    yield one


def keys() -> Group:
    """Keys that administrators enrol."""
    prelude = town()
    return group("keys", "Keys are enrolled, sign, are suspended and resumed.", prelude, list(_keys(prelude)))


def _keys(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork("key-enrol", "A new key is its member's, under a new name, new to the log, and signs.")
    k2 = enrolment(one, "acme/k2")
    one.no("no such member", "key-enrol", *enrolment(one, "nobody/k1"), by=(*ADMINS, "nobody/k1"))
    one.no("the name was used", "key-enrol", *enrolment(one, "acme/k1#2"), by=(*ADMINS, "acme/k1#2"))
    one.no("the new key has not signed", "key-enrol", *k2)
    one.no("one administrator of two", "key-enrol", *k2, by=("admin/alice", "acme/k2"))
    one.no("a bad signature of the new key", "key-enrol", *k2, extra=bad_line("acme/k2"))
    for who in ("acme/k1", "beta/k1", "admin/alice", "log/one"):
        lines = [k2[0], k2[1], f"public {public(who)}", *k2[3:]]
        one.no(f"the key of {who}", "key-enrol", *lines, extra=line_as("acme/k2", who))
    one.ok("key-enrol", *k2, by=(*ADMINS, "acme/k2"))
    one.ok(
        "key-enrol", *enrolment(one, "beta/k2"), by=(*ADMINS, "beta/k2"), why="the name is another member's"
    )
    one.ok("submit", *submission(), by="acme/k2")
    one.no("another member's name", "submit", *submission("other", "two"), by="acme/k2", member="beta")
    one.no("an unknown key", "submit", *submission("other", "two"), by="acme/k3")
    one.no("an unknown member", "submit", *submission("other", "two"), by="acme/k2", member="nobody")
    yield one

    one = prelude.fork(
        "key-enrol-expires", "A key expires after its enrolment's moment and at most 366 days later."
    )
    for life, good in ((0, False), (366 * DAY + 1, False), (1, True), (366 * DAY, True)):
        lines = enrolment(one, f"acme/n{life}", life=life)
        if good:
            one.ok("key-enrol", *lines, by=(*ADMINS, f"acme/n{life}"), why=f"{life} seconds")
        else:
            one.no(f"{life} seconds", "key-enrol", *lines, by=(*ADMINS, f"acme/n{life}"))
    yield one

    one = prelude.fork("key-once-governing", "A key that governed once is enrolled for nobody.")
    one.ok("root", "version 2", *office(2, "alice", "carol", logs=("log/two",)), by=(*ADMINS, "admin/carol"))
    for who in ("admin/bob", "log/one", "admin/carol", "log/two"):
        lines = enrolment(one, "acme/k2")
        lines[2] = f"public {public(who)}"
        one.no(
            f"the key of {who}",
            "key-enrol",
            *lines,
            by=("admin/alice", "admin/carol"),
            extra=line_as("acme/k2", who),
        )
    yield one

    one = prelude.fork("recovery-key", "A recovery key makes replacements and nothing else.")
    one.no("a submission", "submit", *submission(), by="acme/safe")
    one.no("a suspension of a key", "key-suspend", *suspension("acme/k1"), by="acme/safe")
    one.no("a suspension of the member", "member-suspend", "id acme", "reason care", by="acme/safe")
    one.no("a revocation", "key-revoke", *revocation("acme/k1", one.size), by="acme/safe")
    one.no("a revocation of itself", "key-revoke", *revocation("acme/safe", one.size), by="acme/safe")
    yield one

    one = prelude.fork(
        "key-suspend", "A suspended key signs nothing; one administrator or a key of the member does it."
    )
    key(one, "acme/k2")
    entry = one.ok("submit", *submission(), by="acme/k2")
    one.no("a key of another member", "key-suspend", *suspension("acme/k2"), by="beta/k1")
    one.no(
        "another member's id",
        "key-suspend",
        "id beta",
        f"target {key_id('acme/k2')}",
        "reason care",
        by="admin/alice",
    )
    one.no(
        "no key", "key-suspend", "id acme", f"target {key_id('acme/none')}", "reason care", by="admin/alice"
    )
    one.ok("key-suspend", *suspension("acme/k2"), by="acme/k1")
    one.no("suspended already", "key-suspend", *suspension("acme/k2"), by="admin/alice")
    one.no("it is suspended", "withdraw", f"entry {entry}", "reason mistake", by="acme/k2")
    one.ok("opinion", f"entry {entry}", "stance endorse", by="beta/k1", why="what it has signed stands")
    one.no("a member resumes no key", "key-resume", *suspension("acme/k2"), by="acme/k1")
    one.no("one administrator of two", "key-resume", *suspension("acme/k2"), by="admin/alice")
    one.no("not suspended", "key-resume", *suspension("acme/k1"))
    one.ok("key-resume", *suspension("acme/k2"))
    one.ok("withdraw", f"entry {entry}", "reason mistake", by="acme/k2")
    one.ok("key-suspend", *suspension("acme/k2"), by="acme/k2", why="by itself")
    one.ok("key-suspend", *suspension("acme/safe"), by="admin/bob", why="one administrator")
    yield one

    one = prelude.fork(
        "cert-revoke", "A certificate is revoked once for a member, by one administrator or the member."
    )
    serial = f"serial {'0a' * 20}"
    one.ok("cert-revoke", "id acme", serial, "reason lost", by="admin/alice")
    ends = one.at + 40 * DAY
    one.no("revoked already", "cert-revoke", "id acme", serial, "reason lost", by="acme/k1")
    one.ok("cert-revoke", "id beta", serial, "reason lost", by="beta/k1", why="the same number of another")
    one.no("another member's", "cert-revoke", "id beta", f"serial {'0b' * 20}", "reason lost", by="acme/k1")
    one.no("no such member", "cert-revoke", "id nobody", serial, "reason lost", by="admin/alice")
    one.ok(
        "cert-revoke",
        "id acme",
        f"serial {'0c' * 20}",
        "reason lost",
        by="acme/k1",
        time=ends,
        why="dated ahead: the log's moment has not come so far, so the first still counts",
    )
    one.no("it still counts", "cert-revoke", "id acme", serial, "reason lost", by="acme/k1", time=ends)
    for who in ("beta/k1", "city/k1", "ngo/k1"):
        one.ok("training", "topic law", "month 2027-03", "heads 1-9", by=who, time=ends)
    one.no(
        "it is listed until the next revocation",
        "cert-revoke",
        "id acme",
        serial,
        "reason lost",
        by="acme/k1",
        time=ends + 2,
    )
    one.ok(
        "cert-revoke",
        "id acme",
        f"serial {'0d' * 20}",
        "reason lost",
        by="acme/k1",
        time=ends + 2,
        why="takes the expired one off the list",
    )
    one.ok("cert-revoke", "id acme", serial, "reason lost", by="acme/k1", time=ends + 3)
    yield one

    one = prelude.fork(
        "cert-revoke-256", "A member has at most 256 revoked certificates that have not expired."
    )
    for number in range(256):
        one.ok("cert-revoke", "id acme", f"serial {number:040x}", "reason lost", by="admin/alice")
    one.no("the 257th", "cert-revoke", "id acme", f"serial {256:040x}", "reason lost", by="admin/alice")
    one.ok("cert-revoke", "id beta", f"serial {256:040x}", "reason lost", by="admin/alice")
    yield one


def requests() -> Group:
    """The header."""
    prelude = town()
    return group(
        "header",
        "The lines that every statement begins with, and its signatures.",
        prelude,
        list(_header(prelude)),
    )


def _header(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork(
        "request", "A request id is used once by its member, by a statement that keeps the rules."
    )
    first, second = "11" * 16, "22" * 16
    one.ok("submit", *submission(), by="acme/k1", request=first)
    one.no("used before", "submit", *submission("other", "two"), by="acme/k1", request=first)
    one.ok("submit", *submission("other", "two"), by="beta/k1", request=first, why="by another member")
    one.no("no such label", "submit", *submission("spam"), by="acme/k1", request=second)
    one.ok("submit", *submission("other", "two"), by="acme/k1", request=second, why="never used validly")
    one.ok("member-enrol", "id new", "role check", request=first, why="by admin")
    one.no("used before by admin", "member-enrol", "id newer", "role check", request=first)
    one.raw(one.written[len(prelude.written)].leaf, "the same leaf again")
    yield one

    one = prelude.fork("log", "A statement is for one log.")
    one.no("of another log", "submit", *submission(), by="acme/k1", log="vectors.example/other")
    one.no("of another log", "member-enrol", "id new", "role check", log="vectors.example")
    yield one

    one = prelude.fork("signatures-member", "The header's key signs; lines of other keys are passed over.")
    one.no(
        "the key has not signed", "submit", *submission(), by="beta/k1", member="acme", key=key_id("acme/k1")
    )
    one.no(
        "its line is bad",
        "submit",
        *submission(),
        by=(),
        extra=bad_line("acme/k1"),
        member="acme",
        key=key_id("acme/k1"),
    )
    one.ok("submit", *submission(), by="acme/k1", extra=bad_line("beta/k1"), why="a bad line of another key")
    one.ok(
        "submit",
        *submission("other", "two"),
        by="acme/k1",
        extra=bad_line("acme/k1"),
        why="one line is enough",
    )
    one.ok(
        "submit",
        *submission("other", "three"),
        by="acme/k1",
        extra=bad_line("admin/alice"),
        why="administrators are not known to a member's statement",
    )
    one.ok(
        "submit",
        *submission("other", "four"),
        by="acme/k1",
        extra=lambda _: b"\xe2\x80\x94 x AAAAAAA=\n",
        why="an unknown line of 5 bytes",
    )
    one.no(
        "the key under another's name",
        "submit",
        *submission("other", "five"),
        by=(),
        member="acme",
        key=key_id("acme/k1"),
        extra=line_as("acme/k9", "acme/k1"),
    )
    yield one

    one = prelude.fork(
        "signatures-administrators", "Every administrator's key is known to a statement of admin."
    )
    bad = bad_line("admin/bob")
    one.no(
        "a bad line of the second", "member-suspend", "id acme", "reason care", by="admin/alice", extra=bad
    )
    one.ok(
        "member-suspend",
        "id acme",
        "reason care",
        by="admin/alice",
        extra=bad_line("acme/k1"),
        why="a bad line of a member's key",
    )
    one.no("one key twice", "member-resume", "id acme", "reason care", by=("admin/alice", "admin/alice"))
    one.no(
        "one key under two names",
        "member-resume",
        "id acme",
        "reason care",
        by="admin/alice",
        extra=line_as("admin/bob", "admin/alice"),
    )
    one.no(
        "the header's key has not signed",
        "member-suspend",
        "id beta",
        "reason care",
        by="admin/bob",
        key=key_id("admin/alice"),
    )
    one.no(
        "the header's key is a member's",
        "member-suspend",
        "id beta",
        "reason care",
        by=ADMINS,
        key=key_id("beta/k1"),
    )
    one.ok(
        "member-resume",
        "id acme",
        "reason care",
        by=("admin/alice", "admin/bob"),
        extra=bad,
        why="one line that verifies is enough",
    )
    yield one
