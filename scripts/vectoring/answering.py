"""Logs about questions to authorities, and what these reply."""

from __future__ import annotations

from collections.abc import Iterator

from vectoring.worlds import decided, key, lawful, member, notice, revocation, submit
from vectoring.writing import Trial, digest


def replies(prelude: Trial) -> Iterator[Trial]:
    """What is asked of authorities, and what they reply."""
    words = f"words {digest('why')}"
    one = prelude.fork("question", "To an authority, about a notice that stands or none.")
    one.no("not an authority", "question", "to beta", "reason scope", words, by="acme/k1")
    one.no("not enrolled", "question", "to nobody", "reason scope", words, by="acme/k1")
    one.no("no words", "question", "to city", "reason scope", by="acme/k1")
    one.no("no notice", "question", "to city", "notice 0", "reason scope", words, by="acme/k1")
    sent = one.ok("notice", *notice(["acme"]), by="ngo/k1")
    one.ok("question", "to city", f"notice {sent}", "reason scope", words, by="acme/k1")
    one.ok("question", "to city", "reason scope", words, by="city/k1", why="any member, of anyone")
    one.ok("member-suspend", "id city", "reason care", by="admin/alice")
    one.no("suspended", "question", "to city", "reason scope", words, by="acme/k1")
    one.ok("member-resume", "id city", "reason care")
    one.ok("key-revoke", *revocation("ngo/k1", sent))
    one.no(
        "the notice does not stand",
        "question",
        "to city",
        f"notice {sent}",
        "reason scope",
        words,
        by="acme/k1",
    )
    yield one

    one = prelude.fork("reply", "Once by the authority that the question, appeal or decision names.")
    member(one, "town", "authority")
    key(one, "town/k1")
    key(one, "city/k2")
    key(one, "acme/k2")
    asked = one.ok("question", "to city", "reason scope", words, by="acme/k2")
    one.no("another authority", "reply", f"about {asked}", "reason scope", by="town/k1")
    one.no("no authority", "reply", f"about {asked}", "reason scope", by="acme/k1")
    one.no("about nothing", "reply", "about 0", "reason scope", by="city/k1")
    one.no("about what is to come", "reply", f"about {one.size}", "reason scope", by="city/k1")
    first = one.ok("reply", f"about {asked}", "reason scope", words, by="city/k2")
    one.no("replied already", "reply", f"about {asked}", "reason scope", by="city/k1")
    one.no("no reply to a reply", "reply", f"about {first}", "reason scope", by="city/k1")
    one.ok("key-revoke", *revocation("city/k2", first))
    one.ok("reply", f"about {asked}", "reason scope", by="city/k1", why="the first does not stand")
    asked = one.ok("question", "to city", "reason scope", words, by="acme/k2")
    one.ok("key-revoke", *revocation("acme/k2", asked))
    one.ok("reply", f"about {asked}", "reason scope", by="city/k1", why="to a question that does not stand")
    asked = one.ok("question", "to city", "reason scope", words, by="acme/k1")
    one.ok("member-roles", "id city", "role check", "reason care")
    one.no("no authority any more", "reply", f"about {asked}", "reason scope", by="city/k1")
    yield one

    one = prelude.fork(
        "reply-appeal", "To an appeal by the entry's authority, or that of the decision's notice."
    )
    key(one, "ngo/k2")
    plain = submit(one, "acme/k1")
    entry = one.ok("submit", *lawful("city"), by="acme/k1")
    first = one.ok("appeal", f"entry {plain}", "reason wrong", by="beta/k1")
    second = one.ok("appeal", f"entry {entry}", "reason wrong", by="beta/k1")
    one.no("the entry names none", "reply", f"about {first}", "reason scope", by="city/k1")
    one.ok("reply", f"about {second}", "reason scope", by="city/k1")
    items = notice(["acme"])
    law = [items[0], items[1], "basis law", "authority city", "article art-1", *items[3:]]
    sent = one.ok("notice", *law, by="ngo/k2")
    kept = one.ok("decision", *decided(sent), by="acme/k1")
    gone = one.ok(
        "decision",
        f"notice {sent}",
        "outcome removed",
        "guidelines no-breach",
        "law breach",
        "article art-1",
        "acted 1",
        by="acme/k1",
    )
    other = one.ok("decision", *decided(one.ok("notice", *items, by="ngo/k1")), by="acme/k1")
    one.no("it was removed", "reply", f"about {gone}", "reason scope", by="city/k1")
    one.no("the notice names none", "reply", f"about {other}", "reason scope", by="city/k1")
    one.no("to a notice", "reply", f"about {sent}", "reason scope", by="city/k1")
    one.ok("reply", f"about {kept}", "reason scope", by="city/k1")
    third = one.ok("appeal", f"decision {gone}", "reason wrong", by="beta/k1")
    fourth = one.ok("appeal", f"decision {kept}", "reason wrong", by="beta/k1")
    one.ok("reply", f"about {third}", "reason scope", by="city/k1", why="whatever the decision was")
    late = one.ok("decision", *decided(sent), by="acme/k1")
    one.ok("key-revoke", *revocation("ngo/k2", sent))
    one.no("the notice does not stand", "reply", f"about {late}", "reason scope", by="city/k1")
    one.no("the notice does not stand", "reply", f"about {fourth}", "reason scope", by="city/k1")
    yield one

    one = prelude.fork(
        "reply-undone", "To an appeal about a decision that stands; a decision need not stand."
    )
    key(one, "acme/k2")
    items = notice(["acme"])
    law = [items[0], items[1], "basis law", "authority city", "article art-1", *items[3:]]
    sent = one.ok("notice", *law, by="ngo/k1")
    kept = one.ok("decision", *decided(sent), by="acme/k2")
    asked = one.ok("appeal", f"decision {kept}", "reason wrong", by="beta/k1")
    one.ok("key-revoke", *revocation("acme/k2", kept))
    one.no("the decision does not stand", "reply", f"about {asked}", "reason scope", by="city/k1")
    one.ok("reply", f"about {kept}", "reason scope", by="city/k1")
    yield one
