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


class _Mirror(click.Command):
    """The command, of which ``key`` in the place of an address is another: no address is spelled so."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        """The context of the command that the arguments are of."""
        if args[:1] == ["key"]:
            return key.make_context(f"{info_name} key", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(epilog=example("hashpact mirror key /srv/mirror"))
@click.argument("home", metavar="HOME", type=Path)
@json_option
def key(home: Path, *, as_json: bool) -> None:
    """Print the verifier key by which a mirror cosigns, for [[mirror]] in a log's hashpact.toml."""
    from hashpact.home.paths import MirrorPaths
    from hashpact.mirror.home import configured
    from hashpact.mirror.storing.signing import read_cosigner

    origin, cosigner = configured(home).origin, read_cosigner(MirrorPaths(home))
    if as_json:
        emit({"origin": origin, "name": cosigner.name, "key": cosigner.key})
    else:
        click.echo(cosigner.key)


@click.command(
    cls=_Mirror,
    epilog=example(
        "hashpact mirror hub.example:8443 /srv/mirror --profile lotus-forum",
        "hashpact mirror hub.example:8443 /srv/mirror --listen 10.0.0.7:8444",
        "hashpact mirror hub.example:8443 /srv/mirror --profile lotus-forum --snapshot hub.snapshot",
        "hashpact mirror key /srv/mirror",
    ),
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
@click.option(
    "--http", metavar="HOST:PORT", help="Take, show and cosign the log there, over plain HTTP behind a proxy."
)
@click.option("--name", metavar="NAME", help="At the first start: its permanent name as a cosigner.")
@click.option(
    "--snapshot",
    metavar="FILE",
    type=Path,
    help="At the first start: begin with the leaves in this file.",
)
@click.option("--once", is_flag=True, help="Copy what there is, and end.")
@json_option
@click.pass_context
def mirror(  # noqa: PLR0913, PLR0917 - an argument for each option
    context: click.Context,
    address: str,
    home: Path,
    profile: Path | None,
    places: tuple[str, ...],
    max_lag: int | None,
    http: str | None,
    name: str | None,
    snapshot: Path | None,
    *,
    once: bool,
    as_json: bool,
) -> None:
    """Keep a verified copy of a log, and answer checks from it until SIGTERM or Ctrl-C.

    HOME is made at the first start, from the member's profile: the log that it copies is pinned there.
    ADDRESS is the HOST:PORT of a clearinghouse or of another mirror, or unix:PATH of one on this machine.
    Every signature, every proof, every rule and the witnesses are verified before anything is kept. Whatever
    the source does, the last good copy is answered from, and every answer says how old it is.

    With --snapshot the copy begins with the leaves of a file that `hashpact mirror snapshot` has written, on
    any machine. They are verified like those that the log sends, and the log has to prove that it extends
    them.

    A process that may open HOME/socket can ask as the profile's member: `hashpact check --address
    unix:HOME/socket`. With --listen the mirror answers over mutual TLS too; clients know it by
    HOME/pki/ca.crt (--ca). Programs may open HOME themselves: `hashpact check --mirror HOME`, or
    `hashpact.Mirror(HOME)`. With --http a log may upload its leaves (C2SP tlog-mirror): the mirror shows them
    to everybody, and cosigns what it stores by the key that `hashpact mirror key HOME` prints.

    Statements are for the clearinghouse. HASHPACT_PASSPHRASE_FILE and the like open the profile's keys.
    """
    from hashpact.home.paths import MirrorPaths
    from hashpact.member.paths import ProfilePaths
    from hashpact.member.profile import config_of
    from hashpact.mirror.configured import MAX_LAG, MirrorConfig
    from hashpact.mirror.home import configured, make_mirror, open_mirror
    from hashpact.mirror.process import Served, serve_mirror
    from hashpact.mirror.snapshots.files import open_snapshot

    secrets = passphrases()
    sockets = [place for place in places if place.startswith(UNIX)]
    ports = [place for place in places if place not in sockets]
    if max(len(sockets), len(ports)) > 1:
        msg = "--listen takes one HOST:PORT and one unix:PATH at most"
        raise click.UsageError(msg)
    # Before there is a home: a file that is damaged leaves nothing behind.
    begun = None if snapshot is None else context.with_resource(open_snapshot(snapshot))
    given = {
        name: value
        for name, value in (
            ("listen", next(iter(ports), None)),
            ("socket", next(iter(sockets), None)),
            ("max_lag", max_lag),
            ("http", http),
            ("profile", None if profile is None else profile.absolute()),
        )
        if value is not None
    }
    if MirrorPaths(home).config.exists() or profile is None:
        if name is not None:
            msg = "--name is for the first start: the name of a key stays"
            raise click.UsageError(msg)
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
        make_mirror(home, config, secrets, name)

    def ready(served: Served) -> None:
        secrets.prompt = None  # nobody is asked while it serves
        if as_json:
            said = {"origin": served.origin, "position": served.position}
            emit({**said, "addresses": list(served.addresses), "http": served.http})
        else:
            click.echo(f"mirroring {served.origin} at {', '.join(served.addresses)}")
            if served.http is not None:
                click.echo(f"storing it for everybody at http://{served.http}")
        sys.stdout.flush()

    with open_mirror(home, secrets, config) as opened:
        with progress_of("leaves") as progress:
            position = serve_mirror(opened, ready, progress, once=once, snapshot=begun)
        if once and as_json:
            emit({"origin": config.origin, "position": position})
        elif once:
            click.echo(f"copied {config.origin}: {position} leaves")
