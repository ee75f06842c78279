"""The ledger in memory: what a test, a demonstration or a replay uses in place of a database.

It keeps every promise of domain/ports.py except that what it holds ends with the process. A transaction
works on a copy of the state, so a write costs time in proportion to the state's size.
"""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from hashpact.domain.ports import ALONE, Snapshot, Transaction
from hashpact.domain.state import (
    Charter,
    Enclosed,
    Entry,
    Filing,
    Head,
    KeptCheckpoint,
    Key,
    Leaf,
    Member,
    Opinion,
    RecentTimes,
    Record,
    State,
)
from hashpact.errors import ConflictError, CorruptError, NotFoundError, RequestReusedError, UnavailableError

WAIT: Final = 5.0
"""Seconds that a write waits for the one before it."""


@dataclass(frozen=True, slots=True)
class _Version:
    """What is committed at one size of the log. Never changed; a commit puts another in its place."""

    head: Head
    state: State


class _View:
    """A `Snapshot` of a state that is not changed."""

    def __init__(self, state: State, size: int) -> None:
        self._state = state
        self._size = size

    def size(self) -> int:
        """The tree size of the state."""
        return self._size

    def charter(self) -> Charter | None:
        """The newest charter."""
        return self._state.charter()

    def charters(self) -> tuple[Charter, ...]:
        """Every charter, in order."""
        return self._state.charters()

    def member(self, member_id: str) -> Member | None:
        """The member of that id."""
        return self._state.member(member_id)

    def key(self, key_id: bytes) -> Key | None:
        """The key of that id."""
        return self._state.key(key_id)

    def keys(self, member_id: str) -> tuple[Key, ...]:
        """The member's keys by enrolment, those of one statement by id."""
        return self._state.keys(member_id)

    def entry(self, index: int) -> Entry | None:
        """The entry at that index."""
        return self._state.entry(index)

    def opinions(self, entry: int) -> tuple[Opinion, ...]:
        """The opinions on that entry, by member id."""
        return self._state.opinions(entry)

    def filing(self, index: int) -> Filing | None:
        """The filing at that index."""
        return self._state.filing(index)

    def filings(self, kind: str, about: str) -> tuple[Filing, ...]:
        """The filings of that kind about that, in order."""
        return self._state.filings(kind, about)

    def newest(self, kind: str, about: str, member: str) -> Filing | None:
        """The member's newest of that kind about that."""
        return self._state.newest(kind, about, member)

    def request(self, member_id: str, request: bytes) -> int | None:
        """The leaf of that request."""
        return self._state.request(member_id, request)

    def waiting(self, moment: int) -> tuple[Key, ...]:
        """The keys that begin later than that."""
        return self._state.waiting(moment)

    def times(self) -> RecentTimes:
        """The times of the last signers."""
        return self._state.times()

    def records(self) -> Iterator[Record]:
        """Every record."""
        return self._state.records()

    def filed(self, kinds: Sequence[str], after: int, limit: int) -> tuple[Filing, ...]:
        """The first ``limit`` filings of these kinds after that index."""
        found = sorted(self._state.filed.items())
        return tuple(one for index, one in found if one.kind in kinds and index > after)[:limit]

    def members(self, after: str, limit: int) -> tuple[Member, ...]:
        """The first ``limit`` members after that id."""
        found = sorted(member_id for member_id in self._state.members if member_id > after)
        return tuple(self._state.members[member_id] for member_id in found[:limit])

    def entries(self, member_id: str, after: int, limit: int) -> tuple[Entry, ...]:
        """The first ``limit`` entries after that index that the member has shared or withdrawn."""
        entries, ring = self._state.entries, {key.id for key in self._state.keys(member_id)}
        found = sorted(
            index
            for index, entry in entries.items()
            if entry.member == member_id or entry.withdrawn_by in ring
        )
        return tuple(entries[index] for index in found if index > after)[:limit]

    def opinions_of(self, member_id: str, after: int, limit: int) -> tuple[Opinion, ...]:
        """The first ``limit`` opinions of the member on entries after that index."""
        found = sorted(self._state.stances.items())
        given = (stances[member_id] for entry, stances in found if entry > after and member_id in stances)
        return tuple(given)[:limit]


class _Transaction(_View):
    """The one writer's view, which sees what it has staged."""

    def __init__(self, state: State, head: Head, latest: KeptCheckpoint | None) -> None:
        super().__init__(state, head.size)
        self.head = head
        self.latest = latest
        self.staged: list[tuple[Leaf, tuple[bytes, ...], Enclosed]] = []
        self.kept: list[KeptCheckpoint] = []

    def append(
        self, leaf: Leaf, private: Sequence[bytes], records: Sequence[Record], enclosed: Enclosed = ALONE
    ) -> None:
        """Stage one leaf with all that belongs to it, or nothing of it.

        Raises CorruptError if ``leaf.index`` is not the head's size, RequestReusedError if the member used
        the request id before.
        """
        if leaf.index != self.head.size:
            msg = f"leaf {leaf.index} does not follow a log of size {self.head.size}"
            raise CorruptError(msg, index=str(leaf.index))
        if self.request(leaf.member, leaf.request) is not None:
            msg = f"{leaf.member} used this request id before"
            raise RequestReusedError(msg)
        self._state.take(leaf.index, (leaf.member, leaf.request), records)
        self.staged.append((leaf, tuple(private), enclosed))
        self.head = self.head.after(leaf)

    def keep(self, checkpoint: KeptCheckpoint) -> None:
        """Stage a checkpoint. Raises CorruptError, ConflictError."""
        if checkpoint.size > self.head.size:
            msg = f"a checkpoint of size {checkpoint.size} of a log of size {self.head.size}"
            raise CorruptError(msg, index=str(self.head.size))
        latest = self.kept[-1] if self.kept else self.latest
        if latest is not None and latest.size >= checkpoint.size:
            msg = f"a checkpoint of size {latest.size} is kept already"
            raise ConflictError(msg)
        self.kept.append(checkpoint)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Keep what the block stages, or nothing of it if it ends with an exception."""
        before = _copy(self._state), self.head, self.staged.copy(), self.kept.copy()
        try:
            yield
        except BaseException:
            self._state, self.head, self.staged, self.kept = before
            raise


class MemoryTree:
    """The hashes that a ledger's leaves carry."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger

    def node(self, level: int, number: int) -> bytes:
        """The root of the perfect subtree of 2^level leaves that starts at number * 2^level."""
        last = ((number + 1) << level) - 1
        leaf = self._leaf(last)
        return leaf.nodes[level - 1] if level else leaf.hash

    def edge(self, size: int) -> tuple[bytes, ...]:
        """The right edge of the tree of the first ``size`` leaves."""
        if size:
            self._leaf(size - 1)
        levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
        return tuple(self.node(level, (size >> level) - 1) for level in levels)

    def extent(self) -> int:
        """As many leaves as the head counts: nothing else stores any here."""
        return self._ledger.head().size

    def _leaf(self, index: int) -> Leaf:
        leaf = next(self._ledger.leaves(index, index + 1), None) if index >= 0 else None
        if leaf is None:
            msg = f"the log has no leaf {index} yet"
            raise NotFoundError(msg, resource=f"leaves/{index}")
        return leaf


class MemoryCheckpoints:
    """The checkpoints of one ledger, smallest first."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._kept: list[KeptCheckpoint] = []
        self._fresh: KeptCheckpoint | None = None

    def keep(self, checkpoint: KeptCheckpoint) -> None:
        """Keep one more. Raises ConflictError, CorruptError."""
        size = self._ledger.head().size
        if checkpoint.size > size:
            msg = f"a checkpoint of size {checkpoint.size} of a log of size {size}"
            raise CorruptError(msg, index=str(size))
        with self._lock:
            if self._kept and self._kept[-1].size >= checkpoint.size:
                msg = f"a checkpoint of size {self._kept[-1].size} is kept already"
                raise ConflictError(msg)
            self._kept.append(checkpoint)

    def latest(self) -> KeptCheckpoint | None:
        """The largest that is kept."""
        return self._kept[-1] if self._kept else None

    def freshen(self, checkpoint: KeptCheckpoint) -> None:
        """Keep the latest with other cosignatures. Raises ConflictError."""
        with self._lock:
            if not self._kept or self._kept[-1].size != checkpoint.size:
                msg = f"a checkpoint of size {checkpoint.size}, which is not the latest"
                raise ConflictError(msg)
            self._fresh = checkpoint

    def newest(self) -> KeptCheckpoint | None:
        """The latest, with the cosignatures that it got last."""
        with self._lock:
            latest = self._kept[-1] if self._kept else None
            return self._fresh if latest and self._fresh and self._fresh.size == latest.size else latest

    def since(self, size: int) -> Iterator[KeptCheckpoint]:
        """Those of at least that size that are kept when the iteration begins."""
        for position in range(bisect_left(self._kept, size, key=lambda kept: kept.size), len(self._kept)):
            yield self._kept[position]


class MemoryIndexes:
    """The register of saved indexes."""

    def __init__(self) -> None:
        self._kept: tuple[bytes, ...] = ()

    def keep(self, digest: bytes) -> None:
        """Register one more."""
        self._kept = (*self._kept[-1:], digest)

    def known(self) -> tuple[bytes, ...]:
        """The last two."""
        return self._kept


class MemoryWaiting:
    """Files of statements that wait for signatures."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def all(self) -> Mapping[str, bytes]:
        """Every file, in the order of their names."""
        return dict(sorted(self._files.items()))

    def put(self, name: str, data: bytes) -> None:
        """Keep a file."""
        self._files[name] = data

    def drop(self, name: str) -> None:
        """Remove a file."""
        self._files.pop(name, None)


class MemoryLedger:
    """A log and its state in memory, for any number of threads of one process."""

    def __init__(self, wait: float = WAIT) -> None:
        self._wait = wait
        self._writing = threading.Lock()
        self._version = _Version(Head(0, ()), State())
        # Only ever extended, and before the version that counts the new leaves is set.
        self._leaves: list[tuple[Leaf, tuple[bytes, ...], Enclosed]] = []
        self.tree = MemoryTree(self)
        self.checkpoints = MemoryCheckpoints(self)
        self.indexes = MemoryIndexes()

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Take the write lock; commit at the end of the block, roll back on an exception.

        Raises UnavailableError if another writer keeps the lock for longer than the wait.
        """
        if not self._writing.acquire(timeout=self._wait):
            msg = "the ledger is locked by another writer; try again"
            raise UnavailableError(msg)
        try:
            latest = self.checkpoints.latest()
            transaction = _Transaction(_copy(self._version.state), self._version.head, latest)
            yield transaction
            self._leaves.extend(transaction.staged)
            self._version = _Version(transaction.head, transaction._state)
            for one in transaction.kept:
                self.checkpoints.keep(one)
        finally:
            self._writing.release()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """One unchanging view of what is committed, for the length of the block."""
        version = self._version
        yield _View(version.state, version.head.size)

    def leaves(self, start: int, stop: int) -> Iterator[Leaf]:
        """The leaves in that range that are committed when the iteration begins, in order."""
        for index in range(max(start, 0), min(stop, self.head().size)):
            yield self._leaves[index][0]

    def private(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """``(index, private parts in item order)`` of those leaves that have any."""
        for index in range(max(start, 0), min(stop, self.head().size)):
            if parts := self._leaves[index][1]:
                yield index, parts

    def confidential(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """``(index, private parts in order)`` of those filings that have any."""
        for index in range(max(start, 0), min(stop, self.head().size)):
            if parts := self._leaves[index][2].confidential:
                yield index, tuple(parts)

    def document(self, digest: bytes) -> bytes | None:
        """The document with that SHA-256."""
        kept = (document for _, _, enclosed in self._leaves for document in enclosed.documents)
        return next((one for one in kept if hashlib.sha256(one).digest() == digest), None)

    def head(self) -> Head:
        """The committed head."""
        return self._version.head

    def close(self) -> None:
        """There is nothing to give back."""


def _copy(state: State) -> State:
    """The state with containers of its own; records are values and are shared."""
    return State(
        history=state.history.copy(),
        members=state.members.copy(),
        registry=state.registry.copy(),
        entries=state.entries.copy(),
        stances={entry: given.copy() for entry, given in state.stances.items()},
        filed=state.filed.copy(),
        filed_about={about: indexes.copy() for about, indexes in state.filed_about.items()},
        filed_last=state.filed_last.copy(),
        requests=state.requests.copy(),
        recent=state.recent,
    )
