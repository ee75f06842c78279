"""Texts as like one another as real ones are, and edited copies of them: all from a seed."""

from __future__ import annotations

from typing import Final

import numpy as np

ONSETS: Final = "b c ch d đ g gh gi h kh l m n ng ngh nh ph qu r s t th tr v x"
RIMES: Final = (
    "a ai am an ang anh ao at au ay ân âm âu ây ăn ăm ăng e em en eo ê êm ên ênh i ia im in inh iêm iên "
    "iêu o oi om on ong oan oa ô ôi ôm ôn ông ơ ơi ơn u ua ui un ung uôi uôn ư ưa ưng ươi ương ươc uy uyên "
    "y yêu oc ôc ac at ich êt"
)

# Words by how common they are: Zipf's law with Mandelbrot's shift. With these two numbers pairs of texts are
# as similar as those of 2909 Vietnamese paragraphs from /usr/share/locale/vi of a Debian: the mean over pairs
# of s is 0.06, that of s^3 4e-4, and that of s^4, with which four values agree, 3e-5.
EXPONENT: Final = 0.85
SHIFT: Final = 8

WORDS: Final = 85  # about 350 letters

FOOTERS: Final = 20
FOOTER_WORDS: Final = 25
WITH_FOOTER: Final = 0.1
REPEATED: Final = 10
REPEATS: Final = 0.01


class Writer:
    """An endless author of Vietnamese-looking texts.

    One text in ten ends with one of twenty footers, one in a hundred is one of ten that are posted over and
    over.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        words = np.array([onset + rime for onset in ONSETS.split() for rime in RIMES.split()])
        self._words = self._rng.permutation(words)
        weights = 1 / (np.arange(len(words)) + SHIFT) ** EXPONENT
        self._cumulated = np.cumsum(weights / weights.sum())
        self._footers = [" ".join(words) for words in self._draw(FOOTERS, FOOTER_WORDS)]
        self._repeated = [" ".join(words) for words in self._draw(REPEATED, WORDS)]

    def write(self, count: int) -> list[str]:
        """So many texts."""
        texts = [" ".join(words) for words in self._draw(count, WORDS)]
        for i in np.flatnonzero(self._rng.random(count) < WITH_FOOTER).tolist():
            texts[i] += " " + self._footers[int(self._rng.integers(FOOTERS))]
        for i in np.flatnonzero(self._rng.random(count) < REPEATS).tolist():
            texts[i] = self._repeated[int(self._rng.integers(REPEATED))]
        return texts

    def edit(self, text: str, share: float) -> str:
        """The text with that share of its words replaced by others, in one of three ways by turns."""
        words = np.array(text.split())
        (others,) = self._draw(1, len(words))
        match self._rng.integers(3):
            case 0:  # here and there
                replaced = self._rng.random(len(words)) < share
            case 1:  # at the end
                replaced = np.arange(len(words)) > len(words) * (1 - 2 * share)
            case _:  # here and there, by what nobody else writes
                replaced = self._rng.random(len(words)) < share
                others = np.array([f"{number:x}" for number in self._rng.integers(1 << 24, size=len(words))])
        return " ".join(np.where(replaced, others, words))

    def _draw(self, texts: int, words: int) -> np.ndarray[tuple[int, int], np.dtype[np.str_]]:
        return self._words[np.searchsorted(self._cumulated, self._rng.random((texts, words)))]
