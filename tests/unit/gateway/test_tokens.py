"""Tokens: the file has what verifies them, and nothing by which anybody could call."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from hashpact.errors import ConfigError, InvalidInputError, NotFoundError
from hashpact.gateway.keeping import tokens
from hashpact.gateway.keeping.tokens import TokenFile


def test_made_found_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    mine, other = TokenFile(path), TokenFile(path)
    assert (mine.all(), mine.finds("x")) == ([], False)
    text = mine.make("coop", 7)
    assert [(one.name, one.made) for one in other.all()] == [("coop", 7)]
    assert other.finds(text)
    assert other.finds(text, "coop")
    assert not other.finds(text, "gem")
    assert not other.finds(text[:-1])
    assert text not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    mine.remove("coop")
    assert not other.finds(text)


def test_refusals(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens")
    file.make("coop", 7)
    for name, expected in (("Coop", "has 1 to 64"), ("", "has 1 to 64"), ("coop", "already")):
        with pytest.raises(InvalidInputError, match=expected):
            file.make(name, 7)
    with patch.object(tokens, "MAX_TOKENS", 1), pytest.raises(InvalidInputError, match="1 tokens already"):
        file.make("gem", 7)
    with pytest.raises(NotFoundError, match="no token gem"):
        file.remove("gem")


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("coop abc 7\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="a line that is no token"):
        TokenFile(path).all()
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read"):
        TokenFile(path).all()
    with pytest.raises(ConfigError, match="cannot read"):
        TokenFile(path / "below").all()
