"""winnow/1: golden vectors, the recipe written out, and what it finds inside longer texts."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact import _kernel
from hashpact.domain.fingerprints import WINNOW, Fingerprint
from hashpact.errors import UnusableContentError
from hashpact.fingerprint.text import MAX_BYTES, fold
from hashpact.fingerprint.winnowing import FEWEST, GRAM, MOST, WINDOW, winnow

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors/fingerprints.json").read_text(encoding="utf-8")
)["texts"]
MASK = 2**64 - 1

letters = st.text("abcdefgđệ人모ก🙂 .", max_size=400)


def gram_hash(gram: str) -> int:
    """FNV-1a, MurmurHash3's finaliser, the upper half."""
    value = 0xCBF29CE484222325
    for byte in gram.encode():
        value = (value ^ byte) * 0x100000001B3 & MASK
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & MASK
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return (value ^ value >> 33) >> 32


def recipe(text: str) -> list[int]:
    """docs/methods/winnow-1.md, steps 2 to 5."""
    folded = fold(text)
    grams = [gram_hash(folded[at : at + GRAM]) for at in range(len(folded) - GRAM + 1)]
    return sorted({min(grams[at : at + WINDOW]) for at in range(len(grams) - WINDOW + 1)})


def hashes(fingerprint: Fingerprint) -> set[int]:
    """The hashes of a fingerprint."""
    return {number for (number,) in struct.iter_unpack(">I", fingerprint.value)}


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_golden_vector(name: str) -> None:
    golden = VECTORS[name]
    assert winnow(golden["text"]).value.hex() == golden["winnow/1"]


@given(letters)
def test_the_kernel_follows_the_recipe(text: str) -> None:
    expected = recipe(text)
    value = _kernel.winnow(text.encode(), MOST)
    assert value == struct.pack(f">{len(expected)}I", *expected)
    assert _kernel.winnow(text.encode(), 5) == value[:20]


@given(st.text("abcdefghijklmn人모ก ", min_size=60, max_size=300), letters, letters)
@settings(max_examples=50)
def test_a_text_brings_all_of_its_hashes_into_a_longer_one(text: str, before: str, after: str) -> None:
    if len(recipe(text)) < FEWEST:
        return
    assert hashes(winnow(text)) <= hashes(winnow(before + text + after))


def test_a_long_text_has_its_least_hashes_and_an_entry_fewer() -> None:
    text = " ".join(f"{number * number:x} items" for number in range(20_000))
    made = winnow(text)
    assert len(made.value) == MOST * WINNOW.size
    assert sorted(hashes(made)) == recipe(text)[:MOST]
    assert sorted(hashes(made.shared())) == recipe(text)[:128]


@pytest.mark.parametrize(
    ("text", "found"),
    [("", 0), ("aeohnrstu", 0), ("aeohnrstup", 1), ("tests " * 2000, 0), ("chào buổi tối các bạn", 4)],
)
def test_a_common_phrase_is_refused(text: str, found: int) -> None:
    assert len(recipe(text)) == found
    with pytest.raises(
        UnusableContentError, match=f"a text with {found} winnowed hashes is too short, it needs 8"
    ):
        winnow(text)


def test_a_text_out_of_bounds_is_refused() -> None:
    with pytest.raises(UnusableContentError, match="over the limit of 1048576 bytes"):
        winnow("a" * (MAX_BYTES + 1))
    with pytest.raises(UnusableContentError, match="lone surrogate"):
        winnow("\udcff" * 100)
    # The longest text, and one whose characters become several when they are folded.
    assert len(winnow("".join(map(chr, range(0x4E00, 0x9F00))) * 16).value) == 4 * MOST
    assert _kernel.winnow(("\ufdfa" * 349_525).encode(), MOST)
