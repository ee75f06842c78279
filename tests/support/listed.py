"""The fixtures of lists: the files of tests/vectors/lists, and what each holds."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Final

from hashpact.exchange.formats import FORMATS, ReadChoices
from hashpact.exchange.mapping import ClassMap
from hashpact.exchange.rows import Row

LISTS: Final = Path(__file__).resolve().parents[1] / "vectors/lists"
FILES: Final = {
    "ncmec": "ncmec_v2.xml",
    "threatexchange": "threat_updates.json",
    "stopncii": "stopncii.json",
    "tcap": "tcap_v2.json",
    "tx": "tx_dataset.csv",
    "tx-local": "tx_local_file.txt",
    "vics": "vics_2_0.json",
    "hma": "hma_content.jsonl",
}
"""The fixture of each format."""

CODE: Final = "517b26a58c23c5f03815361b9b7a049a415b6cfd995eb9534158368d23f75add"
DIGEST: Final = "d30269bfb42bc7ec02e5f2a25212efce"
PRIVATE: Final = "https://example.invalid/private"

EXPECTED: Final[dict[str, list[dict[str, Any]]]] = json.loads((LISTS / "expected.json").read_text())


def fixture(name: str) -> Path:
    """The file of a format."""
    return LISTS / FILES[name]


def expected(name: str) -> list[dict[str, Any]]:
    """What its reader yields."""
    return EXPECTED[FILES[name]]


def rows(name: str, data: bytes | str, **chosen: bool | ClassMap) -> list[Row]:
    """What a reader yields of these bytes."""
    raw = data.encode() if isinstance(data, str) else data
    return list(
        FORMATS[name].read(
            io.BytesIO(raw),
            ReadChoices(**chosen),  # type: ignore[arg-type]  # each test names its own options
        )
    )
