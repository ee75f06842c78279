"""Baselines: how often each entry matches in a window of checks, and which of them leave that behind.

docs/decisions/quarantine.md has the statistic, and what was measured of it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

SHAPE: Final = 4
"""Of the gamma distribution by which an entry's rate is taken to vary: its deviation is half of it."""
RARE: Final = 1e-6
"""The probability that an entry which keeps its rate leaves its baseline, in a window."""
FADING: Final = 0.9
"""The weight of a window, beside that of the next one: of the weights, half are of the newest seven."""
LEARNING: Final = 8
"""Windows after which a new baseline counts: before, every entry that is popular already would leave it."""
MOST: Final = 65_536
"""Entries that are counted in a window, and as many whose past is kept."""
_PRIOR: Final = 1.0
"""Matches in a window that an entry without a past is taken to have, with the weight of one window."""
_FADED: Final = 0.5


class Past(NamedTuple):
    """The matches of an entry in past windows, by their weights, and the sum of the weights."""

    matches: float
    weight: float

    @property
    def mean(self) -> float:
        """The matches in a window that are expected."""
        return (_PRIOR + self.matches) / (1.0 + self.weight)


@dataclass(frozen=True, slots=True)
class Flood:
    """An entry with ``matches`` in a window, where ``expected`` were; at ``bound`` a flood begins."""

    entry: int
    matches: int
    expected: float
    bound: int


@lru_cache(maxsize=4096)
def bound(mean: int, most: int) -> int:
    """The fewest matches that an entry with that mean has with a probability of at most `RARE`; or ``most``.

    The number is negative binomial: Poisson, with a rate that is gamma distributed with `SHAPE`.
    """
    share = mean / (SHAPE + mean)
    probability = (1 - share) ** SHAPE
    above = 1 - probability
    count = 1
    while above > RARE and count < most:
        probability *= share * (SHAPE + count - 1) / count
        above -= probability
        count += 1
    return count


class Baseline:
    """The counts of a mirror. ``window`` is in checks, and fewer than ``least`` matches are never a flood.

    Memory is bounded: of a window at most `MOST` entries are counted, as Misra and Gries do (Finding Repeated
    Elements, 1982), so that an entry misses at most one match in 65 536 of all; of the past the entries with
    the most matches are kept. An entry whose past is dropped is one without a past.
    """

    def __init__(self, window: int, least: int) -> None:
        self.window = window
        self.least = least
        self.windows = 0
        self.checks = 0
        self.past: dict[int, Past] = {}
        self._floors: dict[int, int] = {}
        self._now: dict[int, int] = {}
        self._bounds: dict[int, int] = {}

    def count(self, entries: Iterable[int], checks: int) -> list[Flood]:
        """Count the matches of some checks; those entries whose number is a flood by now.

        Checks that are counted together are of one window: the next one, if this has no room for all.
        """
        if self.checks and self.checks + checks > self.window:
            self._turn()
        floods = [flood for entry in entries if (flood := self._counted(entry)) is not None]
        self.checks += checks
        if self.checks >= self.window:
            self._turn()
        return floods

    def settle(self, entry: int, matches: int) -> None:
        """So many matches in a window are expected of an entry from now on, at least."""
        self._floors[entry] = matches
        self._bounds.pop(entry, None)

    def restore(self, windows: int, past: Iterable[tuple[int, Past]]) -> None:
        """Take over what another process has counted."""
        self.windows, self.past = windows, dict(past)

    def expected(self, entry: int) -> float:
        """The matches of an entry in a window that are expected."""
        return max(self.past.get(entry, Past(0.0, 0.0)).mean, self._floors.get(entry, 0))

    def _counted(self, entry: int) -> Flood | None:
        now = self._now
        if entry not in now and len(now) >= MOST:
            self._now = now = {each: count - 1 for each, count in now.items() if count > 1}
            if len(now) >= MOST:
                return None
        now[entry] = count = now.get(entry, 0) + 1
        if count < self.least or self.windows < LEARNING:
            return None
        limit = self._bounds.get(entry)
        if limit is None:
            limit = self._bounds[entry] = max(
                self.least, bound(math.ceil(self.expected(entry)), self.window + 1)
            )
        return Flood(entry, count, self.expected(entry), limit) if count >= limit else None

    def _turn(self) -> None:
        """Begin another window."""
        self.windows += 1
        kept = dict(self._faded())
        if len(kept) > MOST:
            kept = dict(heapq.nlargest(MOST, kept.items(), key=lambda item: item[1].matches))
        self.past, self._now, self._bounds, self.checks = kept, {}, {}, 0

    def _faded(self) -> Iterator[tuple[int, Past]]:
        for entry in self.past.keys() | self._now.keys():
            before = self.past.get(entry, Past(0.0, 0.0))
            matches = FADING * before.matches + self._now.get(entry, 0)
            if matches >= _FADED:
                yield entry, Past(matches, FADING * before.weight + 1)
