"""A state on top of another view: what was put since, and below it what was there before."""

from __future__ import annotations

from dataclasses import dataclass, field

from hashpact.domain.state.records import Entry, Filing, Key, Member, Opinion, RecentTimes, Record
from hashpact.domain.state.view import State, View


@dataclass(frozen=True, slots=True)
class Drained:
    """What a layered state was given since it was drained last.

    ``records`` are in the order in which they are to be put. ``requests`` are ``(member, request id, index)``
    in the order of members and ids.
    """

    records: tuple[Record, ...]
    requests: tuple[tuple[str, bytes, int], ...]


@dataclass(slots=True)
class LayeredState(State):
    """A `State` that holds only what was put since the last `drain`, and reads the rest from ``below``.

    ``below`` must not change but by what is drained. Charters, members, keys and the signers' times stay in
    memory once they were read: there are few, and each statement needs some.
    """

    below: View = field(default_factory=State)
    _put: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read what every statement needs."""
        self.history = list(self.below.charters())
        self.recent = self.below.times()

    def member(self, member_id: str) -> Member | None:
        """The member of that id."""
        found = self.members.get(member_id)
        if found is None and (found := self.below.member(member_id)) is not None:
            self.members[member_id] = found
        return found

    def key(self, key_id: bytes) -> Key | None:
        """The key of that id."""
        found = self.registry.get(key_id)
        if found is None and (found := self.below.key(key_id)) is not None:
            self.registry[key_id] = found
        return found

    def keys(self, member_id: str) -> tuple[Key, ...]:
        """The member's keys by enrolment."""
        found = {key.id: key for key in self.below.keys(member_id)}
        found |= {key.id: key for key in State.keys(self, member_id)}
        return tuple(sorted(found.values(), key=lambda key: (key.enrolled_index, key.id)))

    def waiting(self, moment: int) -> tuple[Key, ...]:
        """The keys that begin later than that."""
        found = {key.id: key for key in self.below.waiting(moment) if key.id not in self.registry}
        found |= {key.id: key for key in State.waiting(self, moment)}
        return tuple(key for _, key in sorted(found.items()))

    def entry(self, index: int) -> Entry | None:
        """The entry at that index."""
        return self.entries.get(index) or self.below.entry(index)

    def opinions(self, entry: int) -> tuple[Opinion, ...]:
        """The opinions on that entry, by member id."""
        found = {given.member: given for given in self.below.opinions(entry)}
        found |= self.stances.get(entry, {})
        return tuple(given for _, given in sorted(found.items()))

    def filing(self, index: int) -> Filing | None:
        """The filing at that index."""
        return self.filed.get(index) or self.below.filing(index)

    def filings(self, kind: str, about: str) -> tuple[Filing, ...]:
        """The filings of that kind about that, in order."""
        return (*self.below.filings(kind, about), *State.filings(self, kind, about))

    def newest(self, kind: str, about: str, member: str) -> Filing | None:
        """The member's newest of that kind about that."""
        return State.newest(self, kind, about, member) or self.below.newest(kind, about, member)

    def request(self, member_id: str, request: bytes) -> int | None:
        """The leaf of that request."""
        found = self.requests.get((member_id, request))
        return self.below.request(member_id, request) if found is None else found

    def put(self, record: Record) -> None:
        """Add the record, or replace the one with its identity."""
        State.put(self, record)
        if not isinstance(record, RecentTimes):  # of those only the last counts
            self._put.append(record)

    def drain(self, *, requests: bool = True) -> Drained:
        """What was put since, which is now to be put below. Until then nothing else may be asked.

        Without ``requests`` these stay here.
        """
        times = (self.recent,) if self.recent.signers else ()
        said = sorted((*one, index) for one, index in self.requests.items()) if requests else []
        drained = Drained((*self._put, *times), tuple(said))
        for held in (self.entries, self.stances, self.filed, self.filed_about, self.filed_last):
            held.clear()
        if requests:
            self.requests.clear()
        self._put.clear()
        return drained
