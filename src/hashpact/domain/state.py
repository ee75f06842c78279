"""The state that the log adds up to: its records, and the view of them that the rules ask.

Records are values. A statement's effect is a list of records to put; a record with the same identity
replaces the one before. `State` keeps them in memory; a ledger keeps them in tables.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from hashpact.domain.keys import NamedKey


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log stands: its size, and the RFC 6962 right edge (32-byte subtree hashes, largest first)."""

    size: int
    edge: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One committed statement with its signatures.

    ``data`` are the bytes that were received. ``hash`` is the RFC 6962 leaf hash, ``edge`` the right edge of
    the tree whose last leaf this is, ``root`` that tree's root. ``member`` and ``request`` are the
    statement's, by which a retry finds it.
    """

    index: int
    data: bytes
    hash: bytes
    root: bytes
    edge: tuple[bytes, ...]
    member: str
    request: bytes

    @property
    def receipt(self) -> Receipt:
        """The receipt of this leaf."""
        return Receipt(self.index, self.hash, self.index + 1, self.root)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a member gets for a statement: where it stands in the log, and the tree that ends with it.

    ``leaf_hash`` and ``root`` are 32-byte RFC 6962 hashes; ``tree_size`` is ``index + 1``, so that the same
    statement has the same receipt for ever.
    """

    index: int
    leaf_hash: bytes
    tree_size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A signed checkpoint as it is stored: the size of the tree that it is of, and the note's bytes."""

    size: int
    note: bytes


class Role(enum.Enum):
    """What a member may do; opinions are open to every member."""

    CHECK = "check"
    CONTRIBUTE = "contribute"


class Stance(enum.Enum):
    """What a member says of another's entry."""

    ENDORSE = "endorse"
    DISPUTE = "dispute"
    SEEN = "seen"


class Basis(enum.Enum):
    """Under what the content was removed."""

    GUIDELINE = "guideline"
    LAW = "law"


@dataclass(frozen=True, slots=True)
class Charter:
    """Who governs the log: its origin, administrators, threshold and log keys, and the policy's labels."""

    origin: str
    admins: tuple[NamedKey, ...]
    threshold: int
    log_keys: tuple[bytes, ...]
    policy_version: int = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """An enrolled platform or team."""

    id: str
    roles: frozenset[Role]
    enrolled_at: int


@dataclass(frozen=True, slots=True)
class Key:
    """A member's signing key. ``id`` is as `keys.key_id` makes it; ``expires`` is in Unix seconds."""

    id: bytes
    member: str
    name: str
    public: bytes
    expires: int
    enrolled_at: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission as it stands: ``index`` is its leaf's, ``items`` how many fingerprints it has.

    ``shared_at`` is the statement's time and ``removed_at`` the member's removal time, in Unix seconds, both
    advisory. ``withdrawn_at`` is the index of the withdrawal, or None.
    """

    index: int
    member: str
    labels: tuple[str, ...]
    basis: Basis
    authority: str | None
    article: str | None
    jurisdictions: tuple[str, ...]
    removed_at: int
    shared_at: int
    items: int
    withdrawn_at: int | None = None
    withdrawn_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one member says of one entry; its newest opinion replaces the one before."""

    entry: int
    member: str
    stance: Stance
    index: int


Record: TypeAlias = Charter | Member | Key | Entry | Opinion


class View(Protocol):
    """What the rules may ask of the state. Every answer reflects one and the same tree size."""

    def charter(self) -> Charter | None:
        """The charter, None before the genesis statement."""
        ...

    def member(self, member_id: str) -> Member | None:
        """The member of that id."""
        ...

    def key(self, key_id: bytes) -> Key | None:
        """The member's key of that 32-byte id, whatever its standing."""
        ...

    def entry(self, index: int) -> Entry | None:
        """The entry whose leaf has that index."""
        ...

    def opinions(self, entry: int) -> tuple[Opinion, ...]:
        """The opinions on that entry, at most one a member, in the order of their members' ids."""
        ...

    def request(self, member_id: str, request: bytes) -> int | None:
        """The index of the leaf with that request id of that member."""
        ...


@dataclass(slots=True)
class State:
    """A View kept in dictionaries: what `replay` adds up, and what the memory ledger holds."""

    charters: list[Charter] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    keys: dict[bytes, Key] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    stances: dict[int, dict[str, Opinion]] = field(default_factory=dict)
    requests: dict[tuple[str, bytes], int] = field(default_factory=dict)

    def charter(self) -> Charter | None:
        """The newest charter."""
        return self.charters[-1] if self.charters else None

    def member(self, member_id: str) -> Member | None:
        """The member of that id."""
        return self.members.get(member_id)

    def key(self, key_id: bytes) -> Key | None:
        """The key of that id."""
        return self.keys.get(key_id)

    def entry(self, index: int) -> Entry | None:
        """The entry at that index."""
        return self.entries.get(index)

    def opinions(self, entry: int) -> tuple[Opinion, ...]:
        """The opinions on that entry, by member id."""
        given = self.stances.get(entry, {})
        return tuple(given[member] for member in sorted(given))

    def request(self, member_id: str, request: bytes) -> int | None:
        """The leaf of that request."""
        return self.requests.get((member_id, request))

    def put(self, record: Record) -> None:
        """Add the record, or replace the one with its identity."""
        match record:
            case Charter():
                self.charters.append(record)
            case Member():
                self.members[record.id] = record
            case Key():
                self.keys[record.id] = record
            case Entry():
                self.entries[record.index] = record
            case Opinion():
                self.stances.setdefault(record.entry, {})[record.member] = record
