"""How far notices were watched: what is written is read back, and other contents are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import NOW

from hashpact.domain.conduct.watching import NOTHING, WatchPlace
from hashpact.errors import ConfigError
from hashpact.member.watching.progress import load, save


def test_how_far_one_has_watched_is_kept_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    assert load(None) == load(file) == NOTHING
    save(file, WatchPlace(7, NOW))
    assert load(file) == WatchPlace(7, NOW)
    save(file, WatchPlace(8, NOW))
    assert load(file) == WatchPlace(8, NOW)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"position": -1, "moment": 0}', '{"position": true, "moment": 0}', "x" * 2000]
)
def test_a_file_that_says_something_else(tmp_path: Path, text: str) -> None:
    file = tmp_path / "seen.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"seen\.json"):
        load(file)


def test_what_a_file_has_is_plain(tmp_path: Path) -> None:
    save(tmp_path / "seen.json", WatchPlace(7, NOW))
    assert json.loads((tmp_path / "seen.json").read_text()) == {"position": 7, "moment": NOW}
