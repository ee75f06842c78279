"""The commands on signed checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashpact.cli.options import example, json_option, reading_options
from hashpact.cli.output import emit

if TYPE_CHECKING:
    from hashpact.cli.options import Connect


@click.group()
def checkpoint() -> None:
    """Compare signed checkpoints, such as one's own with that of another member."""


@checkpoint.command(
    epilog=example("hashpact checkpoint compare mine/checkpoint theirs.checkpoint --profile lotus-forum")
)
@click.argument("first", metavar="A", type=Path)
@click.argument("second", metavar="B", type=Path)
@reading_options
@json_option
def compare(first: Path, second: Path, connect: Connect, *, as_json: bool) -> None:
    """Tell whether two checkpoints are of one history: the server has to show that one extends the other.

    Both must be the log's, with the cosignatures that it and the profile demand. The exit status is 6 if they
    are not of one history; what shows it is then kept in the profile.
    """
    from hashpact.durable import read_bytes
    from hashpact.log.checkpoint import MAX_SIZE

    with connect() as client:
        smaller, larger = client.compare(*(read_bytes(path, MAX_SIZE) for path in (first, second)))
    old, new = smaller.checkpoint, larger.checkpoint
    if as_json:
        emit({"agree": True, "origin": new.origin, "sizes": [old.size, new.size], "root": new.root.hex()})
    elif old.size == new.size:
        click.echo(f"{new.origin}: both are of {new.size} leaves, root {new.root.hex()}")
    else:
        click.echo(f"{new.origin}: the tree of {new.size} leaves begins with that of {old.size}")
