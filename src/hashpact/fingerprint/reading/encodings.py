"""Bytes to text: UTF-8, also with some bytes that are wrong, UTF-16, and the old encodings of Vietnamese.

Unicode's own are recognised by their form and their byte order marks. The others, one byte a letter (TCVN3,
VISCII) or a letter and its tone (VNI), are recognised by what comes out: Vietnamese syllables.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable
from typing import Final, NamedTuple

SAMPLE: Final = 65536
"""How many bytes are enough to recognise an encoding."""

FEW: Final = 20
"""One wrong byte for so many characters is few."""

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_STRANGE: Final = {"Cc", "Cn", "Co", "Cs"}
"""Categories that few characters of a text have."""

# The bytes from 80 on: TCVN 5712:1993 VN1, of which the VN3 of TCVN3's fonts is a part, and RFC 1456.
_TCVN3: Final = (
    "ÀẢÃÁẠẶẬÈẺẼÉẸỆÌỈĨÍỊÒỎÕÓỌỘỜỞỠỚỢÙỦŨ\u00a0ĂÂÊÔƠƯĐăâêôơưđẰ\u0300\u0309\u0303\u0301\u0323àảãáạẲằẳẵắẴ"
    "ẮẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒĩíịòỔỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ"
)
_VISCII: Final = (
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲÕắằặấầẩậẽẹếềểễệốồổỗỠƠộờởịỰỨỪỬơớƯ"
    "ÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡưàáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ"
)
_VISCII_LOW: Final = dict(zip((0x02, 0x05, 0x06, 0x14, 0x19, 0x1E), "ẲẴẪỶỸỴ", strict=True))

# VNI, seen as Latin-1: letters of their own, and what follows a vowel, to combining marks.
_VNI: Final = dict(zip("ôÔöÖñÑæÆóÓòÒîÎ", "ơƠưƯđĐỉỈĩĨịỊỵỴ", strict=True))
_VNI_TONES: Final = dict(
    zip(
        "ùøûõïâáàåãäêéèúüë",
        (
            *("\u0301", "\u0300", "\u0309", "\u0303", "\u0323"),
            *("\u0302", "\u0302\u0301", "\u0302\u0300", "\u0302\u0309", "\u0302\u0303", "\u0302\u0323"),
            *("\u0306", "\u0306\u0301", "\u0306\u0300", "\u0306\u0309", "\u0306\u0303", "\u0306\u0323"),
        ),
        strict=True,
    )
)
_VNI_VOWEL: Final = re.compile(
    f"([aeouyôö])([{''.join(_VNI_TONES)}])|([{''.join(_VNI)}])",
    re.IGNORECASE,
)

# Initial, vowels, final: enough to distinguish Vietnamese from what another table makes of its bytes.
_SYLLABLE: Final = re.compile(
    "(?:b|c|ch|d|đ|g|gh|gi|h|k|kh|l|m|n|ng|ngh|nh|p|ph|qu|r|s|t|th|tr|v|x)?"
    "(?:[aăâeêioôơuưy]|[iuưyoô][aăâeêơôou]|[aăâeêoôơuư][iouy]|oa[iyo]|oe[o]|uâ[y]|uô[i]|ươ[iu]|iê[u]|yê[u]|uy[aêu])"
    "(?:c|ch|m|n|ng|nh|p|t)?"
)
_TONES: Final = str.maketrans("", "", "\u0300\u0301\u0303\u0309\u0323")
_WORD: Final = re.compile(r"[^\W\d_]+")
_LIKELY: Final = 0.8
_FEWEST_WORDS: Final = 2


class Decoded(NamedTuple):
    """A text, and what to say of how it was read; empty for plain UTF-8."""

    text: str
    remark: str


def decoded(data: bytes) -> Decoded | None:
    """The text in ``data``, or None if it is none.

    Wrong bytes, and the parts of a letter that is cut, are U+FFFD if they are few.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = data.decode(encoding, "replace")
            # Other content may begin with these two bytes.
            strange = sum(
                each == "\ufffd" or unicodedata.category(each) in _STRANGE for each in text[:SAMPLE]
            )
            return Decoded(text, f"read as {encoding.upper()}") if strange * FEW <= len(text) else None
    if b"\0" in data:
        return None
    try:
        return Decoded(data.decode(), "")
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", "replace")
    # Of Vietnamese in another encoding, one letter in three or four is wrong.
    if _is_readable(text):
        count = text.count("\ufffd")
        return Decoded(text, f"not UTF-8 throughout; wrong bytes and cut letters left out: {count}")
    likely, name = max((_likeness(table(data[:SAMPLE])), name) for name, table in _TABLES.items())
    if likely < _LIKELY:
        return None
    return Decoded(_TABLES[name](data), f"read as Vietnamese in {name}")


def _is_readable(text: str) -> bool:
    """Whether few characters are wrong or control something."""
    wrong = text.count("\ufffd") + text.count("\0")
    controls = sum(text.count(chr(code)) for code in range(1, 32) if code not in {9, 10, 12, 13})
    return (wrong + controls) * FEW <= len(text)


def _likeness(text: str) -> float:
    """The share of words with letters outside ASCII that are Vietnamese syllables; 0 if there are few."""
    words = [word for word in _WORD.findall(unicodedata.normalize("NFC", text).lower()) if not word.isascii()]
    if len(words) < _FEWEST_WORDS:
        return 0.0
    return sum(map(_is_syllable, words)) / len(words)


def _is_syllable(word: str) -> bool:
    apart = unicodedata.normalize("NFD", word)
    plain = apart.translate(_TONES)
    return len(apart) - len(plain) <= 1 and bool(_SYLLABLE.fullmatch(unicodedata.normalize("NFC", plain)))


def _by_bytes(high: str, low: dict[int, str]) -> Callable[[bytes], str]:
    """A decoder of one byte a letter."""
    table = {code: low.get(code, chr(code)) for code in range(128)} | dict(enumerate(high, 128))
    return lambda data: data.decode("latin-1").translate(table)


def _vni(data: bytes) -> str:
    def letter(found: re.Match[str]) -> str:
        base, tone, alone = found.groups()
        if alone:
            return _VNI[alone]
        return unicodedata.normalize("NFC", _VNI.get(base, base) + _VNI_TONES[tone.lower()])

    return _VNI_VOWEL.sub(letter, data.decode("cp1252", "replace"))


_TABLES: Final[dict[str, Callable[[bytes], str]]] = {
    "TCVN3": _by_bytes(_TCVN3, {}),
    "VISCII": _by_bytes(_VISCII, _VISCII_LOW),
    "VNI": _vni,
    "Windows-1258": lambda data: unicodedata.normalize("NFC", data.decode("cp1258", "replace")),
}
