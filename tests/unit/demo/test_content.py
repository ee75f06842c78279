"""The demonstration's pictures and texts are what it says they are, so that its checks mean something."""

from __future__ import annotations

import difflib
import itertools
from pathlib import Path

import numpy as np
import pytest

from hashpact.demo import pictures, texts
from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, Fingerprint
from hashpact.errors import UnusableContentError
from hashpact.fingerprint.content import fingerprints_of, fingerprints_of_text


def pdq(path: Path) -> Fingerprint:
    (found,) = fingerprints_of(path, [PDQ.name]).fingerprints
    return found


def distance(one: Fingerprint, other: Fingerprint) -> int:
    return (int.from_bytes(one.value) ^ int.from_bytes(other.value)).bit_count()


def similarity(one: str, other: str) -> float:
    first, second = (
        np.frombuffer(fingerprints_of_text(text, [MINHASH.name]).fingerprints[0].value, ">u4")
        for text in (one, other)
    )
    return float((first == second).mean())


def test_drawings_are_repeatable_rich_and_unlike_each_other(tmp_path: Path) -> None:
    drawn = {}
    for kind, seed in itertools.product(pictures.SCENES, (1, 2)):
        path = pictures.write_original(pictures.draw(kind, seed), tmp_path / f"{kind}-{seed}.jpg")
        drawn[kind, seed] = pdq(path)
        assert fingerprints_of(path, [PHASH.name]).fingerprints
    assert all((found.quality or 0) >= 90 for found in drawn.values())
    assert min(distance(*pair) for pair in itertools.combinations(drawn.values(), 2)) > 80

    again = pictures.write_original(pictures.draw("hills", 1), tmp_path / "again.jpg")
    assert again.read_bytes() == (tmp_path / "hills-1.jpg").read_bytes()


def test_every_copy_is_another_file(tmp_path: Path) -> None:
    picture = pictures.draw("town", 1)
    original = pictures.write_original(picture, tmp_path / "town.jpg")
    copies = pictures.write_copies(picture, tmp_path / "town")
    assert [what.split()[0] for what, _ in copies] == [
        "re-encoded",
        "resized",
        "cropped",
        "brightened",
        "watermarked",
    ]
    assert len({path.read_bytes() for path in (original, *(path for _, path in copies))}) == len(copies) + 1


@pytest.mark.parametrize("text", texts.ORIGINALS, ids=lambda text: text.name)
def test_a_rewording_replaces_about_one_word_in_ten(text: texts.Text) -> None:
    before, after = text.original.split(), text.reworded.split()
    changes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    replaced = sum(end - start for what, start, end, _, _ in changes if what != "equal")
    assert 0.08 <= replaced / len(before) <= 0.12
    assert len(text.original) >= 300
    assert similarity(text.original, text.reworded) >= MINHASH.default


def test_disguises_change_the_text() -> None:
    original = texts.ORIGINALS[0].original
    copies = [copy for _, copy in texts.copies(original, None)]
    assert len({original, *copies}) == 5
    assert texts.without_diacritics("Đường dẫn lạ") == "Duong dan la"
    assert texts.with_look_alikes("Số thẻ") == "S0 th3"
    assert all(similarity(original, copy) >= MINHASH.default for copy in copies)


def test_unrelated_texts_are_far_from_every_original() -> None:
    for text, other in itertools.product(texts.ORIGINALS, texts.UNRELATED.values()):
        assert len(other) >= 300
        assert similarity(text.original, other) < MINHASH.ceiling / 2


def test_a_file_that_cannot_be_altered_is_told(tmp_path: Path) -> None:
    path = tmp_path / "not.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 nothing")
    with pytest.raises(UnusableContentError, match="cannot be altered"):
        pictures.load(path)
