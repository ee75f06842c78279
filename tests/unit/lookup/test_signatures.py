"""Signatures: equal to datasketch's in every value, in every script and at every instruction set."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from datasketch import MinHash  # type: ignore[import-untyped]  # it carries no types
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hashpact import _kernel
from hashpact.errors import InvalidInputError
from hashpact.fingerprint.text import fold, shingles
from hashpact.lookup import minhash_signature, minhash_signatures

# Ordinary sentences; Chinese is cut into characters, Thai written with spaces between its words.
SENTENCES = {
    "vietnamese": (
        "sáng nay chợ Bến Thành đông nghịt người ai cũng vội vã mua cho kịp phiên bà Năm bán bún riêu "
        "ở đầu ngõ bảo rằng giá cua đã tăng so với tháng trước nhưng vẫn giữ nguyên vì sợ mất khách "
        "quen ông nội tôi ngày xưa làm nghề chài lưới trên sông Hậu mỗi khi nước lên lại chèo ghe ra "
        "giữa dòng ngồi hát vọng cổ chờ trời"
    ),
    "english": (
        "this morning the market was crowded and everyone was in a hurry to buy before it closed the "
        "old woman who sells noodles at the corner said that prices had risen since last month but "
        "she keeps hers for fear of losing customers my grandfather used to fish on the river when "
        "the water rose he rowed out and sang"
    ),
    "chinese": (
        "人人生而自由在尊严和权利上一律平等他们赋有理性和良心并应以兄弟关系的精神相对待今天早上市场"
        "里挤满了人大家都急着买东西卖面的老太太说价格比上个月涨了但是她怕失去老顾客所以没有涨价我的"
        "祖父从前在河上打鱼水涨的时候他划船"
    ),
    "thai": (
        "มนุษย์ ทั้งหลาย เกิด มา มี อิสระ และ เสมอภาค กัน ใน เกียรติศักดิ์ สิทธิ ต่าง เหตุผล มโนธรรม "
        "ควร ปฏิบัติ ต่อ ด้วย เจตนารมณ์ แห่ง ภราดรภาพ เช้า วันนี้ ตลาด คน แน่น ทุก รีบ ซื้อ ของ ก่อน "
        "ปิด ยาย ขาย ก๋วยเตี๋ยว ที่ หัวมุม บอก ว่า ราคา ขึ้น"
    ),
}
WORDS = {script: list(text) if script == "chinese" else text.split() for script, text in SENTENCES.items()}
BETWEEN = {"vietnamese": " ", "english": " ", "chinese": "", "thai": ""}


def texts(script: str, count: int) -> list[str]:
    """Texts of 1 to 120 words of one script, the same every time."""
    chance = random.Random(script)
    return [
        BETWEEN[script].join(chance.choices(WORDS[script], k=chance.randint(1, 120))) for _ in range(count)
    ]


def reference(text: str) -> list[int]:
    """What datasketch makes of the shingles of the folded text."""
    sketch = MinHash(num_perm=128, seed=1, scheme="affine32", permutations=PERMUTATIONS)
    sketch.update_batch([each.encode() for each in shingles(fold(text))])
    values: list[int] = sketch.hashvalues.tolist()
    return values


PERMUTATIONS = MinHash(num_perm=128, seed=1, scheme="affine32").permutations


@pytest.fixture(autouse=True)
def best_level() -> Iterator[None]:
    """Go back to the best instruction set after each test."""
    yield
    _kernel.use_level(_kernel.levels()[-1])


@pytest.mark.parametrize(
    "count", [pytest.param(250, id="1000"), pytest.param(2500, id="10000", marks=pytest.mark.slow)]
)
def test_ten_thousand_texts_in_four_scripts_are_equal_to_datasketch_in_every_value(count: int) -> None:
    several = [text for script in WORDS for text in texts(script, count)]
    expected = [reference(text) for text in several]
    for level in _kernel.levels():
        _kernel.use_level(level)
        signatures = minhash_signatures(several)
        assert signatures.shape == (4 * count, 128)
        assert signatures.dtype == np.uint32
        assert signatures.tolist() == expected


@given(st.text(max_size=40) | st.text(alphabet="aẤđ한가ﷺ𠀀\u0345\u0301 ", max_size=200))
@example("\ufdfa" * 3000)
@example("\U00020000" * 4)
@example("abc")
@example("")
@settings(derandomize=True, database=None, deadline=None, max_examples=300)
def test_any_text_is_equal_to_datasketch(text: str) -> None:
    expected = reference(text)
    for level in _kernel.levels():
        _kernel.use_level(level)
        assert minhash_signature(text).tolist() == expected


@pytest.mark.parametrize("length", [1020, 1023, 1024, 1025, 1028, 2045, 2048, 5000])
def test_pieces_change_nothing(length: int) -> None:
    """A text goes through in pieces of 1024 characters; letters of 1, 2, 3 and 4 bytes in UTF-8."""
    chance = random.Random(length)
    text = "".join(chance.choices("abcdefghijklmnopqrstuvwxyzßжश中\U00020000", k=length))
    assert minhash_signature(text).tolist() == reference(text)
    (count,) = _kernel.minhash([text.encode()], 10**6)[1]
    assert count == len(shingles(fold(text)))


def test_a_shingle_of_each_length_is_hashed_as_hashlib_does() -> None:
    """The permutations are bijections, so that one value of a text with one shingle gives its hash back."""
    inverse = pow(int(PERMUTATIONS[0][0]), -1, 2**32)
    # Of 4 to 14 and of 16 bytes.
    for shingle in ("abcd", "abcж", "abжд", "ab中ж", "a中文ж", "中文人ж", "中文人大", "中文𠀀𠀁", "𠀀𠀁𠀃𠀄"):
        assert fold(shingle) == shingle
        digest = hashlib.sha1(shingle.encode(), usedforsecurity=False).digest()
        for level in _kernel.levels():
            _kernel.use_level(level)
            value = int(minhash_signature(shingle)[0])
            mixed = (value - int(PERMUTATIONS[1][0])) * inverse % 2**32
            assert mixed == finalised(int.from_bytes(digest[:4], "little"))


def finalised(h: int) -> int:
    """MurmurHash3's finaliser."""
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ h >> 16


def test_shingles_are_counted_no_further_than_asked() -> None:
    text = b"abcdeghinoprstuvxyz" * 100  # 20 letters that fold to themselves
    for enough, counted in ((0, 0), (1, 1), (18, 18), (19, 19), (20, 19)):
        assert _kernel.minhash([text], enough)[1] == [counted]
    assert _kernel.minhash([b"banase", b"abc", b""], 20)[1] == [3, 0, 0]
    assert _kernel.minhash([], 20) == (b"", [])


@given(st.binary(max_size=60))
@settings(derandomize=True, database=None, deadline=None)
def test_bytes_that_are_not_utf_8_are_passed_over(data: bytes) -> None:
    folded = _kernel.fold(data).decode()
    assert fold(folded) == folded
    assert _kernel.minhash([data], 0)[0] == _kernel.minhash([folded.encode()], 0)[0]


def test_wrong_arguments_name_their_field() -> None:
    for wrong in ("a text", ["abc\ud800"]):
        with pytest.raises(InvalidInputError) as caught:
            minhash_signatures(wrong)
        assert caught.value.details["field"] == "texts"
    assert minhash_signatures([]).shape == (0, 128)


def test_the_gil_is_not_held() -> None:
    """While a thread makes signatures another one runs, in any of some tries: the machine may be busy."""
    long = [text * 200 for text in texts("vietnamese", 20)]

    def turns_meanwhile() -> int:
        begun, ended, turns = threading.Event(), threading.Event(), 0

        def work() -> None:
            begun.set()
            minhash_signatures(long)
            ended.set()

        working = threading.Thread(target=work)
        working.start()
        begun.wait()
        while not ended.is_set():
            turns += 1
            time.sleep(0)
        working.join()
        return turns

    assert any(turns_meanwhile() > 10 for _ in range(20))
