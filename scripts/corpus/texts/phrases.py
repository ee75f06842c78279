"""Phrases from which posts are put together: read from phrases.txt, which says what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("phrases.txt")


def _read(text: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Each language with its columns."""
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    language = ""
    for line in text.splitlines():
        if line.startswith("["):
            language = line[1:-1]
            found[language] = ()
        elif line and not line.startswith("#"):
            found[language] += (tuple(line.split("|")),)
    return found


PHRASES: Final = _read(FILE.read_text("utf-8"))
"""Each language with four columns of phrases."""

SPACELESS: Final = frozenset({"zh", "th"})
"""Languages that put no spaces between words."""
