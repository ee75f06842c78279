"""The commands on bundles: statements and their proofs in one file, verified without server and profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashpact.cli.options import example, json_option, reading_options
from hashpact.cli.output import emit
from hashpact.cli.public.known import Known, known_options
from hashpact.cli.public.receipt import shown_proof, told_proof

if TYPE_CHECKING:
    from hashpact.cli.options import Connect


@click.group()
def bundle() -> None:
    """Put statements and what proves them into one file.

    Such a file is verified without a server.
    """


@bundle.command(
    epilog=example(
        "hashpact bundle make court.bundle 12 17 --profile lotus-forum",
        "hashpact bundle make court.bundle 12 --private --profile lotus-forum",
    )
)
@click.argument("file", metavar="FILE", type=Path)
@click.argument("indexes", metavar="INDEX...", nargs=-1, required=True, type=click.IntRange(min=0))
@click.option(
    "--private", is_flag=True, help="Add the private parts: every holder of the file can read fingerprints."
)
@reading_options
@json_option
def make(file: Path, indexes: tuple[int, ...], connect: Connect, *, private: bool, as_json: bool) -> None:
    """Write leaves of this profile's receipts into a new file, with the root statements of the log.

    The server is asked for the proofs of the root statements, and for private parts. FILE is verified before
    it is there.
    """
    from hashpact.durable import write_public
    from hashpact.member.trusting import bundle as bundles
    from hashpact.member.trusting.receipts import bundled
    from hashpact.member.trusting.roots import LogHistory

    with connect() as client:
        data = client.bundle(indexes, private=private)
        genesis = client.profile.genesis
    write_public(file, data)
    parts = bundles.parse(data)
    log = LogHistory.from_genesis([part for part in parts if part.kind == bundles.ROOT], genesis)
    for one in bundled(parts, log):
        shown = shown_proof(str(file), log.now.origin, one)
        if as_json:
            emit(shown)
        else:
            click.echo(told_proof(shown))


@bundle.command(
    epilog=example(
        "hashpact bundle verify court.bundle --genesis 9c1f...",
        "hashpact bundle verify court.bundle --profile lotus-forum --json",
    )
)
@click.argument("file", metavar="FILE", type=Path)
@known_options
@json_option
def verify(file: Path, known: Known, *, as_json: bool) -> None:
    """Verify everything in a bundle. Nothing is asked of a server.

    The exit status is 6 if anything in it is not what the log has signed.
    """
    from hashpact.durable import read_bytes
    from hashpact.member.trusting import bundle as bundles
    from hashpact.member.trusting.receipts import bundled

    parts = bundles.parse(read_bytes(file, bundles.MAX_SIZE))
    log = known.history([part for part in parts if part.kind == bundles.ROOT])
    for one in list(bundled(parts, log)):
        shown = {**shown_proof(str(file), log.now.origin, one), "private": len(one.private)}
        if as_json:
            emit(shown)
        else:
            parts_too = f", with {len(one.private)} private parts" if one.private else ""
            click.echo(told_proof(shown) + parts_too)
