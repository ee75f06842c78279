"""The hostile inputs: the table in docs/decisions/threats.md and the tests agree."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TABLE = TESTS.parent / "docs" / "decisions" / "threats.md"
FORTY = range(1, 41)
NUMBERS = range(1, 100)
"""The numbers that the table may have: all of the forty, and any of those that were added."""
LATER = {28}
"""Of these, something belongs to followers, and is not there yet."""

ROW = re.compile(r"\| (\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \| ([^|]*) ?\|")
NUMBERED = re.compile(r"^(?:async )?def test_((?:\d\d?_)+)", re.MULTILINE)


def numbers(path: Path) -> set[int]:
    """The numbers that the tests in a file are named after."""
    found = [word for one in NUMBERED.findall(path.read_text("utf-8")) for word in one.split("_")[:-1]]
    assert {len(word) for word in found} <= {2}, path
    return {int(word) for word in found}


def rows() -> dict[int, tuple[str, set[Path]]]:
    """State and files of tests of each number, as the table has them."""
    found = {}
    for line in TABLE.read_text("utf-8").splitlines():
        row = ROW.fullmatch(line)
        if row is not None:
            names = re.findall("`([^`]+)`", row[3])
            files = {(TESTS if "/" in name else TESTS / "hostile") / name for name in names}
            assert int(row[1]) not in found
            found[int(row[1])] = (row[2], files)
    return found


def test_every_number_has_its_row_and_its_state() -> None:
    table = rows()
    assert set(FORTY) <= table.keys() <= set(NUMBERS)
    assert list(table) == sorted(table)
    for number, (state, files) in table.items():
        assert bool(files) is not state.startswith("later: "), number
        assert (state == "held") is (number not in LATER), number


def test_the_table_names_the_tests_and_no_others() -> None:
    named = {(number, path) for number, (_, files) in rows().items() for path in files}
    there = {(number, path) for path in (TESTS / "hostile").glob("test_*.py") for number in numbers(path)}
    assert there <= named, "a test that the table does not name"
    assert [(number, path) for number, path in named if number not in numbers(path)] == []


def test_no_test_has_a_number_that_the_table_does_not_have() -> None:
    table = rows()
    for path in TESTS.rglob("test_*.py"):
        assert numbers(path) <= table.keys(), path
