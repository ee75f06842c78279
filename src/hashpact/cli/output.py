"""How results reach people and programs: tables and lines, or one JSON object a line.

Whatever comes from a file's name or from another member is shown without control characters, so that it
cannot move the cursor of a terminal.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import click

from hashpact.errors import HashpactError

if TYPE_CHECKING:
    from hashpact.domain.state import Receipt

Item = TypeVar("Item")

_COLUMNS: Final = 80
"""Columns that a table takes at most, where its cells can be folded."""


def complain(message: str) -> None:
    """Print an error or a warning: one line on stderr."""
    click.echo(f"hashpact: {one_line(message)}", err=True)


def report(error: HashpactError, *, as_json: bool) -> None:
    """Print the error that ends a command, on stderr: one line, or one JSON object."""
    if as_json:
        click.echo(json.dumps({"error": error_fields(error)}), err=True)
    else:
        complain(error.message)


def error_fields(error: HashpactError) -> dict[str, object]:
    """An error for JSON; docs/formats/statuses.md lists the codes."""
    return {"code": error.code, "message": error.message, "details": dict(error.details)}


def one_line(text: str) -> str:
    """The text on one line, with escapes for whatever is not printable."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def emit(value: Mapping[str, object]) -> None:
    """Print one JSON object on one line, in ASCII, at once."""
    click.echo(json.dumps(value))
    sys.stdout.flush()


def rfc3339(unix: int) -> str:
    """A time in Unix seconds as RFC 3339 writes it in UTC, such as 2026-11-21T18:30:00Z."""
    try:
        return dt.datetime.fromtimestamp(unix, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # past the year 9999
        return str(unix)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, for people at a terminal; into a pipe or a file, its cells with tabs between them.

    Cells are shown as they are: no mark-up, no control characters.
    """
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            click.echo("\t".join(map(one_line, row)))
        return
    from rich.box import SIMPLE_HEAD  # --json and --help do without rich
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console = Console()
    console.print(table, width=min(console.width, _COLUMNS))


def with_progress(
    items: Iterable[Item], what: str, total: int | None = None, *, few: bool = False
) -> Iterator[Item]:
    """The items, with a progress bar on stderr while they are worked through.

    There is none for a single item, none unless stderr is a terminal, and none if results go to that same
    terminal meanwhile: they are progress enough, unless only a ``few`` items have any, which are shown above.
    """
    shared = sys.stdout.isatty()
    if total == 1 or not sys.stderr.isatty() or (total is not None and shared and not few):
        yield from items
        return
    from rich.console import Console  # only for people at a terminal
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=shared and few) as progress:
        yield from progress.track(items, total=total, description=what)


@contextlib.contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr for work that tells how far it is; none unless stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # only for people at a terminal
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        task = progress.add_task(what)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def receipt_fields(receipt: Receipt) -> dict[str, object]:
    """A receipt for JSON: hashes in hex."""
    return {
        "index": receipt.index,
        "leaf_hash": receipt.leaf_hash.hex(),
        "tree_size": receipt.tree_size,
        "root": receipt.root.hex(),
    }
