"""Texts that people wrote: translations in packages, in eight languages. For pairs of different texts.

From Django's wheel and from packages of Debian on the shelf. Strings with markup or placeholders lose these;
variants of one sentence ("could not open the file", "could not read the file") are real in such catalogs, so
`distinct` keeps one text of each group that shares most of its words.
"""

from __future__ import annotations

import functools
import gettext
import re
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Final

from corpus import shelf
from corpus.seeds import generator

PACKAGES: Final = ("gnucash-common", "evolution-common", "gnome-control-center-data")
LOCALES: Final = {
    "vi": ("vi",),
    "zh": ("zh_CN", "zh_Hans"),
    "ko": ("ko",),
    "th": ("th",),
    "ar": ("ar",),
    "ru": ("ru",),
    "tr": ("tr",),
}
FEWEST: Final = 15
"""Characters of a string: shorter ones are names of buttons, and lists of such are no sentences."""

_MARKUP: Final = re.compile(r"<[^>]*>|%\([^)]*\)[a-z]|%[-+0-9.]*[a-zA-Z]|\{[^}]*\}|[_&](?=\w)|\\n")
_SPACES: Final = re.compile(r"\s+")


def _places() -> Iterator[Path]:
    spec = util.find_spec("django")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent
    yield from (place for place in map(shelf.debian, PACKAGES) if place is not None)


def _clean(text: str) -> str:
    return _SPACES.sub(" ", _MARKUP.sub("", text)).strip()


@functools.cache
def strings(language: str) -> tuple[str, ...]:
    """Every different string of a language that is long enough; in English those that were translated."""
    found: dict[str, None] = {}
    for place in _places():
        for locale in LOCALES["vi" if language == "en" else language]:
            for file in sorted(place.rglob(f"{locale}/LC_MESSAGES/*.mo")):
                with file.open("rb") as opened:
                    catalog: dict[object, str] = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way to list it
                for key, value in catalog.items():
                    source = key[0] if isinstance(key, tuple) else str(key)
                    if not source:  # the catalog's own head
                        continue
                    text = _clean(source.rpartition("\x04")[2] if language == "en" else value)
                    if len(text) >= FEWEST and (language == "en" or text != _clean(source)):
                        found[text] = None
    return tuple(found)


def distinct(language: str, count: int, least: int, most: int, *, seed: int = 0) -> list[str]:
    """Up to ``count`` texts of ``least`` to ``most`` characters, no two of which share half of their words.

    Strings are joined, none twice, until a text is long enough.
    """
    pool = list(strings(language))
    order = generator("catalog", language, seed).permutation(len(pool)).tolist()
    found: list[str] = []
    by_word: dict[str, set[int]] = {}
    bags: list[set[str]] = []
    text = ""
    for place in order:
        text = f"{text} {pool[place]}".strip()
        if len(text) < least:
            continue
        candidate, text = text[:most].strip(), ""
        bag = _words(candidate)
        near = {number for word in bag for number in by_word.get(word, ())}
        if any(2 * len(bag & bags[number]) >= min(len(bag), len(bags[number])) for number in near):
            continue
        for word in bag:
            by_word.setdefault(word, set()).add(len(found))
        bags.append(bag)
        found.append(candidate)
        if len(found) == count:
            break
    return found


def _words(text: str) -> set[str]:
    """Words, or pairs of characters of a text without spaces."""
    words = set(text.casefold().split())
    if len(text) > 12 * len(words):
        return {text[at : at + 2] for at in range(len(text) - 1)}
    return words
