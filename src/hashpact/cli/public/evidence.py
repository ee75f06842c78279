"""The commands by which anybody checks what shows that a log has two histories."""

from __future__ import annotations

from pathlib import Path

import click

from hashpact.cli.options import example, json_option
from hashpact.cli.output import emit
from hashpact.cli.public.known import Known, known_options

_TOLD = {
    "fork": "the log has signed two histories; nobody but the holders of its key can have made this",
    "unproved": "both checkpoints are the log's, and it has not shown that one extends the other: ask it for "
    "the proof (hashpact checkpoint compare); this alone convicts nobody",
}


@click.group()
def evidence() -> None:
    """Verify what clients keep when a log contradicts itself."""


@evidence.command(epilog=example("hashpact evidence verify fork-8-16-0f3a91cc.bundle --genesis 9c1f..."))
@click.argument("file", metavar="FILE", type=Path)
@known_options
@json_option
def verify(file: Path, known: Known, *, as_json: bool) -> None:
    """Tell what a file of evidence proves. Nothing is asked of a server.

    The exit status is 0 if it proves that the log has two histories, 1 if it is a reason to ask, and 6 if it
    shows nothing: the checkpoints agree, or are not the log's.
    """
    from hashpact.durable import read_bytes
    from hashpact.member.trusting import bundle
    from hashpact.member.trusting.contradiction import Contradiction

    parts = bundle.parse(read_bytes(file, bundle.MAX_SIZE))
    found = Contradiction.of(parts)
    log = known.history([part for part in parts if part.kind == bundle.ROOT])
    meaning = found.verify(log).value
    if as_json:
        emit(
            {
                "file": str(file),
                "meaning": meaning,
                "origin": log.now.origin,
                "checkpoints": [
                    {"size": one.checkpoint.size, "root": one.checkpoint.root.hex()}
                    for one in (found.smaller, found.larger)
                ],
            }
        )
    else:
        for one in (found.smaller, found.larger):
            click.echo(f"{log.now.origin}: {one.checkpoint.size} leaves, root {one.checkpoint.root.hex()}")
        click.echo(f"{meaning}: {_TOLD[meaning]}")
    if meaning != "fork":
        raise click.exceptions.Exit(1)
