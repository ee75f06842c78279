"""Logs about entries: submitted, withdrawn, struck, and what members think of them."""

from __future__ import annotations

from collections.abc import Iterator

from vectoring.worlds import key, lawful, member, policy, revocation, submission, submit, town
from vectoring.writing import Group, Trial, digest, group


def entries() -> Group:
    """Entries."""
    prelude = town()
    return group("entries", "Submissions, opinions, withdrawals and voids.", prelude, list(_entries(prelude)))


def _entries(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork("submit", "By a contributor, under labels of the policy.")
    one.no("not a contributor", "submit", *submission(), by="city/k1")
    one.no("no such label", "submit", *submission("spam"), by="acme/k1")
    one.no("one label that is not", "submit", "label other", *submission("spam"), by="acme/k1")
    one.no("no label", "submit", *submission()[1:], by="acme/k1")
    one.ok("submit", "label hate", "label ncii", *submission(), by="acme/k1")
    one.ok("submit", *submission(), by="acme/k1", why="the same item again: no rule of the log")
    one.ok(
        "submit",
        "label other",
        "basis guideline",
        "jurisdiction AA",
        "jurisdiction ZZ",
        "removed 9223372036854775807",
        f"item {digest('x')}",
        by="acme/k1",
        why="any two capitals, and any time",
    )
    yield one

    one = prelude.fork(
        "submit-law", "Basis law names an authority and an article; its authority has that role."
    )
    law = lawful("city")
    one.no("no authority", "submit", law[0], law[1], *law[3:], by="acme/k1")
    one.no("no article", "submit", *law[:3], *law[4:], by="acme/k1")
    one.no("neither", "submit", *law[:2], *law[4:], by="acme/k1")
    one.no("an authority by guideline", "submit", law[0], "basis guideline", law[2], *law[4:], by="acme/k1")
    one.no("an article by guideline", "submit", law[0], "basis guideline", *law[3:], by="acme/k1")
    one.no("both by guideline", "submit", law[0], "basis guideline", *law[2:], by="acme/k1")
    one.no("not an authority", "submit", *lawful("beta"), by="acme/k1")
    one.no("not enrolled", "submit", *lawful("nobody"), by="acme/k1")
    one.ok("submit", *law, by="acme/k1")
    one.ok("member-suspend", "id city", "reason care", by="admin/alice")
    one.ok("submit", *law, by="acme/k1", why="a suspended authority may be named")
    yield one

    one = prelude.fork(
        "submit-benign",
        "What is benign is said by contributors that the policy names, under labels of its own.",
    )
    policy(one, 2, "benign-by acme", "benign-by city", labels=("hate",))
    benign = ["label meme", "basis benign", "removed 1800000000", f"item {digest('b')}"]
    one.no("not named by the policy", "submit", *benign, by="beta/k1")
    one.no("named, and no contributor", "submit", *benign, by="city/k1")
    one.no("a label of the policy", "submit", "label hate", *benign[1:], by="acme/k1")
    one.no("a label of the policy as well", "submit", "label hate", *benign, by="acme/k1")
    one.no("an authority", "submit", *benign[:2], "authority city", "article a-1", *benign[2:], by="acme/k1")
    every = [f"label {label}" for label in ("avatar", "form", "logo", "meme", "screenshot")]
    entry = one.ok("submit", *every, *benign[1:], by="acme/k1", why="each label that there is")
    policy(one, 3)
    one.no("not named any more", "submit", *benign, by="acme/k1")
    one.no("a label that is not in the policy", "submit", *submission("meme"), by="acme/k1")
    one.ok("opinion", f"entry {entry}", "stance dispute", by="beta/k1")
    one.ok("withdraw", f"entry {entry}", "reason mistake", by="acme/k1", why="who is not named any more")
    yield one

    one = prelude.fork(
        "submit-items", "1 to 256 items, each once, in any order; 1 to 8 labels; up to 64 places."
    )
    many = [f"item {digest(str(number))}" for number in range(257)]
    start = ["label other", "basis guideline", "removed 1"]
    one.no("no item", "submit", *start, by="acme/k1")
    one.no("257 items", "submit", *start, *many, by="acme/k1")
    one.no("an item twice", "submit", *start, many[0], many[1], many[0], by="acme/k1")
    one.ok("submit", *start, *many[:256], by="acme/k1", why="256 items")
    policy(one, 2, labels=[f"l{number}" for number in range(9)])
    labels = [f"label l{number}" for number in range(9)]
    one.no("9 labels", "submit", *labels, *start[1:], many[0], by="acme/k1")
    one.ok("submit", *labels[:8], *start[1:], many[0], by="acme/k1")
    one.no("labels not sorted", "submit", labels[1], labels[0], *start[1:], many[0], by="acme/k1")
    one.no("a label twice", "submit", labels[0], labels[0], *start[1:], many[0], by="acme/k1")
    places = [f"jurisdiction {chr(65 + number // 26)}{chr(65 + number % 26)}" for number in range(65)]
    one.no("65 places", "submit", labels[0], start[1], *places, start[2], many[0], by="acme/k1")
    one.ok("submit", labels[0], start[1], *places[:64], start[2], many[0], by="acme/k1")
    yield one

    one = prelude.fork("withdraw", "By the contributor, while the entry stands.")
    entry = submit(one, "acme/k1")
    one.no("another member", "withdraw", f"entry {entry}", "reason mistake", by="beta/k1")
    one.no("no entry", "withdraw", "entry 0", "reason mistake", by="acme/k1")
    one.no("not yet", "withdraw", f"entry {one.size}", "reason mistake", by="acme/k1")
    one.no("a representative, without priority", "withdraw", f"entry {entry}", "reason mistake", by="ngo/k1")
    one.ok("withdraw", f"entry {entry}", "reason mistake", by="acme/k1")
    one.no("withdrawn already", "withdraw", f"entry {entry}", "reason mistake", by="acme/k1")
    yield one

    one = prelude.fork("withdraw-represent", "By a representative, if a label of it has priority now.")
    first = submit(one, "acme/k1", "ncii")
    one.no("not a representative", "withdraw", f"entry {first}", "reason harm", by="beta/k1")
    one.ok("withdraw", f"entry {first}", "reason harm", by="ngo/k1")
    both = one.ok("submit", "label hate", *submission("ncii"), by="acme/k1")
    second = submit(one, "acme/k1", "ncii", "two")
    one.ok("withdraw", f"entry {both}", "reason harm", by="ngo/k1", why="one label of two")
    policy(one, 2)
    one.no("no priority any more", "withdraw", f"entry {second}", "reason harm", by="ngo/k1")
    one.ok("member-roles", "id ngo", "role notify", "reason care")
    policy(one, 3, "priority ncii vulnerable")
    one.no("not a representative any more", "withdraw", f"entry {second}", "reason harm", by="ngo/k1")
    yield one

    one = prelude.fork("withdrawal-undone", "The newest withdrawal counts, if it stands.")
    key(one, "acme/k2")
    entry = submit(one, "acme/k1")
    gone = one.ok("withdraw", f"entry {entry}", "reason mistake", by="acme/k2")
    one.no("withdrawn", "opinion", f"entry {entry}", "stance endorse", by="beta/k1")
    one.ok("key-revoke", *revocation("acme/k2", gone))
    one.ok("opinion", f"entry {entry}", "stance endorse", by="beta/k1", why="it matches again")
    one.ok("withdraw", f"entry {entry}", "reason mistake", by="acme/k1")
    one.ok("key-revoke", *revocation("acme/k2", one.size), why="the first stands again; the newest counts")
    yield one

    one = prelude.fork("void", "By the threshold, once, whether the entry stands or not.")
    first, second = submit(one, "acme/k1"), submit(one, "acme/k1", item="two")
    one.no("one administrator of two", "void", f"entry {first}", "reason care", by="admin/alice")
    one.no("no entry", "void", "entry 0", "reason care")
    one.ok("void", f"entry {first}", "reason care")
    one.no("voided already", "void", f"entry {first}", "reason care")
    one.no("it is voided", "withdraw", f"entry {first}", "reason mistake", by="acme/k1")
    one.no("it is voided", "opinion", f"entry {first}", "stance endorse", by="beta/k1")
    one.ok("withdraw", f"entry {second}", "reason mistake", by="acme/k1")
    one.ok("void", f"entry {second}", "reason care", why="one that is withdrawn")
    third = submit(one, "acme/k1", item="three")
    one.ok("key-revoke", *revocation("acme/k1", third))
    one.no("its key is revoked", "opinion", f"entry {third}", "stance endorse", by="beta/k1")
    one.ok("void", f"entry {third}", "reason care", why="one whose key is revoked")
    yield one

    one = prelude.fork("opinion", "On another member's entry; the newest replaces the one before.")
    entry = submit(one, "acme/k1")
    one.no("its own entry", "opinion", f"entry {entry}", "stance endorse", by="acme/k1")
    one.no("no entry", "opinion", "entry 0", "stance endorse", by="beta/k1")
    one.ok("opinion", f"entry {entry}", "stance endorse", by="ngo/k1", why="any role")
    one.ok("opinion", f"entry {entry}", "stance endorse", by="beta/k1")
    one.ok("opinion", f"entry {entry}", "stance dispute", "reason satire", by="beta/k1")
    one.no("it would take the dispute back", "opinion", f"entry {entry}", "stance seen", by="beta/k1")
    one.no("replace without seen", "opinion", f"entry {entry}", "stance endorse", "replace yes", by="beta/k1")
    one.ok("opinion", f"entry {entry}", "stance seen", "replace yes", by="beta/k1")
    one.ok("opinion", f"entry {entry}", "stance seen", by="beta/k1")
    one.ok("opinion", f"entry {entry}", "stance endorse", by="beta/k1")
    one.no("its authority only", "opinion", f"entry {entry}", "stance disown", by="city/k1")
    one.ok("opinion", f"entry {entry}", "stance seen", "replace yes", by="city/k1", why="nothing to replace")
    yield one

    one = prelude.fork("disown", "By the authority that the entry names.")
    entry = one.ok("submit", *lawful("city"), by="acme/k1")
    one.no("another member", "opinion", f"entry {entry}", "stance disown", by="beta/k1")
    one.ok("opinion", f"entry {entry}", "stance endorse", by="city/k1")
    one.ok("opinion", f"entry {entry}", "stance disown", by="city/k1")
    one.no("it would take that back", "opinion", f"entry {entry}", "stance seen", by="city/k1")
    member(one, "town", "authority")
    key(one, "town/k1")
    one.no("another authority", "opinion", f"entry {entry}", "stance disown", by="town/k1")
    yield one

    one = prelude.fork(
        "opinion-undone", "An opinion of a revoked key counts for nothing, nor does the one before."
    )
    key(one, "beta/k2")
    entry = submit(one, "acme/k1")
    one.ok("opinion", f"entry {entry}", "stance endorse", by="beta/k1")
    given = one.ok("opinion", f"entry {entry}", "stance dispute", by="beta/k2")
    one.no("the dispute stands", "opinion", f"entry {entry}", "stance seen", by="beta/k1")
    one.ok("key-revoke", *revocation("beta/k2", given))
    one.ok("opinion", f"entry {entry}", "stance seen", by="beta/k1", why="no opinion stands")
    yield one
