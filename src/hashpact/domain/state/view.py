"""The view of the state that the rules use, and the state in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from hashpact.domain.state.records import Charter, Entry, Filing, Key, Member, Opinion, RecentTimes, Record


class View(Protocol):
    """The queries on the state that the rules may make. Every answer reflects one and the same tree size."""

    def charter(self) -> Charter | None:
        """The charter in force, None before the genesis statement."""
        ...

    def charters(self) -> tuple[Charter, ...]:
        """Every charter that was ever in force, in order."""
        ...

    def member(self, member_id: str) -> Member | None:
        """The member of that id."""
        ...

    def key(self, key_id: bytes) -> Key | None:
        """The member's key of that 32-byte id, whatever its standing."""
        ...

    def keys(self, member_id: str) -> tuple[Key, ...]:
        """The member's keys in the order in which they were enrolled, those of one statement by id."""
        ...

    def entry(self, index: int) -> Entry | None:
        """The entry whose leaf has that index."""
        ...

    def opinions(self, entry: int) -> tuple[Opinion, ...]:
        """The opinions on that entry, at most one a member, in the order of their members' ids."""
        ...

    def filing(self, index: int) -> Filing | None:
        """The filing whose leaf has that index."""
        ...

    def filings(self, kind: str, about: str) -> tuple[Filing, ...]:
        """The filings of that kind about that, in the order of the log."""
        ...

    def newest(self, kind: str, about: str, member: str) -> Filing | None:
        """The newest filing of that kind about that by that member."""
        ...

    def request(self, member_id: str, request: bytes) -> int | None:
        """The index of the leaf with that request id of that member."""
        ...

    def waiting(self, moment: int) -> tuple[Key, ...]:
        """The keys whose ``valid_from`` is later than that moment, in the order of their ids."""
        ...

    def times(self) -> RecentTimes:
        """The times of the last signers, from which the log's moment follows; none before the first leaf."""
        ...


@dataclass(slots=True)
class State:
    """A View kept in dictionaries: what `replay` adds up, and what the memory ledger holds."""

    history: list[Charter] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    registry: dict[bytes, Key] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    stances: dict[int, dict[str, Opinion]] = field(default_factory=dict)
    filed: dict[int, Filing] = field(default_factory=dict)
    filed_about: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    filed_last: dict[tuple[str, str, str], int] = field(default_factory=dict)
    requests: dict[tuple[str, bytes], int] = field(default_factory=dict)
    recent: RecentTimes = field(default_factory=RecentTimes)

    def charter(self) -> Charter | None:
        """The newest charter."""
        return self.history[-1] if self.history else None

    def charters(self) -> tuple[Charter, ...]:
        """Every charter, in order."""
        return tuple(self.history)

    def member(self, member_id: str) -> Member | None:
        """The member of that id."""
        return self.members.get(member_id)

    def key(self, key_id: bytes) -> Key | None:
        """The key of that id."""
        return self.registry.get(key_id)

    def keys(self, member_id: str) -> tuple[Key, ...]:
        """The member's keys by enrolment."""
        found = (key for key in self.registry.values() if key.member == member_id)
        return tuple(sorted(found, key=lambda key: (key.enrolled_index, key.id)))

    def entry(self, index: int) -> Entry | None:
        """The entry at that index."""
        return self.entries.get(index)

    def opinions(self, entry: int) -> tuple[Opinion, ...]:
        """The opinions on that entry, by member id."""
        return tuple(given for _, given in sorted(self.stances.get(entry, {}).items()))

    def filing(self, index: int) -> Filing | None:
        """The filing at that index."""
        return self.filed.get(index)

    def filings(self, kind: str, about: str) -> tuple[Filing, ...]:
        """The filings of that kind about that, in order."""
        return tuple(self.filed[index] for index in self.filed_about.get((kind, about), ()))

    def newest(self, kind: str, about: str, member: str) -> Filing | None:
        """The member's newest of that kind about that."""
        index = self.filed_last.get((kind, about, member))
        return None if index is None else self.filed[index]

    def request(self, member_id: str, request: bytes) -> int | None:
        """The leaf of that request."""
        return self.requests.get((member_id, request))

    def waiting(self, moment: int) -> tuple[Key, ...]:
        """The keys that begin later than that."""
        return tuple(key for _, key in sorted(self.registry.items()) if key.valid_from > moment)

    def times(self) -> RecentTimes:
        """The times of the last signers."""
        return self.recent

    def records(self) -> Iterator[Record]:
        """Every record; the charters first, in order."""
        yield from self.history
        yield from self.members.values()
        yield from self.registry.values()
        yield from self.entries.values()
        for given in self.stances.values():
            yield from given.values()
        yield from self.filed.values()
        if self.recent.signers:
            yield self.recent

    def take(self, index: int, said: tuple[str, bytes], records: Iterable[Record]) -> None:
        """Take in the leaf at that index: its statement's member and request id, and its records."""
        self.requests[said] = index
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Add the record, or replace the one with its identity."""
        match record:
            case Charter():
                self.history.append(record)
            case Member():
                self.members[record.id] = record
            case Key():
                self.registry[record.id] = record
            case Entry():
                self.entries[record.index] = record
            case Opinion():
                self.stances.setdefault(record.entry, {})[record.member] = record
            case Filing():
                self.filed[record.index] = record
                self.filed_about.setdefault((record.kind, record.about), []).append(record.index)
                self.filed_last[record.kind, record.about, record.member] = record.index
            case RecentTimes():
                self.recent = record
