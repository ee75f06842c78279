"""Commands on the log of a home: log show, log key; and log changes, which asks a server."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from hashpact.cli.options import example, home_argument, json_option
from hashpact.cli.output import complain, emit, rfc3339, show_table
from hashpact.cli.platform.listing import changes
from hashpact.cli.public.audit import verify
from hashpact.domain import statements
from hashpact.domain.state import Leaf

_HASH_DIGITS: Final = 16


@click.group()
def log() -> None:
    """Read the log of a home, or what has changed about entries."""


log.add_command(verify)
log.add_command(changes)


@log.command(
    epilog=example(
        "hashpact log show /srv/hashpact --start -20",
        "hashpact log show /srv/hashpact --limit 1 --raw | sha256sum    (the genesis line of init)",
    )
)
@home_argument
@click.option(
    "--start",
    metavar="N",
    type=int,
    default=0,
    show_default=True,
    help="The first leaf; -N counts from the end.",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many leaves.",
)
@click.option("--raw", is_flag=True, help="Print the leaves' own bytes, as they are signed and hashed.")
@json_option
def show(home: Path, start: int, limit: int, *, raw: bool, as_json: bool) -> None:
    """Show the leaves of the log, whether the server of the home runs or not."""
    if raw and as_json:
        msg = "--raw and --json exclude each other"
        raise click.UsageError(msg)
    from hashpact.home.opening import open_copy

    with open_copy(home) as opened:
        size = opened.ledger.head().size
        first = max(0, size + start) if start < 0 else start
        stop = min(size, first + limit)
        leaves = opened.ledger.leaves(first, stop)
        if raw:
            for leaf in leaves:
                click.echo(leaf.data, nl=False)
            return
        shown = (_shown(leaf) for leaf in leaves)
        if as_json:
            for line in shown:
                emit(line)
        else:
            columns = ("index", "kind", "member", "time", "leaf hash", "summary")
            show_table(columns, (_cells(line) for line in shown))
    if stop < size:
        complain(f"{size - stop} more leaves; go on with --start {stop}")


@log.command(epilog=example("hashpact log key /srv/hashpact"))
@home_argument
@json_option
def key(home: Path, *, as_json: bool) -> None:
    """Print the verifier keys by which witnesses and readers know the log, one a line."""
    from hashpact.home.opening import open_copy

    with open_copy(home) as opened:
        for text in opened.verifier_keys():
            if as_json:
                emit({"key": text})
            else:
                click.echo(text)


def _shown(leaf: Leaf) -> dict[str, object]:
    statement = statements.parse(leaf.data).statement
    return {
        "index": leaf.index,
        "kind": statement.body.kind,
        "member": statement.member,
        "time": rfc3339(statement.time),
        "leaf_hash": leaf.hash.hex(),
        "summary": statement.body.summary(),
    }


def _cells(line: dict[str, object]) -> list[str]:
    """A row of the table: the first digits of the hash are enough to compare by eye."""
    return [str(cell)[:_HASH_DIGITS] if name == "leaf_hash" else str(cell) for name, cell in line.items()]
