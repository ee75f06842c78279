"""What is written in drawn pictures: sentences and names in English and Vietnamese."""

from __future__ import annotations

from typing import Final

from corpus.seeds import Random
from corpus.texts import posts

_NAMES: Final = """
Lan An Minh Hoa Tuan Bao Ngoc Quang Linh Duc Mia Noah Ada Omar Ivy Leo Zoe Max Uma Kai Eva Ben
Sara Tom Nina Paul Ruth Hugo Vera Axel Olga Finn Rosa Emil Clara Jan Alba Igor Lucy Otto
"""
NAMES: Final = tuple(_NAMES.split())


def sentence(random: Random) -> str:
    """One sentence in one of the two languages, beginning with a capital."""
    line = posts.sentence("en" if random.random() < 0.6 else "vi", random)  # noqa: PLR2004 - three in five
    return line[0].upper() + line[1:]


def words(random: Random, count: int) -> str:
    """Some words of a sentence."""
    return " ".join(sentence(random).split()[:count])


def name(random: Random) -> str:
    """A first name with another one."""
    first, second = random.integers(len(NAMES), size=2).tolist()
    return f"{NAMES[first]} {NAMES[second]}"
