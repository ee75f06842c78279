"""Commands of a gateway: gateway serve, and its tokens."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hashpact.cli.options import example, json_option, optional_profile, passphrases
from hashpact.cli.output import emit, show_table
from hashpact.errors import ConfigError

if TYPE_CHECKING:
    from hashpact.gateway.running import GatewayStarted

_state: Final = click.argument("state", metavar="STATE", type=Path)


@click.group(epilog=example("hashpact gateway serve /srv/gateway --profile acme-video"))
def gateway() -> None:
    """Serve HMA's REST interface to programs of this member, such as ROOST Coop.

    A gateway runs on the member's own machine: it receives pictures, which never leave it. What these
    programs put into banks stays in STATE, encrypted, unless gateway.toml shares a bank by its name.
    """


@gateway.command(
    epilog=example(
        "hashpact gateway serve /srv/gateway --profile acme-video",
        "hashpact gateway serve /srv/gateway --mirror /srv/mirror --listen 127.0.0.1:5100",
    )
)
@_state
@optional_profile
@click.option("--listen", metavar="HOST:PORT", help="Where it binds. [127.0.0.1:5100]")
@click.option("--address", metavar="HOST:PORT", help="Where the clearinghouse is. [the profile's address]")
@click.option(
    "--mirror", metavar="HOME", type=Path, help="Answer checks from this mirror's copy, in process."
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="HOST",
    multiple=True,
    help="Fetch content from this host, or with a dot before it from all below; may be repeated.",
)
@json_option
def serve(  # noqa: PLR0913, PLR0917 - an argument for each option
    state: Path,
    profile: Path | None,
    listen: str | None,
    address: str | None,
    mirror: Path | None,
    hosts: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Serve a gateway until SIGTERM or Ctrl-C.

    STATE is made at the first start, for the member of --profile; STATE/gateway.toml has all settings. Prints
    where it answers. Callers of this machine need no credentials, as with HMA; others need a token. Checks go
    to the clearinghouse over gRPC, or with --mirror are answered in this process.

    HASHPACT_PASSPHRASE_FILE and the like open the profile's keys.
    """
    from hashpact.gateway.configured import GatewayConfig
    from hashpact.gateway.keeping.folder import GatewayPaths, configured_folder, make_folder
    from hashpact.gateway.running import serve_gateway

    given = {
        name: value
        for name, value in (
            ("listen", listen),
            ("address", address),
            ("mirror", None if mirror is None else mirror.absolute()),
            ("allowed_hosts", hosts or None),
        )
        if value is not None
    }
    if GatewayPaths(state).config.exists() or profile is None:
        config = configured_folder(state)
        if profile is not None and profile.absolute() != config.profile:
            msg = f"{state} is the gateway of {config.profile}; change that in {state}/gateway.toml"
            raise ConfigError(msg, field="profile")
        config = replace(config, **given)  # type: ignore[arg-type]  # of the fields' types
    else:
        config = replace(GatewayConfig(profile.absolute()), **given)  # type: ignore[arg-type]  # as above
        make_folder(state, config)
    secrets = passphrases()

    def ready(started: GatewayStarted) -> None:
        secrets.prompt = None  # nobody is asked while it serves
        url = f"http://{started.address}"
        if as_json:
            emit({"member": started.member, "origin": started.origin, "url": url})
        else:
            click.echo(f"gateway of {started.member} at {url}")
        sys.stdout.flush()

    serve_gateway(state, config, secrets, ready)


@gateway.group()
def token() -> None:
    """Tokens of callers on other machines: as Basic password, or in the address as /t/TOKEN."""


@token.command(epilog=example("hashpact gateway token new /srv/gateway coop"))
@_state
@click.argument("name", metavar="NAME")
@json_option
def new(state: Path, name: str, *, as_json: bool) -> None:
    """Make a token and print it: only its SHA-256 is kept. A running gateway accepts it at once."""
    from hashpact.gateway.keeping.folder import tokens_of

    text = tokens_of(state).make(name, int(time.time()))
    if as_json:
        emit({"name": name, "token": text})
    else:
        click.echo(text)


@token.command(name="list", epilog=example("hashpact gateway token list /srv/gateway"))
@_state
@json_option
def list_tokens(state: Path, *, as_json: bool) -> None:
    """List the tokens by their names."""
    from hashpact.gateway.keeping.folder import tokens_of

    found = tokens_of(state).all()
    if as_json:
        for each in found:
            emit({"name": each.name, "made": each.made})
    else:
        rows = [(each.name, f"{datetime.fromtimestamp(each.made, UTC):%Y-%m-%d}") for each in found]
        show_table(("name", "made"), rows)


@token.command(epilog=example("hashpact gateway token remove /srv/gateway coop"))
@_state
@click.argument("name", metavar="NAME")
@json_option
def remove(state: Path, name: str, *, as_json: bool) -> None:
    """Remove a token: a running gateway refuses it at once."""
    from hashpact.gateway.keeping.folder import tokens_of

    tokens_of(state).remove(name)
    if as_json:
        emit({"name": name, "removed": True})
    else:
        click.echo(f"removed {name}")
