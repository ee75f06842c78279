"""Every error has an exit status, and the page lists them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from test_meta import tree_of_errors

from hashpact.cli import exits
from hashpact.cli.main import run

PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats" / "statuses.md"


def test_stumble_7_every_error_has_its_exit_status_and_the_page_says_so() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `\w+` \| `\w+` \| (\d+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {name: int(status) for name, status in rows} == {
        cls.__name__: exits.status_of(cls("m")) for cls in tree_of_errors()
    }
    assert set(exits.STATUS) <= tree_of_errors()


def test_stumble_7_an_error_is_an_object_with_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--json", "--profile", str(tmp_path), "x.jpg"]) == exits.MISUSED
    captured = capsys.readouterr()
    assert captured.out == ""
    error = json.loads(captured.err)["error"]
    assert error["code"] == "CONFIG"
    assert "profile.toml" in error["message"]
