"""Commands on a member's profile: profile new, install, issue, test."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashpact.cli.options import (
    Connect,
    client_options,
    example,
    json_option,
    passphrases,
    profile_option,
    timeout_option,
    unencrypted_option,
)
from hashpact.cli.output import emit, one_line, rfc3339
from hashpact.domain.kinds import ADMIN
from hashpact.domain.renewal import MAX_DAYS
from hashpact.errors import NotFoundError

if TYPE_CHECKING:
    from hashpact.log.checkpoint import Checkpoint
    from hashpact.member.profile import Profile

_directory_argument = click.argument("directory", metavar="DIR", type=Path)


@click.group()
def profile() -> None:
    """Make a member's profile on its own machine."""


@profile.command(
    epilog=example(
        "hashpact profile new acme-video --origin example.org/hashpact --member acme-video "
        "--address hp.example.org:8443 --recovery /media/usb/recovery.key",
        "hashpact profile new desk --origin example.org/hashpact --admin alice --key admin-alice.key "
        "--address hp.example.org:8443",
    )
)
@_directory_argument
@click.option(
    "--origin", metavar="ORIGIN", required=True, help="The log's name, as the clearinghouse gives it."
)
@click.option("--member", metavar="ID", help="The member id to enrol with.")
@click.option("--admin", metavar="NAME", help="Instead: the administrator of that name in the log.")
@click.option("--key", metavar="FILE", type=Path, help="With --admin: the administrator's key.")
@click.option("--address", metavar="HOST:PORT", required=True, help="Where the clearinghouse is.")
@click.option("--recovery", metavar="FILE", type=Path, help="Make a recovery key too, to be kept offline.")
@unencrypted_option
@json_option
def new(  # noqa: PLR0913 - an argument for each option
    directory: Path,
    *,
    origin: str,
    member: str | None,
    admin: str | None,
    key: Path | None,
    address: str,
    recovery: Path | None,
    unencrypted: bool,
    as_json: bool,
) -> None:
    """Make the keys of a member that is to join: no private key ever leaves this machine.

    Writes DIR/join, which has no secret, to be sent to an administrator for `hashpact member admit`.

    With --admin and --key, make the profile of an administrator, who then works from any machine: the key is
    copied into it, and DIR/join is for `hashpact cert issue` at the home.
    """
    from hashpact.member import keys

    opening = passphrases()
    if admin is not None and key is not None and member is None and recovery is None:
        made = keys.new_administrator(
            directory, origin, admin, address, key=key, passphrases=opening, unencrypted=unencrypted
        )
    elif member is not None and admin is None and key is None:
        passphrase = opening.for_new_keys(unencrypted=unencrypted)
        made = keys.new_profile(directory, origin, member, address, passphrase=passphrase, recovery=recovery)
    else:
        msg = "say --member ID, with or without --recovery, or --admin NAME with --key FILE"
        raise click.UsageError(msg)
    if as_json:
        emit({"profile": str(directory), "join": str(directory / "join"), "sha256": made.digest})
        return
    shown = one_line(str(directory))
    click.echo(f"made {shown}. Send {shown}/join to an administrator, and compare by telephone:")
    click.echo(f"sha256 {made.digest}")
    if admin is not None:
        click.echo(f"When the certificate comes back: hashpact profile install {shown} WELCOME")
        return
    click.echo("When the enrolment comes back to be signed:")
    click.echo(f"- hashpact statement sign FILE --profile {shown}")
    if recovery is not None:
        click.echo(f"- hashpact statement sign FILE --key {one_line(str(recovery))}   (then keep it offline)")
    click.echo(f"And when you are enrolled: hashpact profile install {shown} WELCOME")


@profile.command(epilog=example("hashpact profile install acme-video acme-video.welcome"))
@_directory_argument
@click.argument("file", metavar="WELCOME", type=Path)
@json_option
def install(directory: Path, file: Path, *, as_json: bool) -> None:
    """Complete a profile with what an administrator sent back (`hashpact cert issue`).

    Prints by what the log is recognised from now on: compare it with what the clearinghouse has published.
    """
    from hashpact.member import keys

    welcome = keys.install(directory, file, passphrases())
    if as_json:
        emit({"profile": str(directory), "genesis_sha256": welcome.genesis.hex()})
        return
    click.echo(f"{one_line(str(directory))} is complete. Compare with what {welcome.log} has published:")
    click.echo(f"genesis {welcome.genesis.hex()}")


@profile.command(
    epilog=example("hashpact profile issue --check-only --out upload-7 --profile acme-video --unencrypted")
)
@profile_option
@timeout_option
@click.option("--check-only", is_flag=True, required=True, help="A profile that can check and nothing else.")
@click.option(
    "--days",
    metavar="DAYS",
    type=click.IntRange(1, MAX_DAYS),
    default=MAX_DAYS,
    show_default=True,
    help="How long its certificate is valid.",
)
@click.option("--out", metavar="DIR", type=Path, required=True, help="The directory of it; a new one.")
@unencrypted_option
@json_option
def issue(  # noqa: PLR0913 - an argument for each option
    profile: Path, timeout: float, days: int, out: Path, *, check_only: bool, unencrypted: bool, as_json: bool
) -> None:
    """Issue a profile for another machine that checks, with a channel of its own and no statement key.

    It is refused everything else, and works as long as the member's statement key that vouched for it.
    `hashpact cert list` lists it, `hashpact cert revoke` ends it.
    """
    from hashpact.member import channels

    del check_only  # it is required: there is no other sort
    made = channels.issue_check_only(
        profile, out, days, passphrases(), unencrypted=unencrypted, timeout=timeout
    )
    serial = made.stated.serial.hex()
    if as_json:
        emit({"profile": str(out), "serial": serial, "expires": rfc3339(made.expires)})
        return
    click.echo(f"made {one_line(str(out))}, which can only check, until {rfc3339(made.expires)}")
    click.echo(f"to end it sooner: hashpact cert revoke {serial} --reason SLUG")


@profile.command(epilog=example("hashpact profile test --profile acme-video"))
@client_options
@json_option
def test(connect: Connect, *, as_json: bool) -> None:
    """Try a profile: its keys, its channel, the member's standing, the log's signature.

    Reads only. It ends with the error of the first step that fails.
    """
    from hashpact.keys.expiry import Registry

    now = int(time.time())
    with connect() as client:
        member, log = client.profile.member, client.profile.origin
        signed = client.checkpoint().checkpoint
        if member == ADMIN:
            _show_administrator(client.profile, signed, as_json=as_json)
            return
        detail = next((each for each in client.members() if each.member.id == member), None)
        key = (
            next((each for each in detail.keys if each.id == client.author.key.id), None) if detail else None
        )
    if detail is None or key is None:
        msg = f"the statement key of this profile is no key of the member {member!r} in the log {log}"
        raise NotFoundError(msg, resource=f"members/{member}")
    roles, state = sorted(role.value for role in detail.member.roles), Registry(detail.keys, now).state(key)
    if as_json:
        shown = {"member": member, "log": log, "roles": roles, "key": key.name, "key_state": state}
        emit(shown | {"size": signed.size, "root": signed.root.hex()})
        return
    powers = " and ".join(sorted(role.power for role in detail.member.roles))
    click.echo(f"{member} reaches {log} and may {powers}; its key {key.name} is {state}")
    click.echo(f"the log has {signed.size} leaves, signed by a key that the profile knows")


def _show_administrator(profile: Profile, signed: Checkpoint, *, as_json: bool) -> None:
    """An administrator's profile that works: the server has let its certificate in."""
    if as_json:
        shown = {"member": ADMIN, "log": profile.origin, "roles": [], "key": profile.key.name}
        emit(shown | {"size": signed.size, "root": signed.root.hex()})
        return
    click.echo(f"the administrator {profile.key.name} reaches {profile.origin}")
    click.echo(f"the log has {signed.size} leaves, signed by a key that the profile knows")
