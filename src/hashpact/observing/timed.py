"""A ledger whose commits are timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from hashpact.domain.ports import Ledger, Snapshot, Transaction
from hashpact.domain.state import Head, Leaf


@dataclass(frozen=True, slots=True)
class TimedLedger:
    """A ledger as it is; ``took`` hears how many seconds each commit of a transaction took."""

    ledger: Ledger
    took: Callable[[float], object]

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """As the ledger's."""
        ended = None
        with self.ledger.begin() as transaction:
            yield transaction
            ended = time.monotonic()
        self.took(time.monotonic() - ended)

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """As the ledger's."""
        return self.ledger.snapshot()

    def leaves(self, start: int, stop: int) -> Iterator[Leaf]:
        """As the ledger's."""
        return self.ledger.leaves(start, stop)

    def private(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """As the ledger's."""
        return self.ledger.private(start, stop)

    def confidential(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """As the ledger's."""
        return self.ledger.confidential(start, stop)

    def document(self, digest: bytes) -> bytes | None:
        """As the ledger's."""
        return self.ledger.document(digest)

    def head(self) -> Head:
        """As the ledger's."""
        return self.ledger.head()

    def close(self) -> None:
        """As the ledger's."""
        self.ledger.close()
