"""Copies in other letters: look-alikes, stretched and decorated ones, leet, other capitals and scripts."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Final

from corpus.seeds import Random
from corpus.texts.alteration import LATIN, LEFT_TO_RIGHT, Change, TextAlteration

SAME: Final = "case, marks, spacing, width"
LOOKALIKE: Final = "look-alike letters, stretching, leet"

FILE: Final = Path(__file__).with_name("letters.txt")
TABLES: Final = {
    name: dict(zip(letters, others, strict=True))
    for name, letters, others in (
        line.split("\t") for line in FILE.read_text("utf-8").splitlines() if not line.startswith("#")
    )
}
LEET: Final = {"i": "!", "l": "|", "t": "+", "b": "8", "g": "9", "c": "(", "k": "<"}
OLD_LEET: Final = {"o": "0", "i": "1", "e": "3", "a": "4", "s": "5", "t": "7"}


def mapped(table: dict[str, str], share: float = 1.0) -> Change:
    """The letters of the table, or a share of them, as others; marks on them stay."""

    def change(text: str, random: Random) -> str:
        out = []
        for letter in unicodedata.normalize("NFD", text):
            other = table.get(letter) or table.get(letter.lower())
            out.append(other if other is not None and random.random() < share else letter)
        return unicodedata.normalize("NFC", "".join(out))

    return change


def exactly(table: dict[str, str]) -> Change:
    """Every character of the table as its other one, and capitals of it as they are."""
    return lambda text, _random: "".join(table.get(letter, letter) for letter in text)


def from_block(capital: int, small: int | None = None, digit: int | None = None) -> Change:
    """A to Z as 26 characters that begin at a code point, and so for small letters and numbers."""

    def one(letter: str) -> str:
        if small is not None and "a" <= letter <= "z":
            return chr(small + ord(letter) - ord("a"))
        if digit is not None and "0" <= letter <= "9":
            return chr(digit + ord(letter) - ord("0"))
        upper = letter.upper()
        return chr(capital + ord(upper) - ord("A")) if "A" <= upper <= "Z" else letter

    def change(text: str, _random: Random) -> str:
        # Decorated letters carry no marks: who writes in them leaves these out.
        plain = [mark for mark in unicodedata.normalize("NFD", text) if not unicodedata.combining(mark)]
        return "".join(map(one, plain)).replace("đ", one("d")).replace("Đ", one("D"))

    return change


def without_marks(text: str, _random: Random) -> str:
    """Vietnamese and Turkish as people type them in a hurry."""
    plain = "".join(mark for mark in unicodedata.normalize("NFD", text) if not unicodedata.combining(mark))
    return plain.replace("đ", "d").replace("Đ", "D").replace("\u0131", "i")


def between(what: str, share: float) -> Change:
    """A character after a share of the letters."""
    return lambda text, random: "".join(
        letter + (what if letter.isalpha() and random.random() < share else "") for letter in text
    )


def zalgo(text: str, random: Random) -> str:
    """Three marks on every letter."""
    return "".join(
        letter + "".join(map(chr, random.integers(0x300, 0x345, 3).tolist())) if letter.isalpha() else letter
        for letter in text
    )


def stretched(share: float) -> Change:
    """A share of the letters four times over, as in a shout."""
    return lambda text, random: "".join(
        letter * 4 if letter.isalpha() and random.random() < share else letter for letter in text
    )


def tatweel(text: str, random: Random) -> str:
    """Arabic words drawn out."""
    return between("\u0640" * 2, 0.3)(text, random)


def persian(text: str, _random: Random) -> str:
    """Arabic with the yeh and kaf of a Persian keyboard."""
    return text.translate(str.maketrans("\u064a\u0643", "\u06cc\u06a9"))


_TEENCODE: Final = "không ko được dc ph f qu w gi j kh k nh k ch ck"
TEENCODE: Final = tuple(zip(_TEENCODE.split()[::2], _TEENCODE.split()[1::2], strict=True))
"""Vietnamese as teenagers write it: some of many habits."""


def teencode(text: str, _random: Random) -> str:
    """The longest replacements first."""
    for letters, others in TEENCODE:
        text = text.replace(letters, others)
    return text


def turkish_capitals(text: str, _random: Random) -> str:
    """Upper case by the rules of Turkish."""
    return text.translate({ord("i"): "\u0130", ord("\u0131"): "I"}).upper()


def eth(text: str, _random: Random) -> str:
    """Capitals with U+00D0 in place of the Vietnamese letter that looks the same."""
    return text.upper().replace("\u0110", "\u00d0")


ALTERATIONS: Final = (
    TextAlteration("capitals", SAME, lambda text, _: text.upper(), ("en", "vi", "ru")),
    TextAlteration("marks left out", SAME, without_marks, ("vi",)),
    TextAlteration("decomposed", SAME, lambda text, _: unicodedata.normalize("NFD", text), ("vi", "ko")),
    TextAlteration("zero-width spaces", SAME, between("\u200b", 0.4)),
    TextAlteration("zalgo", SAME, zalgo, ("en", "vi", "ru")),
    TextAlteration("spaces between letters", SAME, between(" ", 1.0)),
    TextAlteration("dots between letters", SAME, between(".", 1.0)),
    TextAlteration("full-width", SAME, from_block(0xFF21, 0xFF41, 0xFF10), LATIN),
    TextAlteration("mathematical bold", SAME, from_block(0x1D400, 0x1D41A, 0x1D7CE), LATIN),
    *(
        TextAlteration(f"Cyrillic {share} %", LOOKALIKE, mapped(TABLES["Cyrillic"], share / 100), LATIN)
        for share in (10, 30, 100)
    ),
    *(
        TextAlteration(f"Greek {share} %", LOOKALIKE, mapped(TABLES["Greek"], share / 100), LATIN)
        for share in (10, 30, 100)
    ),
    TextAlteration("small capitals", LOOKALIKE, mapped(TABLES["small capitals"]), LATIN),
    TextAlteration("circled", LOOKALIKE, from_block(0x24B6, 0x24D0), LATIN),
    TextAlteration("squared", LOOKALIKE, from_block(0x1F130), LATIN),
    TextAlteration("negative squared", LOOKALIKE, from_block(0x1F170), LATIN),
    TextAlteration("regional letters", LOOKALIKE, from_block(0x1F1E6), LATIN),
    TextAlteration("stretched", LOOKALIKE, stretched(0.2)),
    TextAlteration("leet o i e a s t", LOOKALIKE, mapped(OLD_LEET), LATIN),
    TextAlteration("leet ! | + 8 9 ( <", LOOKALIKE, mapped(LEET), LATIN),
    TextAlteration("I for l", LOOKALIKE, exactly({"l": "I"}), LATIN),
    TextAlteration("tatweel", LOOKALIKE, tatweel, ("ar",)),
    TextAlteration("Persian yeh and kaf", LOOKALIKE, persian, ("ar",)),
    TextAlteration("Turkish capitals", LOOKALIKE, turkish_capitals, ("tr",)),
    TextAlteration("modifier apostrophes", LOOKALIKE, between("\u02bc", 0.3), ("en", "vi")),
    TextAlteration("teencode", "", teencode, ("vi",)),
    TextAlteration("eth for d with stroke", LOOKALIKE, eth, ("vi",)),
    TextAlteration("traditional characters", LOOKALIKE, exactly(TABLES["traditional"]), ("zh",)),
    TextAlteration(
        "right-to-left override", LOOKALIKE, lambda text, _: f"\u202e{text[::-1]}\u202c", LEFT_TO_RIGHT
    ),
)
