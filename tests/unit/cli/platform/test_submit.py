"""What submit refuses before it asks a server, and what it takes from directories and tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashpact.cli.main import run
from hashpact.cli.platform import pieces
from hashpact.cli.platform.pieces import Terms
from hashpact.errors import InvalidInputError

TERMS = Terms(("ncii",), "guideline", None, None, ("VN",), 7)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--label", "ncii"], "name files, directories or -, or else --csv FILE"),
        (["--label", "ncii", "--csv", "t.csv", "f"], "or else --csv FILE"),
        (["f"], "Missing option '--label'"),
        (["--resume", "f"], "takes no files"),
        (["--label", "x", "--basis", "law", "f"], "--authority and --article"),
        (["--label", "x", "--type", "pdq/2", "f"], "'pdq/1', 'phash/1'"),
    ],
)
def test_a_wrong_use_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["submit", *arguments, "--profile", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_a_directory_stands_for_the_files_below_it(tmp_path: Path) -> None:
    failed: list[OSError] = []
    for name in ("b", "a/z", "a/.hidden", ".git/config", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = pieces.named([str(tmp_path), str(tmp_path / ".git" / "config"), "-"], None, TERMS, failed.append)
    assert [os.path.relpath(piece.name, tmp_path) for piece in found[:-1]] == ["b", "c", "a/z", ".git/config"]
    assert found[-1].name == "-"
    assert failed == []
    assert all(piece.terms() == TERMS for piece in found)


def test_an_opt_in_type_of_a_text_is_made_only_if_it_is_named(tmp_path: Path) -> None:
    file, table = tmp_path / "post.txt", tmp_path / "t.csv"
    file.write_text("cút đi", encoding="utf-8")
    table.write_text(f"path,type\n{file},folded/1\n{file},\n")
    key = bytes(range(32))
    (named,) = pieces.named([str(file)], ["folded/1", "md5/1"], TERMS, lambda _: None)
    (plain,) = pieces.named([str(file)], None, TERMS, lambda _: None)
    by_row, by_default = pieces.rows(str(table), None, TERMS)
    for piece, made in ((named, {"folded/1", "md5/1"}), (by_row, {"folded/1"})):
        assert {each.type.name for each in piece.read(key).fingerprints} == made
    for piece in (plain, by_default):
        assert {each.type.name for each in piece.read(key).fingerprints} == {"sha256/1", "md5/1"}
    assert named.read(key).fingerprints[0] != named.read(bytes(32)).fingerprints[0]


def test_rows_have_terms_of_their_own(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        "Type,VALUE, label ,basis,authority,article,jurisdiction,removed\n"
        "sha256/1," + "00" * 32 + ",,,,,,\n"
        '"sha256/1, md5/1","' + "00" * 32 + " " + "11" * 16 + '",a;b,law,ministry,art-1,"DE,FR",5\n'
    )
    plain, own = pieces.rows(str(table), None, TERMS)
    assert plain.terms() == TERMS
    assert own.terms() == Terms(("a", "b"), "law", "ministry", "art-1", ("DE", "FR"), 5)
    assert [each.type.name for each in own.read(bytes(32)).fingerprints] == ["sha256/1", "md5/1"]
    assert plain.name == f"{table}:2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the first row names columns"),
        ("label\nx\n", "the first row names columns"),
        ("path,colour\n", "not 'colour'"),
        ("path,path\n", "each once"),
        ('path\n"x\n', "not a table in CSV"),
        (b"path\n\xff\n", "not a table in CSV and UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(text: str | bytes, said: str, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidInputError, match=said):
        pieces.rows(str(table), None, TERMS)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,,,", "4 cells"),
        ("x,sha256/1,00,,", "either a path or a type and a value"),
        (",sha256/1,zz,,", "values are hex digits"),
        (",sha256/1,00 00,,", "the same number of each"),
        (",sha999/1,00,,", "unknown fingerprint type"),
        (",sha256/1,00,,", "has 32 bytes, not 1"),
    ],
)
def test_a_row_that_is_wrong_is_refused_when_it_is_read(row: str, said: str, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"path,type,value,label,removed\n{row}\n")
    (piece,) = pieces.rows(str(table), None, TERMS)
    with pytest.raises(InvalidInputError, match=said.replace("4 cells", "5 cells")):
        piece.read(bytes(32))
