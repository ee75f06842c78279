"""An alteration of a text: how its copy is written, and in which languages that can be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from corpus.seeds import Random, generator

Change: TypeAlias = Callable[[str, Random], str]

LATIN: Final = ("en", "vi", "tr")
LEFT_TO_RIGHT: Final = ("en", "vi", "zh", "ko", "ru", "tr")
ALL: Final = ("en", "vi", "zh", "ko", "th", "ar", "ru", "tr")


@dataclass(frozen=True, slots=True)
class TextAlteration:
    """One row of the recall table of texts.

    ``row`` is the row of the floors that it counts for, "" if it has no floor. ``languages`` are those for
    which it is meant; ``length`` is which originals: "short", "long" or "any".
    """

    name: str
    row: str
    change: Change
    languages: tuple[str, ...] = ALL
    length: str = "any"

    def copy(self, text: str) -> str:
        """The altered copy; the same for the same text."""
        return self.change(text, generator(self.name, text))
