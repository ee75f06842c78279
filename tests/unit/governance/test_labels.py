"""The document that explains labels: one spelling, both languages, and the page has what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashpact.errors import MalformedError
from hashpact.governance.labels import (
    DEFAULT_LABELS,
    MAX_TEXT,
    PRIORITIES,
    TEXTS,
    LabelTexts,
    check_explains,
    explained,
    parse_texts,
    write_texts,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "labels.md"
WORDS = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=40)
LABELS = st.from_regex("[a-z]{1,9}", fullmatch=True)
DOCUMENTS = st.dictionaries(
    LABELS,
    st.fixed_dictionaries({language: st.builds(LabelTexts, WORDS, WORDS) for language in ("en", "vi")}),
    min_size=1,
    max_size=4,
)


def test_the_page_has_the_texts() -> None:
    page = PAGE.read_text("utf-8")
    rows = re.findall(r"^\|(?: (`[a-z-]+`))? \| ([^|-][^|]*?) \| (.+) \|$", page, re.MULTILINE)
    wanted = [
        (f"`{label}`" if language == "en" else "", of[language].users, of[language].reviewers)
        for label, of in TEXTS.items()
        for language in ("en", "vi")
    ]
    assert rows == wanted


def test_every_label_of_a_new_log_is_explained_in_both_languages() -> None:
    check_explains(write_texts(TEXTS), DEFAULT_LABELS)
    assert {label for label, _ in PRIORITIES} < set(DEFAULT_LABELS)
    for of in TEXTS.values():
        assert of.keys() == {"en", "vi"}
        assert len({text for one in of.values() for text in (one.users, one.reviewers)}) == 4


@given(DOCUMENTS)
def test_what_is_written_is_read_back_and_has_one_spelling(texts: dict[str, dict[str, LabelTexts]]) -> None:
    data = write_texts(texts)
    assert parse_texts(data) == texts
    assert write_texts(parse_texts(data)) == data


def test_another_language_falls_back_to_english() -> None:
    assert explained(TEXTS, "hate", "vi") == TEXTS["hate"]["vi"]
    assert explained(TEXTS, "hate", "fr") == TEXTS["hate"]["en"]
    assert explained(TEXTS, "spam", "en") is None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda value: value.pop("format"), "want the format"),
        (lambda value: value.update(format="other"), "want the format"),
        (lambda value: value.update(more=1), "want the format"),
        (lambda value: value.update(labels={}), "want labels"),
        (lambda value: value["labels"].update({"Bad": value["labels"]["hate"]}), "texts of 'Bad'"),
        (lambda value: value["labels"]["hate"].pop("vi"), "hate: want texts in en and vi"),
        (lambda value: value["labels"]["hate"].update(EN={}), "is no language"),
        (lambda value: value["labels"]["hate"].update({"e n": {}}), "is no language"),
        (lambda value: value["labels"]["hate"]["en"].update(more="x"), "want users and reviewers"),
        (lambda value: value["labels"]["hate"]["en"].update(users=""), "want 1 to 500 characters"),
        (lambda value: value["labels"]["hate"]["en"].update(users="x" * (MAX_TEXT + 1)), "want 1 to 500"),
        (lambda value: value["labels"]["hate"]["en"].update(users="a\nb"), "without line breaks"),
        (lambda value: value["labels"]["hate"]["en"].update(users="a\u202eb"), "without line breaks"),
        (lambda value: value["labels"]["hate"]["en"].update(users="a\ud800"), "without line breaks"),
        (lambda value: value["labels"]["hate"]["en"].update(users=7), "want 1 to 500"),
    ],
)
def test_what_is_no_document(spoil: Any, message: str) -> None:  # noqa: ANN401 - one of the functions above
    value = json.loads(write_texts(TEXTS))
    spoil(value)
    with pytest.raises(MalformedError, match=message):
        parse_texts(json.dumps(value).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 10_000, b"\xff"])
def test_bytes_that_are_no_json(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_texts(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data.replace(b'":', b'": ', 1),
        lambda data: data.replace(b'"format"', b'"format":"other","format"'),  # a key twice
        lambda data: data.replace("ộ".encode(), b"\\u1ed9", 1),
        lambda data: json.dumps(json.loads(data), ensure_ascii=False).encode(),
    ],
)
def test_another_spelling_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    data = write_texts(TEXTS)
    assert parse_texts(data) == TEXTS
    with pytest.raises(MalformedError, match="one spelling"):
        parse_texts(spoil(data))


def test_a_document_is_bounded_and_explains_what_it_should() -> None:
    with pytest.raises(MalformedError, match="the limit is 262144"):
        parse_texts(b" " * (256 * 1024 + 1))
    with pytest.raises(MalformedError, match="does not explain spam"):
        check_explains(write_texts(TEXTS), ["hate", "spam"])


def test_texts_that_cannot_be_written_are_refused() -> None:
    with pytest.raises(MalformedError):
        write_texts({"hate": {"en": LabelTexts("a", "b")}})
