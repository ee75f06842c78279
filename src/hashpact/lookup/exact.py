"""Equality search: which items have exactly these bytes."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable


class ExactIndex:
    """Values, each with a unique id, found by being equal.

    Any number of threads may search while one adds or removes: each step that a search can see is one
    operation on one dictionary or one list.
    """

    def __init__(self) -> None:
        self._ids: dict[bytes, list[int]] = {}
        self._values: dict[int, bytes] = {}

    def add(self, values: Iterable[bytes], ids: Iterable[int]) -> None:
        """Make the values findable under ``ids``, which must be new and differ."""
        for value, item in zip(values, ids, strict=True):
            self._values[item] = value
            insort(self._ids.setdefault(value, []), item)

    def remove(self, ids: Iterable[int]) -> int:
        """Make these ids unfindable, passing over those that are not there. How many were there."""
        removed = 0
        for item in ids:
            value = self._values.pop(item, None)
            if value is None:
                continue
            removed += 1
            same = self._ids[value]
            del same[bisect_left(same, item)]
            if not same:
                del self._ids[value]
        return removed

    def known(self, ids: Iterable[int]) -> int | None:
        """One of these ids that is in the index, or None."""
        return next((item for item in ids if item in self._values), None)

    def search(self, value: bytes, limit: int) -> list[int]:
        """The first ``limit`` ids, in ascending order, of the items with this value."""
        return self._ids.get(value, [])[:limit]

    def __len__(self) -> int:
        """How many items can be found."""
        return len(self._values)
