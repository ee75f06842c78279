"""The saved index: opened at the start, and taken over later by a process that does not save it itself.

So all processes of a home share the files of one index, which the kernel maps into each, and only the keeper
merges it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from hashpact.domain.ports import Log
from hashpact.errors import CorruptError
from hashpact.lookup.catalog import EntryCatalog
from hashpact.lookup.directory import IndexFiles, IndexManifest
from hashpact.lookup.native import NativeIndex
from hashpact.service.follow import Follower, check_reflects

_STEP: Final = 2000
"""Leaves that are replayed between two looks at whether that is still wanted."""


def open_index(
    ledger: Log, files: IndexFiles, log: FilteringBoundLogger, *, verify: bool
) -> tuple[NativeIndex, IndexManifest | None]:
    """The index that was saved last and its manifest, or an empty one to be filled from the log.

    With ``verify`` nothing that is saved is believed, nor kept.
    """
    if verify:
        log.info("the index is made again from the log", reason="--verify believes no saved index")
        files.discard()
        return NativeIndex(), None
    try:
        opened = saved_index(ledger, files)
    except (CorruptError, OSError) as error:
        log.warning("the index is made again from the log", reason=str(error))
        opened = None
    if opened is None:
        return NativeIndex(), None
    index, saved = opened
    log.info("opened the index", position=saved.position, items=len(index))
    return opened


def saved_index(ledger: Log, files: IndexFiles) -> tuple[NativeIndex, IndexManifest] | None:
    """The index that was saved last over a ledger, and its manifest; None if none was saved.

    Raises CorruptError if the files are not what was saved, or over another log, and OSError.
    """
    opened = NativeIndex.open(files)
    if opened is not None:
        _, saved = opened
        check_reflects(ledger, saved.position, saved.root)
    return opened


class Adopter:
    """Puts a saved index in the place of a follower's, and replays onto it what has come since.

    Any thread may call it, one at a time. Checks go on meanwhile, with the index as it was.
    """

    def __init__(
        self,
        ledger: Log,
        files: IndexFiles,
        index: NativeIndex,
        follower: Follower,
        held: IndexManifest | None,
    ) -> None:
        """``index`` is the follower's; ``held`` is what it was opened from, if anything was saved."""
        self._ledger = ledger
        self._files = files
        self._index = index
        self._follower = follower
        self._held = held

    def adopt(self, wanted: Callable[[], bool]) -> int | None:
        """Take over what was saved since, if anything was; the position at which it was saved.

        Raises CorruptError if the files are not what was saved, OSError if they cannot be read.
        """
        if self._files.manifest() == self._held:
            return None
        opened = saved_index(self._ledger, self._files)
        if opened is None:
            return None
        fresh, saved = opened
        ahead = Follower(self._ledger, fresh, EntryCatalog(self._ledger), saved.position)
        while wanted() and ahead.position < self._follower.position:
            ahead.catch_up(min(_STEP, self._follower.position - ahead.position))
        while wanted() and ahead.settle():
            pass
        if not wanted() or not self._follower.replace(ahead, lambda: self._index.become(fresh)):
            return None
        self._held = saved
        return saved.position
