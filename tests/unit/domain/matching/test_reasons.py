"""The sentences of a match: what of the upload is alike, and why it has its strength."""

from __future__ import annotations

import itertools

import pytest

from hashpact.domain.checks import Answer, Match, Query
from hashpact.domain.fingerprints import (
    FOLDED,
    MINHASH,
    PARTS,
    PDQ,
    PHASH,
    SHA256,
    TYPES,
    WINNOW,
    Fingerprint,
    FingerprintType,
)
from hashpact.domain.matching.reasons import reason_of
from hashpact.domain.matching.strength import Strength
from hashpact.domain.matching.views import PictureView, Texture

SAME, NEAR, POSSIBLE, WEAK = Strength


@pytest.mark.parametrize(
    ("kind", "score", "strength", "view", "sentences"),
    [
        (
            PDQ, 18, NEAR, PictureView.PART,
            ("A part of the upload, without a border, a caption or the screen around it, differs from the "
             "entry in 18 of 256 bits. Edited copies are as near, and nothing unrelated was."),
        ),
        (
            PHASH, 0, SAME, PictureView.WHOLE,
            ("The upload differs from the entry in 0 of 64 bits. "
             "Two encodings of one and the same are as near."),
        ),
        (
            MINHASH, 0.5, POSSIBLE, PictureView.WHOLE,
            ("The text has 50% of its runs of letters, and of the entry's, in common with it. "
             "Copies with a word replaced are as near, and texts with a phrase in common: read both."),
        ),
        (
            WINNOW, 0.83, NEAR, PictureView.WHOLE,
            ("The text contains 83% of the entry's text. "
             "Edited copies are as near, and nothing unrelated was."),
        ),
        (
            PARTS, 14, POSSIBLE, PictureView.WHOLE,
            ("The upload has 14 points where a part of the entry's picture has them. "
             "Pictures of one layout have such points in common: the pixels decide."),
        ),
        (SHA256, 0, SAME, PictureView.WHOLE, "The upload has the bytes of the entry. It is the same file."),
        (
            FOLDED, 0, WEAK, PictureView.WHOLE,
            ("The upload has the letters of the entry, but for accents, look-alikes and signs. "
             "So short a text is said harmlessly, too: read what is around it."),
        ),
    ],
)  # fmt: skip  # a table
def test_the_sentences_of_a_match(
    kind: FingerprintType, score: float, strength: Strength, view: PictureView, sentences: str
) -> None:
    assert reason_of(kind, score, strength, view) == sentences


def test_what_makes_a_match_weaker_or_stronger_is_named() -> None:
    layout = reason_of(PDQ, 20, WEAK, texture=Texture.TEXT_LIKE)
    assert layout.endswith("Other texts in the same layout are as near. Read both.")
    assert "Two types agree" in reason_of(PDQ, 20, POSSIBLE, texture=Texture.TEXT_LIKE, agreed=True)
    assert "Two types agree" in reason_of(PHASH, 8, NEAR, agreed=True)
    assert "a signature or a disclaimer" in reason_of(MINHASH, 0.8, WEAK, alone=True)


@pytest.mark.parametrize(
    ("name", "view", "strength"), list(itertools.product(sorted(TYPES), PictureView, Strength)), ids=str
)
def test_every_match_has_sentences(name: str, view: PictureView, strength: Strength) -> None:
    assert reason_of(TYPES[name], 1, strength, view, agreed=True).endswith(".")


def test_a_graded_answer_says_why() -> None:
    code = Fingerprint(PDQ, bytes([0b01010101]) * 32)
    match = Match(3, PDQ.name, PDQ.measure, 12, (), "guideline", (), "acme", 0, 0, 0, query=1)
    queries = (Query(code), Query(code, view=PictureView.TURNED, texture=Texture.TEXT_LIKE))

    (graded,) = Answer((match,), 9).graded(queries).matches

    assert graded.reason == reason_of(PDQ, 12, NEAR, PictureView.TURNED, Texture.TEXT_LIKE)
    assert "mirrored" in graded.reason
    assert not match.reason
