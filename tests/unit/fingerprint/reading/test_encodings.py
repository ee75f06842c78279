"""Bytes to text: each encoding that is read, what is only nearly text, and what is none."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact.fingerprint.reading.encodings import Decoded, decoded
from hashpact.fingerprint.text import MAX_BYTES, fold

TEXT = (
    "Sáng nay chợ Bến Thành đông nghịt người, ai cũng vội vã mua cho kịp phiên. Bà Năm bán bún riêu ở "
    "đầu ngõ, Đường ươn ướt, ỷ lại, khuya khoắt, quýt, giếng, nghĩ."
)

# How VNI writes letters, as Latin-1 shows it: from its table, and not from the decoder's.
_VNI = """
áàảãạăắằẳẵặâấầẩẫậ aù aø aû aõ aï aê aé aè aú aü aë aâ aá aà aå aã aä
éèẻẽẹêếềểễệíìỉĩịó eù eø eû eõ eï eâ eá eà eå eã eä í ì æ ó ò où
òỏõọôốồổỗộơớờởỡợú oø oû oõ oï oâ oá oà oå oã oä ô ôù ôø ôû ôõ ôï uù
ùủũụưứừửữựýỳỷỹỵđĐ uø uû uõ uï ö öù öø öû öõ öï yù yø yû yõ î ñ Ñ
"""
VNI = {
    letter: written
    for letters, *writings in map(str.split, _VNI.strip().splitlines())
    for letter, written in zip(letters, writings, strict=True)
}


def windows_1258(text: str) -> bytes:
    """Letters of that code page and, after them, tones as marks."""
    out = b""
    for letter in text:
        parts = unicodedata.normalize("NFD", letter)
        tones = "".join(mark for mark in parts if mark in "\u0300\u0301\u0303\u0309\u0323")
        rest = unicodedata.normalize("NFC", "".join(mark for mark in parts if mark not in tones))
        out += rest.encode("cp1258") + tones.encode("cp1258")
    return out


def test_utf_8_is_read_in_silence() -> None:
    assert decoded(TEXT.encode()) == Decoded(TEXT, "")
    assert decoded(b"\xef\xbb\xbfabc") == Decoded("\ufeffabc", "")
    assert decoded(b"") == Decoded("", "")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_byte_order_mark_tells_utf_16(encoding: str) -> None:
    data = TEXT.encode(encoding) if encoding in {"utf-16", "utf-32"} else ("\ufeff" + TEXT).encode(encoding)
    found = decoded(data)
    assert found is not None
    assert found.text == TEXT
    assert found.remark in {"read as UTF-16", "read as UTF-32"}
    assert decoded(TEXT.encode("utf-16-le")) is None


@pytest.mark.parametrize("name", ["TCVN", "VISCII"])
def test_old_vietnamese_as_iconv_writes_it(name: str) -> None:
    if shutil.which("iconv") is None:
        pytest.skip("needs iconv")
    command = ["iconv", "-f", "UTF-8", "-t", name]
    data = subprocess.run(command, input=TEXT.encode(), check=True, capture_output=True).stdout
    found = decoded(data)
    assert found is not None
    assert unicodedata.normalize("NFC", found.text) == TEXT
    assert name in found.remark


def test_vni_and_windows_1258() -> None:
    vni = "".join(VNI.get(letter, letter) for letter in TEXT).encode("cp1252")
    assert decoded(vni) == Decoded(TEXT, "read as Vietnamese in VNI")
    assert decoded(windows_1258(TEXT)) == Decoded(TEXT, "read as Vietnamese in Windows-1258")


def test_a_wrong_byte_or_a_cut_letter_is_left_out_and_named() -> None:
    wrong = decoded(TEXT[:40].encode() + b"\xff" + TEXT[40:].encode())
    assert wrong is not None
    assert fold(wrong.text) == fold(TEXT)
    assert wrong.remark.endswith("left out: 1")
    cut = decoded(("lời cuối của tôi" * 3).encode()[:-1] + b"\xe1\xbb")
    assert cut is not None
    assert "not UTF-8 throughout" in cut.remark


@pytest.mark.parametrize(
    "data",
    [
        "Ça a été déjà à la forêt où naît une fée".encode("latin-1"),
        "Die Straße führt über schöne Hügel und Täler, größer als zuvor".encode("latin-1"),
        "Привет, как дела, друзья мои".encode("cp1251"),
        "你好世界这是一个测试文本".encode("gbk"),
        b"a\0b",
        b"\xff\xfb\x90\x64" * 50,
        b"\xff\xfe" + random.Random(4).randbytes(2000),
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
        random.Random(5).randbytes(4000),
        random.Random(6).randbytes(4000).replace(b"\0", b"\1"),
    ],
)
def test_other_bytes_are_no_text(data: bytes) -> None:
    assert decoded(data) is None


@given(st.binary(max_size=300))
@settings(derandomize=True, database=None, deadline=None)
def test_any_bytes_give_a_text_that_can_be_folded_or_none(data: bytes) -> None:
    found = decoded(data)
    if found is not None:
        fold(found.text)
        assert found.text.encode() or not data


@pytest.mark.parametrize(
    "run", [b"\xe1", b"a\xe1 ", b"a\xf9", b"\xff\xfe", b"\xe1\xbb", b"\x01", b"\xd6\xef"]
)
def test_hostile_bytes_take_linear_time(run: bytes) -> None:
    started = time.process_time()
    decoded(run * (MAX_BYTES // len(run)))
    # With coverage on a slow machine it takes 3 seconds; what is quadratic in so many bytes takes hours.
    assert time.process_time() - started < 20
