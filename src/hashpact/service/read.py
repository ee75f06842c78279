"""Read: entries and members, as any member may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hashpact.domain.errors import CorruptError, NotFoundError
from hashpact.domain.ports import Ledger
from hashpact.domain.rules import standing
from hashpact.domain.state import Entry, Key, Member, Opinion


@dataclass(frozen=True, slots=True)
class EntryDetail:
    """An entry with its leaf's bytes, its private parts in item order, and the opinions that stand.

    ``stands`` is whether it is matched: a withdrawal may be undone, and a submission too, by the revocation
    of the key that signed it.
    """

    entry: Entry
    statement: bytes
    private: Sequence[bytes]
    opinions: tuple[Opinion, ...]
    stands: bool


@dataclass(frozen=True, slots=True)
class MemberDetail:
    """A member with its keys in the order in which they were enrolled."""

    member: Member
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the ledger for members."""

    ledger: Ledger

    def entry(self, index: int) -> EntryDetail:
        """The entry at that log index, withdrawn or not. Raises NotFoundError, CorruptError."""
        with self.ledger.snapshot() as view:
            entry = view.entry(index)
            opinions = tuple(standing.opinions(view, index))
            stands = entry is not None and standing.entry_stands(view, entry)
        if entry is None:
            msg = f"there is no entry {index}"
            raise NotFoundError(msg, resource=f"entries/{index}")
        leaf = next(self.ledger.leaves(index, index + 1), None)
        _, private = next(self.ledger.private(index, index + 1), (index, ()))
        if leaf is None or len(private) != entry.items:
            msg = f"the leaf of entry {index} or some of its private parts are missing"
            raise CorruptError(msg)
        return EntryDetail(entry, leaf.data, private, opinions, stands)

    def member(self, member_id: str) -> Member | None:
        """The member of that id, if it is enrolled."""
        with self.ledger.snapshot() as view:
            return view.member(member_id)

    def members(self, after: str, limit: int) -> list[MemberDetail]:
        """The first ``limit`` members whose id sorts after ``after``, in the order of their ids."""
        with self.ledger.snapshot() as view:
            return [MemberDetail(member, view.keys(member.id)) for member in view.members(after, limit)]
