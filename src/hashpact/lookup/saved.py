"""The base of indexes over a native store: saving to a file, verifying one, waiting for merges."""

from __future__ import annotations

import os

from hashpact._kernel import (
    HammingFrozen,
    HammingStore,
    MinHashFrozen,
    MinHashStore,
    PartsFrozen,
    PartsStore,
    WinnowFrozen,
    WinnowStore,
)


class SavedIndex:
    """An index that can be kept in a file. docs/formats/segment.md has the bytes.

    Merges run on threads of the kernel, which a forked process does not have: start processes with ``spawn``.
    """

    _store: HammingStore | MinHashStore | PartsStore | WinnowStore

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what is in the index now to one file; others may add, remove and search meanwhile.

        A reader of ``path`` finds what was there before, or all of the new file. Raises OSError.
        """
        self._store.freeze().save(os.fspath(path))

    def freeze(self) -> HammingFrozen | MinHashFrozen | PartsFrozen | WinnowFrozen:
        """The content of the index now, to be written later."""
        return self._store.freeze()

    def verify(self) -> None:
        """Compare every byte of the opened files with their checksums. Raises CorruptError."""
        self._store.verify()

    def compact(self) -> None:
        """Have the background merge all segments into one, without what was removed; nobody waits for that.

        It needs memory for a second index; if there is too little, the segments stay as they are. What is
        added while it is under way stays beside the new segment.
        """
        self._store.compact()

    @property
    def compacting(self) -> bool:
        """Whether what `compact` asked for is still to be done."""
        return self._store.compacting()

    def settle(self) -> None:
        """Wait until no merge is due or under way: for tests and benchmarks. Searches never need it."""
        self._store.settle()
