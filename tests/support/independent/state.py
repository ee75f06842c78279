"""What the second reader keeps of a log: the statements that keep the rules, and what they concern."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from independent.reading import Refused, Said

ADMIN = "admin"


@dataclass(frozen=True)
class Statement:
    """A statement that keeps the rules, or is about to be judged: its place, author, time and lines."""

    index: int
    kind: str
    member: str
    key: str
    time: int
    moment: int
    said: Said


@dataclass
class Office:
    """What a genesis or root says: who governs, and with how many signatures."""

    version: int
    admins: dict[str, bytes]
    threshold: int
    log_keys: list[bytes]
    witnesses: list[str]
    quorum: int
    attesting: list[bytes]
    log_mldsa_keys: list[str]


@dataclass
class Member:
    """A member: roles, suspension, and revoked certificates with the time at which they have expired."""

    roles: set[str]
    suspended: bool = False
    certificates: dict[str, int] = field(default_factory=dict)


@dataclass
class Key:
    """A member's key. ``born`` is the statement that brought it, ``revoked`` the newest that revokes it."""

    member: str
    name: str
    public: bytes
    use: str
    expires: int
    begins: int
    born: Statement
    suspended: bool = False
    replaced: Statement | None = None
    revoked: Statement | None = None

    @property
    def cutoff(self) -> int | None:
        """From where on its newest revocation undoes what it signed."""
        return None if self.revoked is None else int(self.revoked.said.one("cutoff"))


@dataclass
class Entry:
    """A submission, its newest withdrawal, and whether it is voided."""

    by: Statement
    withdrawn: Statement | None = None
    voided: Statement | None = None


@dataclass
class World:
    """All that the rules look at."""

    statements: dict[int, Statement] = field(default_factory=dict)
    origin: str = ""
    offices: list[Office] = field(default_factory=list)
    policies: list[Statement] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    opinions: dict[tuple[int, str], tuple[Statement, str]] = field(default_factory=dict)
    requests: set[tuple[str, str]] = field(default_factory=set)
    signers: list[tuple[str, int]] = field(default_factory=list)

    def log_moment(self) -> int:
        """The lower median of the signers' times; 0 while there are fewer than two."""
        times = sorted(time for _, time in self.signers)
        return times[(len(times) - 1) // 2] if len(times) > 1 else 0

    def policy_lines(self, name: str, before: int | None = None) -> list[str]:
        """The values of a field of the policy in force, or of the one that was at a leaf."""
        found = [one for one in self.policies if before is None or one.index < before]
        return found[-1].said.all(name) if found else []

    def stands(self, one: Statement) -> bool:
        """Whether a statement stands, from the definition."""
        if one.member == ADMIN:
            return True
        key = self.keys[one.key]
        if key.born.member != ADMIN and not self.stands(key.born):
            return False
        return not (self.reached(key, one.index) and self.effective(one.key, key))

    def reached(self, key: Key, index: int) -> bool:
        """Whether what a key signed there is at or after the cutoff of its newest revocation."""
        return key.cutoff is not None and index >= key.cutoff

    def effective(self, key_id: str, key: Key) -> bool:
        """Whether a key's newest revocation stands; one that the key itself made does."""
        assert key.revoked is not None
        return key.revoked.key == key_id or self.stands(key.revoked)

    def stands_below(self, key_id: str) -> int | None:
        """The index below which what a key has signed stands; None if all of it does."""
        key = self.keys[key_id]
        if key.born.member != ADMIN and not self.stands(key.born):
            return 0
        return key.cutoff if key.revoked is not None and self.effective(key_id, key) else None

    def hangs_on(self, start: Statement) -> Iterator[tuple[str, int]]:
        """The statements, as key and index, on which one of a member hangs, itself first."""
        waiting, seen = [(start.key, start.index)], set()
        while waiting:
            key_id, index = one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            yield one
            key = self.keys[key_id]
            if key.born.member != ADMIN:
                waiting.append((key.born.key, key.born.index))
            revoked = key.revoked
            if revoked is None or not self.reached(key, index):
                continue
            if revoked.member != ADMIN and revoked.key != key_id:
                waiting.append((revoked.key, revoked.index))

    def entry(self, index: str | int) -> Entry:
        """The entry of that index."""
        found = self.entries.get(int(index))
        if found is None:
            why = f"no entry {index}"
            raise Refused(why)
        return found

    def entry_stands(self, entry: Entry) -> bool:
        """Whether an entry is matched."""
        withdrawn = entry.withdrawn is not None and self.stands(entry.withdrawn)
        return self.stands(entry.by) and entry.voided is None and not withdrawn

    def filed(self, kind: str, field_name: str, value: str | int) -> list[Statement]:
        """The statements of that kind whose field has that value, in the order of the log."""
        return [
            one
            for one in self.statements.values()
            if one.kind == kind and one.said.some(field_name) == str(value)
        ]

    def newest(self, kind: str, field_name: str, value: str | int, member: str) -> Statement | None:
        """The member's newest statement of that kind about that, if it stands."""
        found = [one for one in self.filed(kind, field_name, value) if one.member == member]
        return found[-1] if found and self.stands(found[-1]) else None

    def standing(self, kind: str, index: str | int) -> Statement:
        """The statement of that kind at that index, which stands."""
        one = self.statements.get(int(index))
        if one is None or one.kind != kind or not self.stands(one):
            why = f"no {kind} {index} that stands"
            raise Refused(why)
        return one

    def has_role(self, member: str, role: str) -> bool:
        """Whether a member has a role."""
        return member in self.members and role in self.members[member].roles
