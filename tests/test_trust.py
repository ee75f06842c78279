"""The table of what an operator could do names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "operations" / "trust.md"
ROW = re.compile(r"\| [^|]+ \| ([^|]+) \| `([^`:]+)::([^`]+)` \|")


def test_every_row_names_what_notices_and_a_test_that_shows_it() -> None:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    assert len(lines) >= 14
    for line in lines:
        row = ROW.fullmatch(line)
        assert row is not None, line
        noticed, file, name = row.groups()
        assert "nothing" not in noticed
        text = (TESTS / file).read_text("utf-8")
        assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), line
