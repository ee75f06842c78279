"""The command that keeps a verified copy of a log, and answers from it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from hashpact.cli.options import example, json_option, optional_profile, passphrases
from hashpact.cli.output import emit, progress_of
from hashpact.errors import ConfigError
from hashpact.settings import UNIX


@click.command(
    epilog=example(
        "hashpact mirror hub.example:8443 /srv/mirror --profile lotus-forum",
        "hashpact mirror hub.example:8443 /srv/mirror --listen 10.0.0.7:8444",
    )
)
@click.argument("address", metavar="ADDRESS")
@click.argument("home", metavar="HOME", type=Path)
@optional_profile
@click.option(
    "--listen",
    "places",
    metavar="HOST:PORT|unix:PATH",
    multiple=True,
    help="Answer over TLS there, or at that socket instead of HOME/socket; may be given twice.",
)
@click.option(
    "--max-lag",
    metavar="SECONDS",
    type=click.IntRange(min=0),
    help="Refuse checks if the copy is older; 0 for never. [3600]",
)
@click.option("--once", is_flag=True, help="Copy what there is, and end.")
@json_option
def mirror(  # noqa: PLR0913 - an argument for each option
    address: str,
    home: Path,
    profile: Path | None,
    places: tuple[str, ...],
    max_lag: int | None,
    *,
    once: bool,
    as_json: bool,
) -> None:
    """Keep a verified copy of a log, and answer checks from it until SIGTERM or Ctrl-C.

    HOME is made at the first start, from the member's profile: the log that it copies is pinned there.
    ADDRESS is the HOST:PORT of a clearinghouse or of another mirror, or unix:PATH of one on this machine.
    Every signature, every proof, every rule and the witnesses are verified before anything is kept. Whatever
    the source does, the last good copy is answered from, and every answer says how old it is.

    Whoever may open HOME/socket may ask, as the profile's member: `hashpact check --address
    unix:HOME/socket`. With --listen the mirror answers over mutual TLS too; clients know it by
    HOME/pki/ca.crt (--ca). Programs may open HOME themselves: `hashpact check --mirror HOME`, or
    `hashpact.Mirror(HOME)`. Statements are for the clearinghouse. HASHPACT_PASSPHRASE_FILE and the like open
    the profile's keys.
    """
    from hashpact.home.paths import MirrorPaths  # noqa: PLC0415 - late: help does without all of it
    from hashpact.member.paths import ProfilePaths  # noqa: PLC0415 - as above
    from hashpact.member.profile import config_of  # noqa: PLC0415 - as above
    from hashpact.mirror.configured import MAX_LAG, MirrorConfig  # noqa: PLC0415 - as above
    from hashpact.mirror.home import configured, make_mirror, open_mirror  # noqa: PLC0415 - as above
    from hashpact.mirror.process import Served, serve_mirror  # noqa: PLC0415 - as above

    secrets = passphrases()
    sockets = [place for place in places if place.startswith(UNIX)]
    ports = [place for place in places if place not in sockets]
    if max(len(sockets), len(ports)) > 1:
        msg = "--listen takes one HOST:PORT and one unix:PATH at most"
        raise click.UsageError(msg)
    given = {
        name: value
        for name, value in (
            ("listen", next(iter(ports), None)),
            ("socket", next(iter(sockets), None)),
            ("max_lag", max_lag),
            ("profile", None if profile is None else profile.absolute()),
        )
        if value is not None
    }
    if MirrorPaths(home).config.exists() or profile is None:
        config = replace(configured(home), **given)  # type: ignore[arg-type]  # of the fields' types
        if config.address != address:
            msg = (
                f"{home} copies from {config.address}, not from {address}; change that in {home}/mirror.toml"
            )
            raise ConfigError(msg, field="address")
    else:
        pinned = config_of(ProfilePaths(profile))
        config = MirrorConfig(pinned.origin, pinned.genesis, address, profile.absolute())
        config = replace(config, **{"max_lag": MAX_LAG, **given})  # type: ignore[arg-type]  # as above
        make_mirror(home, config, secrets)

    def ready(served: Served) -> None:
        secrets.prompt = None  # nobody is asked while it serves
        if as_json:
            emit({"origin": served.origin, "position": served.position, "addresses": list(served.addresses)})
        else:
            click.echo(f"mirroring {served.origin} at {', '.join(served.addresses)}")
        sys.stdout.flush()

    with open_mirror(home, secrets, config) as opened:
        with progress_of("leaves") as progress:
            position = serve_mirror(opened, ready, progress, once=once)
        if once and as_json:
            emit({"origin": config.origin, "position": position})
        elif once:
            click.echo(f"copied {config.origin}: {position} leaves")
