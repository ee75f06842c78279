"""What options mean, and how results are printed."""

from __future__ import annotations

import json
import re
import sys

import click
import pytest

from hashpact.cli import options, output
from hashpact.domain.state import Receipt


@pytest.mark.parametrize(("text", "index"), [("0", 0), ("12", 12), ("entries/12", 12)])
def test_an_entry_is_named_by_its_index(text: str, index: int) -> None:
    assert options.entry_index(text) == index


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1_0", "\uff11\uff12", "entries/", "members/12", "12 ", "9" * 19]
)
def test_no_other_name_of_an_entry(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not an entry"):
        options.entry_index(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1794990000", 1794990000),
        ("2026-11-18T07:00:00Z", 1794985200),
        ("2026-11-18T14:00:00+07:00", 1794985200),
    ],
)
def test_a_moment_is_rfc_3339_or_unix_seconds(text: str, seconds: int) -> None:
    assert options.moment(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "noon", "2026-11-18", "2026-11-18T07:00:00", "1969-01-01T00:00:00Z", "-5"]
)
def test_no_other_spelling_of_a_moment(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a time"):
        options.moment(text)


@pytest.mark.parametrize(
    ("unix", "text"), [(0, "1970-01-01T00:00:00Z"), (1794985200, "2026-11-18T07:00:00Z"), (2**62, str(2**62))]
)
def test_a_time_is_shown_in_utc(unix: int, text: str) -> None:
    assert output.rfc3339(unix) == text


def test_what_could_move_a_cursor_is_escaped() -> None:
    assert output.one_line("ảnh\n\x1b[31m\u2028\ud800.jpg") == "ảnh\\n\\x1b[31m\\u2028\\ud800.jpg"


def test_json_is_one_line_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit({"file": "ảnh\n\ud800"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    assert json.loads(out) == {"file": "ảnh\n\ud800"}


def test_a_table_shows_its_cells_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_table(("name", "what"), [("[red]x[/red]", "a\x1bb"), ("long", "word " * 40)])
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert "a\\x1bb" in out
    assert "\x1b" not in out
    assert [len(line.split("\t")) for line in out.splitlines()] == [2, 2, 2]


def test_stumble_7_a_table_at_a_terminal_fits_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    output.show_table(("name", "what"), [("[red]x[/red]", "a\x1bb"), ("long", "word " * 40)])
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert max(map(len, plain.splitlines())) <= 80


def test_a_receipt_in_json() -> None:
    receipt = Receipt(5, b"\1" * 32, 6, b"\2" * 32, (), b"")
    assert output.receipt_fields(receipt) == {
        "index": 5,
        "leaf_hash": "01" * 32,
        "tree_size": 6,
        "root": "02" * 32,
    }


@pytest.mark.parametrize(
    ("total", "terminals", "shown"),
    [(3, {"err"}, True), (3, {"err", "out"}, False), (3, {"out"}, False), (1, {"err"}, False)],
)
def test_progress_is_for_people_who_see_nothing_else(
    total: int,
    terminals: set[str],
    shown: bool,  # noqa: FBT001 - a column of the table above
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: "err" in terminals)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: "out" in terminals)
    monkeypatch.setenv("TERM", "xterm")
    assert list(output.with_progress(range(total), "files", total)) == list(range(total))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("files" in captured.err) is shown


@pytest.mark.parametrize("terminal", [False, True])
def test_work_that_tells_how_far_it_is_has_a_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, terminal: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress_of("leaves") as progress:
        for done in range(5):
            progress(done, 4)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert ("leaves" in printed.err) is terminal
