"""Follow: an index kept level with the log, and saved at intervals."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from hashpact.domain import standing, statements
from hashpact.domain.fingerprints import parse_private
from hashpact.domain.kinds import MAX_ITEMS, KeyRevoke, Void, Withdraw
from hashpact.domain.ports import Index, Ledger, Snapshot
from hashpact.domain.state import Entry
from hashpact.errors import BehindError, CorruptError, MalformedError, UnavailableError

Frozen = TypeVar("Frozen")

_KIND_LINES: Final = tuple(
    f"\n{statements.KIND.name} {body.kind}\n".encode() for body in (Withdraw, Void, KeyRevoke)
)
"""The kinds of statements that may end an entry, or restore one."""
_ENTRIES_AT_ONCE: Final = 1000


def item_ids(entry: int) -> range:
    """The index ids of an entry's items: its log index in the high 56 bits, the item's number below."""
    return range(entry * MAX_ITEMS, (entry + 1) * MAX_ITEMS)


def entry_of(item: int) -> int:
    """The log index of the entry that an index id belongs to."""
    return item // MAX_ITEMS


class Follower:
    """Brings an index up to a ledger's head. Any thread may call it; the work is done once."""

    def __init__(self, ledger: Ledger, index: Index, position: int = 0) -> None:
        """``index`` reflects the log's first ``position`` leaves already."""
        self._ledger = ledger
        self._index = index
        self._lock = threading.Lock()
        self._position = position
        # Ahead of the position while a catch-up runs or after one failed: these must not be added again.
        self._added = position

    @property
    def position(self) -> int:
        """The tree size that the index reflects."""
        return self._position

    def catch_up(self) -> int:
        """Apply every committed leaf that is not in the index yet; returns the new position.

        After an error it may be called again: what was added before the error stays, and is not added twice.
        Entries are added before the statements that end them are applied, which are always later.
        """
        with self._lock:
            start, stop = self._position, self._ledger.head().size
            for entry, private in self._ledger.private(self._added, stop):
                fingerprints = [parse_private(part).fingerprint for part in private]
                self._index.add(zip(item_ids(entry), fingerprints, strict=False))
                self._added = entry + 1
            with self._ledger.snapshot() as view:
                for leaf in self._ledger.leaves(start, stop):
                    if any(line in leaf.data for line in _KIND_LINES):
                        self._settle(view, leaf.data, stop)
            self._position = self._added = stop
            return stop

    def _settle(self, view: Snapshot, leaf: bytes, stop: int) -> None:
        """Add or remove the entries below ``stop`` whose standing this leaf may have changed.

        The view may be ahead of ``stop``: entries that are not added yet are left to the next catch-up.
        """
        try:
            body = statements.parse(leaf).statement.body
        except MalformedError:
            return  # it has no effect
        if isinstance(body, Withdraw | Void):
            entry = view.entry(body.entry)
            if entry is not None and not standing.entry_stands(view, entry):
                self._index.remove(item_ids(entry.index))
        elif isinstance(body, KeyRevoke):
            # It may undo other revocations of the member's keys, so all that these have signed is checked.
            revoked = [key.enrolled_at for key in view.keys(body.id) if key.revoked_at is not None]
            for entry in _entries_of(view, body.id, stop):
                if revoked and max(entry.index, entry.withdrawn_at or 0) >= min(revoked):
                    self._replace(entry.index, found=standing.entry_stands(view, entry))

    def _replace(self, entry: int, *, found: bool) -> None:
        """Make an entry's items findable, or unfindable, whichever they were before."""
        self._index.remove(item_ids(entry))
        if found:
            for _, private in self._ledger.private(entry, entry + 1):
                fingerprints = [parse_private(part).fingerprint for part in private]
                self._index.add(zip(item_ids(entry), fingerprints, strict=False))

    @contextlib.contextmanager
    def paused(self) -> Iterator[int]:
        """The position, at which the index stays for the length of the block.

        Raises UnavailableError after a catch-up that failed half-way, until one succeeds.
        """
        with self._lock:
            if self._added != self._position:
                msg = f"the index is between the positions {self._position} and {self._added}"
                raise UnavailableError(msg)
            yield self._position

    def reach(self, position: int) -> int:
        """The index's position, at least ``position``; BehindError if the log is shorter."""
        reached = self._position if self._position >= position else self.catch_up()
        if reached < position:
            msg = f"this server has reached position {reached}, not {position} yet; try again"
            raise BehindError(msg)
        return reached


def _entries_of(view: Snapshot, member_id: str, stop: int) -> Iterator[Entry]:
    """All entries of a member below ``stop``, in order."""
    after = -1
    while some := view.entries(member_id, after, _ENTRIES_AT_ONCE):
        yield from (entry for entry in some if entry.index < stop)
        after = some[-1].index


class IndexSaver(Generic[Frozen]):
    """Saves a follower's index, together with the position that it reflects.

    ``freeze`` returns the content of the index now, without delay; ``write`` stores it with a position and
    the log's root there, whole or not at all, and may take long. Any thread may call it; one saves at a time.
    """

    def __init__(
        self,
        follower: Follower,
        ledger: Ledger,
        freeze: Callable[[], Frozen],
        write: Callable[[Frozen, int, bytes], None],
    ) -> None:
        """The index is as it was saved, or opened, at the follower's position."""
        self._follower = follower
        self._ledger = ledger
        self._freeze = freeze
        self._write = write
        self._lock = threading.Lock()
        self._saved = follower.position

    @property
    def behind(self) -> int:
        """How many leaves the index reflects beyond the saved position."""
        return self._follower.position - self._saved

    def save(self) -> int:
        """Save the index if it has moved; returns the saved position.

        Raises what ``write`` raises, and UnavailableError if the index is between two positions.
        """
        with self._lock:
            if self.behind:
                with self._follower.paused() as position:
                    frozen = self._freeze()
                (leaf,) = self._ledger.leaves(position - 1, position)
                self._write(frozen, position, leaf.root)
                self._saved = position
            return self._saved


def check_reflects(ledger: Ledger, position: int, root: bytes) -> None:
    """Raise CorruptError unless the log had that root at that position; else the index is of another log."""
    if [leaf.root for leaf in ledger.leaves(position - 1, position)] != [root]:
        msg = f"the saved index reflects position {position} of another log"
        raise CorruptError(msg)
