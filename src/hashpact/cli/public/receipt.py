"""The command by which anybody checks a receipt that was kept; no server is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashpact.cli.options import example, files_argument, json_option
from hashpact.cli.output import complain, emit, one_line, rfc3339
from hashpact.cli.public.known import Known, known_options
from hashpact.errors import HashpactError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hashpact.member.trusting.receipts import Proved


@click.command(
    epilog=example(
        "hashpact receipt lotus-forum/receipts/12.tlog-proof --profile lotus-forum",
        "hashpact receipt 12.tlog-proof --origin example.org/hashpact --log-key 9c1f...",
    )
)
@files_argument
@click.option(
    "--statement", metavar="FILE", type=Path, help="The statement that it is of. [FILE.statement beside it]"
)
@known_options
@json_option
def receipt(files: tuple[str, ...], statement: Path | None, known: Known, *, as_json: bool) -> None:
    """Verify that receipts prove their statements.

    Each statement must be in a tree that the log has signed. A receipt is a C2SP tlog-proof, as clients keep
    it in PROFILE/receipts. Nothing is asked of a server. The exit status is 1 if one proves nothing.
    """
    if statement is not None and len(files) > 1:
        msg = "--statement is of one receipt; name one, or let each have its .statement beside it"
        raise click.UsageError(msg)
    from hashpact.member.trusting.receipts import verify

    log = known.history()
    failed = False
    for file in files:
        path = Path(file)
        try:
            proved = verify(path, statement or path.with_suffix(".statement"), log)
        except HashpactError as error:
            complain(f"{file}: {error.message}")
            failed = True
            continue
        shown = shown_proof(file, log.now.origin, proved)
        if as_json:
            emit(shown)
            continue
        click.echo(told_proof(shown))
    if failed:
        raise click.exceptions.Exit(1)


def shown_proof(file: str, origin: str, proved: Proved) -> dict[str, object]:
    """What a receipt proves, for a line of text or of JSON."""
    said, given = proved.statement, proved.receipt
    return {
        "file": file,
        "index": given.index,
        "origin": origin,
        "kind": said.body.kind,
        "member": said.member,
        "time": rfc3339(said.time),
        "leaf_hash": given.leaf_hash.hex(),
        "size": given.tree_size,
        "root": given.root.hex(),
        "key_replaced": proved.key_replaced,
    }


def told_proof(shown: Mapping[str, object]) -> str:
    """The same as a line of text."""
    line = "{file}: leaf {index} of {origin}, {kind} by {member} at {time}, in a signed tree of {size}"
    by = "; by a key that the log has replaced" if shown["key_replaced"] else ""
    return one_line(line.format(**shown) + by)
