"""How much a match says, in a word.

A client grades the matches of an answer, because it knows what each query is of. The thresholds come from
measured distances of copies and of unrelated content: docs/methods/views.md.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Final

from hashpact.domain.fingerprints import (
    FOLDED,
    MINHASH,
    PDQ,
    PHASH,
    WINNOW,
    Fingerprint,
    FingerprintType,
    Measure,
    elements,
)
from hashpact.domain.matching.views import PictureView, Texture


class Strength(enum.StrEnum):
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

_NEAR: Final = {PDQ.name: 31.0, PHASH.name: 6.0, MINHASH.name: 0.6, WINNOW.name: 0.8}
"""What is as near as an edited copy, while no unrelated content is."""

_NEAR_TURNED: Final = 4.0
"""The same for phash/1 of the other positions: there are seven, each one more chance to be near."""

_NEAR_FAINT: Final = {PictureView.WHOLE: 4.0, PictureView.SHOWN: 4.0, PictureView.PART: 4.0}
"""The same for phash/1 of a faint picture; of other views, never."""

_LONG: Final = 60
"""Shingles of a text which, if another one is like it, is long enough for winnow/1, and so is the other."""

_NEAR_TEXT_LIKE: Final = 16.0
"""The same for pdq/1 of a picture of text, and never for phash/1."""


def strength_of(
    kind: FingerprintType,
    score: float,
    view: PictureView = PictureView.WHOLE,
    texture: Texture = Texture.ORDINARY,
    *,
    agreed: bool = False,
) -> Strength:
    """The strength of a match of that type and score.

    ``view`` is what the query is of, and ``texture`` that picture's. ``agreed`` is whether a fingerprint of
    another perceptual type is near the same entry. A match that `is_alone` is weak instead.
    """
    if kind.measure is Measure.EQUALITY:
        return Strength.WEAK if kind == FOLDED else Strength.SAME
    if kind.measure is Measure.POINTS:
        return Strength.POSSIBLE
    if texture is Texture.TEXT_LIKE:
        unagreed = Strength.NEAR if kind == PDQ and score <= _NEAR_TEXT_LIKE else Strength.WEAK
        return Strength.POSSIBLE if agreed and unagreed is Strength.WEAK else unagreed
    whole = view is PictureView.WHOLE and texture is Texture.ORDINARY
    if whole and kind.name in _SAME and _within(kind, score, _SAME):
        return Strength.SAME
    return Strength.NEAR if agreed or _is_near(kind, score, view, texture) else Strength.POSSIBLE


def is_alone(
    found: FingerprintType, query: Fingerprint, asked: Collection[str], near: Collection[str]
) -> bool:
    """Whether a match of a text lacks another one that copies have, so that only boilerplate may be alike.

    ``asked`` names the types that a check has asked for, and ``near`` those by which the entry is near.
    """
    return (
        found == MINHASH
        and WINNOW.name in asked
        and WINNOW.name not in near
        and elements(query.value) >= _LONG
    )


def _is_near(kind: FingerprintType, score: float, view: PictureView, texture: Texture) -> bool:
    if kind != PHASH:
        return _within(kind, score, _NEAR)
    if texture is Texture.FAINT:
        return score <= _NEAR_FAINT.get(view, -1.0)
    return score <= (_NEAR_TURNED if view is PictureView.TURNED else _NEAR[PHASH.name])


def _within(kind: FingerprintType, score: float, bounds: dict[str, float]) -> bool:
    bound = bounds.get(kind.name, kind.default)
    return score >= bound if kind.measure.larger_is_nearer else score <= bound
