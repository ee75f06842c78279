"""Text: golden vectors, what folding undoes, what similarity survives, and what is refused."""

from __future__ import annotations

import hashlib
import json
import random
import re
import struct
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasketch import MinHash  # type: ignore[import-untyped]  # it carries no types
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact.domain.fingerprints import MINHASH, Fingerprint
from hashpact.errors import UnusableContentError
from hashpact.fingerprint.text import MAX_BYTES, fold, minhash, shingles

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors/fingerprints.json").read_text(encoding="utf-8")
)["texts"]

# Ordinary prose, written for these tests.
PROSE = (
    (
        "Sáng nay chợ Bến Thành đông nghịt người, ai cũng vội vã mua cho kịp phiên. Bà Năm bán bún riêu ở "
        "đầu ngõ bảo rằng giá cua đã tăng so với tháng trước, nhưng vẫn giữ nguyên giá vì sợ mất khách quen."
    ),
    (
        "Ông nội tôi ngày xưa làm nghề chài lưới trên sông Hậu. Mỗi khi nước lên, ông lại chèo ghe ra giữa "
        "dòng, thả lưới rồi ngồi hát vọng cổ chờ trời sáng. Giờ đây con sông ấy đã có cầu, không ai hát nữa."
    ),
    (
        "Đội tuyển nữ bước vào trận chung kết với quyết tâm rất cao. Dù bị dẫn trước từ phút thứ mười hai, "
        "các cô gái không hề nao núng, liên tục tấn công rồi gỡ hoà bằng một cú sút xa đẹp ở cuối hiệp một."
    ),
    (
        "Theo dự báo, cơn bão số năm sẽ đổ bộ vào các tỉnh miền Trung trong đêm nay. Chính quyền đã kêu gọi "
        "người dân gia cố nhà cửa, dự trữ lương thực và sẵn sàng di dời đến nơi trú ẩn an toàn khi có lệnh."
    ),
)
UNRELATED = [(one, other) for at, one in enumerate(PROSE) for other in PROSE[:at]]

# How the young write. Longest first, for one may hold another.
TEENCODE = {
    "không": "hok",
    "được": "dc",
    "người": "ng",
    "ngồi": "ngoi",
    "gì": "j",
    "ph": "f",
    "qu": "w",
    "rồi": "r",
}
LOOK_ALIKES = str.maketrans("oieast", "013457")


def jaccard(one: str, other: str) -> float:
    """The similarity of two texts, exactly."""
    left, right = shingles(fold(one)), shingles(fold(other))
    return len(left & right) / len(left | right)


def estimate(one: Fingerprint, other: Fingerprint) -> float:
    """The share of the 128 values in which two fingerprints agree."""
    left, right = (np.frombuffer(each.value, ">u4") for each in (one, other))
    return float(np.mean(left == right))


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_golden_vector(name: str) -> None:
    golden = VECTORS[name]

    assert fold(golden["text"]) == golden["folded"]
    assert minhash(golden["text"]).value.hex() == golden["minhash/1"]


def test_the_recipe_written_out_without_datasketch() -> None:
    # From docs/methods/minhash-1.md, so that someone without the library can follow it.
    states = np.random.RandomState(1)
    a = states.randint(0, 1 << 31, 128, dtype=np.uint32).astype(object) * 2 + 1
    b = states.randint(0, 1 << 32, 128, dtype=np.uint32).astype(object)
    least = [0xFFFFFFFF] * 128
    for shingle in shingles(fold(PROSE[0])):
        h = struct.unpack("<I", hashlib.sha1(shingle.encode("utf-8")).digest()[:4])[0]  # noqa: S324 - the recipe's
        h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
        h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
        h ^= h >> 16
        least = [min(low, (x * h + y) & 0xFFFFFFFF) for low, x, y in zip(least, a, b, strict=True)]

    assert minhash(PROSE[0]).value == b"".join(value.to_bytes(4, "big") for value in least)


def test_a_long_text_is_as_datasketch_has_it() -> None:
    text = "".join(random.Random(3).choices("abcdefghijklmnopqrstuvwxyz", k=20_000))
    whole = MinHash(num_perm=128, seed=1, scheme="affine32")
    whole.update_batch([each.encode() for each in shingles(fold(text))])

    assert minhash(text).value == whole.hashvalues.astype(">u4").tobytes()


def spaced(text: str) -> str:
    """The letters set apart."""
    return " ".join(text)


def stripped(text: str) -> str:
    """Vietnamese as typed without an input method."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("đ", "d").replace("Đ", "D")


def sprinkled(with_what: str) -> Callable[[str], str]:
    """A way of writing that puts a character after every third one."""
    return lambda text: re.sub("(...)", rf"\1{with_what}", text, flags=re.DOTALL)


HARMLESS: dict[str, Callable[[str], str]] = {
    "NFC": lambda text: unicodedata.normalize("NFC", text),
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "no diacritics": stripped,
    "capitals": str.upper,
    "letter spacing": spaced,
    "dots between letters": ".".join,
    "zero-width space": sprinkled("\u200b"),
    "zero-width joiner": sprinkled("\u200d"),
    "soft hyphen": sprinkled("\u00ad"),
    "Hangul filler": sprinkled("\u3164"),
    "blank braille": sprinkled("\u2800"),
    "variation selector": sprinkled("\ufe0f"),
    "bidi override": sprinkled("\u202e"),
    "emoji": sprinkled("\U0001f525"),
    "emoji with skin tone": sprinkled("\U0001f44d\U0001f3fd"),
    "flag": sprinkled("\U0001f1fb\U0001f1f3"),
    "zalgo": sprinkled("\u0301\u0316\u0335\u0489" * 20),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "mathematical bold": lambda text: "".join(chr(ord(c) + 0x1D3B9) if "a" <= c <= "z" else c for c in text),
    "look-alike digits": lambda text: stripped(text).lower().translate(LOOK_ALIKES),
    "look-alike signs": lambda text: stripped(text).lower().replace("a", "@").replace("s", "$"),
    "lines": lambda text: text.replace(" ", "\r\n"),
    "byte order mark": lambda text: "\ufeff" + text,
}


@pytest.mark.parametrize("way", HARMLESS)
def test_folding_undoes(way: str) -> None:
    for text in PROSE:
        assert HARMLESS[way](text) != text or way == "NFC"
        assert fold(HARMLESS[way](text)) == fold(text)
        assert minhash(HARMLESS[way](text)) == minhash(text)


def test_similarity_survives_teencode_and_replaced_words() -> None:
    chance = random.Random(11)
    for text in PROSE:
        young = text
        for word, short in TEENCODE.items():
            young = young.replace(word, short)
        words = text.split()
        for at in chance.sample(range(len(words)), len(words) // 10):
            words[at] = "khác"
        assert young != text
        print(f"teencode {jaccard(text, young):.2f} replaced {jaccard(text, ' '.join(words)):.2f}")  # noqa: T201 - measured
        assert jaccard(text, young) > MINHASH.default
        assert jaccard(text, " ".join(words)) > MINHASH.ceiling


def test_unrelated_texts_stay_apart() -> None:
    for one, other in UNRELATED:
        assert jaccard(one, other) < 0.24
        assert estimate(minhash(one), minhash(other)) < 0.35


@settings(derandomize=True, database=None, deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.floats(0, 1))
def test_the_estimate_is_near_the_true_similarity(seed: int, share: float) -> None:
    chance = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    kept = "".join(chance.choices(letters, k=int(600 * share)))
    one, other = (kept + "".join(chance.choices(letters, k=600 - len(kept))) for _ in range(2))

    # Five standard deviations of the mean of 128 coin flips, at their widest.
    assert abs(estimate(minhash(one), minhash(other)) - jaccard(one, other)) < 5 * 0.5 / 128**0.5


def test_shingles_are_runs_of_four_code_points() -> None:
    assert shingles("abcde") == {"abcd", "bcde"}
    assert shingles("aaaaaaaa") == {"aaaa"}
    assert shingles("abc") == shingles("") == set()


def test_a_short_text_is_refused_by_number() -> None:
    letters = "abcdeghinoprstuvxyz"
    assert minhash(letters[:13]).type is MINHASH
    with pytest.raises(UnusableContentError, match=r"9 distinct shingles.* needs 10"):
        minhash(letters[:12])
    for empty in ("", "   ", "!!! ...", "\U0001f525" * 100, "la " * 1000):
        with pytest.raises(UnusableContentError, match="distinct shingles is too short"):
            minhash(empty)


@pytest.mark.parametrize("character", ["a", "ệ", "\U00020000"])
def test_the_limit_is_in_bytes_and_named(character: str) -> None:
    longest = PROSE[0] + character * ((MAX_BYTES - len(PROSE[0].encode())) // len(character.encode()))
    assert minhash(longest).type is MINHASH
    with pytest.raises(UnusableContentError, match=r"a text of \d+ bytes is over the limit of 1048576 bytes"):
        minhash(longest + character * 4)


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(UnusableContentError, match="lone surrogate at character 3"):
        minhash("abc\ud800" + PROSE[0])
