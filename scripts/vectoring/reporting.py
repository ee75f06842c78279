"""Logs about what members report: training, practice, tallies and reviews."""

from __future__ import annotations

from collections.abc import Iterator

from vectoring.worlds import key, policy, revocation, town
from vectoring.writing import Group, Trial, digest, group


def reports() -> Group:
    """Reports."""
    prelude = town()
    return group(
        "reports", "Methods, training, practice, tallies and reviews.", prelude, list(_reports(prelude))
    )


def _reports(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork("methods", "By one administrator, as often as they like.")
    document = f"document {digest('methods')}"
    one.ok("methods", document, by="admin/alice")
    one.ok("methods", document, by="admin/bob")
    one.no("no document", "methods", by="admin/alice")
    one.no("an unknown administrator", "methods", document, by="admin/eve")
    yield one

    one = prelude.fork("training", "Topics, a month and about how many.")
    for month in ("2027-00", "2027-13", "2027-1", "27-01"):
        one.no(f"month {month}", "training", "topic law", f"month {month}", "heads 1-9", by="acme/k1")
    for month in ("0000-01", "9999-12", "2027-09", "2027-10"):
        one.ok("training", "topic law", f"month {month}", "heads 200-or-more", by="acme/k1")
    one.no("no such number", "training", "topic law", "month 2027-01", "heads 5", by="acme/k1")
    one.no("no topic", "training", "month 2027-01", "heads 1-9", by="acme/k1")
    topics = [f"topic t{number:02}" for number in range(17)]
    one.no("17 topics", "training", *topics, "month 2027-01", "heads 1-9", by="acme/k1")
    one.ok("training", *topics[:16], "month 2027-01", "heads 10-49", by="acme/k1")
    one.ok("practice", *topics[:16], f"document {digest('practice')}", by="acme/k1")
    one.no("no document", "practice", topics[0], by="acme/k1")
    yield one

    one = prelude.fork(
        "tally", "Labels of the policy once each; no more acted on and let stand than matched."
    )
    one.ok("tally", "month 2027-01", "checked 0", by="acme/k1", why="no counts")
    one.ok("tally", "month 2027-01", "checked 7", "count hate 3 1 2", "count ncii 0 0 0", by="acme/k1")
    one.ok("tally", "month 2027-01", "checked 7", "quarantined 2", by="acme/k1", why="entries in quarantine")
    one.no("quarantined twice", "tally", "month 2027-01", "checked 7", *["quarantined 2"] * 2, by="acme/k1")
    one.no("a word", "tally", "month 2027-01", "checked 7", "quarantined two", by="acme/k1")
    one.no("more than matched", "tally", "month 2027-01", "checked 7", "count hate 2 1 2", by="acme/k1")
    one.no("no such label", "tally", "month 2027-01", "checked 7", "count spam 3 1 2", by="acme/k1")
    one.no(
        "a label twice",
        "tally",
        "month 2027-01",
        "checked 7",
        "count hate 3 1 2",
        "count hate 4 1 2",
        by="acme/k1",
    )
    one.no("two numbers", "tally", "month 2027-01", "checked 7", "count hate 3 1", by="acme/k1")
    one.no("four numbers", "tally", "month 2027-01", "checked 7", "count hate 3 1 1 1", by="acme/k1")
    one.no("a sign", "tally", "month 2027-01", "checked 7", "count hate 3 1 -1", by="acme/k1")
    one.no("no label at all", "tally", "month 2027-01", "checked 7", "count 3 1 1", by="acme/k1")
    yield one

    one = prelude.fork("tally-step", "Every number is a multiple of the policy's step.")
    policy(one, 2, "tally-step 5")
    one.ok("tally", "month 2027-01", "checked 10", "count hate 15 5 10", by="acme/k1")
    one.no("checked", "tally", "month 2027-01", "checked 11", by="acme/k1")
    one.no("quarantined", "tally", "month 2027-01", "checked 10", "quarantined 1", by="acme/k1")
    for numbers in ("16 5 10", "15 4 10", "15 5 9"):
        one.no(numbers, "tally", "month 2027-01", "checked 10", f"count hate {numbers}", by="acme/k1")
    policy(one, 3)
    one.ok("tally", "month 2027-01", "checked 11", "count hate 16 4 9", by="acme/k1")
    yield one

    one = prelude.fork(
        "slugs-64", "A slug has up to 64 characters, also with something after it in its line."
    )
    longest, longer = "a" * 64, "a" * 65
    rest = ["label hate", f"priority {longest} {longest}"]
    one.no("a label of 65", "policy", "version 2", f"label {longer}", "label hate")
    one.no("a class of 65", "policy", "version 2", "label hate", f"clock {longer} 60")
    one.ok("policy", "version 2", f"label {longest}", rest[0], f"clock {longest} 60", rest[1])
    one.ok("tally", "month 2027-01", "checked 7", f"count {longest} 3 1 2", by="acme/k1")
    one.no("of 65", "tally", "month 2027-01", "checked 7", f"count {longer} 3 1 2", by="acme/k1")
    minutes = f"minutes {digest('minutes')}"
    one.ok("review", "quarter 2026Q4", minutes, f"action {longest} 1900000000", by="acme/k1")
    one.no("of 65", "review", "quarter 2026Q3", minutes, f"action {longer} 1900000000", by="acme/k1")
    yield one

    one = prelude.fork("review", "The same statement once; another takes its place.")
    minutes, other = f"minutes {digest('minutes')}", f"minutes {digest('other')}"
    key(one, "acme/k2")
    for quarter in ("2026Q0", "2026Q5", "2026-4", "26Q4"):
        one.no(f"quarter {quarter}", "review", f"quarter {quarter}", minutes, by="acme/k1")
    one.ok("review", "quarter 2026Q4", minutes, "action train 5", by="acme/k1")
    one.no("signed already", "review", "quarter 2026Q4", minutes, "action train 5", by="acme/k1")
    one.ok("review", "quarter 2026Q4", minutes, "action train 5", by="beta/k1", why="another member")
    one.ok("review", "quarter 2027Q1", minutes, "action train 5", by="acme/k1", why="another quarter")
    one.ok("review", "quarter 2026Q4", minutes, "action train 6", by="acme/k1", why="another time")
    one.ok("review", "quarter 2026Q4", other, "action train 6", by="acme/k1", why="other minutes")
    one.ok("review", "quarter 2026Q4", minutes, "action train 5", by="acme/k1", why="its newest is another")
    one.no(
        "an action twice",
        "review",
        "quarter 2026Q1",
        minutes,
        "action train 5",
        "action train 6",
        by="acme/k1",
    )
    actions = [f"action a{number:02} 1" for number in range(33)]
    one.no("33 actions", "review", "quarter 2026Q1", minutes, *actions, by="acme/k1")
    one.ok("review", "quarter 2026Q1", minutes, *actions[:32], by="acme/k1")
    made = one.ok("review", "quarter 2025Q4", minutes, by="acme/k2")
    one.ok("key-revoke", *revocation("acme/k2", made))
    one.ok("review", "quarter 2025Q4", minutes, by="acme/k1", why="the first does not stand")
    yield one

    one = prelude.fork("action-done", "An action of a review that stands, by a statement that is in the log.")
    key(one, "beta/k2")
    agreed = one.ok("review", "quarter 2026Q4", minutes, "action train 5", by="beta/k2")
    done = [f"review {agreed}", "action train"]
    one.no("no review", "action-done", "review 0", done[1], by="acme/k1")
    one.no("no such action", "action-done", done[0], "action rest", by="acme/k1")
    one.no("by this very leaf", "action-done", *done, f"by {one.size}", by="acme/k1")
    one.ok("action-done", *done, f"by {one.size - 1}", by="acme/k1", why="by a leaf without an effect")
    one.ok("action-done", *done, "by 0", by="city/k1")
    one.ok("action-done", *done, by="acme/k1")
    one.ok("key-revoke", *revocation("beta/k2", agreed))
    one.no("the review does not stand", "action-done", *done, by="acme/k1")
    yield one
