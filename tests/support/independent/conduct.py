"""The kinds of the code of conduct."""

from __future__ import annotations

from collections.abc import Callable

from independent.entries import labelled, lawful, standing_entry
from independent.governing import CLOCKS
from independent.reading import need
from independent.rulings import ruling
from independent.spelling import DAY
from independent.state import Statement, World

Change = Callable[[], None]

MOST_DECISIONS = 16
AHEAD = 600


def nothing() -> None:
    """The change of a statement that is only kept."""


def live(world: World, member: str, point: str, moment: int) -> bool:
    """Whether the member's contact point for that is valid at that moment."""
    newest = world.newest("contact", "point", point, member)
    return newest is not None and int(newest.said.one("from")) <= moment < int(newest.said.one("to"))


def contact(world: World, one: Statement) -> Change:
    """A contact point."""
    del world
    need(int(one.said.one("to")) - int(one.said.one("from")) <= 732 * DAY, "valid for too long")
    return nothing


def contact_confirm(world: World, one: Statement) -> Change:
    """It is still the right one."""
    need(live(world, one.member, one.said.one("point"), one.moment), "no valid contact point")
    return nothing


def notice(world: World, one: Statement) -> Change:
    """A notice to members."""
    said = one.said
    need(world.has_role(one.member, "notify"), "not a notifier")
    need((said.some("entry") is None) != (not said.all("item")), "about an entry or about items")
    labelled(world, said.all("label"))
    lawful(world, said)
    classes = {*CLOCKS, *(value.split(" ")[0] for value in world.policy_lines("clock"))}
    need(said.one("clock") in classes, "no clock class")
    if said.some("entry") is not None:
        standing_entry(world, said.one("entry"))
    need(one.member not in said.all("to"), "to itself")
    for addressee in said.all("to"):
        need(addressee in world.members and live(world, addressee, "notices", one.moment), "no contact point")
        need(not world.members[addressee].suspended, "suspended")
    return nothing


def addressed(world: World, one: Statement) -> None:
    """Refuse unless the notice stands and is to the member."""
    need(one.member in world.standing("notice", one.said.one("notice")).said.all("to"), "not an addressee")


def receipt_confirm(world: World, one: Statement) -> Change:
    """It has arrived."""
    addressed(world, one)
    before = world.newest("receipt-confirm", "notice", one.said.one("notice"), one.member)
    need(before is None, "confirmed already")
    return nothing


def decision(world: World, one: Statement) -> Change:
    """What an addressee decides."""
    said = one.said
    addressed(world, one)
    acts = said.one("outcome") in {"removed", "restricted"}
    for finding, rule in (("guidelines", "clause"), ("law", "article")):
        need((said.one(finding) == "breach") == (said.some(rule) is not None), rule)
    need(acts == (said.some("acted") is not None), "acted")
    need(not acts or "breach" in {said.one("guidelines"), said.one("law")}, "acted for no breach")
    need((said.some("notified") is None) == (said.some("notified-by") is None), "notified")
    for name in ("acted", "notified"):
        need(int(said.some(name) or 0) <= one.moment + AHEAD, f"{name} is in the future")
    given = [
        each
        for each in world.filed("decision", "notice", said.one("notice"))
        if each.member == one.member and world.stands(each)
    ]
    need(len(given) < MOST_DECISIONS, "too many decisions")
    return nothing


def appeal(world: World, one: Statement) -> Change:
    """A member asks to look again."""
    said = one.said
    about = "decision" if said.some("entry") is None else "entry"
    need((said.some("entry") is None) != (said.some("decision") is None), "about one thing")
    if about == "entry":
        standing_entry(world, said.one("entry"))
    else:
        world.standing("decision", said.one("decision"))
    before = world.newest("appeal", about, said.one(about), one.member)
    if before is not None:
        rulings = world.filed("ruling", "appeal", before.index)
        need(any(world.stands(each) for each in rulings), "an appeal about it waits")
    return nothing


def question(world: World, one: Statement) -> Change:
    """A question to an authority."""
    need(world.has_role(one.said.one("to"), "authority"), "no authority")
    need(not world.members[one.said.one("to")].suspended, "suspended")
    if one.said.some("notice") is not None:
        world.standing("notice", one.said.one("notice"))
    return nothing


def authority_of(world: World, decided: Statement) -> str | None:
    """The authority of a decision's notice, if that stands."""
    about = world.statements[int(decided.said.one("notice"))]
    return about.said.some("authority") if world.stands(about) else None


def awaited(world: World, about: Statement) -> str | None:
    """The authority that a question, appeal or decision names, whether that stands or not."""
    said = about.said
    if about.kind == "question":
        return said.one("to")
    if about.kind == "decision":
        return None if said.one("outcome") in {"removed", "restricted"} else authority_of(world, about)
    if about.kind != "appeal":
        return None
    if said.some("entry") is not None:
        return world.entry(said.one("entry")).by.said.some("authority")
    decided = world.statements[int(said.one("decision"))]
    return authority_of(world, decided) if world.stands(decided) else None


def reply(world: World, one: Statement) -> Change:
    """An authority answers."""
    need(world.has_role(one.member, "authority"), "no authority")
    about = world.statements.get(int(one.said.one("about")))
    need(about is not None and awaited(world, about) == one.member, "no reply is awaited")
    need(world.newest("reply", "about", one.said.one("about"), one.member) is None, "replied already")
    return nothing


def kept(world: World, one: Statement) -> Change:
    """A statement without a rule of its own."""
    del world, one
    return nothing


def tally(world: World, one: Statement) -> Change:
    """The numbers of a month."""
    rows = [line.split(" ") for line in one.said.all("count")]
    labels = [label for label, *_ in rows]
    need(len(set(labels)) == len(labels), "a label twice")
    labelled(world, labels)
    step = int((world.policy_lines("tally-step") or ["1"])[0])
    for number in (one.said.one("checked"), *one.said.all("quarantined")):
        need(int(number) % step == 0, "not a multiple")
    for _, matched, acted, stood in rows:
        need(int(acted) + int(stood) <= int(matched), "more than matched")
        need(all(int(each) % step == 0 for each in (matched, acted, stood)), "not a multiple")
    return nothing


def review(world: World, one: Statement) -> Change:
    """The review of a quarter."""
    actions = [line.split(" ")[0] for line in one.said.all("action")]
    need(len(set(actions)) == len(actions), "an action twice")
    before = world.newest("review", "quarter", one.said.one("quarter"), one.member)
    if before is not None:
        same = all(before.said.all(name) == one.said.all(name) for name in ("minutes", "action"))
        need(not same, "signed already")
    return nothing


def action_done(world: World, one: Statement) -> Change:
    """An action that is done."""
    agreed = world.standing("review", one.said.one("review")).said.all("action")
    need(one.said.one("action") in {line.split(" ")[0] for line in agreed}, "no such action")
    need(int(one.said.some("by") or 0) < one.index, "by a leaf that is not there yet")
    return nothing


RULES: dict[str, Callable[[World, Statement], Change]] = {
    "contact": contact,
    "contact-confirm": contact_confirm,
    "notice": notice,
    "receipt-confirm": receipt_confirm,
    "decision": decision,
    "appeal": appeal,
    "ruling": ruling,
    "question": question,
    "reply": reply,
    "methods": kept,
    "training": kept,
    "practice": kept,
    "tally": tally,
    "review": review,
    "action-done": action_done,
}
