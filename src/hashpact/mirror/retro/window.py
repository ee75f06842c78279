"""The window: the last uploads that a mirror has checked, for so many days and in so many bytes.

Nothing is kept unless mirror.toml has a ``[retro]`` table, and without one what was kept before is removed.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from hashpact.domain.checks import Query
from hashpact.domain.ports import Clock
from hashpact.durable import alone, private_directory
from hashpact.errors import ConfigError, HashpactError
from hashpact.mirror.retro.segments import AT_ONCE, JOURNAL, PACKED, Journal
from hashpact.mirror.retro.uploads import PastUpload
from hashpact.mirror.threads.beside import beside

SHARES: Final = 32
"""A segment has at most this part of the window's time and size: so much is dropped at once."""
MOST: Final = 65_536
"""Uploads of a segment, at most: as many as a program holds in memory until it packs them."""
DAY: Final = 24 * 3600
_DRAFT: Final = ".new"
_STALE: Final = 600
"""Seconds after which a draft was left by a process that is gone."""
_DIGITS: Final = 12
_NAME: Final = re.compile(r"[0-9]{12}-[0-9]{4,8}-[0-9a-f]{16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the window; ``start`` is the time, in Unix seconds, of its first upload."""

    name: str
    path: Path

    @property
    def start(self) -> int:
        """By its name."""
        return int(self.name[:_DIGITS])

    @property
    def number(self) -> int:
        """Its place among those of that second."""
        return int(self.name[_DIGITS + 1 :].partition("-")[0])


@dataclass(frozen=True, slots=True)
class WindowSize:
    """How much is kept: uploads of the last ``seconds``, in at most ``size`` bytes."""

    seconds: int
    size: int

    @property
    def share(self) -> int:
        """The bytes that one segment may have."""
        return self.size // SHARES


def segments(directory: Path) -> list[Segment]:
    """The segments of a window, the oldest first. A journal that was packed meanwhile is there once."""
    found: dict[str, Segment] = {}
    names = [path for path in directory.iterdir() if path.suffix in {JOURNAL, PACKED}]
    for path in sorted(names, key=lambda one: (one.stem, one.suffix)):  # packed after its journal
        if _NAME.fullmatch(path.stem):
            found[path.stem] = Segment(path.stem, path)
    return list(found.values())


def forget(directory: Path) -> None:
    """Remove a window, and what is known of it, if there is one. Raises ConfigError."""
    try:
        if directory.exists():
            shutil.rmtree(directory)
    except OSError as error:
        msg = f"cannot remove {directory}, which is not to be kept any more: {error.strerror}"
        raise ConfigError(msg) from error


class Window:
    """Keeps uploads in a directory. Any number of threads and processes may keep some at the same time.

    ``failed`` is called with what keeps an upload from being kept, once until one is kept again: the check is
    answered all the same.
    """

    def __init__(
        self,
        directory: Path,
        master: bytes,
        size: WindowSize,
        clock: Clock,
        failed: Callable[[HashpactError], object],
    ) -> None:
        """Open it, or make it. Raises ConfigError."""
        private_directory(directory)
        self.directory = directory
        self._master = master
        self._size = size
        self._clock = clock
        self._failed = failed
        self._lock = threading.Lock()
        self._journal: Journal | None = None
        self._since = 0
        self._packing: threading.Thread | None = None
        self._broken = False
        self.prune()

    def keep(self, uploads: Sequence[Sequence[Query]], position: int, reference: str = "") -> None:
        """Keep the queries of some uploads, whose answers reflected that position.

        When it returns they outlive this process; after a crash of the machine the last ones may be missing.
        """
        at = self._clock()
        made = [PastUpload(at, position, tuple(queries), reference) for queries in uploads]
        with self._lock:
            try:
                for start in range(0, len(made), AT_ONCE):
                    self._append(made[start : start + AT_ONCE], at)
            except (OSError, ConfigError) as error:
                self._leave()
                if not self._broken:
                    self._broken = True
                    reason = error.strerror if isinstance(error, OSError) else error.message
                    msg = f"uploads are not kept in {self.directory}: {reason}"
                    self._failed(ConfigError(msg))
            else:
                self._broken = False

    def prune(self) -> None:
        """Remove what is older than the window, and the oldest that do not fit into its size.

        It is done before each new segment; call it now and then as well, for a mirror that nobody asks.
        """
        with contextlib.suppress(OSError), alone(self.directory, wait=True):
            self._prune(0)

    def close(self) -> None:
        """Pack what was kept."""
        with self._lock:
            journal, self._journal = self._journal, None
        if self._packing is not None:
            self._packing.join()
        if journal is not None:
            _pack(journal)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, uploads: Sequence[PastUpload], at: int) -> None:
        journal, sealed = self._journal, b""
        if journal is not None:
            sealed = journal.sealed(uploads)
            full = journal.size + len(sealed) > self._size.share or len(journal.uploads) >= MOST
            over = not self._since <= at < self._since + max(self._size.seconds // SHARES, 1)
            if full or over or journal.dropped:
                self._turn()
                journal = None
        if journal is None:
            journal = self._journal = self._begun(at)
            sealed = journal.sealed(uploads)
        journal.append(uploads, sealed)

    def _begun(self, at: int) -> Journal:
        """A new segment, for which there is room. Raises OSError and ConfigError."""
        with alone(self.directory, wait=True):
            self._prune(2)  # the journal, and the one before it, which is packed meanwhile
            self._since = at
            before = [one.number for one in segments(self.directory) if one.start == at]
            number = max(before, default=-1) + 1
            name = f"{at:0{_DIGITS}d}-{number:04d}-{secrets.token_hex(8)}{JOURNAL}"
            return Journal(self.directory / name, self._master)

    def _turn(self) -> None:
        """Have the journal packed in a thread, so that no check waits for it; one at a time."""
        journal, self._journal = self._journal, None
        if self._packing is not None:
            self._packing.join()
        if journal is not None:
            self._packing = threading.Thread(target=_pack, args=(journal,), name="hashpact-packing")
            self._packing.start()

    def _leave(self) -> None:
        """Leave the journal as it is."""
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    def _prune(self, more: int) -> None:
        """Leave room for so many ``more`` segments."""
        now, room = self._clock(), self._size.size - more * self._size.share
        for path in self.directory.glob(f"*{_DRAFT}"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime + _STALE < time.time():
                    path.unlink()
        charged = list(self._charged())
        total = sum(size for _, size in charged)
        for segment, size in charged:
            if segment.start + self._size.seconds < now or total > room:
                for suffix in (JOURNAL, PACKED):
                    (self.directory / segment.name).with_suffix(suffix).unlink(missing_ok=True)
                total -= size

    def _charged(self) -> Iterator[tuple[Segment, int]]:
        """Each segment with its bytes; a journal may grow to its share."""
        for segment in segments(self.directory):
            with contextlib.suppress(FileNotFoundError):
                size = segment.path.stat().st_size
                yield segment, max(size, self._size.share) if segment.path.suffix == JOURNAL else size


@contextlib.contextmanager
def pruning(window: Window, every: float = 60.0) -> Iterator[None]:
    """Prune a window every so many seconds for the length of the block, in a thread."""

    def prune(stop: threading.Event) -> None:
        while not stop.wait(every):
            with contextlib.suppress(ConfigError):  # no file to be had, say: the next time tries again
                window.prune()

    with beside(prune, "hashpact-pruning"):
        yield


def _pack(journal: Journal) -> None:
    """Pack a journal. One that cannot be packed, on a full disk say, stays as it is, and is as good."""
    with contextlib.suppress(ConfigError, OSError):
        journal.pack()
