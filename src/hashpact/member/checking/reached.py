"""How far a client's own statements reach into the log, so that its checks reflect them."""

from __future__ import annotations

import threading

from hashpact.domain.state import Receipt
from hashpact.wire.client import forks


class Reached:
    """The largest tree size of the receipts that a client got in this process, ``size``; 0 before the first.

    As the ``min_position`` of a check it makes a process of the server read its log first if its index is
    behind. Only a server that has lost statements cannot reach it. Any number of threads may share it; it
    survives a fork.
    """

    def __init__(self) -> None:
        self.size = 0
        self._lock = threading.Lock()
        forks.remember(self)

    def note(self, receipt: Receipt) -> None:
        """Take a receipt into account."""
        with self._lock:
            self.size = max(self.size, receipt.tree_size)

    def forked(self) -> None:
        """In a forked process: a thread that is gone may have held the lock."""
        self._lock = threading.Lock()
