"""Content from wherever it is: the same fingerprints of a path, of bytes and of an open file."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from pathlib import Path

import pytest

from hashpact.errors import InvalidInputError, UnusableContentError
from hashpact.fingerprint import source
from hashpact.fingerprint.content import fingerprints_of

IMAGES = Path(__file__).parents[2] / "vectors" / "images"
PICTURE = IMAGES / "baseline.jpg"
TEXT = "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.".encode()


@pytest.mark.parametrize("data", [PICTURE.read_bytes(), TEXT, b"\0other"], ids=["picture", "text", "other"])
def test_bytes_and_files_have_the_fingerprints_of_a_path(tmp_path: Path, data: bytes) -> None:
    (path := tmp_path / "content").write_bytes(data)
    wanted = fingerprints_of(path)
    for same in (data, bytearray(data), memoryview(data), str(path), io.BytesIO(data)):
        assert fingerprints_of(same) == wanted
    with path.open("rb") as file, tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(data)
        for one in (file, spooled):
            one.seek(3)
            assert fingerprints_of(one) == wanted
            assert one.tell() == 3
            assert one.read() == data[3:]


def test_a_pipe_is_read_to_its_end() -> None:
    data = PICTURE.read_bytes()
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as sink:
            sink.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as pipe:
        assert fingerprints_of(pipe) == fingerprints_of(data)
    thread.join()


def test_a_pipe_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_STREAM", 1000)
    reading, writing = os.pipe()
    os.write(writing, bytes(1001))
    os.close(writing)
    with (
        os.fdopen(reading, "rb") as pipe,
        pytest.raises(UnusableContentError, match="the content: a stream of more than 1000 bytes"),
    ):
        fingerprints_of(pipe)


def test_what_cannot_be_read_is_refused_in_our_words(tmp_path: Path) -> None:
    (path := tmp_path / "text").write_bytes(TEXT)
    with (
        path.open() as text,
        pytest.raises(InvalidInputError, match="open in binary mode, not TextIOWrapper"),
    ):
        fingerprints_of(text)  # type: ignore[arg-type]  # what the test is about
    with path.open("rb") as closed:
        pass
    with pytest.raises(UnusableContentError, match=r"'.*text': .*closed"):
        fingerprints_of(closed)
    for other in (None, 5, object(), ["a"]):
        with pytest.raises(InvalidInputError, match="content is a path, bytes or a file"):
            fingerprints_of(other)  # type: ignore[arg-type]  # what the test is about
    with pytest.raises(UnusableContentError, match="the content: the file is empty"):
        fingerprints_of(b"")
    file = io.BytesIO(b"\x89PNG\r\n\x1a\nbroken")
    file.seek(5)
    with pytest.raises(UnusableContentError):
        fingerprints_of(file)
    assert file.tell() == 5
    assert path.read_bytes() == TEXT
