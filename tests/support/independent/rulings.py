"""Rulings on appeals: who rules when, and what follows."""

from __future__ import annotations

from collections.abc import Callable

from independent.governing import CLOCKS
from independent.reading import need
from independent.state import Statement, World


def ruling(world: World, one: Statement) -> Callable[[], None]:
    """The result of an appeal."""
    said = one.said
    appeal = world.standing("appeal", said.one("appeal"))
    owner = owner_of(world, appeal)
    upheld, entry = said.one("outcome") == "upheld", said.some("entry")
    need(upheld or entry is None, "an entry without upholding")
    if appeal.said.some("entry") is not None:
        need(entry == (appeal.said.one("entry") if upheld else None), "the entry of the appeal")
    elif entry is not None:
        decided = world.standing("decision", appeal.said.one("decision"))
        about = world.standing("notice", decided.said.one("notice"))
        need(about.said.some("entry") == entry and one.member == owner, "not an entry of the decision")
    need(world.newest("ruling", "appeal", appeal.index, one.member) is None, "ruled already")
    if one.member != owner:
        panel_may(world, one, appeal, owner)
    return consequence(world, one, appeal, owner)


def owner_of(world: World, appeal: Statement) -> str:
    """The member that rules first."""
    if appeal.said.some("entry") is not None:
        return world.entry(appeal.said.one("entry")).by.member
    return world.standing("decision", appeal.said.one("decision")).member


def panel_may(world: World, one: Statement, appeal: Statement, owner: str) -> None:
    """Refuse unless the member is of the panel and its turn has come."""
    need(one.member in world.policy_lines("panel"), "not of the panel")
    need(one.member != appeal.member, "its own appeal")
    first = world.newest("ruling", "appeal", appeal.index, owner)
    if first is not None:
        need(first.said.one("outcome") == "rejected", "upheld already")
    else:
        named = dict(value.split(" ") for value in world.policy_lines("clock", appeal.index))
        clock = int(named.get("appeal", CLOCKS["appeal"]))
        need(one.moment > appeal.moment + clock, "the first has time yet")
    need(not has_decided(world, appeal, owner), "a quorum has decided")


def has_decided(world: World, appeal: Statement, owner: str) -> bool:
    """Whether as many of the panel as were the quorum then have ruled alike."""
    alike: dict[str, set[str]] = {"upheld": set(), "rejected": set()}
    for each in world.filed("ruling", "appeal", appeal.index):
        if each.member == owner or not world.stands(each):
            continue
        same = alike[each.said.one("outcome")]
        same.add(each.member)
        quorum = world.policy_lines("quorum", each.index)
        if quorum and len(same & set(world.policy_lines("panel", each.index))) >= int(quorum[0]):
            return True
    return False


def consequence(world: World, one: Statement, appeal: Statement, owner: str) -> Callable[[], None]:
    """What follows for the entry."""
    named = one.said.some("entry")
    if named is None:
        return lambda: None
    entry = world.entry(named)
    if one.member == owner:
        if entry.by.member == owner:
            if entry.withdrawn is not None and world.stands(entry.withdrawn):
                return lambda: None
            return lambda: setattr(entry, "withdrawn", one)
        return lambda: world.opinions.update({(entry.by.index, owner): (one, "dispute")})
    upheld = {
        each.member
        for each in world.filed("ruling", "appeal", appeal.index)
        if each.said.one("outcome") == "upheld" and world.stands(each)
    } | {one.member}
    quorum = int(world.policy_lines("quorum")[0])
    if entry.voided is not None or len(upheld & set(world.policy_lines("panel"))) < quorum:
        return lambda: None
    return lambda: setattr(entry, "voided", one)
