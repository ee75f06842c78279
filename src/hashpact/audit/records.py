"""Compares a reported state, record by record, with the state derived from the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from hashpact.domain import standing
from hashpact.domain.state import Charter, Entry, Filing, Key, Member, Opinion, RecentTimes, Record, State

Identity: TypeAlias = tuple[str, *tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that is reported differently from the derived one: what is wrong, and the leaf that made it.

    ``entry`` is the entry that it is, or is an opinion on. ``kind`` and ``member`` are those of the leaf's
    statement, None if the message does not speak of one leaf.
    """

    message: str
    index: int | None
    entry: int | None
    topic: str = "state"
    kind: str | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference from what the log's bytes add up to: its topic, and the leaf from which it holds.

    ``evidence`` are the bytes that show it, by the name of the file to keep them in. For private parts,
    ``kind`` and ``member`` are those of the leaf's statement.
    """

    topic: str
    index: int | None
    message: str
    evidence: Mapping[str, bytes] = field(default_factory=dict)
    kind: str | None = None
    member: str | None = None


def differences(
    reported: Iterable[Record], wanted: Iterable[Record], kinds: frozenset[type[Record]]
) -> Iterator[Difference]:
    """Every record that is reported wrongly, reported without a leaf, or missing if of these kinds."""
    mine = {_identity(record): record for record in wanted if type(record) in kinds}
    for record in reported:
        known = mine.pop(_identity(record), None)
        if known is None:
            yield _difference(record, "follows from no leaf")
        elif known != record:
            yield _difference(known, f"is reported with another {unlike(known, record)}")
    for record in mine.values():
        yield _difference(record, "is missing")


def unlike(one: object, other: object) -> str:
    """The names of the fields in which two values of one dataclass differ."""
    assert type(one) is type(other)  # noqa: S101  # of one identity, or of one leaf
    names = (field.name for field in fields(one))  # type: ignore[arg-type]  # both are dataclasses
    return ", ".join(name for name in names if getattr(one, name) != getattr(other, name))


def records_of(state: State, entries: Iterable[int], *, only_standing: bool) -> Iterator[Record]:
    """All records of a state but for the entries and opinions, and these entries with their opinions.

    ``only_standing`` leaves out opinions that do not stand.
    """
    yield from state.charters()
    yield from state.members.values()
    yield from state.registry.values()
    for index in entries:
        entry = state.entry(index)
        if entry is not None:
            yield entry
        yield from standing.opinions(state, index) if only_standing else state.opinions(index)
    yield from state.filed.values()
    if state.times().signers:
        yield state.times()


def _identity(record: Record) -> Identity:  # noqa: PLR0911 - one for each kind of record
    """What two records have in common if one replaces the other. Charters never replace each other."""
    match record:
        case Charter():
            return "charter", record.root_version, record.policy_version
        case Member():
            return "member", record.id
        case Key():
            return "key", record.id.hex()
        case Entry():
            return "entry", record.index
        case Opinion():
            return "opinion", record.entry, record.member
        case Filing():
            return "filing", record.index
        case RecentTimes():
            return ("times",)


def _difference(record: Record, what: str) -> Difference:
    index, entry = None, None
    match record:
        case Member() | Key():
            index = record.enrolled_at
        case Entry():
            index = entry = record.index
        case Opinion():
            index, entry = record.index, record.entry
        case Filing():
            index = record.index
        case Charter() | RecentTimes():
            pass
    name = " ".join(str(part) for part in _identity(record))
    return Difference(f"the record {name} {what}", index, entry)
