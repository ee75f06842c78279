"""Commands on a home that need no server: init, and what becomes of a home that is none."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from pathlib import Path

import pytest

from hashpact.cli.main import run


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_init_tells_what_to_publish_and_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    assert run(["init", str(home), "--origin", "test.example/log", "--unencrypted"]) == 0
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
    init = ["init", str(home), "--origin", "test.example/log", "--unencrypted", "--json"]
    assert run([*init, *arguments]) == 0
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
        (["--origin", "Test Log"], 2, "origin"),
        (["--origin", "t", "--single-admin", "--admins", "2"], 2, "leave --admins"),
        (["--origin", "t", "--threshold", "1"], 2, "2<=x<=15"),
        (["--origin", "t", "--admins", "2", "--threshold", "3"], 2, "more than the 2 administrators"),
        (["--origin", "t", "--listen", "0.0.0.0:8443"], 2, "--address"),
        (["--origin", "t", "--listen", "[::]:8443"], 2, "--address"),
        (["--origin", "t", "--listen", "localhost"], 2, "HOST:PORT"),
        (["--origin", "t", "--address", "localhost:99999"], 2, "HOST:PORT"),
    ],
)
def test_init_refuses_and_leaves_nothing(
    arguments: list[str], status: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", str(tmp_path / "home"), "--unencrypted", *arguments]) == status
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_init_does_not_touch_a_directory_in_use(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(home.rglob("*"))
    assert run(["init", str(home), "--origin", "other.example/log", "--unencrypted"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "not an empty directory" in captured.err
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("WORKERS=x", "HASHPACT_WORKERS must be a number from 1 to 256, such as HASHPACT_WORKERS=2, not 'x'"),
        ("METRICS=127.0.0.1:9464", "--listen (0.0.0.0:9464) and metrics (127.0.0.1:9464) clash"),
        ("HEALTH=0.0.0.0:9464", "--listen (0.0.0.0:9464) and health (0.0.0.0:9464) clash"),
    ],
)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_names_in_one_line_the_setting_that_cannot_be(
    setting: str, said: str, workers: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _, value = setting.partition("=")
    monkeypatch.setenv(f"HASHPACT_{name}", value)
    serve = ["serve", str(home), "--listen", "0.0.0.0:9464", "--workers", workers]
    with contextlib.redirect_stderr(io.StringIO()) as err:
        assert run(serve) == 2
    assert err.getvalue().startswith(f"hashpact: {said}")
    assert err.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["log", "show", "nowhere"],
        ["serve", "nowhere"],
        ["member", "enrol", "nowhere", "acme", "--roles", "check", "--out", "x", "--unencrypted"],
    ],
    ids=" ".join,
)
def test_what_is_no_home_is_told(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    assert capsys.readouterr().err.startswith("hashpact: nowhere is not a home")
