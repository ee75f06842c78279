"""The quarantine of a mirror: entries whose matches are a flood, until a person has confirmed them.

One file has the entries that are held; every process of the mirror reads it. Another has what is counted; one
process writes it now and then. Both have numbers of entries and of matches, and nothing of what was checked.
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
    """An entry in quarantine since ``since``, in Unix seconds, and the matches that were ``expected`` then.

    ``matches`` are those in a window, written each time that they double.
    """

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

    def ends(self, entry: int, held: Quarantined) -> bool:
        """Whether a person has confirmed an entry since it was put into quarantine."""
        confirmed = self.confirmed.get(entry)
        return confirmed is not None and confirmed.at >= held.since


def read_state(directory: Path) -> QuarantineState:
    """The quarantine in a directory; an empty one if there is none. Raises ConfigError if it is damaged."""
    path = directory / _STATE
    if not path.exists():
        return QuarantineState()
    try:
        found: dict[str, dict[str, dict[str, Any]]] = json.loads(read_bytes(path, _LARGEST))
        return QuarantineState(
            {int(entry): Quarantined(**_numbers(one)) for entry, one in found["held"].items()},
            {int(entry): Confirmed(**_numbers(one)) for entry, one in found["confirmed"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
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

    ``on_flood`` is called with each entry that is put into quarantine, and ``on_error`` with what keeps that
    from being written, once until something is written again: the entry is held in this process all the same.
    ``on_error`` is also called once when the quarantine is full, and with what ``on_flood`` raises. Both are
    called in a thread that counts, after the count: they may check, and what ``on_error`` raises is dropped.
    """

    def __init__(
        self,
        directory: Path,
        terms: QuarantineTerms,
        clock: Clock,
        on_flood: Callable[[Flood], object],
        on_error: Callable[[HashpactError], object],
    ) -> None:
        """Open it, or make it. Raises ConfigError."""
        private_directory(directory)
        self.directory = directory
        self._clock = clock
        self._on_flood = on_flood
        self._on_error = on_error
        self._broken = False
        self._full = False
        self._lock = threading.Lock()
        self._news: list[Flood | HashpactError] = []
        self._unwritten: dict[int, Quarantined] = {}
        self._baseline = Baseline(terms.window, terms.least)
        _restore(directory, self._baseline)
        self._seen = self._stamp()
        self._take(read_state(directory))

    def count(self, entries: Iterable[int], checks: int) -> None:
        """Count the entries that so many checks have matched: one as often as checks have.

        It may write to the disk; no other count waits for that.
        """
        with self._lock:
            self._look()
            held = [self._hold(flood) for flood in self._baseline.count(entries, checks)]
        if any(held):
            self._write()
        with self._lock:
            news, self._news = self._news, []
        for one in news:
            self._tell(one)

    def holds(self, entry: int) -> bool:
        """Whether an entry is in quarantine."""
        return entry in self._held

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
            self._take(read_state(self.directory))
        except ConfigError as error:
            self._fail(error)

    def _take(self, state: QuarantineState) -> None:
        """Take over what a file has."""
        self._held = {**state.held, **self._unwritten}
        self._full = self._full and len(self._held) >= MOST_HELD
        for entry, one in state.confirmed.items():
            self._baseline.settle(entry, one.matches)

    def _hold(self, flood: Flood) -> bool:
        """Hold an entry in this process; whether that is to be written."""
        before = self._held.get(flood.entry)
        if before is not None:
            if flood.matches < 2 * before.matches:
                return False
            now = replace(before, matches=flood.matches)
        elif len(self._held) < MOST_HELD:
            now = Quarantined(self._clock(), flood.matches, flood.expected)
            self._news.append(flood)
        else:
            if not self._full:
                self._full = True
                msg = f"the quarantine is full: it holds {MOST_HELD} entries; confirm some of them"
                self._news.append(ConfigError(msg))
            return False
        self._held[flood.entry] = self._unwritten[flood.entry] = now
        return True

    def _write(self) -> None:
        """Write what is held and not written yet, unless another thread has done so meanwhile."""
        try:
            with alone(self.directory, wait=True):
                with self._lock:
                    new = dict(self._unwritten)
                if not new:
                    return
                state = read_state(self.directory)
                floods = {entry: one for entry, one in new.items() if not state.ends(entry, one)}
                state = replace(state, held={**state.held, **floods})
                _write(self.directory, state)
                with self._lock:
                    self._seen, self._broken = self._stamp(), False
                    for entry, one in new.items():
                        if self._unwritten[entry] is one:
                            del self._unwritten[entry]
                    self._take(state)
        except ConfigError as error:
            with self._lock:
                self._fail(error)

    def _fail(self, error: HashpactError) -> None:
        if not self._broken:
            self._broken = True
            self._news.append(error)

    def _tell(self, news: Flood | HashpactError) -> None:
        """Call the owner, who must not make a check fail."""
        if isinstance(news, Flood):
            try:
                self._on_flood(news)
            except Exception as error:  # noqa: BLE001  # whatever the owner's function raises
                msg = f"nobody learnt that entry {news.entry} is in quarantine: {type(error).__name__}"
                news = ConfigError(msg)
            else:
                return
        with contextlib.suppress(Exception):
            self._on_error(news)

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


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    """The same values. Raises ValueError unless each is a finite number that is not negative."""
    for value in values.values():
        if not (type(value) in {int, float} and 0 <= value < math.inf):
            raise ValueError
    return values


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
