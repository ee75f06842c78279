"""Commands on a home: init, serve."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Final

import click

from hashpact.cli.options import example, home_argument, json_option, passphrases, unencrypted_option
from hashpact.cli.output import emit, one_line
from hashpact.config import DEFAULT_LISTEN, MAX_WORKERS, HomeConfig
from hashpact.domain.kinds import MAX_ADMINS
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home, read_config
from hashpact.serving.processors import processors
from hashpact.settings import EVERYWHERE, split_address

_SHARED: Final = 2
"""The administrators of a home, and how many of them must sign, unless options choose other numbers."""


@click.command(
    epilog=example(
        "hashpact init /srv/hashpact --origin example.org/hashpact",
        "hashpact init HOME --origin example.org/log --listen 0.0.0.0:8443 --address hp.example.org:8443",
        "hashpact init HOME --origin example.org/log --post-quantum",
    )
)
@home_argument
@click.option(
    "--origin",
    metavar="ORIGIN",
    required=True,
    help="The log's permanent name, such as example.org/hashpact.",
)
@click.option(
    "--single-admin", is_flag=True, help="One administrator alone; every reader of the log can see it."
)
@click.option(
    "--admins", metavar="N", type=click.IntRange(2, MAX_ADMINS), help="How many administrators. [2]"
)
@click.option(
    "--threshold", metavar="M", type=click.IntRange(2, MAX_ADMINS), help="How many of them must sign. [2]"
)
@click.option(
    "--listen", metavar="HOST:PORT", default=DEFAULT_LISTEN, show_default=True, help="Where the server binds."
)
@click.option("--address", metavar="HOST:PORT", help="What members connect to. [as --listen]")
@click.option(
    "--post-quantum",
    is_flag=True,
    help="Sign checkpoints with ML-DSA-44 beside Ed25519: 3.3 KB more for each.",
)
@unencrypted_option
@json_option
def init(  # noqa: PLR0913, PLR0917 - an argument for each option
    home: Path,
    origin: str,
    admins: int | None,
    threshold: int | None,
    listen: str,
    address: str | None,
    *,
    single_admin: bool,
    post_quantum: bool,
    unencrypted: bool,
    as_json: bool,
) -> None:
    """Make the home of a new clearinghouse: keys, certificates, configuration, and the first two leaves.

    The private keys are encrypted under a passphrase, from HASHPACT_PASSPHRASE_FILE, HASHPACT_PASSPHRASE or
    the terminal. `hashpact serve` needs it again.
    """
    count, quorum = _governance(admins, threshold, single_admin=single_admin)
    host, _ = split_address("listen", listen)
    if address is None and host in EVERYWHERE:
        msg = f"{host} is no address that members can connect to; name theirs with --address"
        raise click.UsageError(msg)
    config = HomeConfig(origin, listen, address)
    passphrase = passphrases().for_new_keys(unencrypted=unencrypted)
    create_home(
        home, config, admins=count, threshold=quorum, passphrase=passphrase, post_quantum=post_quantum
    )
    with open_home(home) as opened:
        genesis = hashlib.sha256(next(iter(opened.ledger.leaves(0, 1))).data).hexdigest()
        keys = [str(opened.paths.admin_key(admin.name)) for admin in opened.charter().admins]
    if as_json:
        emit(
            {
                "home": str(home),
                "origin": origin,
                "admins": count,
                "threshold": quorum,
                "genesis_sha256": genesis,
                "admin_keys": keys,
                "listen": config.listen,
                "address": opened.address(),
            }
        )
        return
    shown = one_line(str(home))
    click.echo(f"made {shown}, the home of {origin}: {quorum} of {count} administrators must sign")
    click.echo(f"genesis {genesis}")
    click.echo("\nNext:")
    click.echo("- Publish the genesis line: it is by this SHA-256 of leaf 0 that followers know the log.")
    if count > 1:
        click.echo(
            f"- Move one administrator's key away, such as {one_line(keys[-1])}. It is needed to enrol."
        )
        click.echo(
            "- Or let each administrator make a key elsewhere: hashpact key new, hashpact root propose"
        )
    click.echo(f"- hashpact member enrol {shown} ID --roles check,contribute --out DIR")
    click.echo(f"- hashpact serve {shown}")


@click.command(epilog=example("hashpact serve /srv/hashpact --listen 127.0.0.1:8443 --workers 4"))
@home_argument
@click.option("--listen", metavar="HOST:PORT", help="Where to bind, instead of what hashpact.toml says.")
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, MAX_WORKERS),
    help="How many processes answer. [hashpact.toml, else one for each processor]",
)
@click.option(
    "--verify", is_flag=True, help="Derive the whole log again first: hashes, checkpoints, state, index."
)
def serve(home: Path, listen: str | None, workers: int | None, *, verify: bool) -> None:
    """Serve a home until SIGTERM or Ctrl-C.

    Prints `serving ORIGIN on HOST:PORT` once it answers; port 0 stands for any free one. Events go to stderr,
    one JSON object a line. With several workers, a keeper beside them saves the index, and SIGHUP replaces
    one process after the other; with one, a single process does everything.

    The passphrase of encrypted keys comes from HASHPACT_PASSPHRASE_FILE, HASHPACT_PASSPHRASE or the terminal.
    """
    secrets = passphrases()

    def ready(origin: str, address: str) -> None:
        secrets.prompt = None  # nobody is asked while it serves
        click.echo(f"serving {origin} on {address}")
        sys.stdout.flush()

    count = workers or read_config(home, os.environ).workers or processors()
    if count == 1:
        from hashpact.serving import process  # gRPC and the index load here

        process.serve(home, listen, ready, secrets, verify=verify)
    else:
        from hashpact.serving import supervisor  # so does what several processes need

        supervisor.supervise(home, listen, ready, secrets, workers=count, verify=verify)


def _governance(admins: int | None, threshold: int | None, *, single_admin: bool) -> tuple[int, int]:
    """How many administrators there are, and how many must sign."""
    if single_admin:
        if admins is not None or threshold is not None:
            msg = "--single-admin stands for one administrator; leave --admins and --threshold out"
            raise click.UsageError(msg)
        return 1, 1
    count = admins or max(_SHARED, threshold or 0)
    quorum = threshold or _SHARED
    if quorum > count:
        msg = f"--threshold {quorum} is more than the {count} administrators"
        raise click.UsageError(msg)
    return count, quorum
