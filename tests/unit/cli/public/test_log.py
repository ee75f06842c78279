"""Reading the log of a home: log show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashpact.cli.main import run


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_log_of_a_home_is_shown(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = tmp_path / "acme"
    enrol = ["member", "enrol", str(home), "acme-video", "--roles", "contribute,check"]
    assert run([*enrol, "--out", str(profile), "--unencrypted"]) == 0
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
