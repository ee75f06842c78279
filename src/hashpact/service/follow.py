"""Follow: an index kept level with the log, and saved now and then. Every reader of the log is a follower."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from hashpact.domain import statements
from hashpact.domain.errors import CorruptError, MalformedError, UnavailableError
from hashpact.domain.fingerprints import parse_private
from hashpact.domain.kinds import MAX_ITEMS, Withdraw
from hashpact.domain.ports import Index, Ledger
from hashpact.domain.state import View

Frozen = TypeVar("Frozen")

_WITHDRAW_LINE: Final = f"\n{statements.KIND.name} {Withdraw.kind}\n".encode()


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
        # Ahead of the position while a catch-up runs or has failed: what must not be added again.
        self._added = position

    @property
    def position(self) -> int:
        """The tree size that the index reflects."""
        return self._position

    def catch_up(self) -> int:
        """Apply every committed leaf that the index lacks; returns the new position.

        After an error it may be called again: what was added before the error stays, and is not added twice.
        Entries are added before withdrawals are applied: a withdrawal always names an earlier entry.
        """
        with self._lock:
            start, stop = self._position, self._ledger.head().size
            for entry, private in self._ledger.private(self._added, stop):
                fingerprints = [parse_private(part).fingerprint for part in private]
                self._index.add(zip(item_ids(entry), fingerprints, strict=False))
                self._added = entry + 1
            with self._ledger.snapshot() as view:
                for leaf in self._ledger.leaves(start, stop):
                    if _WITHDRAW_LINE in leaf.data:
                        self._index.remove(_withdrawn(view, leaf.data))
            self._position = self._added = stop
            return stop

    @contextlib.contextmanager
    def paused(self) -> Iterator[int]:
        """The position, which the index keeps to for the length of the block.

        Raises UnavailableError after a catch-up that failed half-way, until one succeeds.
        """
        with self._lock:
            if self._added != self._position:
                msg = f"the index is between the positions {self._position} and {self._added}"
                raise UnavailableError(msg)
            yield self._position

    def reach(self, position: int) -> int:
        """The index's position, at least ``position``; UnavailableError if the log is not there yet."""
        reached = self._position if self._position >= position else self.catch_up()
        if reached < position:
            msg = f"this server has reached position {reached}, not {position} yet; try again"
            raise UnavailableError(msg)
        return reached


class Keeper(Generic[Frozen]):
    """Saves what a follower's index holds, together with the position that it reflects.

    ``freeze`` gives what the index holds now, at once; ``write`` keeps that under a position and the log's
    root there, all of it or nothing, however long it takes. Any thread may call it; one saves at a time.
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
        """How many leaves the index reflects that are not saved."""
        return self._follower.position - self._saved

    def save(self) -> int:
        """Save the index if it has moved; the position that is saved.

        Raises what ``write`` raises, and UnavailableError if the index is at no position at the moment.
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
    """Raise CorruptError unless the log had that root at that position: else something else was saved."""
    if [leaf.root for leaf in ledger.leaves(position - 1, position)] != [root]:
        msg = f"the saved index reflects position {position} of another log"
        raise CorruptError(msg)


def _withdrawn(view: View, leaf: bytes) -> range:
    """The items that a withdrawal ends: none if it breaks a rule, for then it has no effect."""
    try:
        body = statements.parse(leaf).statement.body
    except MalformedError:
        return range(0)
    entry = view.entry(body.entry) if isinstance(body, Withdraw) else None
    return range(0) if entry is None or entry.withdrawn_at is None else item_ids(entry.index)
