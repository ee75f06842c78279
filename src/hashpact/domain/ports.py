"""What the services need from the outside, and what each adapter promises.

A port is small, and its docstring is its contract; ``tests/contract`` tests every implementation by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol, TypeAlias

from hashpact.domain.checks import Hits
from hashpact.domain.fingerprints import Fingerprint, FingerprintType
from hashpact.domain.state import (
    Enclosed,
    Entry,
    Evidence,
    Filing,
    Head,
    KeptCheckpoint,
    Leaf,
    Member,
    Opinion,
    Record,
    View,
)

Clock: TypeAlias = Callable[[], int]
"""Seconds since 1970 in UTC."""

ALONE: Final = Enclosed()
"""Nothing beside a leaf."""

Entropy: TypeAlias = Callable[[int], bytes]
"""Returns that many unpredictable bytes; ``secrets.token_bytes`` outside tests."""


class Index(Protocol):
    """Finds the items near a fingerprint, over every fingerprint type.

    An item's id is a whole number below 2^64, given by the caller and unique in the index.

    Exactness: for Hamming types and equality every item within the threshold is found; for Jaccard, with
    the recall that docs/methods states, and never one below the threshold; for containment, every one unless
    the hits say that they are truncated. A share depends on how many other items have the same hashes, and so
    on what the index holds, but not on how it came to hold it. For keypoints, those that docs/methods
    defines, unless the hits are truncated.
    Visibility: an item is found by the first search that starts after ``add`` returns, and by none that
    starts after ``remove`` returns.
    Concurrency: any number of threads may search while one adds or removes; a search does not hold the GIL
    while it looks.
    """

    def add(self, items: Iterable[tuple[int, Fingerprint]], *, benign: bool = False) -> None:
        """Make the items findable. An id that is there already raises ValueError and adds nothing.

        Those that are ``benign`` are of the negative collection: `search_benign` alone finds them.
        """
        ...

    def remove(self, items: Iterable[int]) -> None:
        """Make the items unfindable. An id that is not there is passed over."""
        ...

    def holds(self, items: Iterable[int]) -> bool:
        """Whether any of these can be found."""
        ...

    def search(self, query: Fingerprint, threshold: float, limit: int) -> Hits:
        """The nearest items of the query's type within ``threshold``, at most ``limit`` of them.

        ``threshold`` is the largest distance in bits, the smallest similarity or share, or the fewest
        keypoints (all inclusive); equality ignores it. Nearest first; equal scores in the order of ids.
        """
        ...

    def search_benign(self, query: Fingerprint, threshold: float, limit: int) -> Hits:
        """As ``search``, of the negative collection."""
        ...

    def search_all(self, queries: Sequence[Fingerprint], threshold: float, limit: int) -> list[Hits]:
        """What ``search`` finds for each of several queries of one type, in less time than one by one."""
        ...

    def search_packed(
        self, kind: FingerprintType, values: bytes, threshold: float, limit: int
    ) -> dict[int, Hits]:
        """What ``search`` finds for each of many values of one size, one after the other: of those with hits.

        The key is the value's number, from 0, in ascending order.
        """
        ...

    def __len__(self) -> int:
        """How many items can be found."""
        ...


class Snapshot(View, Protocol):
    """One unchanging view of a ledger, with the lists that people and auditors ask for."""

    def size(self) -> int:
        """The tree size that every answer reflects."""
        ...

    def members(self, after: str, limit: int) -> tuple[Member, ...]:
        """The first ``limit`` members whose id sorts after ``after``, in the order of their ids."""
        ...

    def entries(self, member_id: str, after: int, limit: int) -> tuple[Entry, ...]:
        """The first ``limit`` entries above ``after`` that the member has shared or withdrawn, in order."""
        ...

    def opinions_of(self, member_id: str, after: int, limit: int) -> tuple[Opinion, ...]:
        """The member's first ``limit`` opinions on entries above ``after``, in the order of the entries."""
        ...

    def filed(self, kinds: Sequence[str], after: int, limit: int) -> tuple[Filing, ...]:
        """The first ``limit`` filings of these kinds with an index above ``after``, in order."""
        ...

    def records(self) -> Iterator[Record]:
        """Every record of the state, whether or not it follows from a leaf; the charters first, in order."""
        ...


class Transaction(View, Protocol):
    """The one writer's view of a ledger, and its only way to change it."""

    def append(
        self, leaf: Leaf, private: Sequence[bytes], records: Sequence[Record], enclosed: Enclosed = ALONE
    ) -> None:
        """Stage one leaf, an entry's private parts, the state rows it puts, and what is enclosed.

        A document is kept once. Raises CorruptError if ``leaf.index`` is not the size with staged leaves,
        RequestReusedError if the member used the request before; then nothing of the leaf is staged.
        """
        ...

    def keep(self, checkpoint: KeptCheckpoint) -> None:
        """Stage a checkpoint, as `Checkpoints.keep`, of what the log has with the staged leaves."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """Keep what the block stages, or nothing of it if it ends with an exception."""
        ...


class Ledger(Protocol):
    """The durable log with the state that follows from it.

    Durability: when the block of ``begin`` ends without an exception, everything appended in it is on the
    disk and visible to every later snapshot; if it ends with one, or the process dies, nothing of it is.
    A commit that fails raises CommitFailedError, and so does every later ``begin``: whether its bytes are on
    the disk is not known before the process has stopped and started again, and no caller receives a receipt.
    Concurrency: any number of snapshots, one transaction at a time over all processes of the machine; a
    second ``begin`` waits, and raises UnavailableError after its wait.
    Retries: the ledger never retries; its caller may, because appends are idempotent by request.
    """

    def begin(self) -> AbstractContextManager[Transaction]:
        """Take the write lock; commit at the end of the block, roll back on an exception."""
        ...

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """One unchanging view of what is committed, for the length of the block."""
        ...

    def leaves(self, start: int, stop: int) -> Iterator[Leaf]:
        """The committed leaves with start <= index < stop, in order."""
        ...

    def private(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """``(index, private parts in item order)`` of the entries in that range, in order."""
        ...

    def confidential(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """``(index, private parts in order)`` of the filings in that range that have any, in order."""
        ...

    def document(self, digest: bytes) -> bytes | None:
        """The document with that SHA-256, None if it is not kept."""
        ...

    def head(self) -> Head:
        """The committed head. Cheap enough to poll ten times a second."""
        ...

    def close(self) -> None:
        """Give the ledger's files back. Nothing else may be called afterwards."""
        ...


class Tree(Protocol):
    """The hashes that a ledger has stored of its RFC 6962 tree, over the committed leaves.

    They are the stored hashes, which may differ from those of the leaves' bytes; the signing guard compares
    the two. Any thread may call. Raises NotFoundError for what reaches past the committed leaves, and
    CorruptError, naming the index, for a leaf that is missing below the head.
    """

    def node(self, level: int, number: int) -> bytes:
        """The 32-byte root of the perfect subtree of 2^level leaves that starts at number * 2^level."""
        ...

    def edge(self, size: int) -> tuple[bytes, ...]:
        """The right edge of the tree of the first ``size`` leaves; empty for none."""
        ...

    def extent(self) -> int:
        """One more than the highest index at which a leaf or private parts are stored, whatever the head is.

        If it is more than a head that is read afterwards, leaves are stored that were never appended.
        """
        ...


class Checkpoints(Protocol):
    """The signed checkpoints of one ledger, by tree size. None is ever replaced or removed.

    Durability, concurrency and retries as `Ledger`: one that is kept is on the disk, and another process sees
    it; a commit that fails raises CommitFailedError, and so does everything that writes afterwards.
    """

    def keep(self, checkpoint: KeptCheckpoint) -> None:
        """Keep one more.

        Raises, and keeps nothing: ConflictError if one of at least this size is kept already, as when another
        process was quicker, CorruptError if the size is more than the ledger's.
        """
        ...

    def latest(self) -> KeptCheckpoint | None:
        """The largest that is kept. Cheap enough to ask before each signature."""
        ...

    def since(self, size: int) -> Iterator[KeptCheckpoint]:
        """Those of at least that size, smallest first, that are kept when the iteration begins."""
        ...

    def freshen(self, checkpoint: KeptCheckpoint) -> None:
        """Keep the latest with other cosignatures beside it, in the place of any that was there.

        Raises ConflictError if it is not of the latest size; then nothing is kept.
        """
        ...

    def newest(self) -> KeptCheckpoint | None:
        """The latest, with the cosignatures that it got last."""
        ...


class SavedIndexes(Protocol):
    """Which saved indexes were written over one ledger, by the SHA-256 of their manifests.

    It is kept with the ledger, so that files in the place of an index are not believed by themselves.
    Durability, concurrency and retries as `Checkpoints`.
    """

    def keep(self, digest: bytes) -> None:
        """Register one more, of 32 bytes. Only the last two that were registered stay so."""
        ...

    def known(self) -> tuple[bytes, ...]:
        """Those that are registered, the oldest first."""
        ...


class Log(Ledger, Protocol):
    """A ledger with the tree and the checkpoints of its leaves, and the register of its saved indexes."""

    @property
    def tree(self) -> Tree:
        """The stored tree."""
        ...

    @property
    def checkpoints(self) -> Checkpoints:
        """The signed checkpoints."""
        ...

    @property
    def indexes(self) -> SavedIndexes:
        """The register of saved indexes."""
        ...


class Publication(Protocol):
    """The log as static files that anyone may copy: the checkpoint, and tiles by their paths.

    A reader that opens a file finds either the old bytes or all the new ones. When `put` returns, the file is
    on the disk; a file that is put later never becomes visible before it. Raises ConfigError for a
    file that cannot be read or written.
    """

    def alone(self) -> AbstractContextManager[None]:
        """Keep every other process of the machine from publishing for the length of the block."""
        ...

    def read(self, path: str) -> bytes | None:
        """The bytes of a file of at most 1 MiB, None if there is none."""
        ...

    def has(self, path: str) -> bool:
        """Whether there is a file at that path."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Publish a file, in the place of an earlier one at that path."""
        ...

    def extend(self, path: str, before: str, size: int, data: bytes) -> bool:
        """Publish a file that has the bytes of the file ``before``, which stays, and then these.

        False, and nothing is published, unless that file has ``size`` bytes.
        """
        ...

    def retire(self, path: str) -> bool:
        """Remove the partial tiles of a full one, unless that was put lately; then False, to be tried again.

        Readers of an older checkpoint may still be on their way to them.
        """
        ...


class Waiting(Protocol):
    """Files of statements that wait for signatures, each under a name of 64 hex digits.

    Durability: when `put` or `drop` returns, its change is on the disk. A reader finds a file whole or not at
    all. Raises ConfigError for a file that cannot be read or written.
    """

    def all(self) -> Mapping[str, bytes]:
        """Every file, in the order of their names."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Keep a file, in the place of an earlier one of that name."""
        ...

    def drop(self, name: str) -> None:
        """Remove the file of that name, if it is there."""
        ...


class Cosigned(Protocol):
    """What a witness has cosigned: the newest checkpoint of each log, and the evidence against logs.

    Durability: when `advance` or `keep_evidence` returns, its change is on the disk.
    Concurrency: any number of threads and processes of the machine; of two that advance one log at the same
    time, one raises ConflictError.
    """

    def latest(self, origin: str) -> KeptCheckpoint | None:
        """The newest checkpoint of the log that was cosigned, None before the first."""
        ...

    def advance(self, origin: str, last: KeptCheckpoint | None, new: KeptCheckpoint) -> None:
        """Replace ``last`` by ``new``.

        Raises ConflictError, with the ``size`` that is the newest, if ``last`` is not the newest any more;
        ValueError unless ``new`` is larger. Then nothing has changed.
        """
        ...

    def keep_evidence(self, origin: str, evidence: Evidence) -> None:
        """Keep evidence against a log: for each ``text`` only the first piece.

        A bounded number is kept of each log: the first pieces that are certain, and the newest of the others.
        """
        ...


class MatchCounter(Protocol):
    """What a mirror makes of the number of matches. Any thread may call it; it does not raise."""

    def count(self, entries: Iterable[int], checks: int) -> None:
        """Count the entries that so many checks have matched, each once for each check."""
        ...

    def holds(self, entry: int) -> bool:
        """Whether that entry is in quarantine."""
        ...
