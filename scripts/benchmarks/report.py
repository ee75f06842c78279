"""What a benchmark prints: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

Row: TypeAlias = Mapping[str, Any]
Report: TypeAlias = Mapping[str, Any]

WIDTH_OF_A_FILE = 170


def figure(value: Any) -> str:  # noqa: ANN401 - any cell
    """A cell: numbers with three digits that count, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or abs(value) >= 100:  # noqa: PLR2004 - three digits are left of the point
        return f"{value:,.0f}"
    return f"{value:.3g}"


def print_table(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """The rows that are not empty under the names of their keys; numbers to the right."""
    rows = [row for row in rows if row]
    if not rows:
        return
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for column in columns:
        numbers = any(isinstance(row.get(column), int | float) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(figure(row.get(column)) for column in columns))
    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
    console.print(table, *notes, sep="\n", highlight=False)
    console.print()


def print_json(report: Report) -> None:
    """Everything, for a program."""
    print(json.dumps(report, indent=1))
