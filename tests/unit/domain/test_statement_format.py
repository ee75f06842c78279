"""docs/formats/statement.md: its examples are a log, and its tables are what the code reads."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import pytest
from documented import LOG, TEXT, blocks, section, table

from hashpact.domain import fingerprints, statements
from hashpact.domain.fingerprints import commitment, parse_private
from hashpact.domain.grammar import Field
from hashpact.domain.kinds import ADMIN, KINDS, Notice, Signers, Submit, fields_of
from hashpact.domain.kinds.conduct import words as words_module
from hashpact.domain.kinds.conduct.words import parse_words
from hashpact.domain.rules.replay import Replay, replay
from hashpact.domain.state import CLOCKS, Stance
from hashpact.domain.statements import FIRST_LINE

Value = TypeVar("Value")


def times(field: Field[Value]) -> str:
    """How often a field occurs, in the document's words."""
    if field.high == 1:
        return "0 or 1" if field.low == 0 else "1"
    return f"{field.low} to {field.high}" + (", sorted" if field.ascending else "")


def test_the_examples_are_a_log_without_faults() -> None:
    assert len(LOG) == len(blocks("statement")) == 39
    folded = replay(LOG)
    assert folded.faults == []
    assert {statements.parse(leaf).statement.body.kind for leaf in LOG} == KINDS.keys()
    entry = folded.state.entry(6)
    assert entry is not None
    assert entry.withdrawn_index == 9


def test_an_example_gives_a_reason_for_a_dispute_and_one_takes_it_back() -> None:
    folded, shown = Replay(), []
    for leaf in LOG[:9]:
        folded.apply(leaf)
        shown += [
            (one.stance, one.reason) for one in folded.state.opinions(6) if one.index == folded.size - 1
        ]
    assert shown == [(Stance.DISPUTE, "news-report"), (Stance.SEEN, None)]


def test_the_examples_write_themselves_back() -> None:
    for leaf in LOG:
        assert leaf.startswith(statements.parse(leaf).statement.text() + b"\n")
    for private in blocks("private"):
        assert parse_private(private).text() == private


def test_the_words_are_those_of_the_notice() -> None:
    (words,) = blocks("words")
    assert parse_words(words).text() == words
    body = statements.parse(LOG[26]).statement.body
    assert isinstance(body, Notice)
    assert commitment(words) == body.words
    assert table("Words") == [(field.name, times(field)) for field in words_module._FORM.fields]
    assert f"at most {words_module.MAX_WORDS} bytes" in section("Words")
    assert f"1 to {words_module.MAX_TEXT} characters" in section("Words")


def test_the_clock_classes_are_those_of_the_code() -> None:
    listed = re.findall(r"`([a-z]+)` ([0-9]+)[,.]", section("Kind `policy`").replace("\n", " "))
    assert {name: int(seconds) for name, seconds in listed} == CLOCKS


def test_the_private_parts_are_those_of_the_submission() -> None:
    body = statements.parse(LOG[6]).statement.body
    assert isinstance(body, Submit)
    assert [commitment(private) for private in blocks("private")] == list(body.items)


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_are_what_is_read(kind: str) -> None:
    fields: list[Field[Any]] = [*statements.HEADER, *fields_of(kind)]
    assert table("Statement") + table(f"Kind `{kind}`") == [(field.name, times(field)) for field in fields]


def test_the_table_of_who_signs_is_what_the_kinds_declare() -> None:
    rows = re.findall(r"^\| (`admin`|a member) \| (.*) \| (.*) \|$", section("Who signs"), re.MULTILINE)
    listed: dict[str, Signers] = {kind: Signers(0) for kind in KINDS}
    for author, signed, kinds in rows:
        of_all, _, of_itself = kinds.partition("; of itself")
        first = Signers.MEMBER
        if author == f"`{ADMIN}`":
            first = (
                Signers.ONE_ADMINISTRATOR if "one administrator is enough" in signed else Signers.THRESHOLD
            )
        for text, signers in ((of_all, first), (of_itself, Signers.ITSELF)):
            for kind in re.findall("`([a-z-]+)`", text):
                listed[kind] |= signers
    assert listed == {kind: body.signers for kind, body in KINDS.items()}


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
