"""The command export: a private list, or the entries of the log, as a file that other programs read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hashpact.cli.lists.importing import map_option, read_map
from hashpact.cli.options import Connect, example, json_option, reading_options
from hashpact.cli.output import complain, emit
from hashpact.domain.fingerprints import parse_private
from hashpact.durable import private_draft
from hashpact.exchange.formats import FORMATS, Writing
from hashpact.exchange.rows import Listed
from hashpact.lists.table import listed

if TYPE_CHECKING:
    from hashpact.member.clients import Client

_WRITTEN: Final = [name for name, form in FORMATS.items() if form.write is not None]


@click.command(
    epilog=example(
        "hashpact export csv --private ncmec --output ncmec.csv --profile acme-video",
        "hashpact export tx --entries --output entries.csv --profile acme-video",
    )
)
@click.argument("name", metavar="FORMAT", type=click.Choice(_WRITTEN))
@click.option("--private", metavar="NAME", help="This private list.")
@click.option("--entries", is_flag=True, help="The entries of the log that this member may read.")
@click.option("--output", metavar="FILE", type=Path, required=True, help="A new file, for its owner only.")
@map_option
@reading_options
@json_option
def export(  # noqa: PLR0913 - an argument for each option
    name: str,
    private: str | None,
    output: Path,
    map_file: Path | None,
    connect: Connect,
    *,
    entries: bool,
    as_json: bool,
) -> None:
    """Write a private list, or entries, in a format that other programs read.

    What was taken back is written as such where the format has deletions (ncmec, threatexchange, stopncii,
    tcap, csv), and left out of the others. --map gives the classes of labels, as for import; a hash set of
    vics needs it, since each of its records has a category. The file is not encrypted.
    """
    if entries == (private is not None):
        msg = "name --private NAME or --entries"
        raise click.UsageError(msg)
    form = FORMATS[name]
    assert form.write is not None  # noqa: S101 - the choices are those that are written
    classes = read_map(map_file)
    with connect() as client, private_draft(output) as file:
        writing = Writing(classes, client.profile.origin)
        counts = {"written": 0, "deleted": 0}
        rows = _counted(_entries(client) if private is None else _private(client, private), counts)
        left = form.write(file, rows, writing)
    if left:
        complain(f"{left} rows have nothing that {name} can carry, and were left out")
    if as_json:
        emit({"file": str(output), **counts, "left_out": left})
    else:
        click.echo(
            f"{output}: {counts['written']} rows, {counts['deleted']} of them taken back; {left} left out"
        )


def _counted(rows: Iterator[Listed], counts: dict[str, int]) -> Iterator[Listed]:
    for row in rows:
        counts["written"] += 1
        counts["deleted"] += row.deleted
        yield row


def _private(client: Client, name: str) -> Iterator[Listed]:
    lists = client.profile.lists
    assert lists is not None  # noqa: S101 - a profile from --profile has a directory
    with lists.table(name) as table:
        yield from listed(table)


def _entries(client: Client) -> Iterator[Listed]:
    """The entries whose private parts the member may read, withdrawn ones too."""
    for detail in client.entries():
        made = tuple(parse_private(part).fingerprint for part in detail.private)
        if made:
            entry = detail.entry
            yield Listed(
                f"entries/{entry.index}",
                made,
                tuple(sorted(entry.labels)),
                entry.removed_at,
                not detail.stands,
            )
