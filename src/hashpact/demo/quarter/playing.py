"""Plays a quarter into a directory: the ledger and the published log of a code of conduct."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from hashpact.demo.quarter.cast import DAY, founded
from hashpact.demo.quarter.course import Course
from hashpact.durable import write_public
from hashpact.report.page import to_html
from hashpact.report.quarter import Quarter
from hashpact.report.report import make
from hashpact.report.serial import to_csv, to_json
from hashpact.report.wording import LANGUAGES
from hashpact.storage.ledgers import open_ledger

QUARTER: Final = "2026Q4"
ZONE: Final = "Asia/Ho_Chi_Minh"


def play_quarter(directory: Path, quarter: str, seed: int, scale: float = 1.0) -> Iterator[float]:
    """Play a quarter such as 2026Q4; gives after each event which part of the quarter is over, from 0 to 1.

    ``directory`` is made, or empty; afterwards it holds ``hashpact.db``, and in ``log`` the signed log as it
    is published. The same seed makes the same bytes.
    """
    of = Quarter.parse(quarter)
    start, stop = of.start, of.stop
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with founded(directory, seed, start - 2 * DAY) as cast:
        course = Course(cast, quarter, start, stop, random.Random(seed), scale)  # noqa: S311 - a play
        for time in course.play():
            yield max(0.0, (time - start) / (stop - start))
        cast.seal()


def write_reports(directory: Path, quarter: str) -> tuple[int, str, list[Path]]:
    """Write the reports on a quarter that was played into a directory, in each format and language.

    Returns how many statements the log has, the SHA-256 of the report as JSON, and the files.
    """
    with closing(open_ledger(directory / "hashpact.db")) as ledger:
        leaves = (leaf.data for leaf in ledger.leaves(0, ledger.head().size))
        report, _ = make(leaves, Quarter.parse(quarter))
    data = to_json(report)
    written = {
        f"report-{quarter}.json": data,
        f"report-{quarter}.csv": to_csv(report),
        **{f"report-{quarter}-{language}.html": to_html(report, language, ZONE) for language in LANGUAGES},
    }
    for name, content in written.items():
        write_public(directory / name, content)
    return report.size, hashlib.sha256(data).hexdigest(), [directory / name for name in written]
