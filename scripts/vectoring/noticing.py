"""Logs about notices: contact points, notices to members, and what these decide."""

from __future__ import annotations

from collections.abc import Iterator

from vectoring.worlds import (
    contact,
    contact_lines,
    decided,
    key,
    lawful,
    member,
    notice,
    policy,
    revocation,
    submit,
    town,
)
from vectoring.writing import DAY, Group, Trial, digest, group


def village() -> Trial:
    """The town, in which acme and beta have contact points for notices."""
    trial = town()
    contact(trial, "acme/k1")
    contact(trial, "beta/k1")
    return trial


def notices() -> Group:
    """Notices."""
    prelude = village()
    return group(
        "notices", "Contact points, notices, receipts and decisions.", prelude, list(_notices(prelude))
    )


def _notices(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork("contact", "At most 732 days; one that ends before it begins takes the point back.")
    now = one.now
    lines = contact_lines("press", now, now + 732 * DAY)
    one.no("733 days", "contact", *contact_lines("press", now, now + 732 * DAY + 1), by="city/k1")
    one.no("no such point", "contact", "point sales", *lines[1:], by="city/k1")
    one.no("no words", "contact", *lines[:-1], by="city/k1")
    one.no("no language", "contact", *lines[:3], *lines[4:], by="city/k1")
    for language in ("VI", "v", "viet"):
        one.no(
            f"language {language}", "contact", *lines[:3], f"language {language}", *lines[4:], by="city/k1"
        )
    one.ok(
        "contact",
        *lines[:3],
        "language en",
        "language vie",
        "hours always",
        "hours mon-fri-0800-1700",
        f"procedure {digest('how')}",
        lines[5],
        by="city/k1",
    )
    one.no(
        "17 languages",
        "contact",
        *lines[:3],
        *(f"language a{chr(97 + n)}" for n in range(17)),
        *lines[4:],
        by="city/k1",
    )
    one.no(
        "17 hours",
        "contact",
        *lines[:4],
        *(f"hours h{chr(97 + n)}" for n in range(17)),
        lines[5],
        by="city/k1",
    )
    one.ok(
        "contact",
        *lines[:3],
        *(f"language a{chr(97 + n)}" for n in range(16)),
        *(f"hours h{chr(97 + n)}" for n in range(16)),
        lines[5],
        by="city/k1",
    )
    one.ok("contact-confirm", "point press", by="city/k1")
    one.ok("contact", *contact_lines("press", now, 0), by="city/k1", why="takes it back")
    one.no("taken back", "contact-confirm", "point press", by="city/k1")
    yield one

    one = prelude.fork("contact-confirm", "While it is valid: from its beginning, and before its end.")
    start = one.now + 1000
    one.ok("contact", *contact_lines("keys", start, start + 600), by="city/k1")
    one.no("no point", "contact-confirm", "point press", by="city/k1")
    one.no("before", "contact-confirm", "point keys", by="city/k1", time=start - 1)
    one.ok("contact-confirm", "point keys", by="city/k1", time=start)
    one.ok("contact-confirm", "point keys", by="city/k1", time=start + 599, why="again")
    one.no("at its end", "contact-confirm", "point keys", by="city/k1", time=start + 600)
    one.no("another member's", "contact-confirm", "point keys", by="ngo/k1")
    yield one

    one = prelude.fork("contact-undone", "The newest counts, and if it does not stand there is none.")
    key(one, "city/k2")
    contact(one, "city/k1", "press")
    newer = contact(one, "city/k2", "press")
    one.ok("key-revoke", *revocation("city/k2", newer))
    one.no("the newest does not stand", "contact-confirm", "point press", by="city/k1")
    yield one

    one = prelude.fork("notice", "By a notifier, to members with a valid contact point for notices.")
    to = notice(["acme"])
    one.no("not a notifier", "notice", *to, by="city/k1")
    one.no("no contact point", "notice", *notice(["city"]), by="ngo/k1")
    one.no("one of two has none", "notice", *notice(["acme", "city"]), by="ngo/k1")
    one.no("not enrolled", "notice", *notice(["nobody"]), by="ngo/k1")
    one.no("no such label", "notice", *notice(["acme"], label="spam"), by="ngo/k1")
    one.no("no such clock", "notice", *notice(["acme"], clock="slow"), by="ngo/k1")
    one.no("nobody", "notice", *notice([]), by="ngo/k1")
    one.ok("notice", *notice(["acme", "beta"]), by="ngo/k1")
    policy(one, 2, "clock slow 5")
    one.ok("notice", *notice(["acme"], clock="slow"), by="ngo/k1")
    contact(one, "ngo/k1")
    one.no("to itself", "notice", *notice(["acme", "ngo"]), by="ngo/k1")
    contact(one, "city/k1", "press")
    one.no("a point for other matters", "notice", *notice(["city"]), by="ngo/k1")
    start = one.now + 6000
    one.ok("contact", *contact_lines("notices", start, start + 600), by="city/k1")
    one.no("not valid yet", "notice", *notice(["city"]), by="ngo/k1", time=start - 1)
    one.no("not valid any more", "notice", *notice(["city"]), by="ngo/k1", time=start + 600)
    one.ok("notice", *notice(["city"]), by="ngo/k1", time=start)
    one.ok("notice", *notice(["city"]), by="ngo/k1", time=start + 599)
    one.ok("member-suspend", "id beta", "reason care", by="admin/alice")
    one.no("suspended", "notice", *notice(["beta"]), by="ngo/k1")
    one.no("one of two is suspended", "notice", *notice(["acme", "beta"]), by="ngo/k1")
    one.ok("member-resume", "id beta", "reason care")
    one.ok("notice", *notice(["beta"]), by="ngo/k1")
    yield one

    one = prelude.fork(
        "notice-due", "Its clock runs as the policy in force at it has it; priority shortens it."
    )
    for clock in ("appeal", "authority", "code", "complaint", "reply", "urgent", "vulnerable"):
        one.ok("notice", *notice(["acme"], clock=clock), by="ngo/k1")
    one.ok("notice", *notice(["acme"], label="ncii", clock="reply"), by="ngo/k1", why="as vulnerable")
    policy(one, 2, "clock brief 60", "clock code 90", "priority hate code", "priority ncii brief")
    one.ok("notice", *notice(["acme"], label="hate", clock="brief"), by="ngo/k1", why="it is shorter itself")
    both = notice(["acme"], label="ncii", clock="reply")
    one.ok("notice", both[0], "label hate", *both[1:], by="ngo/k1", why="the shortest")
    one.ok("notice", *notice(["acme"], clock="code"), by="ngo/k1")
    policy(one, 3)
    one.ok("notice", *notice(["acme"], label="ncii", clock="reply"), by="ngo/k1")
    yield one

    one = prelude.fork("notice-to-16", "To at most 16 members.")
    names = [f"m{number:02}" for number in range(17)]
    for name in names:
        member(one, name, "check")
        key(one, f"{name}/k1")
        contact(one, f"{name}/k1")
    one.no("17", "notice", *notice(names), by="ngo/k1")
    one.ok("notice", *notice(names[:16]), by="ngo/k1")
    yield one

    one = prelude.fork(
        "notice-about", "About an entry that stands, or about items; law names who asks for it."
    )
    entry = submit(one, "acme/k1")
    about = notice(["acme"], about=f"entry {entry}")
    items = notice(["acme"])
    one.no("about nothing", "notice", *items[:5], items[6], by="ngo/k1")
    one.no("about both", "notice", *about[:6], items[5], about[6], by="ngo/k1")
    one.no("no entry", "notice", *notice(["acme"], about="entry 0"), by="ngo/k1")
    one.ok("notice", *about, by="ngo/k1")
    law = [items[0], items[1], "basis law", "authority city", "article art-1", *items[3:]]
    one.ok("notice", *law, by="ngo/k1")
    one.no("law without an authority", "notice", *law[:3], *law[4:], by="ngo/k1")
    one.no("law without an article", "notice", *law[:4], *law[5:], by="ngo/k1")
    one.no("law without both", "notice", *law[:3], *law[5:], by="ngo/k1")
    one.no("what is benign", "notice", *items[:2], "basis benign", *items[3:], by="ngo/k1")
    one.no("an authority by guideline", "notice", *law[:2], "basis guideline", law[3], *law[5:], by="ngo/k1")
    one.no("an article by guideline", "notice", *law[:2], "basis guideline", *law[4:], by="ngo/k1")
    one.no("not an authority", "notice", *law[:3], "authority beta", *law[4:], by="ngo/k1")
    one.no("not enrolled", "notice", *law[:3], "authority nobody", *law[4:], by="ngo/k1")
    one.ok("withdraw", f"entry {entry}", "reason mistake", by="acme/k1")
    one.no("the entry does not stand", "notice", *about, by="ngo/k1")
    yield one

    one = prelude.fork("receipt-confirm", "Once by each addressee of a notice that stands.")
    sent = one.ok("notice", *notice(["acme", "beta"]), by="ngo/k1")
    key(one, "acme/k2")
    one.no("not an addressee", "receipt-confirm", f"notice {sent}", by="city/k1")
    one.no("no notice", "receipt-confirm", "notice 1", by="acme/k1")
    given = one.ok("receipt-confirm", f"notice {sent}", by="acme/k2")
    one.no("confirmed already", "receipt-confirm", f"notice {sent}", by="acme/k1")
    one.ok("receipt-confirm", f"notice {sent}", by="beta/k1")
    one.ok("key-revoke", *revocation("acme/k2", given))
    one.ok("receipt-confirm", f"notice {sent}", by="acme/k1", why="the first does not stand")
    one.ok("key-revoke", *revocation("ngo/k1", sent))
    one.no("the notice does not stand", "decision", *decided(sent), by="acme/k1")
    one.no("the notice does not stand", "receipt-confirm", f"notice {sent}", by="beta/k1")
    yield one

    one = prelude.fork("decision", "By an addressee; findings and outcome agree with each other.")
    sent = one.ok("notice", *notice(["acme"]), by="ngo/k1")
    kept = decided(sent)
    one.no("not an addressee", "decision", *kept, by="beta/k1")
    one.no("no notice", "decision", *decided(0), by="acme/k1")
    one.ok("decision", *kept, by="acme/k1")
    for lines, why in (
        ([kept[0], kept[1], "guidelines breach", kept[3]], "a breach without its clause"),
        ([*kept[:3], "clause c-1", kept[3]], "a clause without a breach"),
        ([*kept[:3], "law breach"], "a breach without its article"),
        ([*kept, "article a-1"], "an article without a breach"),
        ([kept[0], "outcome removed", "guidelines breach", "clause c-1", kept[3]], "removed without acted"),
        ([kept[0], "outcome restricted", *kept[2:], "acted 1"], "restricted for no breach"),
        ([*kept, "acted 1"], "kept and acted"),
        ([*kept, "notified 1"], "notified, by nothing"),
        ([*kept, "notified-by mail"], "notified-by without notified"),
    ):
        one.no(why, "decision", *lines, by="acme/k1")
    for outcome in ("removed", "restricted"):
        one.ok(
            "decision",
            kept[0],
            f"outcome {outcome}",
            "guidelines breach",
            "clause c-1",
            "law no-breach",
            f"acted {one.now + 600}",
            f"notified {one.now + 600}",
            "notified-by mail",
            by="acme/k1",
        )
    one.ok(
        "decision",
        kept[0],
        "outcome removed",
        "guidelines not-judged",
        "law breach",
        "article a-1",
        "acted 0",
        by="acme/k1",
    )
    one.ok(
        "decision",
        kept[0],
        "outcome kept",
        "guidelines breach",
        "clause c-1",
        "law breach",
        "article a-1",
        by="acme/k1",
        why="a breach without an act",
    )
    one.no(
        "acted 601 seconds ahead",
        "decision",
        kept[0],
        "outcome removed",
        "guidelines breach",
        "clause c-1",
        "law no-breach",
        f"acted {one.now + 601}",
        by="acme/k1",
    )
    one.no(
        "notified 601 seconds ahead",
        "decision",
        *kept,
        f"notified {one.now + 601}",
        "notified-by mail",
        by="acme/k1",
    )
    yield one

    one = prelude.fork("decision-16", "At most 16 of a member on one notice stand.")
    sent = one.ok("notice", *notice(["acme", "beta"]), by="ngo/k1")
    other = one.ok("notice", *notice(["acme"]), by="ngo/k1")
    key(one, "acme/k2")
    first = one.size
    for number in range(16):
        one.ok("decision", *decided(sent), by="acme/k1" if number else "acme/k2")
    one.no("the 17th", "decision", *decided(sent), by="acme/k1")
    one.ok("decision", *decided(sent), by="beta/k1")
    one.ok("decision", *decided(other), by="acme/k1")
    one.ok("key-revoke", *revocation("acme/k2", first))
    one.ok("decision", *decided(sent), by="acme/k1", why="one does not stand, and does not count")
    one.no("the 17th that would stand", "decision", *decided(sent), by="acme/k1")
    yield one

    one = prelude.fork("notice-of-law", "A submission by law and a notice by law of one authority.")
    entry = one.ok("submit", *lawful("city"), by="beta/k1")
    sent = one.ok("notice", *notice(["beta"], about=f"entry {entry}"), by="ngo/k1")
    one.ok("decision", *decided(sent, "invalid"), by="beta/k1")
    one.ok("decision", *decided(sent, "disputed"), by="beta/k1")
    one.no("no such outcome", "decision", *decided(sent, "ignored"), by="beta/k1")
    yield one
