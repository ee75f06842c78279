"""The line grammar: one spelling for each value, and nothing lenient."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spoken import SLUGS, ascending

from hashpact.domain.grammar import MAX_INTEGER, SLUG, Decimal, Field, FieldReader, Form, Hex, Word
from hashpact.errors import MalformedError

FIRST = "test/v1"
NUMBER = Field("number", Decimal(0, 99))
WORDS = Field("word", SLUG, 0, 3, ascending=True)
FREE = Field("free", SLUG, 1, 2)


def reader(text: str | bytes) -> FieldReader:
    return FieldReader(text if isinstance(text, bytes) else text.encode(), FIRST)


@pytest.mark.parametrize(
    "text",
    [
        "1_5",
        "\uff11\uff15",
        "+15",
        "015",
        "-15",
        "",
        " 15",
        "15 ",
        "1 5",
        "15\n",
        "0x15",
        "1e5",
        "1.0",
        "00",
        "-0",
        "\u0661\u0665",
        "\u00b2",
        "9223372036854775808",
        "18446744073709551616",
        "1" * 20,
        "1" * 5000,
    ],
)
def test_15_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="want a"):
        Decimal().read(text)


@given(st.integers(0, MAX_INTEGER))
def test_every_whole_number_has_one_spelling(number: int) -> None:
    assert Decimal().read(Decimal().write(number)) == number
    assert Decimal().write(number) == str(number)


def test_the_largest_number_is_the_largest_signed_64_bit_one() -> None:
    assert Decimal().read("9223372036854775807") == 2**63 - 1


@pytest.mark.parametrize("number", [4, 17, -1])
def test_a_number_past_its_bounds_is_neither_read_nor_written(number: int) -> None:
    bounded = Decimal(5, 16)
    with pytest.raises(ValueError, match=r"5 to 16|without sign"):
        bounded.read(str(number))
    with pytest.raises(ValueError, match="5 to 16"):
        bounded.write(number)


@pytest.mark.parametrize(
    "text",
    ["AB", "aB", "a b", " ab", "ab ", "a", "abc", "", "0xab", "ab\n", "\uff41\uff42", "a-", "gg", "ab" * 2],
)
def test_18_hex(text: str) -> None:
    with pytest.raises(ValueError, match="lower-case hex"):
        Hex(1).read(text)


@pytest.mark.parametrize("text", ["", "a", "abc", "AB", "ab cd", "ab\ncd"])
def test_18_hex_of_any_size(text: str) -> None:
    with pytest.raises(ValueError, match="even number"):
        Hex(None).read(text)


@given(st.binary(min_size=1, max_size=40))
def test_bytes_have_one_spelling(data: bytes) -> None:
    assert Hex(None).read(Hex(None).write(data)) == data
    assert Hex(len(data)).read(Hex(len(data)).write(data)) == data


@pytest.mark.parametrize(("size", "data"), [(2, b"a"), (2, b"abc"), (2, b""), (None, b"")])
def test_bytes_of_another_size_are_not_written(size: int | None, data: bytes) -> None:
    with pytest.raises(ValueError, match="bytes"):
        Hex(size).write(data)


@pytest.mark.parametrize("text", ["", "-a", "a-", "a--b", "A", "a b", "a_b", "a\n", "\u00e9", "\uff41"])
def test_a_slug_is_letters_digits_and_single_hyphens(text: str) -> None:
    with pytest.raises(ValueError, match="lower-case letters"):
        SLUG.read(text)
    with pytest.raises(ValueError, match="lower-case letters"):
        SLUG.write(text)


def test_a_long_slug_takes_no_longer_than_it_is() -> None:
    # A pattern that backtracks would not come back from this one.
    with pytest.raises(ValueError, match="lower-case letters"):
        SLUG.read("a" * 30_000 + "!")


def test_a_text_is_read_field_by_field() -> None:
    read = reader("test/v1\nnumber 7\nword a\nword b\nfree z\nfree a\n")
    assert read.one(NUMBER) == 7
    assert read.take(WORDS) == ("a", "b")
    assert read.take(FREE) == ("z", "a")
    read.end()


def test_an_optional_field_may_be_absent() -> None:
    note = Field("note", SLUG, 0, 1)
    assert reader("test/v1\n").optional(note) is None
    assert reader("test/v1\nnote a\n").optional(note) == "a"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("test/v1", "does not end with a newline", None),
        ("", "does not end with a newline", None),
        ("test/v2\n", "first line", "1"),
        (" test/v1\n", "first line", "1"),
        ("\ntest/v1\n", "line 1 is empty", "1"),
        ("test/v1\n\n", "line 2 is empty", "2"),
        ("test/v1\nnumber 1\n\nword a\n", "line 3 is empty", "3"),
    ],
)
def test_a_text_that_is_no_list_of_lines_is_refused(text: str, message: str, line: str | None) -> None:
    with pytest.raises(MalformedError, match=message) as caught:
        reader(text)
    assert caught.value.details.get("line") == line


@pytest.mark.parametrize(
    "inserted",
    [b"\r", b"\x0b", b"\x0c", b"\0", b"\t", b"\x7f", b"\x1b", b"\x85", b"\xa0", b"\xff"]
    + [text.encode() for text in ("\u2028", "\u2029", "\u0085", "\u00a0", "\ufeff", "\u200b", "\u00e9")]
    + [b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"],
)
def test_16_bytes_that_are_not_printable_ascii(inserted: bytes) -> None:
    plain = b"test/v1\nnumber 7\n"
    for place in range(len(plain)):
        with pytest.raises(MalformedError) as caught:
            reader(plain[:place] + inserted + plain[place:])
        assert caught.value.details["line"] == ("1" if place <= 7 else "2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("number 7\nnumber 8\n", "want 1 'number' lines, not 2"),
        ("number 7\nnumber 7\n", "want 1 'number' lines, not 2"),
        ("", "want 1 'number' lines, not 0"),
        ("word a\nnumber 7\n", "want 1 'number' lines, not 0"),
        ("number 7\nwod a\n", "line 3: unexpected"),
        ("number 7\nword a\nnumber 7\n", "line 4: unexpected"),
        ("number 7\nword b\nword a\n", "must be sorted"),
        ("number 7\nword a\nword a\n", "repeated"),
        ("number 7\nword a\nword b\nword c\nword d\n", "want 0 to 3 'word' lines, not 4"),
        ("number  7\n", "line 2, number: want a decimal"),
        ("number 7 \n", "line 2, number: want a decimal"),
        ("number\n", "not 0"),
        ("number \n", "line 2, number: want a decimal"),
        ("number\t7\n", "printable ASCII"),
        ("Number 7\n", "not 0"),
        ("number=7\n", "not 0"),
        ("number 100\n", "from 0 to 99"),
    ],
)
def test_19_fields(text: str, message: str) -> None:
    with pytest.raises(MalformedError, match=re.escape(message)) as caught:
        _read_all(reader("test/v1\n" + text))
    assert caught.value.details["field"] in {"number", "word", "text"}
    assert 2 <= int(caught.value.details["line"]) <= 4


def _read_all(read: FieldReader) -> None:
    read.one(NUMBER)
    read.take(WORDS)
    read.end()


def test_a_flood_of_lines_is_read_only_to_one_past_the_bound() -> None:
    spelled: list[str] = []

    class Counting(Word):
        def value(self, text: str) -> str:
            spelled.append(text)
            return text

    flood = Field("word", Counting(".*", "anything"), 0, 3)
    with pytest.raises(MalformedError, match="not 4"):
        reader("test/v1\n" + "".join(f"word w{i}\n" for i in range(10_000))).take(flood)
    assert spelled == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("b", "a"), "sorted"),
        (("a", "a"), "repeated"),
        (("a", "b", "c", "d"), "want 0 to 3"),
        (("a b",), "word: want"),
        (("a\nnumber 1",), "word: want"),
        (("a\n",), "word: want"),
    ],
)
def test_what_would_not_be_read_is_not_written(values: tuple[str, ...], message: str) -> None:
    with pytest.raises(MalformedError, match=message) as caught:
        WORDS.write(values)
    assert caught.value.details == {"field": "word"}


def test_repeated_values_that_are_not_ascending_must_still_differ() -> None:
    assert FREE.write(("b", "a")) == "free b\nfree a\n"
    with pytest.raises(MalformedError, match="repeated"):
        FREE.write(("a", "a"))


@given(ascending(SLUGS, 0, 3))
def test_what_is_written_is_read_back(words: tuple[str, ...]) -> None:
    read = reader("test/v1\n" + WORDS.write(words))
    assert read.take(WORDS) == words
    read.end()


FORM = Form(FIRST, NUMBER, Field("note", SLUG, 0, 1), WORDS, Field("hash", Hex(2)))
GOOD = ("number 7\n", "note a\n", "word a\n", "word a-b\n", "hash abcd\n", f"{FIRST}\n")
BAD = (
    "number 07\n",
    "number 100\n",
    "word A\n",
    "hash ab\n",
    "hash abcd",
    "\n",
    "x\n",
    "number 7\r\n",
    "a\0\n",
)
LINES = st.sampled_from(GOOD + BAD)


def verdict(read: Callable[[bytes], object], data: bytes) -> object:
    """What is read, or what is said against it."""
    try:
        return read(data)
    except MalformedError as error:
        return error.details


def one_by_one(data: bytes) -> list[tuple[object, ...]]:
    """The form's fields, each read by itself."""
    read = FieldReader(data, FIRST)
    values = [read.take(field) for field in FORM.fields]
    read.end()
    return values


@given(st.lists(LINES, max_size=6))
def test_a_form_is_read_as_its_fields_are(lines: list[str]) -> None:
    """One pattern for the whole text takes what the fields take one by one, and nothing else."""
    data = f"{FIRST}\n{''.join(lines)}".encode()
    whole = verdict(FORM.read, data)
    if not isinstance(whole, dict) or "missing" not in whole:
        assert whole == verdict(one_by_one, data)
        return
    lacking = [name for name in ("number", "hash") if not any(line.startswith(f"{name} ") for line in lines)]
    assert whole["missing"] == ", ".join(lacking)
    assert whole["field"] == lacking[0]
    if len(lacking) == 1:  # else both of those that must be there are named
        assert verdict(one_by_one, data) == {name: whole[name] for name in ("field", "line")}


def test_a_form_takes_what_it_is_made_of() -> None:
    assert FORM.read(b"test/v1\nnumber 7\nnote a-b\nword a\nword b\nhash abcd\n") == [
        (7,),
        ("a-b",),
        ("a", "b"),
        (b"\xab\xcd",),
    ]
    assert FORM.read(b"test/v1\nnumber 7\nhash abcd\n") == [(7,), (), (), (b"\xab\xcd",)]
