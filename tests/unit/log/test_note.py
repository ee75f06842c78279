"""Signed notes: published examples, and every way in which one is no note."""

from __future__ import annotations

import base64
import tracemalloc

import pytest
from builders import seeded
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from hashpact.errors import MalformedError
from hashpact.log import note
from hashpact.log.note import MAX_SIGNATURES, Note, NoteSignature

LIMIT = 32 * 1024

# golang.org/x/mod/sumdb/note, note_test.go: key, seed, text and signature.
PETER_TEXT = (
    b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
PETER_LINE = (
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
PETER_PUBLIC = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]

# c2sp.org/signed-note, the example at its head: a text with an empty line and letters beyond ASCII.
QUASIMODO = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned \u00e8 subito sera.\n\n"
    "\u2014 quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9o"
    "JKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
).encode()

TEXT = b"one\ntwo\n"
LINE = note.signature_line("example.org/key", seeded("public"), bytes(64))


def encoded(payload: bytes) -> bytes:
    """A signature line with that payload."""
    return b"\xe2\x80\x94 name " + base64.b64encode(payload) + b"\n"


def test_the_note_of_the_go_implementation() -> None:
    parsed = note.parse(note.join(PETER_TEXT, [PETER_LINE]), LIMIT)
    assert parsed.text == PETER_TEXT
    (line,) = parsed.signatures
    assert (line.name, line.key_id.hex()) == ("PeterNeumann", "c74f20a3")
    assert note.short_id("PeterNeumann", PETER_PUBLIC) == line.key_id
    Ed25519PublicKey.from_public_bytes(PETER_PUBLIC).verify(line.value, parsed.text)


def test_a_verifier_key_is_spelled_as_the_go_implementation_does() -> None:
    wanted = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert note.verifier_key("PeterNeumann", PETER_PUBLIC) == wanted
    assert note.parse_verifier_key(wanted) == ("PeterNeumann", note.ED25519, PETER_PUBLIC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TX",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        note.parse_verifier_key(text)


def test_signing_gives_the_line_of_the_go_implementation() -> None:
    signature = Ed25519PrivateKey.from_private_bytes(PETER_SEED).sign(PETER_TEXT)
    assert note.signature_line("PeterNeumann", PETER_PUBLIC, signature) == PETER_LINE


def test_the_note_of_the_specification() -> None:
    parsed = note.parse(QUASIMODO, LIMIT)
    assert parsed.text == QUASIMODO.rpartition(b"\n\n")[0] + b"\n"
    assert b"\n\n" in parsed.text
    assert [line.name for line in parsed.signatures] == ["quasimodo.example/salvatore"]
    assert len(parsed.signatures[0].value) == 64


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], min_codepoint=32)), min_size=1).map(
        lambda lines: ("\n".join(["x", *lines, ""])).encode()
    ),
    st.lists(
        st.tuples(st.from_regex(r"[!-*,-~]{1,40}", fullmatch=True), st.binary(min_size=64, max_size=64)),
        min_size=1,
        max_size=MAX_SIGNATURES,
    ),
)
def test_a_note_is_read_as_it_was_joined(text: bytes, signers: list[tuple[str, bytes]]) -> None:
    public = seeded("public")
    data = note.join(text, [note.signature_line(name, public, value) for name, value in signers])
    expected = tuple(NoteSignature(name, note.short_id(name, public), value) for name, value in signers)
    assert note.parse(data, len(data)) == Note(text, expected)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "note"),
        (b"\n", "note"),
        (b"\n\n", "note"),
        (b"\n\n" + LINE, "note"),
        (TEXT, "note"),
        (TEXT + LINE, "note"),
        (TEXT + b"\n", "signature"),
        (TEXT + b"\n\n", "signature"),
        (TEXT + b"\n" + LINE + b"\n", "signature"),
        (TEXT + b"\n" + LINE[:-1], "signature"),
        (TEXT + b"\n" + LINE[:-1] + b"\r", "signature"),
        (TEXT + b"\n" + LINE + b"more", "signature"),
        (TEXT + b"\n" + LINE + b"more\n", "signature"),
        (TEXT + b"\nmore\n" + LINE, "signature"),
    ],
)
def test_what_is_no_note_is_refused(data: bytes, field: str) -> None:
    with pytest.raises(MalformedError) as caught:
        note.parse(data, LIMIT)
    assert caught.value.details["field"] == field


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace(b"\xe2\x80\x94 ", b"-- "),
        LINE.replace(b"\xe2\x80\x94", b"\xe2\x80\x93"),
        LINE.replace(b"\xe2\x80\x94 ", b"\xe2\x80\x94"),
        LINE.replace(b"\xe2\x80\x94 ", b"\xe2\x80\x94  "),
        LINE.replace(b"\xe2\x80\x94 ", b" \xe2\x80\x94 "),
        LINE.replace(b"\xe2\x80\x94 ", b"\xe2\x80\x94\xc2\xa0"),
        LINE.replace(b"example.org/key", b""),
        LINE.replace(b"example.org", b"example+org"),
        LINE.replace(b"example.org", b"example org"),
        LINE.replace(b"example.org", b"ex\xc3\xa4mple.org"),
        LINE.replace(b"example.org", b"example\x7forg"),
        LINE.replace(b"example.org", b"example\torg"),
        LINE.replace(b"example.org", b"example\0org"),
        LINE.replace(b"example.org", b"a" * 4096),
        LINE[:-1] + b" \n",
        LINE[:-1] + b"\r\n",
        LINE.replace(b"\n", b" extra\n"),
        b"\xe2\x80\x94 name\n",
        b"\xe2\x80\x94 name \n",
    ],
)
def test_a_line_that_is_no_signature_line_is_refused_by_number(line: bytes) -> None:
    for lines, number in (([line], "4"), ([LINE, line], "5"), ([line, LINE], "4")):
        with pytest.raises(MalformedError) as caught:
            note.parse(note.join(TEXT, lines), LIMIT)
        assert caught.value.details == {"field": "signature", "line": number}


@pytest.mark.parametrize("size", [5, 6, 7, 68])
def test_17_base64(size: int) -> None:
    """Spare bits changed, the URL alphabet, padding missing, doubled or misplaced, white space."""
    good = encoded(b"\xfb\xff" * 34 if size == 68 else b"\xfb\xff\xbf\xfe\xfb\xff\xbf"[:size])
    assert note.parse(note.join(TEXT, [good]), LIMIT).signatures[0].name == "name"
    text = good[:-1].rsplit(b" ", 1)[1]
    assert b"+" in text
    assert b"/" in text
    spellings = [
        text.replace(b"+", b"-"),
        text.replace(b"/", b"_"),
        text + b"=",
        text + b"A",
        text[:-1],
        b"=" + text,
        text[:4] + b" " + text[4:],
        text[:4] + b"\r" + text[4:],
        text[:4] + b"=" + text[4:],
        text[:4] + b"\xc3\xa9" + text[4:],
    ]
    padding = len(text) - len(text.rstrip(b"="))
    if padding:
        spellings += [text.rstrip(b"="), text[:-1] + b"=="]
        last = text.rstrip(b"=")[-1]
        alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        spare = alphabet[alphabet.index(last) | 1]
        assert base64.b64decode(text.rstrip(b"=")[:-1] + bytes([spare]) + b"=" * padding)
        spellings.append(text.rstrip(b"=")[:-1] + bytes([spare]) + b"=" * padding)
    for spelling in spellings:
        with pytest.raises(MalformedError, match=r"standard base64|one base64 spelling|not a signature line"):
            note.parse(note.join(TEXT, [good.replace(text, spelling)]), LIMIT)


@pytest.mark.parametrize("size", range(5))
def test_a_signature_has_a_key_id_and_at_least_one_byte(size: int) -> None:
    with pytest.raises(MalformedError, match="too short"):
        note.parse(note.join(TEXT, [encoded(bytes(size))]), LIMIT)
    assert note.parse(note.join(TEXT, [encoded(bytes(5))]), LIMIT).signatures[0].value == b"\0"


@pytest.mark.parametrize(
    "inserted",
    [
        b"\r",
        b"\0",
        b"\t",
        b"\x0b",
        b"\x1f",
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
    ],
)
def test_16_a_text_with_control_characters_or_other_than_utf_8(inserted: bytes) -> None:
    for text, number in ((b"a" + inserted + b"b\nc\n", "1"), (b"\xc3\xa9\n\n" + inserted + b"\n", "3")):
        with pytest.raises(MalformedError, match=f"line {number}: want UTF-8 text") as caught:
            note.parse(note.join(text, [LINE]), LIMIT)
        assert caught.value.details == {"field": "text", "line": number}


def test_text_beyond_ascii_is_text() -> None:
    text = "\ufeff\u2028 \x7f\u0085 \U0001f9ff\n".encode()
    assert note.parse(note.join(text, [LINE]), LIMIT).text == text


def test_14_sixteen_signatures_and_no_more() -> None:
    assert len(note.parse(note.join(TEXT, [LINE] * 16), LIMIT).signatures) == 16
    with pytest.raises(MalformedError, match="more than 16") as caught:
        note.parse(note.join(TEXT, [LINE] * 17), LIMIT)
    assert caught.value.details == {"field": "signature", "line": "20"}


def test_14_a_hundred_thousand_signature_lines_in_bounded_memory() -> None:
    data = note.join(TEXT, [LINE * 100_000])
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError, match="more than 16"):
            note.parse(data, len(data))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        with pytest.raises(MalformedError, match="limit is 32768"):
            note.parse(data, LIMIT)
        _, refused_at_once = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A few copies of the bytes at worst, where a list of lines would be ten times as much; none at the limit.
    assert peak < 4 * len(data)
    assert refused_at_once < 64 * 1024


def test_a_note_that_breaks_off_says_so() -> None:
    with pytest.raises(MalformedError, match="the last signature line does not end with a newline"):
        note.parse(note.join(TEXT, [LINE[:-1]]), LIMIT)


def test_a_signature_line_has_at_most_4096_bytes() -> None:
    longest = LINE.replace(b"example.org/key", b"k" * (4096 - len(LINE) + 1 + len("example.org/key")))
    assert len(longest.rstrip()) == 4096
    assert len(note.parse(note.join(TEXT, [longest]), LIMIT).signatures) == 1
    with pytest.raises(MalformedError, match="line 4: not a signature line"):
        note.parse(note.join(TEXT, [longest.replace(b" k", b" kk")]), LIMIT)


def test_the_size_limit_is_inclusive() -> None:
    data = note.join(TEXT, [LINE])
    assert note.parse(data, len(data)).text == TEXT
    with pytest.raises(MalformedError, match=f"{len(data)} bytes; the limit is {len(data) - 1}"):
        note.parse(data, len(data) - 1)
