"""Words: one spelling for each text, bounds, and nothing of them in a representation."""

from __future__ import annotations

import unicodedata

import pytest
from builders import seeded
from hypothesis import given
from hypothesis import strategies as st

from hashpact.domain.kinds.conduct.words import MAX_TEXT, MAX_WORDS, Words, normalised, parse_words
from hashpact.errors import MalformedError

NONCE = seeded("nonce")
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60).map(
    lambda text: unicodedata.normalize("NFC", text)
)
OPTIONAL = st.none() | TEXTS


@given(OPTIONAL, OPTIONAL, OPTIONAL, st.binary(min_size=32, max_size=32))
def test_what_is_written_is_read_back(
    address: str | None, reference: str | None, explanation: str | None, nonce: bytes
) -> None:
    words = Words(nonce, address, reference, explanation)
    data = words.text()
    assert data.isascii()
    assert parse_words(data) == words
    assert parse_words(data).text() == data


@given(st.text(max_size=60))
def test_any_text_is_normalised_to_one_that_can_be_written(text: str) -> None:
    given_text = normalised(text.encode("utf-8", "ignore").decode())
    if given_text:
        assert parse_words(Words(NONCE, explanation=given_text).text()).explanation == given_text
    assert normalised(given_text) == given_text


def test_vietnamese_is_kept() -> None:
    text = "Ảnh riêng tư bị đăng lại, đề nghị gỡ trong 6 giờ."
    decomposed = unicodedata.normalize("NFD", text)
    assert normalised(decomposed) == text
    assert normalised("một\nhai\u2028ba") == "một hai ba"


@pytest.mark.parametrize(
    "text",
    ["", "x" * (MAX_TEXT + 1), "a\nb", "a\tb", "\u2028", unicodedata.normalize("NFD", "é"), "\ud800"],
)
def test_a_text_that_has_no_spelling(text: str) -> None:
    with pytest.raises(MalformedError):
        Words(NONCE, explanation=text).text()


@pytest.mark.parametrize(
    "line",
    [
        b'explanation "\\u0061"',  # a letter that needs no escape
        b'explanation "a" ',
        b"explanation a",
        b'explanation "\\ud800"',
        b'explanation ["a"]',
        b'explanation "a\\/b"',
        b'explanation ""',
        b'explanation "a"\nexplanation "b"',
        b'reference "a"\naddress "b"',
    ],
)
def test_a_text_has_one_spelling(line: bytes) -> None:
    good = Words(NONCE, explanation="a").text()
    with pytest.raises(MalformedError):
        parse_words(good.replace(b'explanation "a"', line))


def test_words_are_bounded() -> None:
    with pytest.raises(MalformedError, match="the limit is"):
        parse_words(b"x" * (MAX_WORDS + 1))
    most = Words(NONCE, explanation="ả" * MAX_TEXT).text()
    assert len(most) < MAX_WORDS


def test_a_representation_hides_what_they_say() -> None:
    assert repr(Words(NONCE, explanation="secret", address="desk")) == "<Words address, explanation>"
