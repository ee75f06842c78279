"""Texts of the quality benchmark: from seeds, of the wanted lengths, altered as their names say."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from corpus.seeds import generator
from corpus.texts import catalogs, edits, posts, table
from corpus.texts.alteration import ALL, TextAlteration
from corpus.texts.letters import TABLES
from corpus.texts.phrases import PHRASES

TEXT = "một con mèo đen ngồi trên mái nhà và nhìn xuống con phố dài"


def by_name(name: str) -> TextAlteration:
    (found,) = (one for one in table.ALTERATIONS if one.name == name)
    return found


def test_every_language_has_four_columns_of_different_phrases() -> None:
    assert set(PHRASES) == set(ALL)
    for language, columns in PHRASES.items():
        assert len(columns) == 4, language
        for column in columns:
            assert len(column) >= 20, language
            assert len(set(column)) == len(column), language


@pytest.mark.parametrize("language", ALL)
@pytest.mark.parametrize("length", table.LENGTHS)
def test_posts_have_their_length_and_are_the_same_for_a_seed(language: str, length: str) -> None:
    least, most = table.LENGTHS[length]
    found = posts.texts(language, 30, least, most)
    assert found == posts.texts(language, 30, least, most)
    assert found != posts.texts(language, 30, least, most, seed=1)
    assert len(set(found)) == 30
    assert all(least <= len(text) <= most for text in found)


def test_names_are_different() -> None:
    counted = Counter(one.name for one in table.ALTERATIONS)
    assert [name for name, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("alteration", table.ALTERATIONS, ids=lambda alteration: alteration.name)
def test_an_alteration_changes_texts_of_its_languages_and_always_in_one_way(
    alteration: TextAlteration,
) -> None:
    for language in alteration.languages:
        text = posts.texts(language, 1, 121, 200)[0]
        assert alteration.copy(text) == alteration.copy(text)
    changed = [
        text
        for language in alteration.languages
        for text in posts.texts(language, 10, 40, 60)
        if alteration.copy(text) != text
    ]
    assert len(changed) >= 5 * len(alteration.languages)


def test_letters_are_replaced_by_others_that_are_not_the_same() -> None:
    assert set(TABLES) == {"Cyrillic", "Greek", "small capitals", "traditional"}
    for letters in TABLES.values():
        assert all(letter != other for letter, other in letters.items())


@pytest.mark.parametrize("script", ["Cyrillic", "Greek"])
def test_a_share_of_the_letters_is_of_the_other_script(script: str) -> None:
    text = " ".join(posts.texts("en", 40, 100, 200))
    shares = []
    for percent in (10, 30, 100):
        copy = by_name(f"{script} {percent} %").copy(text)
        other = sum(unicodedata.name(letter, "").startswith(script.upper()) for letter in copy)
        shares.append(
            other / sum(letter in TABLES[script] or letter.lower() in TABLES[script] for letter in text)
        )
    assert shares == pytest.approx([0.1, 0.3, 1.0], abs=0.03)


def test_marks_stay_on_letters_of_another_script() -> None:
    assert by_name("Cyrillic 100 %").copy("m\u00e8o") == "\u043c\u0450\u043e"


def test_what_is_quoted_is_in_the_copy_unchanged() -> None:
    text = posts.texts("en", 1, 200, 300)[0]
    for times in (1.5, 2, 3, 5, 10):
        copy = edits.quoted(times)(text, generator(times))
        assert text in copy
        assert len(copy) / len(text) == pytest.approx(times, abs=0.15)


def test_one_word_is_replaced() -> None:
    before, after = TEXT.split(), by_name("one word replaced").copy(TEXT).split()
    assert len(after) == len(before)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_capitals_of_turkish_keep_their_dots() -> None:
    assert by_name("Turkish capitals").copy("k\u0131rm\u0131z\u0131 biri") == "KIRMIZI B\u0130R\u0130"


@pytest.mark.parametrize("language", ALL)
def test_the_language_of_a_post_is_seen_in_its_letters(language: str) -> None:
    found = Counter(map(edits.language_of, posts.texts(language, 50, 60, 120)))
    assert found[language] >= 45


def test_boilerplate_is_shared_and_the_rest_is_not() -> None:
    found = table.boilerplated("en", 10)
    ends = {text[-table.SHARED :] for text in found}
    assert len(ends) == 1
    assert len({text[:50] for text in found}) == 10


def test_texts_of_catalogs_do_not_share_half_of_their_words(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = (
        "open the blue door now please",
        "open the blue window now please",
        "a cat sat on that old mat today",
    )
    monkeypatch.setattr(catalogs, "strings", lambda _language: pool)
    found = catalogs.distinct("en", 10, 20, 60)
    assert len(found) == 2
    assert any(text.startswith("a cat") for text in found)


def test_markup_and_placeholders_are_left_out_of_catalogs() -> None:
    clean = catalogs._clean
    assert clean("_File: <b>%(name)s</b>  has %d\npages, {count}") == "File: has pages,"
