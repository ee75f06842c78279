"""Why a match has its strength, in sentences for the person who decides.

They say what of the upload was compared, how near it is, and what that means. What copies and unrelated
content measured is in docs/methods/views.md and in the page of each type.
"""

from __future__ import annotations

from typing import Final

from hashpact.domain.fingerprints import FOLDED, MINHASH, PDQ, FingerprintType, Measure
from hashpact.domain.matching.strength import Strength
from hashpact.domain.matching.views import PictureView, Texture

_COMPARED: Final = {
    PictureView.SHOWN: "The upload as a viewer shows it (oriented, in its colours, on white)",
    PictureView.BLACK: "The upload on black, as dark screens show what is transparent",
    PictureView.FRAME: "Another frame of the uploaded animation",
    PictureView.TURNED: "The upload in another position (rotated by quarter turns or mirrored)",
    PictureView.PART: "A part of the upload, without a border, a caption or the screen around it,",
    PictureView.PADDED: "The upload enlarged at its edges, as it may have been before it was cropped,",
    PictureView.TILTED: "The upload rotated by two degrees",
}

_SAYS: Final = {
    Strength.SAME: "Two encodings of one and the same are as near.",
    Strength.NEAR: "Edited copies are as near, and nothing unrelated was.",
    Strength.POSSIBLE: "Copies are as near, and now and then something unrelated: compare the two.",
    Strength.WEAK: "Much that is unrelated is as near.",
}

_OF_MEASURE: Final = {
    Measure.EQUALITY: "It is the same file.",
    Measure.POINTS: "Pictures of one layout have such points in common: the pixels decide.",
}

_HARMLESS: Final = "So short a text is said harmlessly, too: read what is around it."
_PHRASE: Final = "Copies with a word replaced are as near, and texts with a phrase in common: read both."
_ALONE: Final = (
    "None of what only the entry says was found: it may be no more than a signature or a disclaimer that "
    "many texts have."
)


def reason_of(  # noqa: PLR0913 - what a strength depends on
    kind: FingerprintType,
    score: float,
    strength: Strength,
    view: PictureView = PictureView.WHOLE,
    texture: Texture = Texture.ORDINARY,
    *,
    agreed: bool = False,
    alone: bool = False,
) -> str:
    """What is alike, and why that has this ``strength``.

    ``score``, ``view``, ``texture`` and ``agreed`` are those by which `strength_of` found it, and ``alone``
    is whether the match `is_alone`.
    """
    whole = "The text" if kind.measure in {Measure.JACCARD, Measure.CONTAINMENT} else "The upload"
    compared = _COMPARED.get(view, whole)
    return f"{compared} {_near(kind, score)}. {_says(kind, strength, texture, agreed=agreed, alone=alone)}"


def _near(kind: FingerprintType, score: float) -> str:
    match kind.measure:
        case Measure.HAMMING:
            return f"differs from the entry in {int(score)} of {kind.size * 8} bits"
        case Measure.JACCARD:
            return f"has {score:.0%} of its runs of letters, and of the entry's, in common with it"
        case Measure.CONTAINMENT:
            return f"contains {score:.0%} of the entry's text"
        case Measure.POINTS:
            return f"has {int(score)} points where a part of the entry's picture has them"
        case _ if kind == FOLDED:
            return "has the letters of the entry, but for accents, look-alikes and signs"
        case _:
            return "has the bytes of the entry"


def _says(kind: FingerprintType, strength: Strength, texture: Texture, *, agreed: bool, alone: bool) -> str:
    if kind.measure in _OF_MEASURE:
        return _HARMLESS if kind == FOLDED else _OF_MEASURE[kind.measure]
    if alone:
        return _ALONE
    if texture is Texture.TEXT_LIKE and strength is not Strength.NEAR:
        also = " Two types agree." if agreed else ""
        return f"Other texts in the same layout are as near.{also} Read both."
    if agreed and strength is Strength.NEAR and kind != PDQ:
        return "Two types agree on it; hardly anything unrelated is near by both."
    return _PHRASE if kind == MINHASH and strength is Strength.POSSIBLE else _SAYS[strength]
