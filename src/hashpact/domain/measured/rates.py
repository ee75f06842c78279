"""Rates: how often unrelated content was as near as a match, where that was measured.

`scripts/bench quality` compares an upload, in all its views, with each unrelated picture or text of a
collection (docs/methods/quality.md). The counts are of a general collection: pictures of one layout, such as
screenshots of texts, are near each other far more often.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hashpact.domain.fingerprints import FingerprintType, Measure
from hashpact.domain.measured.counts import MEASURED

STEPS: Final = 128
"""Similarities are counted in so many steps: minhash/1 has as many values."""


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """Of ``of`` uploads and unrelated entries that were compared, ``found`` were at most as far apart.

    None found does not mean that there are none: up to 3 in ``of`` are to be expected (95 % confidence).
    """

    found: int
    of: int

    @property
    def share(self) -> float:
        """The part of the comparisons, from 0 to 1."""
        return self.found / self.of


def rate_of(kind: FingerprintType, score: float) -> MeasuredRate | None:
    """The rate for a match of that type and score; None if it was not measured."""
    table = MEASURED.get(kind.name)
    if table is None:
        return None
    of, found = table
    steps = score if kind.measure is Measure.HAMMING else round((1 - score) * STEPS)
    return MeasuredRate(_within(found, steps), of)


def _within(found: Mapping[int, int], steps: float) -> int:
    return max((count for far, count in found.items() if far <= steps), default=0)
