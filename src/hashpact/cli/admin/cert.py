"""Commands on the certificates of channels: cert list, revoke, renew, request, issue, server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hashpact.cli.admin.acting import SigningOptions, acting_options, say
from hashpact.cli.options import (
    Access,
    example,
    home_argument,
    json_option,
    passphrases,
    profile_option,
    reading_side_options,
    reason_option,
    side_options,
    timeout_option,
    unencrypted_option,
)
from hashpact.cli.output import emit, one_line, rfc3339, show_table
from hashpact.domain.kinds import CertRevoke
from hashpact.domain.kinds.lines import SERIAL
from hashpact.keys.expiry import Registry

if TYPE_CHECKING:
    from hashpact.member.channels import Issued

_DAY: Final = 24 * 3600
_join_argument = click.argument("join", metavar="JOIN", type=Path)


@click.group()
def cert() -> None:
    """Issue and renew the certificates of channels."""


@cert.command(
    "list",
    epilog=example("hashpact cert list --profile acme-video", "hashpact cert list --home HOME"),
)
@click.option("--member", metavar="ID", help="Only this member's.")
@reading_side_options
@json_option
def list_(side: Access, member: str | None, *, as_json: bool) -> None:
    """List the certificates of channels: those of a profile, and those that were revoked.

    A profile's are its own and those of the check-only profiles that were issued with it. A certificate is
    also refused when the key that vouched for it is not in force. The day of the last use (UTC) is as the
    server has noted it.
    """
    rows = [row for row in _listed(side) if member in {None, row["member"]}]
    if as_json:
        for row in rows:
            emit(row)
        return
    columns = ("member", "serial", "use", "voucher", "state", "expires", "last_used")
    show_table(
        tuple(column.replace("_", " ") for column in columns),
        ([str(row[column] or "") for column in columns] for row in rows),
    )


def _listed(side: Access) -> Iterator[dict[str, object]]:
    """The certificates as `list_` shows them: those of the profile, then those that the log has revoked."""
    members = side.members()
    registry = Registry((key for each in members for key in each.keys), int(time.time()))
    keys = {key.id: key for each in members for key in each.keys}
    revoked = {one.serial: (each.member.id, one) for each in members for one in each.member.revoked}
    used = _used(side)
    for one, use in _of_profile(side):
        _, gone = revoked.pop(one.stated.serial, (None, None))
        key = keys.get(one.stated.voucher or b"")
        state = "unknown key" if key is None else f"key {registry.state(key)}"
        yield {
            "member": side.own,
            "serial": one.stated.serial.hex(),
            "use": use,
            "voucher": None if key is None else key.name,
            "state": "revoked" if gone else state,
            "expires": rfc3339(one.expires),
            "last_used": used.get(one.stated.serial),
            "revoked_index": None if gone is None else gone.revoked_index,
        }
    for owner, gone in revoked.values():
        yield {
            "member": owner,
            "serial": gone.serial.hex(),
            "use": None,
            "voucher": None,
            "state": "revoked",
            "expires": None,
            "last_used": used.get(gone.serial),
            "revoked_index": gone.revoked_index,
        }


def _used(side: Access) -> dict[bytes, str]:
    """The day of the last use of each certificate of the profile's member; none at a home."""
    if side.connect is None:
        return {}
    with side.connect() as client:
        days = client.certificate_uses()
    return {serial: rfc3339(day * _DAY)[:10] for serial, day in days.items()}


def _of_profile(side: Access) -> Iterator[tuple[Issued, str]]:
    """The certificates that the profile has, and what each is for; none at a home."""
    if side.connect is None:
        return
    from hashpact.member import channels

    with side.connect() as client:
        directory = client.profile.directory
    assert directory is not None  # noqa: S101 - it was loaded from one
    yield channels.own(directory), "channel"
    for one in channels.issued(directory):
        yield one, "check-only"


@cert.command(
    epilog=example(
        "hashpact cert revoke SERIAL --reason laptop-stolen --profile acme-video",
        "hashpact cert revoke SERIAL --reason stolen --member acme-video --home HOME --key admin-alice.key",
    )
)
@click.argument("serial", metavar="SERIAL")
@reason_option
@click.option("--member", metavar="ID", help="The member whose certificate it is. [one's own]")
@side_options
@acting_options
@json_option
def revoke(
    serial: str, reason: str, member: str | None, side: Access, *, as_json: bool, **acting: object
) -> None:
    """Revoke a certificate: the server refuses it at once, and ends its streams within a second.

    A member does so for its own certificates; one administrator alone for any, with a profile or at the home.
    `hashpact cert list` shows the serials of a profile.
    """
    owner = member or side.own
    if owner is None:
        msg = "say whose certificate it is: --member ID"
        raise click.UsageError(msg)
    try:
        body = CertRevoke(owner, SERIAL.spelling.read(serial), reason)
    except ValueError as error:
        msg = f"{serial!r} is not a serial: {error}"
        raise click.BadParameter(msg) from error
    say(side, body, SigningOptions(**acting, needed=1), as_json=as_json)  # type: ignore[arg-type]  # click's values


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
    from hashpact.member import channels, keys

    old = channels.own(profile).stated.serial.hex()
    expires = keys.renew(profile, passphrases(), unencrypted=unencrypted, timeout=timeout)
    if as_json:
        emit({"profile": str(profile), "expires": rfc3339(expires), "replaced_serial": old})
        return
    click.echo(f"the certificate of {one_line(str(profile))} is new; it expires {rfc3339(expires)}")
    click.echo(f"if the old one may be stolen: hashpact cert revoke {old} --reason stolen")


@cert.command(epilog=example("hashpact cert request --profile acme-video"))
@profile_option
@json_option
def request(profile: Path, *, as_json: bool) -> None:
    """Ask an administrator for a certificate, when the old one has expired.

    Writes the profile's join file, which has no secret, to be sent to an administrator for
    `hashpact cert issue`.
    """
    from hashpact.member import keys

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
    from hashpact.governance.exchange import read_join, write_welcome
    from hashpact.home.enrolling import welcome
    from hashpact.home.opening import open_home

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
    from hashpact.home.enrolling import renew_server
    from hashpact.home.opening import open_home

    opening = passphrases()
    with open_home(home, opening) as opened:
        authority = opened.open_authority()
        passphrase = opening.for_new_keys(unencrypted=unencrypted, as_before=True)
        renew_server(opened, authority, passphrase)
    if as_json:
        emit({"home": str(home)})
    else:
        click.echo(f"the server of {one_line(str(home))} has a new certificate")
