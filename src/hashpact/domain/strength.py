"""How much a match says, in a word.

A client grades the matches of an answer, because it knows what each query is of. The thresholds come from measured
distances of copies and of unrelated content: docs/methods/views.md.
"""

from __future__ import annotations

import enum
from typing import Final

from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, FingerprintType, Measure
from hashpact.domain.views import View


class Strength(enum.Enum):
    """From certain to doubtful. No word is a verdict: a person looks, or a platform's own rules decide."""

    SAME = "same"
    NEAR = "near"
    POSSIBLE = "possible"
    WEAK = "weak"

    def reaches(self, least: Strength) -> bool:
        """Whether it is ``least`` or stronger."""
        order = list(Strength)
        return order.index(self) <= order.index(least)


_SAME: Final = {PDQ.name: 10.0, PHASH.name: 0.0, MINHASH.name: 0.9}
"""What is as near as two encodings of the same content."""

_NEAR: Final = {PDQ.name: 31.0, PHASH.name: 6.0, MINHASH.name: 0.6}
"""What is as near as an edited copy, and unrelated content is not."""

_NEAR_DERIVED: Final = {PDQ.name: 31.0, PHASH.name: 4.0}
"""The same for a view that was derived: there are many, and each is a chance to be near by accident."""

_NEAR_TEXT_LIKE: Final = {PDQ.name: 6.0, PHASH.name: -1.0}
"""The same for a picture of text: other texts in the same layout are nearer than an edited copy of this one."""


def strength_of(
    kind: FingerprintType, score: float, view: View = View.WHOLE, *, text_like: bool = False, agreed: bool = False
) -> Strength:
    """The strength of a match of that type and score.

    ``view`` is what the query is of, and ``text_like`` whether that is a picture of text. ``agreed`` is whether
    a fingerprint of another perceptual type is near the same entry.
    """
    if kind.measure is Measure.EQUALITY:
        return Strength.SAME
    if text_like:
        if _within(kind, score, _NEAR_TEXT_LIKE):
            return Strength.NEAR
        return Strength.POSSIBLE if agreed else Strength.WEAK
    if view is View.WHOLE and _within(kind, score, _SAME):
        return Strength.SAME
    if agreed or _within(kind, score, _NEAR if view is View.WHOLE else _NEAR_DERIVED):
        return Strength.NEAR
    return Strength.POSSIBLE


def _within(kind: FingerprintType, score: float, bounds: dict[str, float]) -> bool:
    bound = bounds.get(kind.name, kind.default)
    return score >= bound if kind.measure is Measure.JACCARD else score <= bound
