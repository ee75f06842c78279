"""Commands that need no server: init, member enrol, log show, fingerprint."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashpact.cli.main import run

IMAGES = Path(__file__).resolve().parents[2] / "vectors" / "images"
TEXT = "Hội chợ sách mùa thu mở cửa miễn phí cho học sinh, sinh viên đến hết tuần này tại nhà văn hóa quận."


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "home"
    assert run(["init", str(path), "--origin", "test.example/log"]) == 0
    capsys.readouterr()
    return path


def test_init_tells_what_to_publish_and_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    assert run(["init", str(home), "--origin", "test.example/log"]) == 0
    out = capsys.readouterr().out
    assert "2 of 2 administrators must sign" in out
    assert str(home / "pki" / "admin-2.key") in out
    for next_ in ("member enrol", "serve"):
        assert f"hashpact {next_} {home}" in out
    (genesis,) = [line.split()[1] for line in out.splitlines() if line.startswith("genesis ")]

    assert run(["log", "show", str(home), "--limit", "1", "--raw"]) == 0
    assert hashlib.sha256(capsys.readouterr().out.encode()).hexdigest() == genesis


@pytest.mark.parametrize(
    ("arguments", "admins", "threshold"),
    [
        ([], 2, 2),
        (["--single-admin"], 1, 1),
        (["--admins", "5", "--threshold", "3"], 5, 3),
        (["--admins", "4"], 4, 2),
        (["--threshold", "3"], 3, 3),
    ],
)
def test_init_in_json(
    arguments: list[str], admins: int, threshold: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    assert run(["init", str(home), "--origin", "test.example/log", "--json", *arguments]) == 0
    (made,) = lines(capsys.readouterr().out)
    assert made.pop("genesis_sha256")
    keys = made.pop("admin_keys")
    assert isinstance(keys, list)
    assert len(keys) == admins
    assert all(Path(key).is_file() for key in keys)
    assert made == {
        "home": str(home),
        "origin": "test.example/log",
        "admins": admins,
        "threshold": threshold,
        "listen": "127.0.0.1:8443",
        "address": "127.0.0.1:8443",
    }


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--origin", "Test Log"], 1, "origin"),
        (["--origin", "t", "--single-admin", "--admins", "2"], 2, "leave --admins"),
        (["--origin", "t", "--threshold", "1"], 2, "2<=x<=15"),
        (["--origin", "t", "--admins", "2", "--threshold", "3"], 2, "more than the 2 administrators"),
        (["--origin", "t", "--listen", "0.0.0.0:8443"], 2, "--address"),
        (["--origin", "t", "--listen", "[::]:8443"], 2, "--address"),
        (["--origin", "t", "--listen", "localhost"], 1, "HOST:PORT"),
        (["--origin", "t", "--address", "localhost:99999"], 1, "HOST:PORT"),
    ],
)
def test_init_refuses_and_leaves_nothing(
    arguments: list[str], status: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", str(tmp_path / "home"), *arguments]) == status
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_init_does_not_touch_a_directory_in_use(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(home.rglob("*"))
    assert run(["init", str(home), "--origin", "other.example/log"]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "not an empty directory" in captured.err
    assert sorted(home.rglob("*")) == before


def test_the_log_of_a_home_is_shown(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = tmp_path / "acme"
    assert (
        run(
            ["member", "enrol", str(home), "acme-video", "--roles", "contribute,check", "--out", str(profile)]
        )
        == 0
    )
    told = capsys.readouterr().out
    assert "enrolled acme-video (check, contribute) in leaf 2" in told
    assert str(profile) in told

    assert run(["log", "show", str(home), "--json"]) == 0
    leaves = lines(capsys.readouterr().out)
    assert [leaf["kind"] for leaf in leaves] == ["genesis", "policy", "member-enrol", "key-enrol"]
    assert [leaf["index"] for leaf in leaves] == [0, 1, 2, 3]
    assert {leaf["member"] for leaf in leaves} == {"admin"}
    assert leaves[2]["summary"] == "acme-video: check, contribute"
    assert all(len(str(leaf["leaf_hash"])) == 64 for leaf in leaves)
    assert all(str(leaf["time"]).endswith("Z") for leaf in leaves)

    assert run(["log", "show", str(home), "--start", "-2", "--json"]) == 0
    assert lines(capsys.readouterr().out) == leaves[2:]

    assert run(["log", "show", str(home), "--start", "1", "--limit", "1"]) == 0
    captured = capsys.readouterr()
    assert "policy" in captured.out
    assert "genesis" not in captured.out
    assert captured.err == "hashpact: 2 more leaves; go on with --start 2\n"

    assert run(["log", "show", str(home), "--start", "9"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["log", "show", "nowhere"],
        ["serve", "nowhere"],
        ["member", "enrol", "nowhere", "acme", "--roles", "check", "--out", "x"],
    ],
    ids=" ".join,
)
def test_what_is_no_home_is_told(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 1
    assert capsys.readouterr().err.startswith("hashpact: nowhere is not a home")


def test_a_missing_administrator_is_told(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "pki" / "admin-2.key").unlink()
    assert run(["member", "enrol", str(home), "acme", "--roles", "check", "--out", str(tmp_path / "p")]) == 1
    assert "2 administrators must sign" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


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


def test_a_text_that_is_too_short_says_so_and_the_next_file_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, long, missing = tmp_path / "short.txt", tmp_path / "long.txt", tmp_path / "missing.txt"
    short.write_text("ngắn", "utf-8")
    long.write_text(TEXT, "utf-8")
    assert run(["fingerprint", "--json", str(short), str(missing), str(long)]) == 1
    captured = capsys.readouterr()
    (line,) = lines(captured.out)
    assert line["file"] == str(long)
    errors = captured.err.splitlines()
    assert len(errors) == 2
    assert "too short" in errors[0]
    assert "No such file" in errors[1]


def test_a_type_that_content_cannot_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, "utf-8")
    assert run(["fingerprint", "--type", "pdq/1", str(text)]) == 1
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
