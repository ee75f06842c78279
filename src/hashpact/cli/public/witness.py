"""Commands of a witness: witness new, serve, show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from hashpact.cli.options import example, json_option, passphrases, unencrypted_option
from hashpact.cli.output import emit, one_line, show_table
from hashpact.config import WITNESS_LISTEN, log_key

_directory: Final = click.argument("directory", metavar="DIR", type=Path)


@click.group()
def witness() -> None:
    """Cosign the checkpoints of logs, each only if it extends the one before.

    A witness is run by somebody else than the log's operator, on another machine. It needs nothing of the
    log but its public key, and holds nothing that is secret but its own.
    """


@witness.command(
    epilog=example(
        "hashpact witness new /srv/witness --name witness.example/north --log VERIFIER-KEY",
    )
)
@_directory
@click.option(
    "--name", metavar="NAME", required=True, help="Its permanent name, such as witness.example/north."
)
@click.option(
    "--log",
    "logs",
    metavar="VERIFIER-KEY",
    multiple=True,
    help="A log to cosign, as `hashpact log key` prints it; may be repeated.",
)
@click.option(
    "--listen", metavar="HOST:PORT", default=WITNESS_LISTEN, show_default=True, help="Where it binds."
)
@unencrypted_option
@json_option
def new(  # noqa: PLR0913 - an argument for each option
    directory: Path, name: str, logs: tuple[str, ...], listen: str, *, unencrypted: bool, as_json: bool
) -> None:
    """Make a witness: its keys, its configuration, and the record of what it has cosigned."""
    from hashpact.witness.directory import create_witness

    keys = tuple(log_key("--log", text) for text in logs)
    passphrase = passphrases().for_new_keys(unencrypted=unencrypted)
    made = create_witness(directory, name, listen, keys, passphrase)
    also = None if made.also is None else made.also.key
    if as_json:
        emit(
            {
                "witness": str(directory),
                "name": name,
                "key": made.key,
                "mldsa_key": also,
                "listen": listen,
                "logs": list(logs),
            }
        )
        return
    click.echo(f"made {one_line(str(directory))}, the witness {name}")
    click.echo(f"key {made.key}")
    click.echo(f"mldsa_key {also}")
    click.echo("\nNext:")
    if not logs:
        click.echo(f"- Add the keys of logs to {one_line(str(directory / 'witness.toml'))}.")
    click.echo(f"- hashpact witness serve {one_line(str(directory))}")
    click.echo("- Give the keys, and the URL at which you serve it, to the operators of the logs.")


@witness.command(epilog=example("hashpact witness serve /srv/witness"))
@_directory
@click.option("--listen", metavar="HOST:PORT", help="Where to bind, instead of what witness.toml says.")
def serve(directory: Path, listen: str | None) -> None:
    """Serve a witness until SIGTERM or Ctrl-C.

    Prints `serving NAME on HOST:PORT` once it answers; port 0 stands for any free one. Events go to stderr,
    one JSON object a line. It speaks HTTP: put a proxy with TLS before it.
    """
    from hashpact.witness.directory import open_witness
    from hashpact.witness.serving import serve_witness

    secrets = passphrases()
    with open_witness(directory) as opened:

        def ready(address: str) -> None:
            click.echo(f"serving {opened.config.witness.name} on {address}")
            sys.stdout.flush()

        serve_witness(opened, listen, ready, secrets)


@witness.command(
    epilog=example("hashpact witness show /srv/witness", "hashpact witness show /srv/witness --evidence")
)
@_directory
@click.option("--evidence", is_flag=True, help="Print what was kept against the logs, whole.")
@json_option
def show(directory: Path, *, evidence: bool, as_json: bool) -> None:
    """Show what a witness has cosigned, and how much evidence it keeps against each log.

    Two checkpoints of one size are certain evidence: only the log can have signed both. The other pieces are
    checkpoints that came without a proof, which anybody can send.
    """
    from hashpact.witness.directory import open_witness

    with open_witness(directory) as opened:
        rows: list[dict[str, object]] = []
        for origin in opened.logs:
            kept = opened.cosigned.evidence(origin)
            for piece in kept if evidence else ():
                sys.stdout.buffer.write(piece.cosigned + b"\n" + piece.offered + b"\n")
            last = opened.cosigned_last(origin)
            rows.append(
                {
                    "log": origin,
                    "size": None if last is None else last.size,
                    "root": None if last is None else last.root.hex(),
                    "certain_evidence": sum(piece.certain for piece in kept),
                    "doubts": sum(not piece.certain for piece in kept),
                }
            )
        if evidence:
            return
        if as_json:
            emit({"name": opened.config.witness.name, "key": opened.config.key, "logs": rows})
            return
        click.echo(f"witness {opened.config.witness.name}\nkey {opened.config.key}")
        columns = ("log", "size", "root", "certain evidence", "doubts")
        show_table(columns, (["" if cell is None else str(cell) for cell in row.values()] for row in rows))
