"""docs/formats/statement.md: its examples are a log, and its tables are what the code reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hashpact.domain import fingerprints, statements
from hashpact.domain.fingerprints import commitment, parse_private
from hashpact.domain.grammar import Field
from hashpact.domain.kinds import KINDS, Submit, fields_of
from hashpact.domain.rules.replay import replay
from hashpact.domain.statements import FIRST_LINE

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "formats" / "statement.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
EVERY_KIND = ["genesis", "policy", "member-enrol", "key-enrol", "submit", "opinion", "withdraw"]
Value = TypeVar("Value")


def blocks(language: str) -> list[bytes]:
    """The examples of one kind, in the document's order."""
    return [
        body.encode() for body in re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    ]


def section(title: str) -> str:
    """The text under a heading, up to the next."""
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def table(title: str) -> list[tuple[str, str]]:
    """``(field, times)`` of each row of the section's table."""
    return re.findall(r"^\| `([a-z-]+)` \|.*\| ([^|]+) \|$", section(title), re.MULTILINE)


def times(field: Field[Value]) -> str:
    """How often a field occurs, in the document's words."""
    if field.high == 1:
        return "0 or 1" if field.low == 0 else "1"
    return f"{field.low} to {field.high}" + (", sorted" if field.ascending else "")


LEAVES = {statements.parse(leaf).statement.time: leaf for leaf in blocks("statement")}
LOG = [LEAVES[time] for time in sorted(LEAVES)]


def test_the_examples_are_a_log_without_faults() -> None:
    assert len(LOG) == len(blocks("statement")) == 17
    folded = replay(LOG)
    assert folded.faults == []
    assert {statements.parse(leaf).statement.body.kind for leaf in LOG} == KINDS.keys()
    entry = folded.state.entry(6)
    assert entry is not None
    assert entry.withdrawn_at == 8


def test_the_examples_write_themselves_back() -> None:
    for leaf in LOG:
        assert leaf.startswith(statements.parse(leaf).statement.text() + b"\n")
    for private in blocks("private"):
        assert parse_private(private).text() == private


def test_the_private_parts_are_those_of_the_submission() -> None:
    body = statements.parse(LOG[6]).statement.body
    assert isinstance(body, Submit)
    assert [commitment(private) for private in blocks("private")] == list(body.items)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_are_what_is_read(kind: str) -> None:
    fields: list[Field[Any]] = [*statements.HEADER, *fields_of(kind)]
    assert table("Statement") + table(f"Kind `{kind}`") == [(field.name, times(field)) for field in fields]


def test_the_table_of_the_private_part_is_what_is_read() -> None:
    assert table("Private part") == [(field.name, times(field)) for field in fingerprints._FORM.fields]


def test_the_bounds_in_the_text_are_those_of_the_code() -> None:
    assert f"At most {fingerprints.MAX_PRIVATE} bytes" in section("Private part")
    assert f"together at most {statements.MAX_LEAF} bytes" in section("Statement")
    assert f"`{FIRST_LINE}`" in section("Statement")
    for kind in fingerprints.TYPES.values():
        assert f"`{kind.name}`" in section("Private part")
        for bound in kind.popcount or ():
            assert str(bound) in section("Private part")
    assert [
        match for match in re.findall(r"^## Kind `(.*)`$", TEXT, re.MULTILINE) if match not in KINDS
    ] == []
