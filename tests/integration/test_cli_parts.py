"""submit and check with --parts and --ocr, and a real server: what only they find, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import here
from pictured import inset, picture, post, reads
from PIL import Image
from running import BOTH, RunningServer, found

MEMBER = "acme-video"


def run(*arguments: str | Path, fails: bool = False) -> tuple[int, list[Any], str]:
    """Exit status, objects and stderr of a command in JSON."""
    done = here(*arguments, "--json")
    assert fails or done.status in {0, 1}, done.err
    return done.status, done.lines, done.err


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose policy allows parts/1 under the label hate."""
    directory = tmp_path_factory.mktemp("parts")
    home = found(directory, {MEMBER: BOTH})
    note = directory / "policy.note"
    values = ("label=hate", "label=ncii", "allow=parts/1 hate")
    run("statement", "draft", home, "policy", *values, "--out", note)
    for name in ("1", "2"):
        run("statement", "sign", note, "--key", home / "pki" / f"admin-{name}.key", "--yes")
    run("statement", "submit", note, "--home", home)
    with RunningServer(home) as running:
        yield running


def member(server: RunningServer, *arguments: str | Path, fails: bool = False) -> tuple[int, list[Any], str]:
    profile = server.log_path.parent / MEMBER
    return run(*arguments, "--profile", profile, "--address", server.address, fails=fails)


def test_a_crop_is_found_by_its_parts_and_confirmed_at_the_pixels(
    server: RunningServer, tmp_path: Path
) -> None:
    files = {
        "removed.png": picture(1),
        "crop.jpg": picture(1).crop((200, 100, 700, 500)),
        "mirrored.jpg": picture(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((100, 100, 800, 600)),
        "inside.jpg": inset(picture(1), 0.5, (0.3, 0.3), picture(98)),
        "other.jpg": picture(2),
    }
    for name, drawn in files.items():
        drawn.save(tmp_path / name)
    status, (shared,), _ = member(server, "submit", "--parts", "--label", "hate", tmp_path / "removed.png")
    assert status == 0
    assert shared["types"] == ["pdq/1", "phash/1", "parts/1", "sha256/1", "md5/1"]
    copies = [tmp_path / name for name in ("crop.jpg", "mirrored.jpg", "inside.jpg")]
    assert member(server, "check", *copies)[0] == 1

    status, lines, _ = member(server, "check", "--parts", *copies, tmp_path / "other.jpg")
    assert status == 0
    assert [len(line["matches"]) for line in lines] == [1, 1, 1, 0]
    for line in lines[:3]:
        (match,) = line["matches"]
        assert (match["entry"], match["type"]) == (shared["entry"], "parts/1")
        assert match["points"] >= 8
        assert match["agreement"] > 0.8
    assert lines[0]["matches"][0]["transform"]["scale"] == pytest.approx(800 / 500, rel=0.02)
    assert lines[2]["matches"][0]["transform"]["x"] == pytest.approx(0.3, abs=0.01)


def test_what_the_policy_does_not_allow_and_what_cannot_be_asked(
    server: RunningServer, tmp_path: Path
) -> None:
    picture(3).save(tmp_path / "removed.png")
    (tmp_path / "text.txt").write_text("Nothing in this text is a picture, however long it may be. " * 3)
    arguments = ("submit", "--parts", "--label", "ncii", tmp_path / "removed.png")
    status, _, err = member(server, *arguments, fails=True)
    assert status != 0
    assert "the policy does not allow parts/1 under the label 'ncii'" in err
    status, (shared,), _ = member(server, "submit", "--parts", "--label", "hate", tmp_path / "text.txt")
    assert "parts/1" not in shared["types"]
    status, _, err = member(server, "check", "--parts", "-", fails=True)
    assert status == 2
    assert "--parts reads a picture twice" in err
    table = tmp_path / "table.csv"
    table.write_text("path,label\nremoved.png,hate\n")
    status, _, err = member(server, "submit", "--parts", "--csv", table, fails=True)
    assert status == 2
    assert "a table has no column for them" in err


@reads
def test_a_screenshot_is_found_by_its_text_and_another_one_of_its_layout_is_not(
    server: RunningServer, tmp_path: Path
) -> None:
    removed = post(
        "The ferry to the island leaves at nine every morning, and those who miss it have to wait. " * 2
    )
    other = post(
        "Nobody in this town has seen the mayor's grey cat again, although a reward was offered. " * 2
    )
    removed.save(tmp_path / "removed.png")
    removed.resize((360, 240), Image.Resampling.LANCZOS).save(tmp_path / "copy.jpg", quality=60)
    other.save(tmp_path / "other.png")
    status, (shared,), _ = member(server, "submit", "--ocr", "--label", "ncii", tmp_path / "removed.png")
    assert status == 0
    assert shared["types"] == ["pdq/1", "phash/1", "minhash/1", "winnow/1", "sha256/1", "md5/1"]
    files = (tmp_path / "copy.jpg", tmp_path / "other.png")
    plain = member(server, "check", *files)[1]
    assert not any(match["type"] == "minhash/1" for line in plain for match in line["matches"])
    copy, different = member(server, "check", "--ocr", "--strength", "weak", *files)[1]
    found = {match["type"]: match for match in copy["matches"] if match["entry"] == shared["entry"]}
    assert found["minhash/1"]["strength"] in {"same", "near"}
    assert all(match["strength"] == "weak" for match in different["matches"])


def test_a_picture_without_parts_says_so_and_shares_the_rest(server: RunningServer, tmp_path: Path) -> None:
    smooth = Image.linear_gradient("L").resize((640, 480))
    smooth.save(tmp_path / "smooth.png")
    status, (shared,), err = member(server, "submit", "--parts", "--label", "hate", tmp_path / "smooth.png")
    assert status == 0
    assert "parts/1" not in shared["types"]
    assert "refused parts/1: " in err
    status, (line,), err = member(server, "check", "--parts", tmp_path / "smooth.png")
    assert {match["type"] for match in line["matches"]} == set(shared["types"])
    assert "at least 8 are needed" in err
