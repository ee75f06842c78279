"""Every alteration of texts, in the order of the recall table, and the texts for boilerplate."""

from __future__ import annotations

import itertools
from typing import Final

from corpus.texts import catalogs, edits, letters, posts

ALTERATIONS: Final = (*letters.ALTERATIONS, *edits.ALTERATIONS)

LENGTHS: Final = {"short": (20, 60), "long": (121, 400)}
"""Of posts and of paragraphs, in characters."""

OWN: Final = 100
SHARED: Final = 400
RUN: Final = 20
"""Characters of the boilerplate that are no accident in another text."""


def boilerplated(language: str, count: int) -> list[str]:
    """Different texts of about 100 characters, each followed by the same 400.

    From catalogs as far as there are any: texts of our own repeat phrases, and are not quite different. One
    that has a run of the boilerplate in its own part is left out: the others do contain what is its own.
    """
    (shared,) = catalogs.distinct(language, 1, SHARED, SHARED, seed=3) or posts.texts(
        language, 1, SHARED, SHARED, seed=1
    )
    runs = {shared[at : at + RUN] for at in range(len(shared) - RUN + 1)}
    some = catalogs.distinct(language, 2 * count, OWN - 5, OWN + 5, seed=2)
    apart = (text for text in some if not any(text[at : at + RUN] in runs for at in range(len(text))))
    found = list(itertools.islice(apart, count))
    found += posts.texts(language, count - len(found), OWN - 5, OWN + 5, seed=2)
    return [edits.with_boilerplate(text, shared) for text in found]
