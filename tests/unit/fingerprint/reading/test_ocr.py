"""The text in a picture: read by tesseract within bounds, and fingerprinted as a text beside the picture."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pictured import post, reads
from PIL import Image

from hashpact import Fingerprinted, fingerprints_of, fingerprints_of_text
from hashpact.domain.fingerprints import MINHASH
from hashpact.domain.matching.views import DERIVED
from hashpact.errors import ConfigError, UnusableContentError
from hashpact.fingerprint import images
from hashpact.fingerprint.reading import ocr
from hashpact.fingerprint.sniff import Kind

WORDS = (
    "The ferry to the island leaves at nine every morning, and those who miss it wait for the evening boat. "
    "Bring warm clothes, because the wind on deck is cold even in summer, and do not feed the gulls."
)


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    ocr.installed.cache_clear()
    yield
    ocr.installed.cache_clear()


def written(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def likeness(one: Fingerprinted, other: Fingerprinted) -> float:
    """The estimated similarity of the two texts."""
    first, second = (
        next(each.value for each in made.fingerprints if each.type == MINHASH) for made in (one, other)
    )
    same = sum(first[at : at + 4] == second[at : at + 4] for at in range(0, MINHASH.size, 4))
    return same / (MINHASH.size // 4)


@reads
def test_a_picture_of_text_has_the_fingerprints_of_both() -> None:
    made = fingerprints_of(written(post(WORDS)), views=DERIVED, ocr=True)
    assert made.kind is Kind.PICTURE
    names = [each.type.name for each in made.fingerprints]
    assert names == ["pdq/1", "phash/1", "minhash/1", "winnow/1", "sha256/1", "md5/1"]
    assert {"minhash/1", "winnow/1"} <= {query.fingerprint.type.name for query in made.queries}
    assert likeness(made, fingerprints_of_text(WORDS)) > 0.8
    assert [each.type.name for each in fingerprints_of(written(post(WORDS))).fingerprints] == [
        *names[:2],
        *names[4:],
    ]


@reads
@pytest.mark.parametrize(
    "copy",
    [
        written(post(WORDS), "JPEG", quality=30),
        written(post(WORDS).resize((360, 240), Image.Resampling.LANCZOS)),
        written(post(WORDS, dark=True)),
    ],
    ids=["q30", "half", "dark"],
)
def test_copies_read_alike(copy: bytes) -> None:
    assert likeness(fingerprints_of(copy, ocr=True), fingerprints_of_text(WORDS)) > 0.7


@reads
def test_a_picture_is_read_as_it_is_shown() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = written(post(WORDS).transpose(Image.Transpose.ROTATE_90), exif=exif.tobytes())
    assert likeness(fingerprints_of(turned, ocr=True), fingerprints_of_text(WORDS)) > 0.8
    ink = Image.new("RGBA", post(WORDS).size)
    ink.putalpha(
        post(WORDS).convert("L").point(lambda grey: 255 - grey)
    )  # black letters on black that is clear
    assert likeness(fingerprints_of(written(ink), ocr=True), fingerprints_of_text(WORDS)) > 0.8


@reads
def test_a_text_type_can_be_asked_for_alone_and_is_missing_where_there_is_no_text() -> None:
    assert [
        each.type for each in fingerprints_of(written(post(WORDS)), ["minhash/1"], ocr=True).fingerprints
    ] == [MINHASH]
    blank = Image.linear_gradient("L").resize((200, 200))
    with pytest.raises(UnusableContentError, match="no text was found in the picture"):
        fingerprints_of(written(blank), ["minhash/1"], ocr=True)
    short = post("Hi!")
    with pytest.raises(UnusableContentError, match="refused minhash/1: a text with"):
        fingerprints_of(written(short), ["minhash/1"], ocr=True)
    made = fingerprints_of(written(short), ocr=True)
    assert "minhash/1" not in {each.type.name for each in made.fingerprints}
    assert {name for name, _ in made.refused} <= {"pdq/1", "phash/1"}


def test_a_picture_is_read_at_a_bounded_size() -> None:
    for size in ((8000, 6000), (720, 480), (16, 3000), (3000, 16), (64, 64)):
        picture = images.Picture(Image.new("RGB", size))
        width, height = ocr.legible(picture).size
        assert width * height <= 1.01 * ocr.PIXELS
        assert width <= ocr.ENLARGED * size[0]
        assert width * size[1] == pytest.approx(height * size[0], rel=0.1)


def standin(directory: Path, body: str, languages: str = "vie\\neng\\nosd") -> None:
    """A program of that name which has these languages, and otherwise does what ``body`` says."""
    program = directory / "tesseract"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --list-langs ]; then printf "{languages}\\n"; exit; fi\n{body}\n'
    )
    program.chmod(0o755)


@pytest.mark.parametrize("body", ["exit 1", "kill -XCPU $$"])
def test_a_reading_that_fails_leaves_the_picture_its_own_fingerprints(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin(tmp_path, body)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    made = fingerprints_of(written(post(WORDS)), ocr=True)
    assert [each.type.name for each in made.fingerprints] == ["pdq/1", "phash/1", "sha256/1", "md5/1"]
    (warning,) = made.warnings
    assert warning.startswith("the text in the picture was not read")
    with pytest.raises(UnusableContentError, match="the text in the picture was not read"):
        fingerprints_of(written(post(WORDS)), ["winnow/1"], ocr=True)


def test_a_reading_has_limits_and_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    standin(tmp_path, "cat >/dev/null; ulimit -t; ulimit -d; ulimit -c; echo $OMP_THREAD_LIMIT")
    assert ocr.words(post(WORDS).convert("L")).text.split() == ["20", str(ocr.MEMORY // 1024), "0", "1"]
    monkeypatch.setattr(ocr, "SECONDS", 0.05)
    monkeypatch.setattr(ocr, "bound", lambda *_: None)
    standin(tmp_path, "cat >/dev/null; exec sleep 1000")
    assert ocr.words(post(WORDS).convert("L")).text == ""


@pytest.mark.parametrize(
    ("languages", "named"),
    [
        (None, "reading text in pictures needs tesseract: apt-get install tesseract-ocr-vie tesseract-ocr"),
        ("eng", "needs tesseract's language vie: apt-get install tesseract-ocr-vie"),
        ("vie", "needs tesseract's language eng: apt-get install tesseract-ocr"),
    ],
)
def test_what_is_not_installed_is_named_with_its_package(
    languages: str | None, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if languages is not None:
        standin(tmp_path, "exit 1", languages)
    with pytest.raises(ConfigError) as refused:
        fingerprints_of(written(post(WORDS)), ocr=True)
    assert refused.value.message.endswith(named)
    # Of content that is no picture nothing is read.
    assert fingerprints_of(WORDS.encode(), ocr=True).kind is Kind.TEXT
