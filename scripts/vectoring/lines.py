"""Logs about the lines of each kind: one too few, one too many, and sets that are not sorted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vectoring.noticing import village
from vectoring.witnessing import witness
from vectoring.worlds import (
    contact_lines,
    decided,
    enrolment,
    lawful,
    notice,
    office,
    revocation,
    rotation,
    submit,
    suspension,
)
from vectoring.writing import ADMINS, DAY, Group, Trial, digest, group, key_id


def lines() -> Group:
    """The lines of each kind."""
    prelude = village()
    entry = submit(prelude, "acme/k1")
    sent = prelude.ok("notice", *notice(["acme"]), by="ngo/k1")
    made = prelude.ok("decision", *decided(sent), by="acme/k1")
    asked = prelude.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    prelude.ok("question", "to city", "reason scope", f"words {digest('why')}", by="acme/k1")
    agreed = prelude.ok("review", "quarter 2026Q4", f"minutes {digest('m')}", "action rest 5", by="acme/k1")
    trials = [
        *_of_administrators(prelude, entry),
        *_of_keys(prelude),
        *_of_members(prelude, entry, sent, made, asked),
        *_of_reports(prelude, agreed, asked + 1),
    ]
    return group(
        "lines", "For each kind: a line too few, a line too many, and sets out of order.", prelude, trials
    )


def _case(  # noqa: PLR0913 - what the cases of a kind are made of
    prelude: Trial,
    kind: str,
    given: Sequence[str],
    *,
    by: str | Sequence[str],
    optional: str = "",
    sets: str = "",
    items: str = "",
) -> Trial:
    """Each line left out unless it is ``optional``, each but those of ``sets`` and ``items`` given twice.

    ``sets`` are the names of the lines of which a second one may stand, in order; of ``items`` in any order.
    """
    one = prelude.fork(f"lines-{kind}", f"Which lines a {kind} has, how often, and in which order.")
    for number, line in enumerate(given):
        name, _, value = line.partition(" ")
        before, after = given[:number], given[number + 1 :]
        if name not in optional.split() and not _again(name, (*before, *after)):
            one.no(f"no {name}", kind, *before, *after, by=by)
        if name not in (*sets.split(), *items.split()):
            one.no(f"a second {name}", kind, *before, line, f"{name} {_another(value)}", *after, by=by)
        one.no(f"{name} twice", kind, *before, line, line, *after, by=by)
        if name in sets.split() and after and _again(name, after[:1]):
            one.no(f"{name} not sorted", kind, *before, after[0], line, *after[1:], by=by)
        if after and not _again(name, after[:1]):
            one.no(f"{name} after the next", kind, *before, after[0], line, *after[1:], by=by)
    one.ok(kind, *given, by=by)
    return one


def _again(name: str, others: Sequence[str]) -> bool:
    return any(line.partition(" ")[0] == name for line in others)


def _another(value: str) -> str:
    """Another value that is spelt like that."""
    last = value[-1]
    other = ("1" if last != "1" else "2") if last.isdigit() else ("a" if last != "a" else "b")
    return value[:-1] + other


def _of_administrators(prelude: Trial, entry: int) -> Iterator[Trial]:
    yield _case(
        prelude,
        "root",
        [
            "version 2",
            *office(2, "alice", "bob"),
            witness("a.example"),
            witness("b.example"),
            "witness-quorum 1",
        ],
        by=ADMINS,
        sets="witness",
        items="admin log-key",
    )
    yield _case(
        prelude,
        "policy",
        [
            "version 2",
            "label hate",
            "label ncii",
            "key-delay 60",
            "allow folded/1 hate",
            "allow folded/1 ncii",
            "private-quota 10",
            "private-quota-of acme 20",
            "private-quota-of beta 20",
            "rate check 5",
            "rate submit 5",
            "rate-of acme check 6",
            "rate-of acme submit 6",
            "clock a 5",
            "clock b 5",
            "priority hate a",
            "priority ncii b",
            "panel acme",
            "panel beta",
            "panel city",
            "quorum 2",
            f"texts {digest('t')}",
            "tally-step 5",
            "benign-by acme",
            "benign-by beta",
            "mark-benign yes",
            "ceiling hate pdq/1 5",
            "ceiling ncii pdq/1 5",
        ],
        by=ADMINS,
        optional="key-delay allow private-quota private-quota-of rate rate-of clock priority texts "
        "tally-step benign-by mark-benign ceiling",
        sets="label allow private-quota-of rate rate-of clock priority panel benign-by ceiling",
    )
    yield _case(prelude, "member-enrol", ["id new", "role audit", "role check"], by=ADMINS, sets="role")
    yield _case(prelude, "member-suspend", ["id beta", "reason care"], by=ADMINS)
    yield _case(
        prelude,
        "member-roles",
        ["id acme", "role audit", "role check", "reason care"],
        by=ADMINS,
        sets="role",
    )
    yield _case(prelude, "void", [f"entry {entry}", "reason care"], by=ADMINS)
    yield _case(prelude, "clock-mend", ["reason care"], by=ADMINS)
    yield _case(prelude, "methods", [f"document {digest('m')}"], by=ADMINS)

    suspended = prelude.fork("", "")
    suspended.ok("member-suspend", "id acme", "reason care")
    yield _case(suspended, "member-resume", ["id acme", "reason care"], by=ADMINS)


def _of_keys(prelude: Trial) -> Iterator[Trial]:
    yield _case(prelude, "key-enrol", enrolment(prelude, "acme/k2"), by=(*ADMINS, "acme/k2"))
    yield _case(prelude, "key-rotate", rotation(prelude, "acme/k1", "acme/k2", 60), by=("acme/k1", "acme/k2"))
    yield _case(prelude, "key-suspend", suspension("acme/k1"), by=ADMINS)
    yield _case(prelude, "key-revoke", revocation("acme/k1", prelude.size), by=ADMINS)
    yield _case(prelude, "cert-revoke", ["id acme", f"serial {'0a' * 20}", "reason lost"], by=ADMINS)
    suspended = prelude.fork("", "")
    suspended.ok("key-suspend", "id acme", f"target {key_id('acme/k1')}", "reason care")
    yield _case(suspended, "key-resume", suspension("acme/k1"), by=ADMINS)


def _of_members(prelude: Trial, entry: int, sent: int, made: int, asked: int) -> Iterator[Trial]:
    law = lawful("city")
    yield _case(
        prelude,
        "submit",
        ["label hate", *law[:5], "jurisdiction ZZ", *law[5:], f"item {digest('a')}"],
        by="acme/k1",
        optional="jurisdiction",
        sets="label jurisdiction",
        items="item",
    )
    yield _case(
        prelude,
        "opinion",
        [f"entry {entry}", "stance seen", "reason copy", "replace yes"],
        by="beta/k1",
        optional="reason replace",
    )
    yield _case(prelude, "withdraw", [f"entry {entry}", "reason mistake"], by="acme/k1")
    point = contact_lines("press", prelude.now, prelude.now + DAY)
    yield _case(
        prelude,
        "contact",
        [
            *point[:3],
            "language en",
            "language vi",
            "hours a",
            "hours b",
            f"procedure {digest('p')}",
            point[-1],
        ],
        by="acme/k1",
        optional="procedure",
        sets="language hours",
    )
    yield _case(prelude, "contact-confirm", ["point notices"], by="acme/k1")
    body = notice(["acme", "beta"])
    yield _case(
        prelude,
        "notice",
        [*body[:2], "label hate", body[2], "basis law", "authority city", "article a-1", *body[4:]],
        by="ngo/k1",
        sets="to label",
        items="item",
    )
    yield _case(prelude, "receipt-confirm", [f"notice {sent}"], by="acme/k1")
    yield _case(
        prelude,
        "decision",
        [
            *(f"notice {sent}", "outcome removed", "guidelines breach", "clause c-1"),
            *("law breach", "article a-1", "acted 5", "notified 5", "notified-by mail"),
        ],
        by="acme/k1",
    )
    yield _case(
        prelude,
        "appeal",
        [f"decision {made}", "reason wrong", f"words {digest('w')}"],
        by="ngo/k1",
        optional="words",
    )
    yield _case(
        prelude,
        "ruling",
        [f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right", f"words {digest('w')}"],
        by="acme/k1",
        optional="words",
    )
    yield _case(
        prelude,
        "question",
        ["to city", f"notice {sent}", "reason scope", f"words {digest('w')}"],
        by="acme/k1",
        optional="notice",
    )


def _of_reports(prelude: Trial, agreed: int, asked: int) -> Iterator[Trial]:
    yield _case(
        prelude,
        "reply",
        [f"about {asked}", "reason scope", f"words {digest('w')}"],
        by="city/k1",
        optional="words",
    )
    yield _case(
        prelude,
        "training",
        ["topic a", "topic b", "month 2027-01", "heads 50-199"],
        by="acme/k1",
        sets="topic",
    )
    yield _case(
        prelude, "practice", ["topic a", "topic b", f"document {digest('d')}"], by="acme/k1", sets="topic"
    )
    yield _case(
        prelude,
        "tally",
        ["month 2027-01", "checked 9", "count hate 3 1 2", "count ncii 3 1 2", "quarantined 2"],
        by="acme/k1",
        optional="count quarantined",
        sets="count",
    )
    yield _case(
        prelude,
        "review",
        ["quarter 2027Q1", f"minutes {digest('m')}", "action a 5", "action b 5"],
        by="acme/k1",
        optional="action",
        sets="action",
    )
    yield _case(
        prelude, "action-done", [f"review {agreed}", "action rest", "by 0"], by="acme/k1", optional="by"
    )
