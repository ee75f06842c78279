"""The page of labels says what the program says."""

from __future__ import annotations

import re
from pathlib import Path

from hashpact.governance.labels import EXPLANATIONS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "labels.md"


def test_the_page_lists_the_labels() -> None:
    assert (
        dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE))
        == EXPLANATIONS
    )
