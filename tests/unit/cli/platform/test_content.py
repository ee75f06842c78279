"""Fingerprinting files: what each has, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pictured import post, reads
from PIL import Image

from hashpact.cli import exits
from hashpact.cli.main import run
from hashpact.fingerprint.reading import ocr

IMAGES = Path(__file__).resolve().parents[3] / "vectors" / "images"
TEXT = "Hội chợ sách mùa thu mở cửa miễn phí cho học sinh, sinh viên đến hết tuần này tại nhà văn hóa quận."


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_fingerprints_of_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(IMAGES / "baseline.jpg")
    assert run(["fingerprint", "--json", path]) == 0
    (line,) = lines(capsys.readouterr().out)
    assert line["file"] == path
    found = line["fingerprints"]
    assert isinstance(found, list)
    assert [each["type"] for each in found] == ["pdq/1", "phash/1", "sha256/1", "md5/1"]
    assert [len(bytes.fromhex(each["value"])) for each in found] == [32, 8, 32, 16]
    assert ["quality" in each for each in found] == [True, False, False, False]
    assert "refused" not in line

    assert run(["fingerprint", "--type", "phash/1", path]) == 0
    assert capsys.readouterr().out == f"{path}: phash/1 {found[1]['value']}\n"


@reads
def test_the_text_in_a_picture_has_its_fingerprints_when_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "post.png"
    post("The ferry to the island leaves at nine every morning, and those who miss it wait. " * 2).save(path)
    assert run(["fingerprint", "--json", str(path)]) == 0
    (plain,) = lines(capsys.readouterr().out)
    assert run(["fingerprint", "--ocr", "--json", str(path)]) == 0
    (read,) = lines(capsys.readouterr().out)
    assert isinstance(plain["fingerprints"], list)
    assert isinstance(read["fingerprints"], list)
    of_text = [each for each in read["fingerprints"] if each not in plain["fingerprints"]]
    assert [each["type"] for each in of_text] == ["minhash/1", "winnow/1"]
    assert [each for each in read["fingerprints"] if each not in of_text] == plain["fingerprints"]


def test_tesseract_is_missed_before_any_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"  # which needs no tesseract, and is fingerprinted if it is read
    text.write_text(TEXT, "utf-8")
    ocr.installed.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    assert run(["fingerprint", "--ocr", str(text)]) == exits.MISUSED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "apt-get install tesseract-ocr" in captured.err


def test_a_text_that_is_too_short_says_so_and_the_next_file_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, long, missing = tmp_path / "short.txt", tmp_path / "long.txt", tmp_path / "missing.txt"
    short.write_text("ngắn", "utf-8")
    long.write_text(TEXT, "utf-8")
    assert run(["fingerprint", "--json", str(short), str(missing), str(long)]) == 2
    captured = capsys.readouterr()
    first, second, third = [json.loads(line) for line in captured.out.splitlines()]
    assert [each["type"] for each in first["fingerprints"]] == ["sha256/1", "md5/1"]
    assert [each["type"] for each in first["refused"]] == ["minhash/1", "winnow/1"]
    assert all("too short" in each["reason"] for each in first["refused"])
    assert "No such file" in str(second["error"])
    assert third["file"] == str(long)
    assert [line.split("refused ")[1].split(":")[0] for line in captured.err.splitlines()] == [
        "minhash/1",
        "winnow/1",
    ]


def test_a_type_that_content_cannot_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, "utf-8")
    assert run(["fingerprint", "--type", "pdq/1", str(text)]) == 2
    assert "no pdq/1: the content is a text" in capsys.readouterr().err


def test_a_type_that_is_refused_is_named_and_the_others_are_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "faint.png"
    x = np.linspace(0, 1, 256)
    waves = 10 * np.outer(np.cos(7 * x), np.sin(9 * x)) + 8 * np.outer(np.sin(23 * x), np.cos(19 * x))
    Image.fromarray((120 + waves).astype(np.uint8)).save(path)
    assert run(["fingerprint", str(path)]) == 0
    captured = capsys.readouterr()
    assert [line.split()[1] for line in captured.out.splitlines()] == ["phash/1", "sha256/1", "md5/1"]
    assert captured.err.startswith(f"hashpact: {str(path)!r}: refused pdq/1: quality ")
    assert run(["fingerprint", "--json", str(path)]) == 0
    (line,) = lines(capsys.readouterr().out)
    refused = line["refused"]
    assert isinstance(refused, list)
    assert [each["type"] for each in refused] == ["pdq/1"]
