"""The kinds about entries."""

from __future__ import annotations

from collections.abc import Callable

from independent.reading import Refused, Said, need
from independent.state import Entry, Statement, World

CATEGORIES = {"avatar", "form", "logo", "meme", "screenshot"}

Change = Callable[[], None]


def lawful(world: World, said: Said) -> None:
    """With basis law an authority and an article, and only then; the authority has its role."""
    authority, article = said.some("authority"), said.some("article")
    law = said.one("basis") == "law"
    need((authority is not None) == law == (article is not None), "basis")
    need(authority is None or world.has_role(authority, "authority"), "no authority")


def labelled(world: World, labels: list[str]) -> None:
    """Refuse a label that the policy does not have."""
    need(set(labels) <= set(world.policy_lines("label")), "a label that is not in the policy")


def standing_entry(world: World, index: str) -> Entry:
    """The entry, which stands."""
    entry = world.entry(index)
    need(world.entry_stands(entry), "the entry does not stand")
    return entry


def submit(world: World, one: Statement) -> Change:
    """A new entry."""
    need(world.has_role(one.member, "contribute"), "not a contributor")
    if one.said.one("basis") == "benign":
        need(one.member in world.policy_lines("benign-by"), "may not say what is benign")
        need(set(one.said.all("label")) <= CATEGORIES, "no such category")
    else:
        labelled(world, one.said.all("label"))
    lawful(world, one.said)
    return lambda: world.entries.update({one.index: Entry(one)})


def withdraw(world: World, one: Statement) -> Change:
    """The entry, withdrawn."""
    entry = standing_entry(world, one.said.one("entry"))
    if entry.by.member != one.member:
        priorities = {value.split(" ")[0] for value in world.policy_lines("priority")}
        urgent = not priorities.isdisjoint(entry.by.said.all("label"))
        need(urgent and world.has_role(one.member, "represent"), "another member's entry")
    return lambda: setattr(entry, "withdrawn", one)


def opinion(world: World, one: Statement) -> Change:
    """A member's opinion."""
    said = one.said
    entry, index, stance = (
        standing_entry(world, said.one("entry")),
        int(said.one("entry")),
        said.one("stance"),
    )
    need(entry.by.member != one.member, "on an entry of its own")
    need(stance != "disown" or entry.by.said.some("authority") == one.member, "not its authority")
    need(said.some("replace") is None or stance == "seen", "replace without seen")
    before = world.opinions.get((index, one.member))
    if stance == "seen" and said.some("replace") is None and before is not None:
        need(before[1] == "seen" or not world.stands(before[0]), "it would take an opinion back")
    return lambda: world.opinions.update({(index, one.member): (one, stance)})


def void(world: World, one: Statement) -> Change:
    """The entry, struck."""
    entry = world.entry(one.said.one("entry"))
    if entry.voided is not None:
        why = "voided already"
        raise Refused(why)
    return lambda: setattr(entry, "voided", one)


ENTRIES: dict[str, Callable[[World, Statement], Change]] = {
    "submit": submit,
    "withdraw": withdraw,
    "opinion": opinion,
    "void": void,
}
