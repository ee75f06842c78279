"""Logs about appeals and rulings."""

from __future__ import annotations

from collections.abc import Iterator

from vectoring import answering
from vectoring.noticing import village
from vectoring.worlds import decided, key, member, notice, policy, revocation, submit
from vectoring.writing import DAY, Group, Trial, digest, group


def appeals() -> Group:
    """Appeals."""
    prelude = village()
    return group(
        "appeals",
        "Appeals, rulings, questions and replies.",
        prelude,
        [*_appeals(prelude), *_rulings(prelude), *answering.replies(prelude)],
    )


def _appeals(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork("appeal", "About an entry or a decision that stands; one at a time.")
    entry = submit(one, "acme/k1")
    one.no("about nothing", "appeal", "reason wrong", by="ngo/k1")
    one.no("about two things", "appeal", f"entry {entry}", "decision 1", "reason wrong", by="ngo/k1")
    one.no("no entry", "appeal", "entry 0", "reason wrong", by="ngo/k1")
    one.no("no decision", "appeal", f"decision {entry}", "reason wrong", by="ngo/k1")
    first = one.ok("appeal", f"entry {entry}", "reason wrong", f"words {digest('why')}", by="ngo/k1")
    one.no("the first waits", "appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    one.ok("appeal", f"entry {entry}", "reason wrong", by="acme/k1", why="another member, of its own entry")
    one.ok("ruling", f"appeal {first}", "outcome rejected", "reason right", by="acme/k1")
    one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1", why="the first is ruled on")
    one.ok("withdraw", f"entry {entry}", "reason mistake", by="acme/k1")
    one.no("the entry does not stand", "appeal", f"entry {entry}", "reason wrong", by="beta/k1")
    yield one

    one = prelude.fork("appeal-decision", "About a decision that stands.")
    key(one, "acme/k2")
    sent = one.ok("notice", *notice(["acme"]), by="ngo/k1")
    made = one.ok("decision", *decided(sent), by="acme/k2")
    one.no("a notice is no decision", "appeal", f"decision {sent}", "reason wrong", by="ngo/k1")
    asked = one.ok("appeal", f"decision {made}", "reason wrong", by="ngo/k1")
    one.no("the first waits", "appeal", f"decision {made}", "reason wrong", by="ngo/k1")
    one.no(
        "its notice is about no entry",
        "ruling",
        f"appeal {asked}",
        "outcome upheld",
        "entry 0",
        "reason right",
        by="acme/k1",
    )
    one.ok("key-revoke", *revocation("acme/k2", made))
    one.no("the decision does not stand", "appeal", f"decision {made}", "reason wrong", by="beta/k1")
    one.no(
        "the decision does not stand",
        "ruling",
        f"appeal {asked}",
        "outcome upheld",
        "reason right",
        by="acme/k1",
    )
    yield one

    one = prelude.fork("appeal-undone", "An appeal that does not stand waits for nothing.")
    key(one, "ngo/k2")
    entry = submit(one, "acme/k1")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k2")
    one.ok("key-revoke", *revocation("ngo/k2", asked))
    one.no(
        "the appeal does not stand",
        "ruling",
        f"appeal {asked}",
        "outcome rejected",
        "reason right",
        by="acme/k1",
    )
    one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    yield one


def _rulings(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork("ruling-contributor", "Once by the contributor; upheld, it withdraws the entry.")
    entry = submit(one, "acme/k1")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    upheld = [f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right"]
    one.no("no appeal", "ruling", "appeal 0", *upheld[1:], by="acme/k1")
    one.no("no entry line", "ruling", *upheld[:2], upheld[3], by="acme/k1")
    one.no("another entry", "ruling", *upheld[:2], "entry 0", upheld[3], by="acme/k1")
    one.no("rejected with an entry", "ruling", upheld[0], "outcome rejected", *upheld[2:], by="acme/k1")
    one.no("no panel's turn yet", "ruling", *upheld, by="beta/k1")
    one.no("not of the panel", "ruling", *upheld, by="ngo/k1")
    one.ok("ruling", *upheld, by="acme/k1")
    one.no("ruled already", "ruling", upheld[0], "outcome rejected", upheld[3], by="acme/k1")
    one.no("upheld: nothing is left", "ruling", *upheld, by="beta/k1")
    one.no("however late", "ruling", *upheld, by="beta/k1", time=one.now + 8 * DAY)
    one.no("withdrawn", "withdraw", f"entry {entry}", "reason mistake", by="acme/k1")
    yield one

    one = prelude.fork(
        "ruling-panel", "After a rejection the panel rules; a quorum that upholds strikes the entry."
    )
    entry = submit(one, "acme/k1")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    upheld = [f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right"]
    one.ok("ruling", upheld[0], "outcome rejected", upheld[3], by="acme/k1")
    one.no("not of the panel", "ruling", *upheld, by="ngo/k1")
    one.no("no entry line", "ruling", *upheld[:2], upheld[3], by="beta/k1")
    one.ok("ruling", *upheld, by="beta/k1", why="one of two: the entry stands")
    one.no("ruled already", "ruling", *upheld, by="beta/k1")
    one.ok("ruling", *upheld, by="city/k1", why="two of two: it is voided")
    one.no("voided already", "void", f"entry {entry}", "reason care")
    yield one

    one = prelude.fork("ruling-panel-divided", "A rejection counts for nobody's quorum.")
    entry = submit(one, "acme/k1")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    one.ok("ruling", f"appeal {asked}", "outcome rejected", "reason right", by="acme/k1")
    one.ok("ruling", f"appeal {asked}", "outcome rejected", "reason right", by="city/k1")
    one.ok("ruling", f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right", by="beta/k1")
    yield one

    one = prelude.fork(
        "ruling-panel-decided", "The first quorum decides; nobody of the panel rules after it."
    )
    member(one, "dora", "check")
    key(one, "dora/k1")
    policy(one, 2, "panel acme", "panel beta", "panel city", "panel dora", "quorum 2")
    entry = submit(one, "beta/k1")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    rejected = [f"appeal {asked}", "outcome rejected", "reason right"]
    upheld = [f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right"]
    one.ok("ruling", *rejected, by="beta/k1")
    one.ok("ruling", *upheld, by="acme/k1")
    one.ok("ruling", *rejected, by="city/k1")
    last = one.ok("ruling", *rejected, by="dora/k1", why="two of two: the panel rejects it")
    member(one, "eve", "check")
    key(one, "eve/k1")
    policy(one, 3, "panel acme", "panel eve", "quorum 2")
    one.no("decided, whatever the policy is now", "ruling", *upheld, by="eve/k1")
    one.ok("key-revoke", *revocation("dora/k1", last))
    one.ok("ruling", *upheld, by="eve/k1", why="one that rejects stands: two of two uphold")
    one.no("decided", "void", f"entry {entry}", "reason care")
    yield one

    one = prelude.fork(
        "ruling-clock", "Or after the clock of the appeal, as the policy had it at the appeal."
    )
    entry = submit(one, "acme/k1")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    ends = one.at + 7 * DAY
    upheld = [f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right"]
    one.no("at the last second", "ruling", *upheld, by="beta/k1", time=ends)
    one.ok("ruling", *upheld, by="beta/k1", time=ends + 1)
    one.ok("ruling", upheld[0], "outcome rejected", upheld[3], by="acme/k1", why="late, and it counts")
    one.ok("ruling", *upheld, by="city/k1")
    second = submit(one, "beta/k1", item="two")
    asked = one.ok("appeal", f"entry {second}", "reason wrong", by="ngo/k1")
    upheld = [f"appeal {asked}", "outcome upheld", f"entry {second}", "reason right"]
    one.no("the clock runs", "ruling", *upheld, by="city/k1")
    policy(one, 2, "clock appeal 60", "panel acme", "panel city", "quorum 2")
    one.no("the clock that it began with runs", "ruling", *upheld, by="city/k1", time=one.at + 600)
    third = submit(one, "beta/k1", item="three")
    asked = one.ok("appeal", f"entry {third}", "reason wrong", by="ngo/k1")
    begun, upheld = one.at, [f"appeal {asked}", "outcome upheld", f"entry {third}", "reason right"]
    policy(one, 3, "panel acme", "panel city", "quorum 2")
    one.no("at the last second", "ruling", *upheld, by="city/k1", time=begun + 60)
    one.ok("ruling", *upheld, by="city/k1", time=begun + 61, why="60 seconds are over")
    yield one

    one = prelude.fork("ruling-panel-changes", "Who counts is who is of the panel when the ruling is made.")
    entry = submit(one, "acme/k1")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    upheld = [f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right"]
    one.ok("ruling", upheld[0], "outcome rejected", upheld[3], by="acme/k1")
    one.ok("ruling", *upheld, by="beta/k1")
    member(one, "dora", "check")
    key(one, "dora/k1")
    policy(one, 2, "panel city", "panel dora", "quorum 2")
    one.ok("ruling", *upheld, by="city/k1", why="beta is not of the panel any more: one of two")
    one.ok("ruling", *upheld, by="dora/k1", why="two of two")
    policy(one, 3)
    third = submit(one, "acme/k1", item="three")
    asked = one.ok("appeal", f"entry {third}", "reason wrong", by="ngo/k1")
    one.ok("ruling", f"appeal {asked}", "outcome rejected", "reason right", by="acme/k1")
    one.no(
        "there is no panel",
        "ruling",
        f"appeal {asked}",
        "outcome upheld",
        f"entry {third}",
        "reason right",
        by="city/k1",
    )
    yield one

    one = prelude.fork("ruling-own-appeal", "Whoever made the appeal does not rule on it in the panel.")
    entry = submit(one, "acme/k1")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="beta/k1")
    upheld = [f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right"]
    one.ok("ruling", upheld[0], "outcome rejected", upheld[3], by="acme/k1")
    one.no("its own appeal", "ruling", *upheld, by="beta/k1")
    own = submit(one, "beta/k1", item="two")
    asked = one.ok("appeal", f"entry {own}", "reason wrong", by="beta/k1")
    one.ok(
        "ruling",
        f"appeal {asked}",
        "outcome upheld",
        f"entry {own}",
        "reason right",
        by="beta/k1",
        why="as the contributor it does",
    )
    yield one

    one = prelude.fork("ruling-undone", "Rulings that do not stand count for nothing; a void stays.")
    for who in ("acme/k2", "beta/k2", "city/k2"):
        key(one, who)
    entry = submit(one, "acme/k1")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    upheld = [f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right"]
    first = one.ok("ruling", *upheld, by="acme/k2", why="withdraws the entry")
    one.ok("key-revoke", *revocation("acme/k2", first), why="it stands again")
    one.no("the clock runs: nobody has ruled", "ruling", *upheld, by="beta/k1")
    one.no("the appeal waits again", "appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    one.ok("ruling", upheld[0], "outcome rejected", upheld[3], by="acme/k1", why="another ruling")
    second = one.ok("ruling", *upheld, by="beta/k2")
    one.ok("key-revoke", *revocation("beta/k2", second))
    third = one.ok("ruling", *upheld, by="city/k2", why="one that stands of two")
    one.ok("ruling", *upheld, by="beta/k1", why="again: two that stand")
    one.ok("key-revoke", *revocation("city/k2", third), why="the entry stays voided")
    yield one

    one = prelude.fork("ruling-withdrawn", "It names the entry also when that does not stand any more.")
    entry = submit(one, "acme/k1")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="ngo/k1")
    one.ok("void", f"entry {entry}", "reason care")
    upheld = [f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right"]
    one.ok("ruling", *upheld, by="acme/k1")
    other = submit(one, "acme/k1", item="two")
    asked = one.ok("appeal", f"entry {other}", "reason wrong", by="ngo/k1")
    one.ok("ruling", f"appeal {asked}", "outcome rejected", "reason right", by="acme/k1")
    one.ok("void", f"entry {other}", "reason care")
    for who in ("beta/k1", "city/k1"):
        one.ok("ruling", f"appeal {asked}", "outcome upheld", f"entry {other}", "reason right", by=who)
    yield one

    one = prelude.fork("ruling-represented", "A ruling replaces no withdrawal that stands.")
    key(one, "ngo/k2")
    entry = submit(one, "acme/k1", "ncii")
    asked = one.ok("appeal", f"entry {entry}", "reason wrong", by="beta/k1")
    gone = one.ok("withdraw", f"entry {entry}", "reason harm", by="ngo/k2")
    one.ok("ruling", f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right", by="acme/k1")
    one.ok("key-revoke", *revocation("ngo/k2", gone), why="the entry stands: the ruling withdrew nothing")
    yield one

    one = prelude.fork(
        "ruling-decision", "On a decision: by the member whose it is, which then disputes the entry."
    )
    entry = submit(one, "acme/k1")
    sent = one.ok("notice", *notice(["acme", "beta"], about=f"entry {entry}"), by="ngo/k1")
    made = one.ok("decision", *decided(sent), by="beta/k1")
    asked = one.ok("appeal", f"decision {made}", "reason wrong", by="ngo/k1")
    upheld = [f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right"]
    one.no("another entry", "ruling", *upheld[:2], "entry 0", upheld[3], by="beta/k1")
    one.no("rejected with an entry", "ruling", upheld[0], "outcome rejected", *upheld[2:], by="beta/k1")
    one.no("not acme's turn", "ruling", *upheld[:2], upheld[3], by="acme/k1")
    one.ok("ruling", *upheld, by="beta/k1")
    made = one.ok("decision", *decided(sent), by="acme/k1")
    asked = one.ok("appeal", f"decision {made}", "reason wrong", by="ngo/k1")
    one.ok(
        "ruling",
        f"appeal {asked}",
        "outcome upheld",
        f"entry {entry}",
        "reason right",
        by="acme/k1",
        why="by its contributor: withdrawn",
    )
    yield one

    one = prelude.fork("ruling-decision-panel", "The panel rules on a decision, and names no entry.")
    entry = submit(one, "acme/k1")
    sent = one.ok("notice", *notice(["beta"], about=f"entry {entry}"), by="ngo/k1")
    made = one.ok("decision", *decided(sent), by="beta/k1")
    asked = one.ok("appeal", f"decision {made}", "reason wrong", by="ngo/k1")
    one.ok("ruling", f"appeal {asked}", "outcome rejected", "reason right", by="beta/k1")
    one.no(
        "an entry",
        "ruling",
        f"appeal {asked}",
        "outcome upheld",
        f"entry {entry}",
        "reason right",
        by="city/k1",
    )
    one.ok("ruling", f"appeal {asked}", "outcome upheld", "reason right", by="city/k1")
    one.ok("ruling", f"appeal {asked}", "outcome upheld", "reason right", by="acme/k1")
    asked = one.ok("appeal", f"decision {made}", "reason wrong", by="ngo/k1", why="ruled on: another")
    one.ok("key-revoke", *revocation("ngo/k1", one.size), why="what it has signed so far stands")
    one.ok("ruling", f"appeal {asked}", "outcome upheld", f"entry {entry}", "reason right", by="beta/k1")
    yield one

    one = prelude.fork("ruling-decision-notice", "An entry is named only while the decision's notice stands.")
    key(one, "ngo/k2")
    entry = submit(one, "acme/k1")
    sent = one.ok("notice", *notice(["beta"], about=f"entry {entry}"), by="ngo/k2")
    made = one.ok("decision", *decided(sent), by="beta/k1")
    asked = one.ok("appeal", f"decision {made}", "reason wrong", by="ngo/k1")
    one.ok("key-revoke", *revocation("ngo/k2", sent))
    one.no(
        "the notice does not stand",
        "ruling",
        f"appeal {asked}",
        "outcome upheld",
        f"entry {entry}",
        "reason right",
        by="beta/k1",
    )
    one.ok("ruling", f"appeal {asked}", "outcome upheld", "reason right", by="beta/k1")
    yield one
