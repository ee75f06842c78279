"""Follow: an index kept level with the log. Every reader of the log is a follower."""

from __future__ import annotations

import threading
from typing import Final

from hashpact.domain import statements
from hashpact.domain.errors import MalformedError, UnavailableError
from hashpact.domain.fingerprints import parse_private
from hashpact.domain.ports import Index, Ledger
from hashpact.domain.state import View
from hashpact.domain.statements import MAX_ITEMS, Withdraw

_WITHDRAW_LINE: Final = f"\n{statements.KIND.name} {Withdraw.kind}\n".encode()


def item_ids(entry: int) -> range:
    """The index ids of an entry's items: its log index in the high 56 bits, the item's number below."""
    return range(entry * MAX_ITEMS, (entry + 1) * MAX_ITEMS)


def entry_of(item: int) -> int:
    """The log index of the entry that an index id belongs to."""
    return item // MAX_ITEMS


class Follower:
    """Brings an index up to a ledger's head. Any thread may call it; the work is done once."""

    def __init__(self, ledger: Ledger, index: Index) -> None:
        self._ledger = ledger
        self._index = index
        self._lock = threading.Lock()
        self._position = 0
        # Ahead of the position while a catch-up runs or has failed: what must not be added again.
        self._added = 0

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

    def reach(self, position: int) -> int:
        """The index's position, at least ``position``; UnavailableError if the log is not there yet."""
        reached = self._position if self._position >= position else self.catch_up()
        if reached < position:
            msg = f"this server has reached position {reached}, not {position} yet; try again"
            raise UnavailableError(msg)
        return reached


def _withdrawn(view: View, leaf: bytes) -> range:
    """The items that a withdrawal ends: none if it breaks a rule, for then it has no effect."""
    try:
        body = statements.parse(leaf).statement.body
    except MalformedError:
        return range(0)
    entry = view.entry(body.entry) if isinstance(body, Withdraw) else None
    return range(0) if entry is None or entry.withdrawn_at is None else item_ids(entry.index)
