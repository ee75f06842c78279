"""The command that writes a log into one file, from which a mirror begins."""

from __future__ import annotations

from pathlib import Path

import click

from hashpact.cli.options import example, json_option
from hashpact.cli.output import emit, progress_of


@click.command(
    epilog=example(
        "hashpact mirror snapshot /srv/mirror hub.snapshot",
        "hashpact mirror hub.example:8443 /srv/second --profile lotus-forum --snapshot hub.snapshot",
    )
)
@click.argument("home", metavar="HOME", type=Path)
@click.argument("file", metavar="FILE", type=Path)
@json_option
def snapshot(home: Path, file: Path, *, as_json: bool) -> None:
    """Write a log into one file, from which a mirror begins.

    HOME is that of a mirror or of a clearinghouse, whose server may run meanwhile. FILE, a new one, gets the
    newest signed checkpoint, all leaves up to it, and their private parts: keep it among members. It need
    not be trusted. A mirror that begins with it verifies every byte, and has the log prove that it extends
    the snapshot's checkpoint.
    """
    from hashpact.home.opening import open_copy
    from hashpact.mirror.snapshots.files import write_snapshot

    with open_copy(home) as copy, progress_of("leaves") as progress:
        written = write_snapshot(copy.ledger, file, progress)
    if as_json:
        hashes = {"root": written.root.hex(), "sha256": written.digest.hex()}
        emit({"origin": written.origin, "position": written.position, **hashes, "bytes": written.size})
    else:
        click.echo(f"{written.origin}: {written.position} leaves, {written.size} bytes in {file}")
        click.echo(f"SHA-256 at its end: {written.digest.hex()}")
