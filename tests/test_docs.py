"""What the pages refer to is there: files and headings behind links, and paths of the repository."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from test_meta import ROOMS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "integrations").rglob("*.md")]
PAGES.sort()
PAGES = [page for page in PAGES if "node_modules" not in page.parts]  # an example's packages, once installed
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:docs|proto|scripts|src|tests)/[\w./-]*)`")
MODULE = re.compile(r"`([\w/-]+/\w+\.pyi?)`")
"""A Python file, which may be below the package or the tests: `wire/codec.py`, `unit/wire/test_calls.py`."""
WALK = ROOT / "docs" / "architecture.md"
"""The walk through the code. Its paths are those of the repository or below src/hashpact."""
DRAWN = re.compile(r"^ {4}.*$", re.MULTILINE)
FILE = re.compile(r"(?<![\w.])\w[\w/-]*(?:\.(?:json|md|proto|pyi?|toml)\b|/(?!\w))")
SOURCE = ROOT / "src" / "hashpact"
CODE = {".proto", ".py", ".pyi"}
UNDRAWN = {"__main__", "_kernel", "_instruments"}
"""What stands on all rooms, and what stands beside them."""
BESIDE = re.compile(r"(?<=[.;])\s|\||\n\n|\n(?=[-\d] )")
"""The ends of sentences, of their parts, of cells, paragraphs and items."""


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def faults(page: Path) -> list[str]:
    """Every reference of a page that leads nowhere."""
    text, wrong = page.read_text("utf-8"), []
    for target in LINK.findall(text):
        name, _, anchor = target.partition("#")
        if re.match("[a-z]+:", target):
            continue
        there = (page.parent / name).resolve() if name else page
        if not there.exists() or (anchor and anchor not in headings(there)):
            wrong.append(target)
    wrong += [name for name in PATH.findall(text) if not (ROOT / name).exists()]
    modules = [name for name in MODULE.findall(text) if not PATH.fullmatch(f"`{name}`")]
    bases = (ROOT, SOURCE, ROOT / "tests", page.parent)
    return wrong + [name for name in modules if not any((base / name).exists() for base in bases)]


def uneven(text: str) -> list[str]:
    """The first cells of a page's rows that have more or fewer cells than the row before, in its tables."""
    rows = [line.replace("\\|", "") for line in text.splitlines()]
    return [
        row.split("|")[1].strip()
        for before, row in itertools.pairwise(rows)
        if before.startswith("|") and row.startswith("|") and before.count("|") != row.count("|")
    ]


def places(name: str) -> list[Path]:
    """Where that file or directory is. A drawing may name a file of the package without its directory."""
    found = [base / name for base in (ROOT, ROOT / "src", SOURCE) if (base / name).exists()]
    return found or ([] if "/" in name else list(SOURCE.rglob(name)))


def named(text: str) -> list[str]:
    """The files and directories that a text names in backticks."""
    return [name for name in re.findall(r"`([\w./-]+)`", text) if "/" in name or FILE.fullmatch(name)]


def lost(text: str) -> list[str]:
    """The files and directories that a page names in its text or its drawings and that do not exist.

    A drawing may name a file without its directory.
    """
    drawn = FILE.findall("\n".join(DRAWN.findall(text)))
    return [
        name
        for name in dict.fromkeys([*named(text), *drawn])
        if not any((base / name).exists() for base in (ROOT, ROOT / "src", SOURCE))
        and not (name in drawn and places(name))
    ]


def misplaced(text: str) -> list[str]:
    """The names of Python that stand beside files and are in none of them.

    Both are in backticks, in one sentence, part of a sentence up to a semicolon, or cell of a table. In a
    line of a drawing they have none, and a name is a class and its member. A room's name may be a word.
    """
    together = [
        (named(part), re.findall(r"`([A-Za-z_][\w.]*)(?:\(\))?`", part))
        for part in BESIDE.split(DRAWN.sub("", text))
    ]
    together += [
        (FILE.findall(line), re.findall(r"\b[A-Z]\w*\.[A-Za-z_]\w*", line)) for line in DRAWN.findall(text)
    ]
    return [
        name
        for files, names in together
        if (code := "\n".join(contents(file) for file in files))
        for name in names
        if name not in {*files, *ROOMS} and not re.search(rf"\b{name.rpartition('.')[2]}\b", code)
    ]


def contents(name: str) -> str:
    """The code of a file that a page names, or of all files of a directory."""
    below = [path for place in places(name) for path in (place, *place.rglob("*"))]
    return "\n".join(path.read_text("utf-8") for path in below if path.suffix in CODE)


def drawn_faults(text: str) -> list[str]:
    """The rooms that a drawing lacks, and those that it does not put above a room that they import."""
    line = {
        name: number
        for number, row in enumerate(DRAWN.findall(text))
        for name in itertools.takewhile(ROOMS.__contains__, row.split())
    }
    imported = {name: {module.split(".")[1] for module in rules.ours} for name, rules in ROOMS.items()}
    return [name for name in ROOMS if name not in {*line, *UNDRAWN}] + [
        f"{name} above {other}"
        for name in line
        for other in sorted(imported[name] & set(line))
        if line[name] >= line[other]
    ]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_reference_leads_somewhere(page: Path) -> None:
    assert faults(page) == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_row_of_a_table_has_all_its_cells(page: Path) -> None:
    assert uneven(page.read_text("utf-8")) == []


def test_the_checker_sees_a_row_of_too_few_cells() -> None:
    assert uneven("| a | b |\n|---|---|\n| c `\\|` | d |\n| e |\n\n| f |\n") == ["e"]


def test_the_checker_sees_what_leads_nowhere(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# What it *is*\n[a](#what-it-is) [b](page.md#no) [c](no.md) [d](https://no) `tests/no.py` `tests`\n"
        "`wire/codec.py` `wire/no.py` `unit/wire/test_calls.py` `hostile/no.py`\n"
    )
    assert faults(page) == ["page.md#no", "no.md", "tests/no.py", "wire/no.py", "hostile/no.py"]


def test_the_walk_through_the_code_names_what_is_there() -> None:
    text = WALK.read_text("utf-8")
    assert lost(text) == []
    assert misplaced(text) == []


def test_each_room_has_a_row_and_a_place_in_the_drawing() -> None:
    text = WALK.read_text("utf-8").partition("\n## The rooms\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE)
    rows = re.findall(r"`(\w+)(?:/|\.pyi?)`", " ".join(cells))
    assert len(rows) == len(set(rows))
    assert set(ROOMS) - UNDRAWN <= set(rows) <= set(ROOMS)
    assert drawn_faults(text) == []


def test_the_checker_sees_a_walk_past_what_is_not_there() -> None:
    text = "`log/tree.py` `log/` `log/gone.py` `gone/`\n    tree.py  nowhere.py  log/  past/  10/s\n"
    assert lost(text) == ["log/gone.py", "gone/", "nowhere.py", "past/"]


def test_the_checker_sees_a_name_beside_a_file_that_has_it_not() -> None:
    text = (
        "`Gone` and `Checker.check` in `service/check.py`. `Other` is in none, and `service` a room.\n"
        "| `STATUS` in `wire/errors.py`; `no_such()` in `wire/codec.py` | `Cell` |\n"
        "    service/check.py    Checker.check, Checker.gone: what is asked\n"
    )
    assert misplaced(text) == ["Gone", "no_such", "Checker.gone"]


def test_the_checker_sees_a_room_that_is_drawn_below_what_it_imports() -> None:
    lines = [f"    {name}    what it is\n" for name in reversed(ROOMS) if name not in UNDRAWN]
    assert drawn_faults("".join(lines)) == []
    place = lines.index("    log    what it is\n")
    assert drawn_faults("".join([*lines[:place], *lines[place + 1 :]])) == ["log"]
    assert drawn_faults("".join([*lines[:place], *lines[place + 1 :], lines[place]])) == ["log above errors"]
