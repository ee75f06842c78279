"""Answers checks as of a position of the log: from a view of its state, and an index of what stood then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias, cast

from hashpact.domain.matching.catalog import Catalog
from hashpact.domain.ports import Index, Ledger
from hashpact.domain.state import Head, View
from hashpact.service.check import Checker
from hashpact.service.follow import Follower

Private: TypeAlias = Callable[[int, int], Iterator[tuple[int, Sequence[bytes]]]]
"""The private parts of the entries from an index up to another one, as `Log.private` gives them."""


@dataclass(frozen=True, slots=True)
class PastLedger:
    """One unchanging view of a log of ``size`` leaves as the ledger of a checker, which asks for no more."""

    view: View
    size: int
    private: Private

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        """The view."""
        yield self.view

    def head(self) -> Head:
        """The size, without an edge."""
        return Head(self.size, ())


def checker_at(
    view: View,
    size: int,
    index: Index,
    catalogs: Callable[[Ledger], Catalog],
    private: Private,
) -> Checker:
    """A checker of the log as it was with ``size`` leaves; the ``index`` has the items that stood then.

    ``catalogs`` makes the catalog of a ledger. ``private`` is as in a ledger.
    """
    ledger = cast("Ledger", PastLedger(view, size, private))
    return Checker(ledger, index, Follower(ledger, index, catalogs(ledger), size))
