"""Every alteration of texts, in the order of the recall table, and the texts for boilerplate."""

from __future__ import annotations

from typing import Final

from corpus.texts import catalogs, edits, letters, posts

ALTERATIONS: Final = (*letters.ALTERATIONS, *edits.ALTERATIONS)

LENGTHS: Final = {"short": (20, 60), "long": (121, 400)}
"""Of posts and of paragraphs, in characters."""

OWN: Final = 100
SHARED: Final = 400


def boilerplated(language: str, count: int) -> list[str]:
    """Different texts of about 100 characters, each followed by the same 400.

    From catalogs as far as there are any: texts of our own repeat phrases, and are not quite different.
    """
    (shared,) = catalogs.distinct(language, 1, SHARED, SHARED, seed=3) or posts.texts(
        language, 1, SHARED, SHARED, seed=1
    )
    found = catalogs.distinct(language, count, OWN - 5, OWN + 5, seed=2)
    found += posts.texts(language, count - len(found), OWN - 5, OWN + 5, seed=2)
    return [edits.with_boilerplate(text, shared) for text in found]
