# ruff: noqa: RUF001 - look-alikes are what this file is about
"""Folding: what it undoes, what is one letter to it, and the rules it obeys for every character."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hashpact.fingerprint.text import MAX_BYTES, fold

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "src/kernel/text/folding.txt"
CHECKED = settings(derandomize=True, database=None, deadline=None, max_examples=150)

TEXT = "Mấy thằng lừa đảo ở chợ đầu mối bán cá ươn, ai mua là mất tiền oan với chúng nó. Báo ngay."
ENGLISH = "Those crooks at the harbour market sell rotten fish; all who buy it lose their money. Do call."
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def stripped(text: str) -> str:
    """Vietnamese as typed without an input method."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("đ", "d").replace("Đ", "D")


def translated(letters: str, to: str) -> Callable[[str], str]:
    """Each of these letters written as its like."""
    return lambda text: stripped(text).translate(str.maketrans(letters, to))


def from_code(first: int) -> Callable[[str], str]:
    """Latin letters by those of an alphabet of signs that begins there."""
    return lambda text: re.sub("[a-z]", lambda c: chr(first + ord(c[0]) - ord("a")), stripped(text).lower())


def sprinkled(with_what: str) -> Callable[[str], str]:
    """A way of writing that puts a character after every third one."""
    return lambda text: re.sub("(...)", rf"\1{with_what}", text, flags=re.DOTALL)


UNDONE: dict[str, Callable[[str], str]] = {
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "capitals": str.upper,
    "Cyrillic": translated("aceopxyijshktbmnugdvzlq", "асеорхуіјѕһктьмпцԍԁѵзӏԛ"),
    "Cyrillic capitals": lambda text: translated("ABCEHIJKMOPSTXYZN", "АВСЕНІЈКМОРЅТХУЗИ")(text.upper()),
    "Greek": translated("aeiouptxykvnwbdz", "αειουρτχγκνηωβδζ"),
    "Armenian": translated("hnouq", "հոօսզ"),
    "small capitals": translated(LETTERS[:23], "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡ"),
    "superscripts": translated("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"),
    "turned and reversed letters": translated("aehrtvy", "ɐǝɥɹʇʌʎ"),
    "strokes": translated("lodhtbi", "łøđħŧƀɨ"),
    "dotless i": lambda text: text.replace("i", "ı"),
    "dotted I": lambda text: text.replace("i", "İ").upper(),
    "eth": lambda text: text.replace("đ", "ð").replace("Đ", "Ð"),
    "I for l": lambda text: text.replace("l", "I"),
    "1 and | for l and i": lambda text: stripped(text).replace("l", "1").replace("i", "|"),
    "full width": from_code(0xFF41),
    "mathematical": from_code(0x1D41A),
    "circled": from_code(0x24D0),
    "parenthesised": from_code(0x249C),
    "squared": from_code(0x1F130),
    "negative circled": from_code(0x1F150),
    "negative squared": from_code(0x1F170),
    "regional letters": from_code(0x1F1E6),
    "regional letters, apart": lambda text: " ".join(from_code(0x1F1E6)(text)),
    "regional letters, joined": lambda text: "\u200b".join(from_code(0x1F1E6)(text)),
    "leet": lambda text: translated("oieastbgz", "013457892")(text.lower()),
    "leet, signs": lambda text: translated("iltbgcas", "!|+89(@$")(text.lower()),
    "leet, other signs": lambda text: translated("iltbgceoz", "!1+69<302")(text.lower()),
    "leet, square brackets": lambda text: translated("ctl", "[+|")(text.lower()),
    "stretched": lambda text: re.sub(r"(\w)", r"\1\1\1\1", text),
    "some stretched": lambda text: re.sub("([aoi])", r"\1\1\1", text),
    "modifier apostrophes": "\u02bc".join,
    "saltillo": "\ua78c".join,
    "tatweel": "\u0640".join,
    "letter spacing": " ".join,
    "override": lambda text: "\u202e" + text[::-1] + "\u202c",
    "override to the end": lambda text: "\u202e" + text[::-1],
    "override of words": lambda text: " ".join(
        f"\u202e{word[::-1]}\u202c" if at % 2 else word for at, word in enumerate(text.split())
    ),
    "overrides in each other": sprinkled("\u202e"),
    "embeddings and isolates": sprinkled("\u2067\u202b"),
    "flags": sprinkled("\U0001f1fb\U0001f1f3"),
    "two flags": sprinkled("\U0001f1fb\U0001f1f3\U0001f1ec\U0001f1e7"),
}  # fmt: skip


@pytest.mark.parametrize("way", UNDONE)
def test_folding_undoes(way: str) -> None:
    for text in (TEXT, ENGLISH, TEXT + " " + ENGLISH):
        assert fold(UNDONE[way](text)) == fold(text)
    assert UNDONE[way](TEXT) != TEXT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("这个国家的电话号码后来发给谁了", "這個國家的電話號碼後來發給誰了"),
        ("里面有面条和头发", "裡面有麵條和頭髮"),
        ("裏面吃飯", "裡面喫飯"),
        ("كتاب علي", "کتاب علی"),
        ("مرحبا بكم", "مـــرحبا بـكـم"),
        ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"),
        ("2026", "๒๐๒๖"),
        ("เเละ", "และ"),
        ("한국어를 사랑해", unicodedata.normalize("NFD", "한국어를 사랑해")),
        ("ㅋㅋㅋㅋㅋ 진짜", "ㅋㅋ 진짜"),
        ("싫어어어어", "싫어"),
        ("hahahahaha", "haha"),
        ("35.000₫", "35.000đ"),
        ("phở", "fở"),
        ("quá", "wá"),
        ("khi chưa ăn gì", "ki ckưa ăn j"),
        ("kỳ cục quá", "cỳ kục cuá"),
        ("cornbine", "combine"),
    ],
)
def test_these_are_one(one: str, other: str) -> None:
    assert one != other
    assert fold(one) == fold(other) != ""


@pytest.mark.parametrize(
    "text",
    [
        "Hi! Who (really) wrote this [1] + that? a | b {x} I <3 you :( 100+ C++ wow!!!",
        "(một) hai! [ba] {bốn} | năm + sáu < bảy",
        "+84 912 345 678 (24)",
        "buồn quá :(( !!!",
    ],
)
def test_signs_are_punctuation_where_no_word_has_them(text: str) -> None:
    assert fold(text) == fold(re.sub(r"[^\w\s]", "", text))


def test_a_text_that_writes_with_signs() -> None:
    assert fold("k!ll") == fold("kill")
    assert fold("+ô! đ!") == fold("toi di")
    assert fold("no( qua") == fold("noc qua")
    # Closed brackets are none of its letters.
    assert fold("(k!ll)") == fold("kill")


def test_flags_are_no_letters_and_regional_letters_are() -> None:
    assert fold("\U0001f1fb\U0001f1f3") == fold("\U0001f1fb\U0001f1f3\U0001f1fa\U0001f1f8") == ""
    assert fold("\U0001f1fb\U0001f1f3\U0001f1fb") == fold("vnv")
    assert fold("\U0001f1fb \U0001f1f3") == fold("v n")


def test_the_steps_of_folding() -> None:
    assert fold("ĐƯỜNG đi") == "duongdi"
    assert fold("Straße ﬁn İstanbul \u017f") == "strasephinistanbuis"
    assert fold("0123456789@$") == "oizeasbtbgas"
    assert fold("½ x² ① ❷ 10 ⑩") == "izxzio"
    assert fold("¡!?.,-_/#%&*()[]\n\t") == ""
    # The iota below is the one mark that casefold makes a letter.
    assert fold("\u1fb3") == fold("\u03b1\u0345") == "ai"
    # Thai: the vowels and tones written above and below are marks, the others letters.
    assert fold("กินน้ำ") == "กนา"
    # Hangul: jamo, so that three of four shingles cross a syllable.
    assert fold("한국") == unicodedata.normalize("NFD", "한국")
    assert fold("人人生而自由。") == "人生而自由"


def test_every_character_folds_to_letters_and_numbers_that_fold_to_themselves() -> None:
    left: set[str] = set()
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        # Unassigned, private and surrogate code points, which are nine in ten, fold to nothing.
        if unicodedata.category(character) in {"Cn", "Co", "Cs"}:
            continue
        once = fold(character)
        assert fold(once) == once, hex(code)
        # What Unicode has as one, folding has, with two sigmas that look like a c.
        if character not in "ϲϹ":
            assert once == fold(unicodedata.normalize("NFKC", character)), hex(code)
        assert fold(character.lower()) == fold(character.upper()), hex(code)
        left.update(once)

    assert {unicodedata.category(character)[0] for character in left} <= {"L", "N"}
    assert {c for c in left if c.isascii()} == set("abcdeghinoprstuvxyz")
    assert left.isdisjoint("\u115f\u1160\u3164\uffa0")
    assert fold("\u0378\ue000\ud800\U000f0000") == ""


class Icu:
    """The skeletons of UTS #39 by ICU, as an oracle."""

    def __init__(self, library: str) -> None:
        version = library.rpartition(".")[2]
        icu = ctypes.CDLL(library)
        opened = getattr(icu, f"uspoof_open_{version}")
        opened.restype = ctypes.c_void_p
        self._error = ctypes.c_int(0)
        self._checker = ctypes.c_void_p(opened(ctypes.byref(self._error)))
        self._skeleton = getattr(icu, f"uspoof_getSkeletonUTF8_{version}")

    def skeleton(self, text: str) -> str:
        """The skeleton, without marks."""
        room = ctypes.create_string_buffer(256)
        data = text.encode()
        size = self._skeleton(self._checker, 0, data, len(data), room, 256, ctypes.byref(self._error))
        assert self._error.value <= 0
        return "".join(c for c in room.raw[:size].decode() if unicodedata.category(c)[0] != "M")


# Letters whose capital looks like another one than they do: the small one decides, which texts have more of.
SMALL_DECIDES = re.compile(
    "GREEK.* (ETA|NU|UPSILON)|CAPITAL (ETA|NU|UPSILON)$|WARANG CITI|OSAGE|CHEROKEE|CYRILLIC CAPITAL LETTER YU"
)
# By Unicode's compatibility and by case folding, before any look-alike.
BEFORE = re.compile("LONG S|GEGRAMMENI")


def test_look_alikes_of_the_standard_are_one_letter() -> None:
    library = ctypes.util.find_library("icui18n")
    if library is None:
        pytest.skip("needs ICU's library")
    icu = Icu(library)
    compared = 0
    for code in range(0x80, sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character)[0] != "L":
            continue
        looks = icu.skeleton(character)
        name = unicodedata.name(character, "")
        if looks.isascii() and looks.isalpha() and not SMALL_DECIDES.search(name) and not BEFORE.search(name):
            compared += 1
            assert fold(character) == fold(looks), name
    assert compared > 1900


def without_repetitions(text: str) -> str:
    """The rule written out: no h after a c, no one, two or three characters that are before themselves."""
    out = ""
    for character in text:
        if out.endswith("c") and character == "h":
            continue
        out += character
        for size in (1, 2, 3):
            if len(out) >= 2 * size and out[-size:] == out[-2 * size : -size]:
                out = out[:-size]
                break
    return out


# What one look at a text decides: signs, overrides, flags.
PLAIN = st.characters(exclude_categories=["Cs"]).filter(
    lambda c: c not in "!|+(<[{\u202e" and not 0x1F1E6 <= ord(c) <= 0x1F1FF
)


@CHECKED
@given(st.text(PLAIN) | st.text("aabchHqAB \u0301아가", max_size=3000))
@example("\u1112\u1161\u11ab\u1100\u116e\u11a8")
@example("\u03b1\u0345\u0301\u0313 \u03b1\u0301\u0345")
@example("A\u030a\u0327 I\u0307 \u0131\u0307 \u1e9b\u0323 \u0d46\u0d3e \uff76\uff9e")
def test_folding_a_text_is_folding_its_characters_and_no_repetitions(text: str) -> None:
    assert fold(text) == without_repetitions("".join(map(fold, text)))


@CHECKED
@given(st.text())
@example("\u1100\u200b\u1161")
@example("\u03b1\u200d\u0345")
@example("\u202e!a\u202c!b \U0001f1fb\U0001f1f3")
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@CHECKED
@given(st.text())
def test_canonically_equal_texts_fold_alike(text: str) -> None:
    if "\u202e" not in text:
        assert (
            fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)
        )


def test_a_repetition_that_crosses_the_pieces_of_a_long_text_is_seen() -> None:
    for before in range(990, 1030):
        text = (
            "".join(LETTERS[at * at % 7 + at % 5] for at in range(before)) + "xyz" * 50 + "a" * 3000 + "end"
        )
        assert fold(text) == without_repetitions("".join(map(fold, text)))


def test_the_table_is_what_the_script_writes() -> None:
    """Where the script has what it needs: nothing in the table was made by hand."""
    table = TABLE.read_text(encoding="ascii")
    assert "Unicode 15.1.0, UTS #39 as in ICU 72, and Unihan 15.0" in table
    unihan = Path("/usr/share/unicode/Unihan_Variants.txt.bz2")
    icu = ctypes.util.find_library("icui18n") or ""
    if unicodedata.unidata_version == "15.1.0" and icu.endswith(".72") and unihan.exists():
        command = [sys.executable, str(ROOT / "scripts/derive-folding")]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == table


@pytest.mark.parametrize(
    "run",
    [
        *(
            "\u0301\u0316",
            "\u0f73",
            "\uff9e" + "\u0301" * 30,
            "\u0345\u0301\u0316",
            "\u202e",
            "\u202ea\u202c",
        ),
        *("\U0001f1fb", "a!", "!", "(1", "(", "ab", "abc"),
    ],
)
def test_hostile_texts_are_folded_in_linear_time(run: str) -> None:
    # Unicode normalisation takes six seconds for 40 000 marks, and time that grows with their square.
    hostile = "a" + run * (MAX_BYTES // len(run.encode()) - 1)
    started = time.process_time()
    fold(hostile)
    assert time.process_time() - started < 0.5
