"""The command by which anybody checks a receipt that was kept; no server is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashpact.cli.options import example, files_argument, json_option
from hashpact.cli.output import complain, emit, one_line, rfc3339
from hashpact.domain.grammar import Hex
from hashpact.domain.pinned import PinnedLog
from hashpact.errors import HashpactError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashpact.member.trusting.receipts import Proved
    from hashpact.member.trusting.roots import LogHistory


def _keys(_context: click.Context, _parameter: click.Parameter, texts: Sequence[str]) -> tuple[bytes, ...]:
    """Public keys in hex."""
    try:
        return tuple(Hex(32).read(text) for text in texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


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
@click.option(
    "--profile",
    metavar="DIR",
    type=Path,
    envvar="HASHPACT_PROFILE",
    show_envvar=True,
    help="The profile that knows the log.",
)
@click.option("--origin", metavar="ORIGIN", help="Without a profile: the log's name.")
@click.option(
    "--log-key", "keys", metavar="HEX", multiple=True, callback=_keys, help="Its public key; may be repeated."
)
@json_option
def receipt(  # noqa: PLR0913 - an argument for each option
    files: tuple[str, ...],
    statement: Path | None,
    profile: Path | None,
    origin: str | None,
    keys: tuple[bytes, ...],
    *,
    as_json: bool,
) -> None:
    """Verify that receipts prove their statements.

    Each statement must be in a tree that the log has signed. A receipt is a C2SP tlog-proof, as clients keep
    it in PROFILE/receipts. Nothing is asked of a server. The exit status is 1 if one proves nothing.
    """
    if statement is not None and len(files) > 1:
        msg = "--statement is of one receipt; name one, or let each have its .statement beside it"
        raise click.UsageError(msg)
    from hashpact.member.trusting.receipts import verify  # noqa: PLC0415 - late: loads gRPC

    log = _known(profile, origin, keys)
    failed = False
    for file in files:
        path = Path(file)
        try:
            proved = verify(path, statement or path.with_suffix(".statement"), log)
        except HashpactError as error:
            complain(f"{file}: {error.message}")
            failed = True
            continue
        shown = _shown(path, log.now.origin, proved)
        if as_json:
            emit(shown)
            continue
        line = "{file}: leaf {index} of {origin}, {kind} by {member} at {time}, in a signed tree of {size}"
        by = "; by a key that the log has replaced" if proved.key_replaced else ""
        click.echo(one_line(line.format(**shown) + by))
    if failed:
        raise click.exceptions.Exit(1)


def _known(profile: Path | None, origin: str | None, keys: tuple[bytes, ...]) -> LogHistory:
    from hashpact.member.paths import ProfilePaths  # noqa: PLC0415 - late: loads gRPC
    from hashpact.member.profile import config_of  # noqa: PLC0415 - late, as above
    from hashpact.member.trusting import kept  # noqa: PLC0415 - late, as above
    from hashpact.member.trusting.roots import LogHistory  # noqa: PLC0415 - late, as above

    if origin is not None and keys:
        return LogHistory((PinnedLog(origin, keys),))
    if profile is None or origin is not None or keys:
        msg = "say by what the log is known: --profile DIR, or --origin ORIGIN and --log-key HEX"
        raise click.UsageError(msg)
    paths = ProfilePaths(profile.expanduser())
    return kept.history(paths, config_of(paths))


def _shown(path: Path, origin: str, proved: Proved) -> dict[str, object]:
    said, given = proved.statement, proved.receipt
    return {
        "file": str(path),
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
