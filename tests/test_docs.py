"""What the pages refer to is there: files and headings behind links, and paths of the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "integrations").rglob("*.md")]
PAGES.sort()
PAGES = [page for page in PAGES if "node_modules" not in page.parts]  # an example's packages, once installed
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:docs|proto|scripts|src|tests)/[\w./-]*)`")
WALK = ROOT / "docs" / "architecture.md"
"""The walk through the code. Its paths are those of the repository or below src/hashpact."""
DRAWN = re.compile(r"^ {4}.*$", re.MULTILINE)
FILE = re.compile(r"(?<![\w.])\w[\w/-]*(?:\.(?:json|md|proto|pyi?|toml)\b|/(?!\w))")


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
    return wrong + [name for name in PATH.findall(text) if not (ROOT / name).exists()]


def lost(text: str) -> list[str]:
    """The files and directories that a page names in its text or its drawings and that do not exist.

    A drawing may name a file without its directory.
    """
    drawn = FILE.findall("\n".join(DRAWN.findall(text)))
    named = [name for name in re.findall(r"`([\w./-]+)`", text) if "/" in name or FILE.fullmatch(name)]
    source = ROOT / "src" / "hashpact"
    return [
        name
        for name in dict.fromkeys([*named, *drawn])
        if not any((base / name).exists() for base in (ROOT, ROOT / "src", source))
        and not (name in drawn and "/" not in name and any(source.rglob(name)))
    ]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_reference_leads_somewhere(page: Path) -> None:
    assert faults(page) == []


def test_the_checker_sees_what_leads_nowhere(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# What it *is*\n[a](#what-it-is) [b](page.md#no) [c](no.md) [d](https://no) `tests/no.py` `tests`\n"
    )
    assert faults(page) == ["page.md#no", "no.md", "tests/no.py"]


def test_the_walk_through_the_code_names_what_is_there() -> None:
    text = WALK.read_text("utf-8")
    assert lost(text) == []
    rooms = [path for path in (ROOT / "src" / "hashpact").glob("[a-z]*") if path.suffix in {"", ".py"}]
    assert [path.stem for path in rooms if not re.search(rf"\b{path.stem}\b", text)] == []


def test_the_checker_sees_a_walk_past_what_is_not_there() -> None:
    text = "`log/tree.py` `log/` `log/gone.py` `gone/`\n    tree.py  nowhere.py  log/  past/  10/s\n"
    assert lost(text) == ["log/gone.py", "gone/", "nowhere.py", "past/"]
