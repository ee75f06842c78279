"""The private lists of a profile: made, filled, removed, and searched."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from hashpact.domain.checks import Filter, Match, Query
from hashpact.domain.fingerprints import TYPES, FingerprintType
from hashpact.durable import alone, private_directory
from hashpact.errors import InvalidInputError, NotFoundError, UnavailableError
from hashpact.keys.master import master_key
from hashpact.keys.passphrase import Passphrases

if TYPE_CHECKING:
    from hashpact.lists.blocks import Kept
    from hashpact.lists.indexed import OpenList, Progress
    from hashpact.lists.table import RowTable

SUFFIX: Final = ".list"
SHARED: Final = "shared.ledger"
_KEY: Final = "lists.key"
_SETTLED: Final = 10**9
"""Nanoseconds after which a directory's time tells whether it has changed since."""
_LOOK: Final = 0.1
"""Seconds for which no list is looked for after there was none."""
_Found = TypeVar("_Found")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)


@dataclass(slots=True, eq=False)
class PrivateLists:
    """The lists in a directory, which need not exist. Any number of threads may search.

    A list is read when it is first searched, and again after its file has changed; the first one is noticed
    within a tenth of a second. ``passphrases`` open its key; with ``unencrypted`` the key of new lists lies
    open, as the profile's own keys do.
    """

    directory: Path
    passphrases: Passphrases = field(default_factory=Passphrases, repr=False)
    unencrypted: bool = False
    _opened: dict[str, OpenList] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _process: int = field(default_factory=os.getpid, init=False)
    _listing: tuple[int, list[str]] = field(default=(0, []), init=False, repr=False)
    _empty_until: float = field(default=0.0, init=False, repr=False)

    @property
    def are_none(self) -> bool:
        """Whether there was no list a moment ago, without a look at the disk."""
        return time.monotonic() < self._empty_until

    def names(self) -> list[str]:
        """The names of the lists, in order. A file whose name no list can have, such as a copy, is none."""
        found = (path.name.removesuffix(SUFFIX) for path in self.directory.glob(f"*{SUFFIX}"))
        return sorted(name for name in found if _NAME.fullmatch(name))

    def file(self, name: str) -> Path:
        """The file of a list. Raises InvalidInputError for what can be no name."""
        if _NAME.fullmatch(name) is None:
            msg = "a list's name has 1 to 64 of the characters a-z, 0-9 and -, the first none of -"
            raise InvalidInputError(msg, field="name")
        return self.directory / f"{name}{SUFFIX}"

    def table(self, name: str, *, make: bool = False) -> RowTable:
        """The file of a list, open. Raises NotFoundError if there is none, unless it is to be made."""
        path = self.file(name)
        if not make and not path.exists():
            known = ", ".join(self.names()) or "none"
            msg = f"there is no private list {name}; there are: {known}"
            raise NotFoundError(msg, list=name)
        return self._table(path, make=make)

    def ledger(self) -> RowTable:
        """What was imported to be shared: records, with their entries in the log."""
        return self._table(self.directory / SHARED, make=True)

    def _table(self, path: Path, *, make: bool) -> RowTable:
        from hashpact.lists.table import RowTable

        private_directory(self.directory)
        return RowTable(path, self._master(), make=make)

    def _master(self) -> bytes:
        sealed = [*map(self.file, self.names()), self.directory / SHARED]
        key = self.directory / _KEY
        return master_key(key, self.passphrases, unencrypted=self.unencrypted, opens=sealed)

    def remove(self, name: str) -> None:
        """Remove a list with its file. Raises NotFoundError, UnavailableError while it is being changed."""
        from hashpact.lists.indexed import index_path
        from hashpact.lists.table import forget

        path = self.file(name)
        with self.table(name) as table, table.writing(), alone(self.directory, wait=True):
            path.unlink(missing_ok=True)
            forget(path)
            index_path(path).unlink(missing_ok=True)

    def index(self, name: str, progress: Progress) -> None:
        """Bring the saved index of a list up to date, so that the first check need not."""
        from hashpact.lists.indexed import OpenList

        with self.table(name) as table:
            OpenList.read(name, table, 0, progress)

    def held(self) -> frozenset[FingerprintType]:
        """The types that any list has values of."""
        return frozenset(kind for one in self._current() for kind in one.types)

    def counts(self) -> dict[str, dict[FingerprintType, int]]:
        """Of each list, in the order of their names, how many values of each type it has."""
        return {one.name: one.counts() for one in sorted(self._current(), key=lambda one: one.name)}

    def row(self, name: str, place: int) -> Kept | None:
        """The row at a place of a list; None if there is no such list, or nothing at that place any more."""

        def look(lists: Sequence[OpenList]) -> Kept | None:
            return next((one.row(place) for one in lists if one.name == name), None)

        return self._now(look)

    def search(self, queries: Sequence[Query], narrow: Filter, limit: int) -> list[Match]:
        """The rows of every list that are near any of the queries, the nearest first.

        A row knows no basis, jurisdiction or opinion: a filter for those keeps none.
        """
        if narrow.bases or narrow.jurisdictions or narrow.min_endorsed_by:
            return []
        found = self._now(lambda lists: [match for one in lists for match in one.search(queries, limit)])
        kept = [match for match in found if not narrow.labels or narrow.labels & set(match.labels)]
        return nearest(kept, limit)

    def search_each(
        self, queries: Sequence[Query], limit: int, names: Collection[str]
    ) -> dict[str, list[Match]]:
        """Of each list that is named the rows near any of the queries, the nearest first."""
        return self._now(
            lambda lists: {
                one.name: nearest(one.search(queries, limit), limit) for one in lists if one.name in names
            }
        )

    def _now(self, look: Callable[[Sequence[OpenList]], _Found]) -> _Found:
        """What is found in the lists; once more if one was written anew meanwhile."""
        try:
            return look(self._current())
        except UnavailableError:
            return look(self._current())

    def _listed(self) -> list[str]:
        """The names, read again only when a file has come or gone: every check asks for them.

        Where there is no list, even that is looked at ten times a second only.
        """
        if (now := time.monotonic()) < self._empty_until:
            return []
        before, names = self._listing
        try:
            changed = self.directory.stat().st_mtime_ns
        except FileNotFoundError:
            before, names, changed = 0, [], 0
        if changed != before:
            names = self.names()
            # A change within the same tick of the clock would have the same time.
            settled = changed < time.time_ns() - _SETTLED
            self._listing = (changed if settled else 0, names)
        self._empty_until = 0.0 if names else now + _LOOK
        return names

    def _current(self) -> list[OpenList]:
        """Every list as its file is now."""
        with self._lock:
            if self._process != os.getpid():  # a connection of SQLite does not survive a fork
                self._process, self._opened = os.getpid(), {}
            names = self._listed()
            if not names and not self._opened:
                return []
            from hashpact.lists.indexed import OpenList
            from hashpact.lists.table import RowTable

            # A list that is dropped here is closed once no other thread searches it any more.
            for name in set(self._opened) - set(names):
                del self._opened[name]
            for name in names:
                path, known = self.file(name), self._opened.get(name)
                with contextlib.suppress(FileNotFoundError):
                    file = path.stat().st_ino
                    if known is None or not known.is_current(file):
                        self._opened.pop(name, None)
                        del known  # two indexes would take twice the memory
                        self._opened[name] = OpenList.read(name, RowTable(path, self._master()), file)
            return list(self._opened.values())


def nearest(matches: Collection[Match], limit: int) -> list[Match]:
    """The nearest of some matches; those at one distance stay in their order."""
    return sorted(matches, key=lambda match: TYPES[match.type].remoteness(match.score))[:limit]
