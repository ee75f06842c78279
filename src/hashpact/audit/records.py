"""Compares a reported state, record by record, with the state derived from the log.

Neither state is held in memory: each reported record is looked up among the derived ones, and what was not
reported is looked for only if something is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from hashpact.domain import standing
from hashpact.domain.state import Charter, Entry, Filing, Key, Member, Opinion, RecentTimes, Record
from hashpact.storage.derived.file import DerivedFile

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
class Requested:
    """What a source was asked for: records of these ``kinds``, and of the entries only ``entries`` if given.

    ``only_standing`` is whether it leaves out opinions that do not stand.
    """

    kinds: frozenset[type[Record]]
    only_standing: bool
    entries: Sequence[int] | None = None


def differences(reported: Iterable[Record], derived: DerivedFile, asked: Requested) -> Iterator[Difference]:
    """Every record that is reported wrongly, reported without a leaf, or missing."""
    seen = _Seen()
    for record in reported:
        known = _derived(record, derived, asked) if type(record) in asked.kinds else None
        if known is None or not seen.first(known):
            yield _difference(record, "follows from no leaf")
        elif known != record:
            yield _difference(known, f"is reported with another {unlike(known, record)}")
    for kind in (Charter, Member, Key, Entry, Opinion, Filing, RecentTimes):
        if kind in asked.kinds:
            for record in _wanted(kind, derived, asked, seen):
                if seen.first(record):
                    yield _difference(record, "is missing")


def entry_of(record: Record) -> int | None:
    """The entry that a record is, or is an opinion on."""
    if isinstance(record, Entry):
        return record.index
    return record.entry if isinstance(record, Opinion) else None


def unlike(one: object, other: object) -> str:
    """The names of the fields in which two values of one dataclass differ."""
    assert type(one) is type(other)  # noqa: S101  # of one identity, or of one leaf
    names = (field.name for field in fields(one))  # type: ignore[arg-type]  # both are dataclasses
    return ", ".join(name for name in names if getattr(one, name) != getattr(other, name))


@dataclass(slots=True)
class _Seen:
    """Which derived records were met. Those that a leaf made take a bit each, the others are few."""

    bits: dict[type[Record], bytearray] = field(default_factory=dict)
    others: dict[type[Record], set[Identity]] = field(default_factory=dict)

    def first(self, record: Record) -> bool:
        """Whether it is met for the first time."""
        if isinstance(record, Entry | Opinion | Filing):  # one leaf makes at most one of each
            bits = self.bits.setdefault(type(record), bytearray())
            place, bit = record.index >> 3, 1 << (record.index & 7)
            if place >= len(bits):
                bits.extend(bytes(place + 1 - len(bits)))
            new = not bits[place] & bit
            bits[place] |= bit
            return new
        identity = _identity(record)
        others = self.others.setdefault(type(record), set())
        new = identity not in others
        others.add(identity)
        return new

    def count(self, kind: type[Record]) -> int:
        """How many of that kind were met."""
        bits = int.from_bytes(self.bits.get(kind, b""))
        return bits.bit_count() + len(self.others.get(kind, ()))


def _derived(record: Record, derived: DerivedFile, asked: Requested) -> Record | None:  # noqa: PLR0911 - one for each kind of record
    """The derived record of the same identity, if it was asked for."""
    state = derived.state
    match record:
        case Charter():
            return next((one for one in state.charters() if _identity(one) == _identity(record)), None)
        case Member():
            return state.member(record.id)
        case Key():
            return state.key(record.id)
        case Entry():
            return state.entry(record.index)
        case Opinion():
            given = _opinions(record.entry, derived, asked)
            return next((one for one in given if one.member == record.member), None)
        case Filing():
            return state.filing(record.index)
        case RecentTimes():
            return state.times() if state.times().signers else None


def _opinions(entry: int, derived: DerivedFile, asked: Requested) -> Iterable[Opinion]:
    state = derived.state
    return standing.opinions(state, entry) if asked.only_standing else state.opinions(entry)


def _wanted(kind: type[Record], derived: DerivedFile, asked: Requested, seen: _Seen) -> Iterator[Record]:
    """The derived records of a kind that were asked for; none if all of them were met."""
    state = derived.state
    if asked.entries is not None and kind is Entry:
        yield from (found for index in asked.entries if (found := state.entry(index)) is not None)
    elif asked.entries is not None and kind is Opinion:
        for index in asked.entries:
            yield from _opinions(index, derived, asked)
    elif seen.count(kind) < derived.count(kind):
        for record in derived.records(kind):
            given = record if asked.only_standing and isinstance(record, Opinion) else None
            if given is None or standing.stands(state, given.key, given.index):
                yield record


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
            index = record.enrolled_index
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
