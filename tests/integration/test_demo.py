"""The demonstration is a test: a real server process, and every check as expected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashpact.cli.main import run
from hashpact.demo import pictures, stage, texts
from hashpact.demo.story import Row
from hashpact.errors import UnavailableError


def rows(text: str) -> tuple[list[Row], dict[str, int]]:
    *lines, total = (json.loads(line) for line in text.splitlines())
    return [Row(**line) for line in lines], total


def test_all_is_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo"]) == 0
    *table, last = capsys.readouterr().out.splitlines()
    assert last == "demo: 58 checks, 58 as expected"
    assert sum(line.split("\t")[-1] == "ok" for line in table) == 58
    for act in (
        "altered copies",
        "unrelated content",
        "a dispute",
        "an endorsement",
        "refusals",
        "a withdrawal",
    ):
        assert any(line.split("\t")[0] == f"{act}:" for line in table)


def test_given_files_are_the_originals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = pictures.write_original(pictures.draw("forest", 9), tmp_path / "forest.jpg")
    twin = pictures.write_original(pictures.draw("forest", 9), tmp_path / "twin.jpg")
    text = tmp_path / "text.txt"
    text.write_text(texts.ORIGINALS[0].original, "utf-8")
    # A drawing of a forest loses fine structure when it is resized or cropped: what came of it is told.
    status = run(["demo", "--json", str(picture), str(twin), str(text)])
    played, total = rows(capsys.readouterr().out)
    assert total == {"checks": len(played), "as_expected": sum(row.as_expected for row in played)}
    assert status == (0 if total["checks"] == total["as_expected"] else 1)
    copies = [row for row in played if row.act == "altered copies"]
    assert {row.checked.split(",")[0] for row in copies} == {"forest.jpg", "twin.jpg", "text.txt"}
    assert len(copies) == 5 + 5 + 4


def test_what_is_not_as_expected_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed_up(directory: Path) -> list[tuple[str, Path]]:
        return [("a copy that is called unrelated", directory / "hills-1.jpg")]

    monkeypatch.setattr("hashpact.demo.story.unrelated", mixed_up)
    assert run(["demo"]) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "demo: 52 checks, 51 as expected"
    assert out.count("NOT AS EXPECTED") == 1


@pytest.mark.parametrize("content", [b"\0\1\2 neither" * 100, b""], ids=["neither", "empty"])
def test_a_given_file_without_copies_is_refused(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert run(["demo", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"hashpact: {str(path)!r}: ")
    assert captured.err.count("\n") == 1


def test_a_server_that_does_not_start_gives_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHPACT_LISTEN", "nowhere")
    monkeypatch.setattr(stage, "_START", 20.0)
    with (
        pytest.raises(UnavailableError, match="the server did not start: hashpact: listen must be HOST:PORT"),
        stage.clearinghouse(tmp_path),
    ):
        pass
