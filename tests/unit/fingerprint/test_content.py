"""The front door: what kind a file is, what it can have, and what is said of one that cannot be read."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hashpact.errors import InvalidInputError, UnusableContentError
from hashpact.fingerprint.content import fingerprints_of, fingerprints_of_text
from hashpact.fingerprint.sniff import HEAD_BYTES, Kind, kind_of, picture_format

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "tests/vectors/images"
TEXT = "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi."


def names(path: Path, types: list[str] | None = None) -> list[str]:
    """The types of fingerprints that a file gets."""
    return [each.type.name for each in fingerprints_of(path, types).fingerprints]


def made(path: Path, content: bytes) -> Path:
    """A file with that content."""
    path.write_bytes(content)
    return path


def test_each_kind_has_its_types(tmp_path: Path) -> None:
    text = made(tmp_path / "a", TEXT.encode())
    video = made(tmp_path / "b", b"\0\0\0\x18ftypmp42" + bytes(200))

    assert names(IMAGES / "baseline.jpg") == ["pdq/1", "phash/1", "sha256/1", "md5/1"]
    assert names(text) == ["minhash/1", "winnow/1", "sha256/1", "md5/1"]
    assert names(video) == ["sha256/1", "md5/1"]
    assert fingerprints_of(IMAGES / "baseline.jpg").kind is Kind.PICTURE
    assert fingerprints_of(text).kind is Kind.TEXT
    assert fingerprints_of(video).kind is Kind.OTHER
    assert fingerprints_of(video).refused == ()


def test_exact_fingerprints_are_those_of_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    path = made(tmp_path / "video", content)

    sha256, md5 = fingerprints_of(path).fingerprints
    assert sha256.value == hashlib.sha256(content).digest()
    assert md5.value == hashlib.md5(content, usedforsecurity=False).digest()


def test_sha1_and_sha512_are_made_if_they_are_asked_for() -> None:
    golden = json.loads((ROOT / "tests/vectors/fingerprints.json").read_text())["exact"]
    for path in sorted(IMAGES.iterdir()):
        found = fingerprints_of(path, ["sha512/1", "sha1/1"]).fingerprints
        assert {each.type.name: each.value.hex() for each in found} == golden[path.name]
        assert (
            hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest() == golden[path.name]["sha1/1"]
        )
    assert len(golden) == len(list(IMAGES.iterdir())) > 5


def test_types_restrict_in_whatever_order_they_are_named(tmp_path: Path) -> None:
    path = made(tmp_path / "a", TEXT.encode())

    assert names(IMAGES / "rgb.png", ["md5/1", "phash/1", "md5/1"]) == ["phash/1", "md5/1"]
    assert names(IMAGES / "rgb.png", ["pdq/1"]) == ["pdq/1"]
    assert names(path, ["minhash/1"]) == ["minhash/1"]


def test_a_type_that_does_not_apply_is_an_error_that_says_what_does(tmp_path: Path) -> None:
    text = made(tmp_path / "a.txt", TEXT.encode())
    with pytest.raises(InvalidInputError, match=r"a\.txt': no pdq/1: the content is a text, .* minhash/1"):
        fingerprints_of(text, ["sha256/1", "pdq/1"])
    with pytest.raises(InvalidInputError, match="no minhash/1: the content is a picture"):
        fingerprints_of(IMAGES / "rgb.png", ["minhash/1"])
    with pytest.raises(InvalidInputError, match="neither a picture nor a text"):
        fingerprints_of(made(tmp_path / "b", b"\0" * 9), ["minhash/1"])
    with pytest.raises(InvalidInputError, match="no phash/1: the content is a text"):
        fingerprints_of_text(TEXT, ["phash/1"])


def test_types_that_are_no_types_are_refused_before_the_file_is_looked_at() -> None:
    missing = "/nowhere/at/all"
    with pytest.raises(InvalidInputError, match=r"unknown fingerprint type; known are pdq/1, "):
        fingerprints_of(missing, ["pdq"])
    with pytest.raises(InvalidInputError, match="a sequence of one or more names"):
        fingerprints_of(missing, "pdq/1")
    with pytest.raises(InvalidInputError, match="a sequence of one or more names"):
        fingerprints_of(missing, [])


def test_a_string_has_the_fingerprints_of_a_file_of_its_utf8(tmp_path: Path) -> None:
    of_file = fingerprints_of(made(tmp_path / "a", TEXT.encode()))

    assert fingerprints_of_text(TEXT) == of_file
    assert [each.type.name for each in fingerprints_of_text(TEXT, ["md5/1"]).fingerprints] == ["md5/1"]
    with pytest.raises(UnusableContentError, match="the text is empty"):
        fingerprints_of_text("")
    short = fingerprints_of_text("abcdeghinopr")
    assert [each.type.name for each in short.fingerprints] == ["sha256/1", "md5/1"]
    assert [name for name, _ in short.refused] == ["minhash/1", "winnow/1"]
    assert "9 distinct shingles" in short.refused[0][1]
    assert "winnowed hashes is too short, it needs 8" in short.refused[1][1]
    with pytest.raises(UnusableContentError, match="9 distinct shingles"):
        fingerprints_of_text("abcdeghinopr", ["minhash/1"])
    with pytest.raises(UnusableContentError, match="lone surrogate"):
        fingerprints_of_text("\udcff", ["sha256/1"])


def one_line(path: str | Path) -> str:
    """What is said of a file that cannot be used: one line that begins with its name."""
    with pytest.raises(UnusableContentError) as caught:
        fingerprints_of(path)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith(repr(str(path)))
    assert caught.value.details["field"] == "content"
    return caught.value.message.removeprefix(repr(str(path)) + ": ")


def test_a_file_that_cannot_be_used_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nothing")

    assert one_line(tmp_path / "missing\nfile") == "cannot be read: No such file or directory"
    assert one_line(tmp_path / "dangling") == "cannot be read: No such file or directory"
    assert one_line(tmp_path / "loop") == "cannot be read: Too many levels of symbolic links"
    assert one_line(tmp_path) == "cannot be read: Is a directory"
    assert one_line(tmp_path / "pipe") == "not a regular file"
    assert one_line("/dev/zero") == "not a regular file"
    assert one_line(made(tmp_path / "empty", b"")) == "the file is empty"
    assert one_line("a\0b") == "a path cannot hold a NUL"
    assert one_line(os.fsdecode(b"/nowhere/\xff")) == "cannot be read: No such file or directory"
    assert one_line("/proc/self/mem") == "cannot be read: Input/output error"


def test_stumble_5_a_short_text_has_exact_fingerprints_and_says_why_no_other(tmp_path: Path) -> None:
    path = made(tmp_path / "short.txt", b"ok!")

    found = fingerprints_of(path)
    assert [each.type.name for each in found.fingerprints] == ["sha256/1", "md5/1"]
    assert [name for name, _ in found.refused] == ["minhash/1", "winnow/1"]
    assert found.refused[0][1].startswith("refused minhash/1: a text with 0 distinct shingles is too short")
    assert found.refused[1][1].startswith("refused winnow/1: a text with 0 winnowed hashes is too short")
    assert names(path, ["sha256/1"]) == ["sha256/1"]


@pytest.mark.parametrize(
    ("name", "data", "seems"),
    [
        ("a.tiff", b"II*\0" + bytes(range(256)), "a TIFF picture"),
        ("a", b"MM\0*" + bytes(range(256)), "a TIFF picture"),
        ("a.jpg", b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc" + bytes(99), "a HEIF picture or video"),
        ("a.heic", bytes(99), "a HEIC picture"),
        ("a", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99), "a JPEG 2000 picture"),
        ("a", b"\0\0\0\x18ftypisom\0\0\2\0isom" + bytes(99), "a video"),
        ("a.webm", b"\x1a\x45\xdf\xa3" + bytes(99), "a Matroska or WebM video"),
        ("picture.PNG", bytes(99), "a picture"),
        ("a", "où est passée la fête à côté de l'été, là-bas".encode("latin-1"), "not recognised"),
    ],
)
def test_stumble_5_what_cannot_be_read_as_what_it_seems_to_be_is_named(
    tmp_path: Path, name: str, data: bytes, seems: str
) -> None:
    found = fingerprints_of(made(tmp_path / name, data))
    assert [each.type.name for each in found.fingerprints] == ["sha256/1", "md5/1"]
    (warning,) = found.warnings
    assert seems in warning


def test_other_content_is_no_reason_for_a_warning(tmp_path: Path) -> None:
    assert fingerprints_of(made(tmp_path / "a.bin", bytes(range(256)) * 9)).warnings == ()
    assert fingerprints_of(made(tmp_path / "a.txt", TEXT.encode())).warnings == ()


def test_a_text_over_the_limit_can_still_have_exact_fingerprints(tmp_path: Path) -> None:
    path = made(tmp_path / "long.txt", b"long text " * 200_000)

    assert one_line(path).startswith("a text of 2000000 bytes is over the limit of 1048576 bytes")
    assert names(path, ["sha256/1", "md5/1"]) == ["sha256/1", "md5/1"]


def test_a_text_is_one_throughout_or_it_is_another_file(tmp_path: Path) -> None:
    path = made(tmp_path / "late", b"a" * HEAD_BYTES + b"\0")

    assert names(path) == ["sha256/1", "md5/1"]
    assert fingerprints_of(path).kind is Kind.OTHER
    with pytest.raises(UnusableContentError, match="no minhash/1: a text only at first"):
        fingerprints_of(path, ["minhash/1"])
    with pytest.raises(UnusableContentError, match="no minhash/1 and no winnow/1: a text only at first"):
        fingerprints_of(path, ["minhash/1", "winnow/1"])


@pytest.mark.parametrize(
    ("content", "remark"),
    [
        (
            TEXT[:30].encode() + b"\xff" + TEXT[30:].encode(),
            "not UTF-8 throughout; wrong bytes and cut letters left out: 1",
        ),
        (TEXT.encode() + "ệ".encode()[:2], "not UTF-8 throughout; wrong bytes and cut letters left out: 1"),
        (TEXT.encode("utf-16"), "read as UTF-16"),
        (("GIF89a " + TEXT).encode(), None),
    ],
)
def test_a_text_that_is_not_plain_utf_8_is_read_and_its_reading_named(
    tmp_path: Path, content: bytes, remark: str | None
) -> None:
    found = fingerprints_of(made(tmp_path / "a", content))

    assert found.kind is Kind.TEXT
    assert [warning.startswith(remark or "") for warning in found.warnings] == [True] * (remark is not None)
    (made_of, *_) = found.fingerprints
    plain = fingerprints_of_text(TEXT).fingerprints[0]
    assert sum(a == b for a, b in zip(made_of.value, plain.value, strict=True)) > 400


def test_a_short_text_has_folded_with_the_key_of_a_log() -> None:
    key = bytes(range(32))
    (shared, *exact) = fingerprints_of_text("Cút  đi!", key=key).fingerprints

    assert shared.type.name == "folded/1"
    assert shared.value == hmac.digest(key, b"cutdi", "sha256")
    assert [each.type.name for each in exact] == ["sha256/1", "md5/1"]
    # The same words, as people write them.
    for copy in ("CUT DI", "c.ú.t đ.i", "cuuuuut đi", "@minh cút đi #hot", "СUT DI"):  # noqa: RUF001 - Cyrillic
        assert fingerprints_of_text(copy, ["folded/1"], key=key).fingerprints == (shared,)
    assert fingerprints_of_text("cút di", key=bytes(32)).fingerprints[0] != shared
    # One that minhash/1 finds, and one with too few letters, have none, and nobody has to read of it.
    assert "folded/1" not in names_of_text(TEXT, key=key)
    assert "folded/1" not in names_of_text("cút", key=key)
    with pytest.raises(UnusableContentError, match=r"refused folded/1: a text with 3 letters, it needs 4"):
        fingerprints_of_text("cút", ["folded/1"], key=key)
    with pytest.raises(UnusableContentError, match=r"refused folded/1: the text is long enough"):
        fingerprints_of_text(TEXT, ["folded/1"], key=key)
    with pytest.raises(InvalidInputError, match="needs the key of a log"):
        fingerprints_of_text("cút đi", ["folded/1"])


def names_of_text(text: str, *, key: bytes) -> list[str]:
    """The types of a text's fingerprints."""
    return [each.type.name for each in fingerprints_of_text(text, key=key).fingerprints]


def test_kinds_are_told_from_the_first_bytes() -> None:
    cut = ("a" * (HEAD_BYTES - 1) + "ệ").encode()[:HEAD_BYTES]

    assert kind_of(TEXT.encode()) is Kind.TEXT
    assert kind_of(b"\xef\xbb\xbf" + TEXT.encode()) is Kind.TEXT
    assert kind_of(cut) is Kind.TEXT
    assert kind_of("ệ".encode()[:2]) is Kind.OTHER
    assert kind_of(TEXT.encode("utf-16")) is Kind.TEXT
    assert kind_of(TEXT.encode("utf-16-le")) is Kind.OTHER
    assert kind_of(b"a\0b") is Kind.OTHER
    assert kind_of(b"BMW and other words that begin with a signature") is Kind.TEXT
    assert kind_of(b"GIF is a format") is Kind.TEXT
    assert kind_of(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3") is Kind.OTHER


def test_signatures_of_pictures() -> None:
    for path in IMAGES.iterdir():
        wants = {"jpg": "JPEG"}.get(path.suffix[1:], path.suffix[1:].upper())
        assert picture_format(path.read_bytes()[:64]) == wants, path.name
    assert picture_format(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf") == "AVIF"
    assert picture_format(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + b"avif" * 4) == "HEIC"
    assert picture_format(b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf" + b"avif" * 4) is None
    assert picture_format(b"\0\0\0\x0cJXL \r\n\x87\n") == "JXL"
    assert picture_format(b"\xff\x0a") == "JXL"
    assert picture_format(b"RIFF\0\0\0\0WAVE") is None


def test_importing_the_front_door_is_cheap() -> None:
    loaded = (
        "import sys, hashpact.fingerprint.content, hashpact.fingerprint.adopt;"
        "print(sorted({'numpy', 'PIL', 'scipy', 'imagehash', 'pdqhash', 'datasketch'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", loaded]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == "[]"


def test_fingerprinting_a_picture_loads_no_module_of_numpy_that_it_can_do_without() -> None:
    """For its own median it loads masked arrays, which takes 20 ms."""
    loaded = (
        "import sys; from hashpact.fingerprint.content import fingerprints_of;"
        "from hashpact.domain.matching.views import DERIVED;"
        f"fingerprints_of({str(IMAGES / 'baseline.jpg')!r}, views=DERIVED);"
        "print(sorted({'numpy.ma', 'numpy.random', 'numpy.fft', 'scipy', 'pywt', 'cv2'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", loaded]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == "[]"
