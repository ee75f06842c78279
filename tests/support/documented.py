"""docs/formats/statement.md as the tests read it: its sections, its tables and the log of its examples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from hashpact.domain import statements
from hashpact.domain.kinds import AnyBody

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "formats" / "statement.md"
TEXT: Final = DOCUMENT.read_text(encoding="utf-8")


def blocks(language: str) -> list[bytes]:
    """The examples of one sort, in the document's order."""
    return [
        body.encode() for body in re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    ]


def section(title: str) -> str:
    """The text under a heading, up to the next."""
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def table(title: str) -> list[tuple[str, str]]:
    """``(field, times)`` of each row of the section's table."""
    return re.findall(r"^\| `([a-z-]+)` \|.*\| ([^|]+) \|$", section(title), re.MULTILINE)


_SIGNED: Final = [statements.parse(leaf) for leaf in blocks("statement")]
LOG: Final = [signed.data for signed in sorted(_SIGNED, key=lambda signed: signed.statement.time)]
"""The leaves of the examples, in the order of their times, which is that of the log."""

EXAMPLES: Final[dict[str, AnyBody]] = {
    signed.statement.body.kind: signed.statement.body for signed in reversed(_SIGNED)
}
"""The first example of each kind."""
