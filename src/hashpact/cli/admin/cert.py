"""Commands on the certificates of channels: cert renew, request, issue, server."""

from __future__ import annotations

from pathlib import Path

import click

from hashpact.cli.options import (
    example,
    home_argument,
    json_option,
    passphrases,
    profile_option,
    timeout_option,
    unencrypted_option,
)
from hashpact.cli.output import emit, one_line, rfc3339

_join_argument = click.argument("join", metavar="JOIN", type=Path)


@click.group()
def cert() -> None:
    """Issue and renew the certificates of channels."""


@cert.command(epilog=example("hashpact cert renew --profile acme-video"))
@profile_option
@timeout_option
@unencrypted_option
@json_option
def renew(profile: Path, timeout: float, *, unencrypted: bool, as_json: bool) -> None:
    """Get a new certificate, for a new key, over the member's channel.

    The statement key vouches for it. Once the old certificate has expired there is no channel: see
    `hashpact cert request`.
    """
    from hashpact.member import keys  # noqa: PLC0415 - late: a group's help does without it

    expires = keys.renew(profile, passphrases(), unencrypted=unencrypted, timeout=timeout)
    if as_json:
        emit({"profile": str(profile), "expires": rfc3339(expires)})
    else:
        click.echo(f"the certificate of {one_line(str(profile))} is new; it expires {rfc3339(expires)}")


@cert.command(epilog=example("hashpact cert request --profile acme-video"))
@profile_option
@json_option
def request(profile: Path, *, as_json: bool) -> None:
    """Ask an administrator for a certificate, when the old one has expired.

    Writes the profile's join file, which has no secret, to be sent to an administrator for
    `hashpact cert issue`.
    """
    from hashpact.member import keys  # noqa: PLC0415 - late: a group's help does without it

    digest = keys.request(profile, passphrases()).digest
    if as_json:
        emit({"file": str(profile / "join"), "sha256": digest})
        return
    click.echo(f"send {one_line(str(profile / 'join'))} to an administrator, and compare by telephone:")
    click.echo(f"sha256 {digest}")
    click.echo(f"Then: hashpact profile install {one_line(str(profile))} WELCOME")


@cert.command(epilog=example("hashpact cert issue /srv/hashpact acme-video.join --out acme-video.welcome"))
@home_argument
@_join_argument
@click.option("--out", metavar="FILE", type=Path, required=True, help="The file for the member; a new one.")
@json_option
def issue(home: Path, join: Path, out: Path, *, as_json: bool) -> None:
    """Issue a member's certificate, at the home, to a member that is enrolled.

    The file has no secret. The member completes its profile with it: `hashpact profile install`.
    """
    from hashpact.governance.exchange import read_join, write_welcome  # noqa: PLC0415 - late, as above
    from hashpact.home.enrolling import welcome  # noqa: PLC0415 - late: a group's help does without it
    from hashpact.home.opening import open_home  # noqa: PLC0415 - late: a group's help does without it

    asked = read_join(join)
    with open_home(home, passphrases()) as opened:
        made = welcome(opened, asked)
    write_welcome(out, made)
    if as_json:
        emit({"file": str(out), "member": asked.member, "join_sha256": asked.digest})
        return
    click.echo(f"issued a certificate for {asked.member}, whose join file has the sha256 {asked.digest}")
    click.echo(f"send {one_line(str(out))} to the member, for: hashpact profile install DIR WELCOME")


@cert.command(epilog=example("hashpact cert server /srv/hashpact"))
@home_argument
@unencrypted_option
@json_option
def server(home: Path, *, unencrypted: bool, as_json: bool) -> None:
    """Give the server of a home a new key and certificate; one that runs takes them at once."""
    from hashpact.home.enrolling import renew_server  # noqa: PLC0415 - late: a group's help does without it
    from hashpact.home.opening import open_home  # noqa: PLC0415 - late: a group's help does without it

    opening = passphrases()
    with open_home(home, opening) as opened:
        authority = opened.open_authority()
        passphrase = opening.for_new_keys(unencrypted=unencrypted, as_before=True)
        renew_server(opened, authority, passphrase)
    if as_json:
        emit({"home": str(home)})
    else:
        click.echo(f"the server of {one_line(str(home))} has a new certificate")
