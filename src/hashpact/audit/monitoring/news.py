"""What a leaf means for a member that watches the log: events, as docs/formats/monitor.md has them.

An event follows from the leaf and the state alone, so it is the same however often it is derived.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from hashpact.audit.deriving.fold import Folded
from hashpact.audit.findings import Finding
from hashpact.domain.kinds import ADMIN, ClockMend, Submit
from hashpact.domain.state import Basis, Charter, Entry, Key, Member, Opinion, Record, Stance, View
from hashpact.domain.statements import Statement

Event: TypeAlias = dict[str, Any]
"""What is printed and posted: values that JSON has."""

LASTING: Final = frozenset({"checkpoint", "tile", "source", "stored", "quorum", "freshness"})
"""The topics of faults that the next audit meets again while they last."""
_AGAINST: Final = {Stance.DISPUTE: "entry.disputed", Stance.DISOWN: "entry.disowned"}
"""The opinions that are news for an entry's contributor."""


@dataclass(frozen=True, slots=True)
class Interest:
    """Whose news it is: a member's, and law-based entries for some jurisdictions, such as VN."""

    member: str | None = None
    jurisdictions: frozenset[str] = frozenset()


def news(leaf: Folded, watched: Interest, view: View) -> Iterator[Event]:
    """The events of one leaf; ``view`` is the state after it. A leaf that breaks a rule has none."""
    statement = leaf.judged.statement
    if statement is None or leaf.error is not None:
        return
    kinds: dict[str, int] = {}
    for kind, facts in _facts(leaf, statement, watched, view):
        number = kinds[kind] = kinds.get(kind, 0) + 1
        name = f"{leaf.index}/{kind}" + (f"/{number}" if number > 1 else "")
        said = {"leaf": leaf.index, "statement": statement.body.kind, "by": statement.member}
        yield {"id": name, "type": kind, **said, "time": statement.time, **facts}


def kind_of(finding: Finding) -> str:
    """The type of a fault's event."""
    if finding.topic == "freshness":
        return "log.stale"
    return "log.forked" if finding.fork else "log.faulty"


def named(finding: Finding) -> str:
    """What tells a fault from others, and stays the same while it lasts."""
    kind = kind_of(finding)
    if kind != "log.faulty" or finding.topic in LASTING:
        return kind if kind != "log.faulty" else f"{kind}/{finding.topic}"
    told = hashlib.sha256(finding.message.encode()).hexdigest()[:8]
    return f"{kind}/{finding.topic}/{told}"


def found(finding: Finding, size: int) -> Event:
    """The event of a fault that an audit of ``size`` leaves has found."""
    facts = {"topic": finding.topic, "leaf": finding.index, "size": size, "message": finding.message}
    return {"type": kind_of(finding), **facts}


def line_of(event: Event) -> bytes:
    """The event as it waits to be delivered."""
    return json.dumps(event, sort_keys=True, separators=(",", ":")).encode("ascii")


def _facts(leaf: Folded, statement: Statement, watched: Interest, view: View) -> Iterator[tuple[str, Event]]:
    own = watched.member
    if own is not None and statement.member == own:
        yield "leaf.own", {}
    if statement.member == ADMIN and _governs(leaf, statement):
        yield "governance.changed", {}
    body = statement.body
    if isinstance(body, Submit) and body.basis is Basis.LAW:
        named = sorted(watched.jurisdictions & set(body.jurisdictions))
        if named:
            told = {"entry": leaf.index, "authority": body.authority, "article": body.article}
            yield "entry.law", told | {"jurisdictions": named, "labels": sorted(body.labels)}
    for record in leaf.records if own is not None else ():
        yield from _about(own, record, leaf.index, statement, view)


def _governs(leaf: Folded, statement: Statement) -> bool:
    """Whether the statement changes who governs the log, or how."""
    return isinstance(statement.body, ClockMend) or any(isinstance(one, Charter) for one in leaf.records)


def _about(
    own: str | None, record: Record, index: int, statement: Statement, view: View
) -> Iterator[tuple[str, Event]]:
    """What a record says about the member ``own``."""
    match record:
        case Member() if record.id == own:
            yield "member.own", {"suspended": record.suspended_index is not None}
        case Key() if record.member == own:
            held = {"suspended": record.suspended_index is not None, "stands_below": record.stands_below}
            yield "key.own", {"key": record.name, "use": record.use.value, **held}
        case Opinion() if record.stance in _AGAINST:
            entry = view.entry(record.entry)
            if entry is not None and entry.member == own:
                yield _AGAINST[record.stance], {"entry": record.entry, "reason": record.reason}
        case Entry() if record.member == own:
            if record.voided_index == index:
                yield "entry.voided", {"entry": record.index, "reason": record.voided_reason}
            elif record.withdrawn_index == index and statement.member != own:
                yield "entry.withdrawn", {"entry": record.index, "reason": record.withdrawn_reason}
        case _:
            pass
