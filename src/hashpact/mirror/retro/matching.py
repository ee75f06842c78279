"""Retroactive matching: entries that arrived after an upload was checked, and that it is near.

The new entries are the index, and the uploads of the window the queries. How far each segment was reported is
written down afterwards: a run that is ended goes on from there, and may report some again, by the same
name. An upload that is written later than others is compared with every entry since its own answer.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hashpact.domain.checks import Answer, Filter, Hits, NearEntry, Query
from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.kinds import MAX_ITEMS
from hashpact.domain.matching.agreement import doubted
from hashpact.domain.matching.benign import Benign
from hashpact.domain.ports import Index, Ledger
from hashpact.durable import claimed, read_bytes, write_private
from hashpact.errors import ConfigError, CorruptError
from hashpact.log.lines import MAX_INTEGER
from hashpact.lookup.catalog import EntryCatalog
from hashpact.lookup.native import NativeIndex
from hashpact.mirror.retro.segments import PACKED, Frame, SegmentReader
from hashpact.mirror.retro.uploads import UploadBlock, UploadColumn
from hashpact.mirror.retro.window import Segment, segments
from hashpact.service.follow import Follower

MOST_ENTRIES: Final = 64
"""Entries that are reported for one upload, the nearest ones."""
_MOST_ITEMS: Final = 1024
"""Items that one fingerprint is considered with, the nearest ones."""
_BATCH: Final = 8192
"""Values that are looked for in one call: what it finds is in memory at once."""
_STATE: Final = "told"
_LOCK: Final = "telling.lock"
_MAX_STATE: Final = 16 << 20
_EVERYTHING: Final = Filter()


@dataclass(frozen=True, slots=True)
class RetroMatch:
    """An entry that arrived after an upload was checked, and that it is near.

    ``id`` is the same if the match is reported again. ``reference`` is what the caller named the upload by,
    and ``checked_at`` when it was checked, in Unix seconds. ``near`` has the entry and the matches, the
    nearest first; ``truncated`` if the upload may be near further entries.
    """

    id: str
    reference: str = field(repr=False)
    checked_at: int
    near: NearEntry
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class RetroRun:
    """What a run has done: the tree size up to which entries were looked at, and what it looked through.

    ``damaged`` has a line for each segment that was passed over, wholly or from a frame on.
    """

    position: int
    uploads: int
    matches: int
    damaged: tuple[str, ...]


class SegmentProgress(NamedTuple):
    """Of a segment: its first ``uploads`` were compared with the entries below ``position``."""

    uploads: int
    position: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """A segment, how far it was reported, the first entry that it needs, and how many uploads it has now."""

    segment: Segment
    progress: SegmentProgress
    least: int
    seen: int


@dataclass(frozen=True, slots=True)
class Retro:
    """Compares the window in a directory with the entries of a mirror's copy.

    ``benign`` is an index that has the whole negative collection.
    """

    directory: Path
    master: bytes = field(repr=False)
    ledger: Ledger
    benign: Index

    def run(
        self,
        tell: Callable[[RetroMatch], object],
        told: Callable[[], object] = lambda: None,
        since: int | None = None,
        going: Callable[[], bool] = lambda: True,
    ) -> RetroRun:
        """Call ``tell`` with each upload that is near an entry which is new since the last run.

        ``told`` is called before a segment is marked as reported, and may raise to prevent that. With
        ``since`` the entries from that log index on are reported again, and nothing is marked. Entries from
        before an upload's own answer are never reported. The run ends early once ``going`` is False. Raises
        ConfigError if another process is at it.
        """
        with self._alone():
            state, damaged = self._state(), list[str]()
            plans = [self._planned(one, state, since, damaged) for one in _held(self.directory)]
            index, catalog = NativeIndex(), EntryCatalog(self.ledger)
            low = min((plan.least for plan in plans), default=self._head())
            position = Follower(self.ledger, index, catalog, low).catch_up()
            seeker = _Seeker(index, catalog, Benign(self.benign, catalog), position)
            state = {plan.segment.name: plan.progress for plan in plans}
            uploads = matches = 0
            for plan in plans:
                if not going():
                    break
                read = 0
                for frame, block in self._blocks(plan, since, position, damaged):
                    read = frame.before + frame.uploads
                    if block is None:
                        continue
                    uploads += len(block)
                    first = _first(frame, block, plan.progress, since)
                    for match in seeker.matches(f"{plan.segment.name}/", frame.before, block, first):
                        tell(match)
                        matches += 1
                told()
                if since is None and plan.progress != (read, position):
                    state[plan.segment.name] = SegmentProgress(read, position)
                    self._write(state)
            return RetroRun(position, uploads, matches, tuple(dict.fromkeys(damaged)))

    def _head(self) -> int:
        return self.ledger.head().size

    def _planned(
        self, segment: Segment, state: Mapping[str, SegmentProgress], since: int | None, damaged: list[str]
    ) -> _Plan:
        """What is to be done about a segment, by the headers of its frames."""
        progress, least, seen = state.get(segment.name, SegmentProgress(0, 0)), self._head(), 0
        with _naming(segment, damaged), _opened(segment, self.master) as reader:
            for frame in reader.frames():
                seen = frame.before + frame.uploads
                least = min(least, _least(frame, progress, since))
        return _Plan(segment, progress, least, seen)

    def _blocks(
        self, plan: _Plan, since: int | None, position: int, damaged: list[str]
    ) -> Iterator[tuple[Frame, UploadBlock | None]]:
        """The uploads of a segment, up to where it is damaged, or has grown since it was planned.

        None for those of a frame that no entry below ``position`` can be new to: they are not read.
        """
        with _naming(plan.segment, damaged), _opened(plan.segment, self.master) as reader:
            for frame in reader.frames():
                if frame.before + frame.uploads > plan.seen:
                    return
                needed = _least(frame, plan.progress, since) < position
                yield frame, reader.read(frame) if needed else None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with claimed(self.directory / _LOCK) as mine:
            if not mine:
                msg = f"another process looks through {self.directory}; wait until it is done"
                raise ConfigError(msg)
            yield

    def _state(self) -> dict[str, SegmentProgress]:
        path = self.directory / _STATE
        if not path.exists():
            return {}
        try:
            found = json.loads(read_bytes(path, _MAX_STATE))
            return {
                str(name): SegmentProgress(_index(uploads), _index(at))
                for name, (uploads, at) in found.items()
            }
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            msg = f"{path} is damaged; remove it, and everything in the window is reported again"
            raise ConfigError(msg) from error

    def _write(self, state: Mapping[str, SegmentProgress]) -> None:
        write_private(self.directory / _STATE, json.dumps(state).encode(), replace=True)


@dataclass(frozen=True, slots=True)
class _Seeker:
    """Looks for uploads among the new entries."""

    index: NativeIndex
    catalog: EntryCatalog
    benign: Benign
    position: int

    def matches(
        self, name: str, before: int, block: UploadBlock, first: NDArray[np.uint64]
    ) -> Iterator[RetroMatch]:
        """Of each upload of a block the entries from ``first`` on that it is near.

        ``name`` is what the names of matches begin with, and ``before`` the number of the first upload.
        """
        found: dict[int, list[tuple[Query, Hits]]] = {}
        for column in block.columns if len(self.index) else ():
            for number, hits in self._hits(column):
                upload = int(column.uploads[number])
                query = column.query(number)
                kept = _since(_within(hits, query.fingerprint), int(first[upload]))
                if kept:
                    found.setdefault(upload, []).append((query, kept))
        for upload in sorted(found):
            asked = (*(query for query, _ in found[upload]), *block.queries(upload))
            answer = self._judged(asked, [hits for _, hits in found[upload]])
            for entry in answer.entries:
                own, at = f"{name}{before + upload}/{entry.entry}", int(block.at[upload])
                yield RetroMatch(own, block.references[upload], at, entry, answer.truncated)

    def _judged(self, queries: Sequence[Query], hits: Sequence[Hits]) -> Answer:
        """The matches of one upload, as a check has them: the first of its queries have these hits."""
        found = [(query.fingerprint.type, one) for query, one in zip(queries, hits, strict=False)]
        near, kept = self.catalog.nearest(found, _EVERYTHING, MOST_ENTRIES)
        marked = self.benign.marked(near, lambda number: queries[number].fingerprint)
        matches = doubted(marked, queries, self.catalog.apart([query.fingerprint for query in queries]))
        more = len(near) >= MOST_ENTRIES or max(kept) > MOST_ENTRIES
        truncated = more or any(one.truncated or len(one) >= _MOST_ITEMS for one in hits)
        return Answer(matches, self.position, truncated).graded(queries)

    def _hits(self, column: UploadColumn) -> Iterator[tuple[int, Hits]]:
        """The hits of those values of a column that have any, by their numbers."""
        kind = column.type
        if kind.is_set:
            for number in range(len(column)):
                hits = self.index.search(column.query(number).fingerprint, kind.default, _MOST_ITEMS)
                if hits:
                    yield number, hits
            return
        within = kind.ceiling if kind.small else kind.default
        for start in range(0, len(column), _BATCH):
            values = column.values[start * kind.size : (start + _BATCH) * kind.size]
            for number, hits in self.index.search_packed(kind, values, within, _MOST_ITEMS).items():
                yield start + number, hits


def _index(value: object) -> int:
    """A number of uploads, or a position. Raises ValueError for what can be neither."""
    if not (type(value) is int and 0 <= value <= MAX_INTEGER):
        raise ValueError
    return value


def _held(directory: Path) -> Iterator[Segment]:
    if directory.is_dir():
        yield from segments(directory)


def _least(frame: Frame, progress: SegmentProgress, since: int | None) -> int:
    """The first entry with which some upload of a frame is to be compared."""
    if since is not None:
        return max(since, frame.least)
    if frame.before >= progress.uploads:
        return frame.least
    whole = frame.before + frame.uploads <= progress.uploads
    return max(progress.position, frame.least) if whole else min(progress.position, frame.least)


def _first(
    frame: Frame, block: UploadBlock, progress: SegmentProgress, since: int | None
) -> NDArray[np.uint64]:
    """The first entry with which each upload of a block is to be compared."""
    if since is not None:
        return np.maximum(block.positions, np.uint64(since))
    first = block.positions.copy()
    known = max(min(progress.uploads - frame.before, len(first)), 0)
    first[:known] = np.maximum(first[:known], np.uint64(progress.position))
    return first


def _since(hits: Hits, entry: int) -> Hits:
    """Those of the hits that are of entries from that one on."""
    items = np.asarray(hits.items, np.uint64)
    kept = np.flatnonzero(items >= np.uint64(entry * MAX_ITEMS))
    if len(kept) == len(items):
        return hits
    places = None if hits.places is None else [hits.places[place] for place in kept.tolist()]
    scores = np.asarray(hits.scores)[kept].tolist()
    return Hits(items[kept].tolist(), scores, truncated=hits.truncated, places=places)


def _within(hits: Hits, asked: Fingerprint) -> Hits:
    """Those of the hits that are within the default of a check with that fingerprint."""
    if not asked.type.small:
        return hits
    least = asked.type.default_for(asked.value)
    return hits[: sum(score >= least for score in hits.scores)]


def _opened(segment: Segment, master: bytes) -> SegmentReader:
    """Open a segment, which may have been packed since it was listed."""
    try:
        return SegmentReader(segment.path, master)
    except FileNotFoundError:
        return SegmentReader(segment.path.with_suffix(PACKED), master)


@contextlib.contextmanager
def _naming(segment: Segment, damaged: list[str]) -> Iterator[None]:
    """Name a segment that is damaged, and pass over its rest; one that was dropped meanwhile is gone."""
    try:
        yield
    except FileNotFoundError:
        pass
    except (CorruptError, OSError) as error:
        reason = error.message if isinstance(error, CorruptError) else str(error.strerror)
        damaged.append(f"{segment.path}: {reason}")
