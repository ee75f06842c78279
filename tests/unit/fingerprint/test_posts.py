"""Posts as people alter them: how many copies are found at the default thresholds, by alteration."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from corpus.texts import edits, letters, posts
from corpus.texts.alteration import TextAlteration

from hashpact.domain.checks import Query
from hashpact.errors import UnusableContentError
from hashpact.fingerprint.text import minhash

COUNT = 25
SHORT, LONG = (20, 60), (121, 400)


def share_found(copied: Callable[[str], str], languages: tuple[str, ...], length: tuple[int, int]) -> float:
    """The share of posts whose copy is near enough; one without a fingerprint is not."""
    found = total = 0
    for language in languages:
        for text in posts.texts(language, COUNT, *length, seed=5):
            total += 1
            try:
                one, other = minhash(text), minhash(copied(text))
            except UnusableContentError:
                continue
            pairs = zip(memoryview(one.value).cast("I"), memoryview(other.value).cast("I"), strict=True)
            found += sum(a == b for a, b in pairs) >= 128 * Query(other).within()
    return found / total


@pytest.mark.parametrize("alteration", letters.ALTERATIONS, ids=lambda each: each.name)
@pytest.mark.parametrize("length", [SHORT, LONG], ids=["short", "long"])
def test_other_letters_hide_nothing(alteration: TextAlteration, length: tuple[int, int]) -> None:
    floor = 0.85 if alteration.name == "teencode" else 0.99
    assert share_found(alteration.copy, alteration.languages, length) >= floor


@pytest.mark.parametrize(("row", "floor"), [(edits.REPLY, 0.95), (edits.HASHTAGS, 0.95), (edits.WORD, 0.85)])
def test_short_posts_are_found(row: str, floor: float) -> None:
    (alteration,) = (each for each in edits.ALTERATIONS if each.row == row)
    assert share_found(alteration.copy, alteration.languages, SHORT) >= floor
