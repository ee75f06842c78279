"""Search for the texts that an upload contains, by their winnowed hashes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashpact._kernel import WinnowStore
from hashpact.domain.fingerprints import WINNOW
from hashpact.errors import InvalidInputError
from hashpact.lookup.saved import SavedIndex
from hashpact.lookup.shapes import StoreStats, check_length, check_limit, checked_ids

Hashes: TypeAlias = NDArray[np.uint32]
Contained: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.float64], bool]

MOST_HASHES: Final = WINNOW.most_shared or 0
"""Of a text in the index. A query may have more: WINNOW.count."""


class WinnowIndex(SavedIndex):
    """Texts as sets of 1 to 128 winnowed hashes (``winnow/1``), found by what a longer text contains of them.

    What many texts of the index have in common counts for little: docs/methods/winnow-1.md says how much a
    hash weighs. The share of a text that another one contains is the weight of the hashes that both have, by
    the weight of all of its own. It depends on the texts that the index holds when a search begins, not on
    the order in which they came.

    Threads and visibility: as in HammingIndex.
    """

    _store: WinnowStore

    def __init__(self) -> None:
        self._store = WinnowStore()

    @classmethod
    def build(cls, texts: Sequence[Hashes], ids: Iterable[int] | NDArray[np.integer]) -> WinnowIndex:
        """An index of ``texts``, each uint32[n] with n from 1 to 128, under ``ids`` uint64[len(texts)]."""
        index = cls()
        index.add(texts, ids)
        return index

    @classmethod
    def over(cls, store: WinnowStore) -> Self:
        """An index over an existing store."""
        index = cls.__new__(cls)
        index._store = store  # noqa: SLF001 - its own
        return index

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The index that ``save`` wrote; as `HammingIndex.open`."""
        return cls.over(WinnowStore.open([(os.fspath(path), None)], None))

    def add(self, texts: Sequence[Hashes], ids: Iterable[int] | NDArray[np.integer]) -> None:
        """Make ``texts`` findable under ``ids``: all of them, or none.

        Raises InvalidInputError for hashes that are not uint32[1 to 128] in ascending order, each once;
        ValueError if an id is there already or is given twice.
        """
        numbers = checked_ids(ids)
        rows = np.empty((len(texts), MOST_HASHES), np.uint32)
        for row, hashes in zip(rows, texts, strict=True):
            _check(hashes, MOST_HASHES)
            row[: len(hashes)] = hashes
            row[len(hashes) :] = hashes[-1]
        check_length(numbers, rows, "texts")
        self._store.add(numbers, rows.view(np.uint8))

    def remove(self, ids: Iterable[int] | NDArray[np.integer]) -> int:
        """Make these ids unfindable, passing over those that are not there. Returns how many were removed."""
        return self._store.remove(checked_ids(ids))

    def known(self, ids: Iterable[int] | NDArray[np.integer]) -> int | None:
        """One of these ids that is in the index, or None."""
        return self._store.known(checked_ids(ids))

    def search(self, text: Hashes, min_share: float, limit: int | None = None) -> Contained:
        """The texts of which ``text`` contains at least that share, or the ``limit`` with the largest shares.

        ``text`` is uint32[n] in ascending order, each hash once, with n from 1 to WINNOW.count[1]. Returns
        ``(ids uint64[k], shares float64[k], truncated)``: the largest share first, equal shares in the order
        of ids. At least four hashes are common, and eight of the text that is found count.

        A text with the largest n is taken for a sample, of the least hashes: larger hashes of the texts in
        the index do not count. ``truncated``: the work was bounded, so that further texts may be contained,
        all of whose common hashes are in many texts.
        """
        _check(text, WINNOW.count[1])
        check_limit(limit)
        if not 0 < min_share <= 1:
            msg = f"min_share must be above 0 and at most 1, not {min_share}"
            raise InvalidInputError(msg, field="min_share")
        return self._store.search(text, min_share, limit)

    def stats(self) -> StoreStats:
        """What the index holds."""
        return self._store.stats()

    def __len__(self) -> int:
        """How many texts can be found."""
        return len(self._store)


def _check(hashes: object, most: int) -> None:
    """Raise InvalidInputError for anything but uint32[1 to most] in ascending order, each once."""
    if not isinstance(hashes, np.ndarray) or hashes.dtype != np.uint32 or hashes.ndim != 1:
        msg = "the hashes of a text are uint32[n]"
    elif not 1 <= len(hashes) <= most:
        msg = f"a text has 1 to {most} hashes, not {len(hashes)}"
    elif not (hashes[1:] > hashes[:-1]).all():
        msg = "the hashes of a text are in ascending order, each once"
    else:
        return
    raise InvalidInputError(msg, field="hashes")
