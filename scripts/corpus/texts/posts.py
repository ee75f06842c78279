"""Posts and paragraphs of our own, put together from the phrases, from a seed."""

from __future__ import annotations

from typing import Final

from corpus.seeds import Random, generator
from corpus.texts.phrases import PHRASES, SPACELESS

LANGUAGES: Final = tuple(PHRASES)


def phrase(language: str, column: int, random: Random) -> str:
    """One entry of a column."""
    entries = PHRASES[language][column]
    return entries[int(random.integers(len(entries)))]


def sentence(language: str, random: Random) -> str:
    """A sentence without its full stop."""
    between = "" if language in SPACELESS else " "
    return between.join(phrase(language, column, random) for column in range(4))


def text(language: str, random: Random, least: int, most: int) -> str:
    """A text of ``least`` to ``most`` characters: sentences, the last one cut at a word if it must be."""
    stop = "。" if language == "zh" else " " if language == "th" else ". "
    wanted = int(random.integers(least, most + 1))
    made = ""
    while len(made) < wanted:
        made += (stop if made else "") + sentence(language, random)
    if language in SPACELESS:
        return made[:wanted]
    shorter = made[: wanted + 1].rpartition(" ")[0] if len(made) > wanted else made
    return shorter if len(shorter) >= least else made[: wanted + (made[wanted - 1] == " ")]


def texts(language: str, count: int, least: int, most: int, *, seed: int = 0) -> list[str]:
    """So many different texts, the same for the same arguments."""
    random = generator("posts", language, least, most, seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[text(language, random, least, most)] = None
    return list(found)
