"""The quarantine of a mirror: entries whose matches are a flood, until a person has confirmed them.

What is held lies in a file that every process of the mirror reads; what is counted, in another one, which one
of them writes now and then. Both have the numbers of entries and of matches, and nothing of what was checked.
"""

from __future__ import annotations

import contextlib
import json
import math
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from hashpact.domain.ports import Clock
from hashpact.durable import alone, private_directory, read_bytes, write_private
from hashpact.errors import ConfigError, HashpactError, NotFoundError
from hashpact.mirror.flooding.baseline import MOST, Baseline, Flood, Past

MOST_HELD: Final = 10_000
"""Entries in quarantine at most, and as many that were confirmed last."""
_STATE: Final = "state.json"
_COUNTED: Final = "counted"
_LARGEST: Final = 8 << 20
_HEAD: Final = struct.Struct("<8sQQ")
_ROW: Final = struct.Struct("<Qdd")
_MAGIC: Final = b"hpcount1"


@dataclass(frozen=True, slots=True)
class QuarantineTerms:
    """When matches are a flood: ``window`` is in checks, and fewer than ``least`` in it never are."""

    window: int = 4096
    least: int = 20


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An entry in quarantine since ``since``, in Unix seconds, with at least half of the most in a window."""

    since: int
    matches: int
    expected: float


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An entry that a person confirmed at ``at``, and the matches in a window that are expected since."""

    at: int
    matches: int


@dataclass(frozen=True, slots=True)
class QuarantineState:
    """What is held and what was confirmed, by entry."""

    held: Mapping[int, Quarantined] = field(default_factory=dict)
    confirmed: Mapping[int, Confirmed] = field(default_factory=dict)


def read_state(directory: Path) -> QuarantineState:
    """The quarantine in a directory; an empty one if there is none. Raises ConfigError if it is damaged."""
    path = directory / _STATE
    if not path.exists():
        return QuarantineState()
    try:
        found: dict[str, dict[str, dict[str, Any]]] = json.loads(read_bytes(path, _LARGEST))
        return QuarantineState(
            {int(entry): Quarantined(**one) for entry, one in found["held"].items()},
            {int(entry): Confirmed(**one) for entry, one in found["confirmed"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        msg = f"{path} is damaged; remove it, and nothing is in quarantine"
        raise ConfigError(msg) from error


def confirm(directory: Path, entry: int, clock: Clock) -> Confirmed:
    """Take an entry out of quarantine: its number of matches is what is expected from now on.

    Raises NotFoundError if it is not in quarantine, and ConfigError.
    """
    if not directory.is_dir():
        raise _not_held(entry)
    with alone(directory, wait=True):
        state = read_state(directory)
        if entry not in state.held:
            raise _not_held(entry)
        done = Confirmed(clock(), state.held[entry].matches)
        held = {each: one for each, one in state.held.items() if each != entry}
        others = {each: one for each, one in state.confirmed.items() if each != entry}
        newest = sorted(others.items(), key=lambda one: one[1].at)[-(MOST_HELD - 1) :]
        _write(directory, QuarantineState(held, {**dict(newest), entry: done}))
        return done


class Quarantine:
    """Counts matches, and holds entries. Any number of threads and processes may use one directory.

    ``told`` is called with each entry that is put into quarantine, and ``failed`` with what keeps that from
    being written, once until something is written again: the entry is held in this process all the same.
    ``failed`` is also called once when the quarantine is full, and with what ``told`` raises. Both are called
    in the thread that counts, after the count: they may check, and what ``failed`` raises is dropped.
    """

    def __init__(
        self,
        directory: Path,
        terms: QuarantineTerms,
        clock: Clock,
        told: Callable[[Flood], object],
        failed: Callable[[HashpactError], object],
    ) -> None:
        """Open it, or make it. Raises ConfigError."""
        private_directory(directory)
        self.directory = directory
        self._clock = clock
        self._told = told
        self._failed = failed
        self._broken = False
        self._full = False
        self._lock = threading.Lock()
        self._news: list[Flood | HashpactError] = []
        self._unwritten: dict[int, Quarantined] = {}
        self._baseline = Baseline(terms.window, terms.least)
        self._state = read_state(directory)
        self._seen = self._stamp()
        _restore(directory, self._baseline)
        for entry, one in self._state.confirmed.items():
            self._baseline.settle(entry, one.matches)

    def count(self, entries: Iterable[int], checks: int) -> None:
        """Count the entries that so many checks have matched: one as often as checks have."""
        with self._lock:
            self._look()
            for flood in self._baseline.count(entries, checks):
                self._hold(flood)
            news, self._news = self._news, []
        for one in news:
            self._tell(one)

    def holds(self, entry: int) -> bool:
        """Whether an entry is in quarantine."""
        return entry in self._state.held

    def save(self) -> None:
        """Keep what is counted. Raises ConfigError."""
        with self._lock:
            windows, past = self._baseline.windows, tuple(self._baseline.past.items())
        rows = b"".join(_ROW.pack(entry, *one) for entry, one in past)
        data = _HEAD.pack(_MAGIC, windows, len(past)) + rows
        write_private(self.directory / _COUNTED, data, replace=True)

    def _look(self) -> None:
        """Read the file again if another process has changed it."""
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._state = self._with_unwritten(read_state(self.directory))
        except ConfigError as error:
            self._fail(error)
            return
        self._full = self._full and len(self._state.held) >= MOST_HELD
        for entry, one in self._state.confirmed.items():
            self._baseline.settle(entry, one.matches)

    def _hold(self, flood: Flood) -> None:
        state = self._state
        before = state.held.get(flood.entry)
        if before is not None and flood.matches < 2 * before.matches:
            return  # they are written each time that they double
        if before is None and len(state.held) >= MOST_HELD:
            if not self._full:
                self._full = True
                msg = f"the quarantine is full: it holds {MOST_HELD} entries; confirm some of them"
                self._news.append(ConfigError(msg))
            return
        since = self._clock() if before is None else before.since
        expected = flood.expected if before is None else before.expected
        self._unwritten[flood.entry] = Quarantined(since, flood.matches, expected)
        try:
            with alone(self.directory, wait=True):
                state = self._with_unwritten(read_state(self.directory))
                _write(self.directory, state)
                self._seen = self._stamp()
            self._unwritten.clear()
            self._broken = False
        except ConfigError as error:
            self._fail(error)
        self._state = self._with_unwritten(state)
        if before is None:
            self._news.append(flood)

    def _with_unwritten(self, state: QuarantineState) -> QuarantineState:
        return replace(state, held={**state.held, **self._unwritten})

    def _fail(self, error: HashpactError) -> None:
        if not self._broken:
            self._broken = True
            self._news.append(error)

    def _tell(self, news: Flood | HashpactError) -> None:
        """Call the owner, who must not make a check fail."""
        if isinstance(news, Flood):
            try:
                self._told(news)
            except Exception as error:  # noqa: BLE001  # whatever the owner's function raises
                msg = f"nobody learnt that entry {news.entry} is in quarantine: {type(error).__name__}"
                news = ConfigError(msg)
            else:
                return
        with contextlib.suppress(Exception):
            self._failed(news)

    def _stamp(self) -> tuple[int, int]:
        try:
            found = (self.directory / _STATE).stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino


def _write(directory: Path, state: QuarantineState) -> None:
    text = json.dumps(
        {
            "held": {str(entry): asdict(one) for entry, one in state.held.items()},
            "confirmed": {str(entry): asdict(one) for entry, one in state.confirmed.items()},
        }
    )
    write_private(directory / _STATE, text.encode(), replace=True)


def _restore(directory: Path, baseline: Baseline) -> None:
    """Take over what was counted, unless it is damaged: then it is learned again."""
    path = directory / _COUNTED
    if not path.exists():
        return
    data = read_bytes(path, _HEAD.size + MOST * _ROW.size)
    if len(data) < _HEAD.size:
        return
    magic, windows, count = _HEAD.unpack_from(data)
    if magic == _MAGIC and len(data) == _HEAD.size + count * _ROW.size:
        past = {entry: Past(*row) for entry, *row in _ROW.iter_unpack(data[_HEAD.size :])}
        if all(math.isfinite(number) and number >= 0 for row in past.values() for number in row):
            baseline.restore(windows, past.items())


def _not_held(entry: int) -> NotFoundError:
    return NotFoundError(f"entry {entry} is not in quarantine", field="entry")
