"""What a log adds up to, in the form of docs/vectors/README.md."""

from __future__ import annotations

from typing import Any

from independent import merkle
from independent.conduct import RULES as CONDUCT
from independent.fold import Log
from independent.governing import CLOCKS
from independent.spelling import POLICY
from independent.state import Entry, Key, Member, Statement, World


def report(log: Log) -> dict[str, Any]:
    """The derived state."""
    world = log.world
    office = world.offices[-1] if world.offices else None
    return {
        "size": len(log.leaves),
        "root": merkle.root(log.leaves).hex(),
        "moment": world.log_moment(),
        "signers": [list(each) for each in world.signers],
        "governance": office
        and {
            "since": max(
                at for at, one in world.statements.items() if one.kind in {"genesis", "root", "policy"}
            ),
            "version": office.version,
            "threshold": office.threshold,
            "admins": {name: public.hex() for name, public in office.admins.items()},
            "log_keys": [public.hex() for public in office.log_keys],
            "witnesses": office.witnesses,
            "witness_quorum": office.quorum,
            **({"attestation_keys": [one.hex() for one in office.attesting]} if office.attesting else {}),
            **({"log_mldsa_keys": office.log_mldsa_keys} if office.log_mldsa_keys else {}),
        },
        "policy": [line for line in _policy(world) if line != "tally-step 1"],
        "members": {name: _member(one) for name, one in world.members.items()},
        "keys": {name: _key(world, name, one) for name, one in world.keys.items()},
        "entries": {str(index): _entry(world, index, one) for index, one in world.entries.items()},
        "filings": {
            str(index): {
                "kind": one.kind,
                "moment": one.moment,
                "stands": world.stands(one),
                **({"due": _due(world, one)} if one.kind == "notice" else {}),
            }
            for index, one in world.statements.items()
            if one.kind in CONDUCT
        },
    }


def _policy(world: World) -> list[str]:
    return [f"{row.name} {value}" for row in POLICY for value in world.policy_lines(row.name)]


def _member(one: Member) -> dict[str, Any]:
    return {
        "roles": sorted(one.roles),
        "suspended": one.suspended,
        "revoked_certificates": one.certificates,
    }


def _key(world: World, name: str, one: Key) -> dict[str, Any]:
    replaced = one.replaced if one.replaced is not None and world.stands(one.replaced) else None
    ends = None
    if replaced is not None:
        overlap = int(replaced.said.one("overlap"))
        ends = replaced.moment + overlap if overlap else 0
    return {
        "member": one.member,
        "name": one.name,
        "use": one.use,
        "begins": one.begins,
        "expires": one.expires,
        "suspended": one.suspended,
        "replaced_index": None if replaced is None else replaced.index,
        "ends": ends,
        "stands_below": world.stands_below(name),
    }


def _reason(by: Statement) -> str | None:
    """The reason that a statement gives for what it does to an entry."""
    return "appeal-upheld" if by.kind == "ruling" else by.said.some("reason")


def _due(world: World, one: Statement) -> int:
    """When the clock of a notice runs out, by the policy that was in force."""
    seconds = dict(CLOCKS)
    for line in world.policy_lines("clock", one.index):
        name, number = line.split(" ")
        seconds[name] = int(number)
    longest = dict(line.split(" ") for line in world.policy_lines("priority", one.index))
    names = [one.said.one("clock"), *(longest[each] for each in one.said.all("label") if each in longest)]
    return one.moment + min(seconds[name] for name in names)


def _entry(world: World, index: int, one: Entry) -> dict[str, Any]:
    given = {
        member: [by.index, stance, _reason(by)]
        for (entry, member), (by, stance) in sorted(world.opinions.items(), key=lambda each: each[0])
        if entry == index and world.stands(by)
    }
    withdrawn = one.withdrawn is not None and world.stands(one.withdrawn)
    return {
        "member": one.by.member,
        "stands": world.entry_stands(one),
        "withdrawn": [one.withdrawn.index, _reason(one.withdrawn)] if withdrawn and one.withdrawn else None,
        "voided": [one.voided.index, _reason(one.voided)] if one.voided else None,
        "opinions": given,
    }
