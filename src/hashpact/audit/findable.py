"""Findable: compares an index with what the log's private parts say it must find."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Final

from hashpact.domain import standing
from hashpact.domain.fingerprints import Fingerprint, Measure, parse_private
from hashpact.domain.ports import Index, Ledger, Snapshot
from hashpact.domain.state import Basis
from hashpact.lookup.catalog import EntryCatalog
from hashpact.service.follow import Follower, entry_of, item_ids

_AT_ONCE: Final = 100_000
"""Items that are held in memory at a time, of less than 1 kB each. Equal ones are searched for once."""
_SAME: Final = 1.0
"""The similarity of equal signatures, and the share of equal texts; the distance of equal codes is 0."""


def unlike_the_log(ledger: Ledger, index: Index, position: int) -> Iterator[tuple[int | None, str]]:
    """What an index of the first ``position`` leaves does not find, or finds too much, once it has caught up.

    Each item of an entry that stands is searched for by its exact value, as a check would, and the items are
    counted. So an index without a difference holds exactly those items. Yields the entry's index and a
    message, and None for the index if there are items that belong to no entry. Raises what `Follower` raises.
    """
    follower = Follower(ledger, index, EntryCatalog(ledger), position)
    while True:
        reached = follower.catch_up()
        while follower.settle():
            pass
        with ledger.snapshot() as view:
            # A snapshot can be ahead of the index; then the index has to catch up again.
            if ledger.head().size == reached:
                yield from _differences(ledger, view, index, reached)
                return


def _differences(ledger: Ledger, view: Snapshot, index: Index, stop: int) -> Iterator[tuple[int | None, str]]:
    found, named = 0, -1
    expected = _expected(ledger, view, stop)
    while some := list(islice(expected, _AT_ONCE)):
        wanted: dict[tuple[Fingerprint, bool], list[int]] = defaultdict(list)
        for item, fingerprint, benign in some:
            wanted[fingerprint, benign].append(item)
        missing: set[int] = set()
        for (fingerprint, benign), items in wanted.items():
            there = _equal(index, fingerprint, items, benign=benign)
            found += len(there.intersection(items))
            missing.update(entry_of(item) for item in items if item not in there)
        for number in sorted(missing - {named}):  # an entry's items can be in two batches
            yield number, f"the saved index does not find every item of entry {number}"
            named = number
    if len(index) != found:
        yield (
            None,
            f"the saved index finds {len(index)} items, and {found} of them belong to an entry that stands",
        )


def _expected(ledger: Ledger, view: Snapshot, stop: int) -> Iterator[tuple[int, Fingerprint, bool]]:
    """Every item below ``stop`` whose entry stands, with its id, and whether it is benign."""
    for number, private in ledger.private(0, stop):
        entry = view.entry(number)
        if entry is not None and standing.entry_stands(view, entry):
            benign = entry.basis is Basis.BENIGN
            for item, part in zip(item_ids(number), private, strict=False):
                yield item, parse_private(part).fingerprint, benign


def _equal(index: Index, fingerprint: Fingerprint, items: list[int], *, benign: bool) -> set[int]:
    """The items of that very value. Keypoints may agree on nothing, so theirs are looked up by their ids."""
    if fingerprint.type.measure is Measure.POINTS:
        return {item for item in items if index.holds([item])}
    exact = _SAME if fingerprint.type.measure.larger_is_nearer else 0
    search = index.search_benign if benign else index.search
    return {hit.item for hit in search(fingerprint, exact, max(len(index), 1))}
