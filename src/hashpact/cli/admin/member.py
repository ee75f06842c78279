"""Commands on members: member enrol, member list."""

from __future__ import annotations

from pathlib import Path

import click

from hashpact.cli.options import (
    Connect,
    client_options,
    example,
    home_argument,
    json_option,
    passphrases,
    unencrypted_option,
)
from hashpact.cli.output import emit, rfc3339, show_table
from hashpact.domain.state import Role


def _roles(text: str) -> frozenset[Role]:
    """Roles, separated by commas."""
    known = {role.value: role for role in Role}
    names = text.split(",")
    for name in names:
        if name not in known:
            msg = f"{name!r} is not a role; known are {', '.join(known)}"
            raise click.BadParameter(msg)
    return frozenset(known[name] for name in names)


@click.group()
def member() -> None:
    """Enrol members and list them."""


@member.command(
    epilog=example("hashpact member enrol /srv/hashpact acme-video --roles check,contribute --out acme-video")
)
@home_argument
@click.argument("member_id", metavar="ID")
@click.option(
    "--roles", type=_roles, metavar="ROLES", required=True, help="check, contribute, or check,contribute."
)
@click.option(
    "--out", metavar="DIR", type=Path, required=True, help="Where to write the profile; a new directory."
)
@unencrypted_option
@json_option
def enrol(  # noqa: PLR0913 - an argument for each option
    home: Path, member_id: str, roles: frozenset[Role], out: Path, *, unencrypted: bool, as_json: bool
) -> None:
    """Enrol a member, and write the profile with which it reaches the clearinghouse.

    Works whether the server of the home runs or not. As many administrators' keys as must sign have to be in
    the home. The profile holds private keys: hand it over safely.
    """
    from hashpact.home import enrol_member, open_home  # noqa: PLC0415 - late: a group's help does without it

    secrets = passphrases()
    passphrase = secrets.for_new_keys(unencrypted=unencrypted)
    with open_home(home, secrets) as opened:
        receipts = enrol_member(opened, member_id, roles, out, passphrase)
    names = sorted(role.value for role in roles)
    if as_json:
        indexes = [receipt.index for receipt in receipts]
        emit({"member": member_id, "roles": names, "profile": str(out), "leaves": indexes})
        return
    click.echo(f"enrolled {member_id} ({', '.join(names)}) in leaf {receipts[0].index}")
    click.echo(f"its profile is {out}; it holds private keys: hand it over safely, and keep no copy")


@member.command("list", epilog=example("hashpact member list --profile lotus-forum"))
@client_options
@json_option
def list_(connect: Connect, *, as_json: bool) -> None:
    """List the members and their keys."""
    with connect() as client:
        members = list(client.members())
    if not as_json:
        show_table(
            ("member", "roles", "enrolled in leaf", "keys"),
            (
                (
                    each.member.id,
                    ", ".join(sorted(role.value for role in each.member.roles)),
                    str(each.member.enrolled_at),
                    ", ".join(f"{key.name} until {rfc3339(key.expires)}" for key in each.keys),
                )
                for each in members
            ),
        )
        return
    for each in members:
        emit(
            {
                "member": each.member.id,
                "roles": sorted(role.value for role in each.member.roles),
                "enrolled_at": each.member.enrolled_at,
                "keys": [
                    {"name": key.name, "id": key.id.hex(), "expires": rfc3339(key.expires)}
                    for key in each.keys
                ],
            }
        )
