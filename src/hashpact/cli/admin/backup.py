"""Commands that copy a home: backup, restore."""

from __future__ import annotations

from pathlib import Path

import click

from hashpact.cli.options import example, home_argument, json_option
from hashpact.cli.output import emit, one_line, progress_of
from hashpact.clock import unix_time
from hashpact.home.backup import back_up, restore_home

_file_argument = click.argument("file", metavar="FILE", type=Path)


@click.command(
    epilog=example(
        "hashpact backup /srv/hashpact /backup/2026-11-21.tar",
        "hashpact backup /srv/hashpact /safe/with-keys.tar --with-keys",
    )
)
@home_argument
@_file_argument
@click.option("--with-keys", is_flag=True, help="Copy the private keys too, as they lie in the home.")
@json_option
def backup(home: Path, file: Path, *, with_keys: bool, as_json: bool) -> None:
    """Copy a home into one new archive.

    The server of the home may run meanwhile. The archive holds private parts, which only members may have:
    keep it as safe as the home.
    """
    with progress_of("backup") as progress:
        made = back_up(home, file, progress, keys=with_keys, now=unix_time())
    if as_json:
        emit({"file": str(file), "origin": made.origin, "size": made.size, "root": made.root})
        return
    click.echo(f"backed up {made.origin}: {made.size} leaves, root {made.root}")
    if not with_keys:
        click.echo(f"no private key is in {one_line(str(file))}; keep them elsewhere (or use --with-keys)")


@click.command(epilog=example("hashpact restore /backup/2026-11-21.tar /srv/hashpact"))
@_file_argument
@home_argument
@click.option(
    "--checkpoint",
    metavar="FILE",
    type=Path,
    help="The largest checkpoint that anybody holds; a backup that does not reach it is refused.",
)
@json_option
def restore(file: Path, home: Path, checkpoint: Path | None, *, as_json: bool) -> None:
    """Make a home of a backup again, in a directory that is new or empty.

    Every file is compared with the archive's checksums, and the ledger with the size and root that it had.
    """
    with progress_of("restore") as progress:
        made, missing = restore_home(file, home, progress, checkpoint)
    if as_json:
        emit(
            {
                "home": str(home),
                "origin": made.origin,
                "size": made.size,
                "root": made.root,
                "missing": [str(path) for path in missing],
            }
        )
        return
    click.echo(f"restored {made.origin}: {made.size} leaves, root {made.root}")
    click.echo("\nBefore it serves:")
    if checkpoint is None:
        click.echo("- Ask members, mirrors and witnesses for their newest receipt or checkpoint.")
        click.echo("  If one is of a larger tree, this backup lacks statements: look for a newer copy.")
    click.echo(f"- hashpact log verify {one_line(str(home))}")
    for path in missing:
        click.echo(f"- Bring {one_line(str(path))} back; it is not in the backup.")
