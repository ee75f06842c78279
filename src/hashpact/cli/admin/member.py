"""Commands on members: member enrol, member list."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from hashpact.cli.admin.acting import SigningOptions, acting_options, named_option, say, write_draft
from hashpact.cli.admin.key import shown as key_shown
from hashpact.cli.options import (
    Access,
    example,
    home_argument,
    json_option,
    passphrases,
    reading_side_options,
    reason_option,
    side_options,
    unencrypted_option,
)
from hashpact.cli.output import emit, rfc3339, show_table
from hashpact.domain.kinds import MemberResume, MemberRoles, MemberSuspend
from hashpact.domain.messages import MemberDetail
from hashpact.domain.state import Role, Use
from hashpact.errors import NotFoundError
from hashpact.keys.expiry import Registry


def _roles(text: str) -> frozenset[Role]:
    """Roles, separated by commas."""
    known = {role.value: role for role in Role}
    names = text.split(",")
    for name in names:
        if name not in known:
            msg = f"{name!r} is not a role; known are {', '.join(known)}"
            raise click.BadParameter(msg)
    return frozenset(known[name] for name in names)


_id_argument: Final = click.argument("member_id", metavar="ID")
_roles_option: Final = click.option(
    "--roles",
    type=_roles,
    metavar="ROLES",
    required=True,
    help=f"Of {', '.join(sorted(role.value for role in Role))}; separated by commas.",
)


@click.group()
def member() -> None:
    """Enrol members, list them, change their roles, suspend, resume."""


@member.command(
    epilog=example("hashpact member enrol /srv/hashpact acme-video --roles check,contribute --out acme-video")
)
@home_argument
@_id_argument
@_roles_option
@click.option(
    "--out", metavar="DIR", type=Path, required=True, help="Where to write the profile; a new directory."
)
@unencrypted_option
@json_option
def enrol(  # noqa: PLR0913 - an argument for each option
    home: Path, member_id: str, roles: frozenset[Role], out: Path, *, unencrypted: bool, as_json: bool
) -> None:
    """Enrol a member, and write the profile with which it reaches the clearinghouse.

    The quick way, for trials: the member's private keys are made here, and as many administrators' keys as
    must sign have to be in the home. Otherwise see `hashpact profile new` and `hashpact member admit`.
    """
    from hashpact.home.enrolling import enrol_member
    from hashpact.home.opening import open_home

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


@member.command(
    epilog=example(
        "hashpact member admit /srv/hashpact acme-video.join --roles check,contribute --out acme-video.note"
    )
)
@home_argument
@click.argument("join", metavar="JOIN", type=Path)
@_roles_option
@click.option("--out", metavar="FILE", type=Path, required=True, help="The draft to write; a new file.")
@named_option
@json_option
def admit(  # noqa: PLR0913 - an argument for each option
    home: Path, join: Path, roles: frozenset[Role], out: Path, named: str | None, *, as_json: bool
) -> None:
    """Draft the enrolment of a member that made its own keys (`hashpact profile new`).

    The member signs it with each of its keys, a threshold of administrators with theirs, in any order. Then
    `hashpact statement submit` appends it, and `hashpact cert issue` gives the member its certificate.
    """
    from hashpact.governance.exchange import read_join
    from hashpact.home.enrolling import drafter
    from hashpact.home.opening import open_home

    asked = read_join(join)
    with open_home(home) as opened:
        drafts = drafter(opened, named).admit(asked, roles)
    if not as_json:
        click.echo(f"the join file has the sha256 {asked.digest}")
    write_draft(out, drafts, as_json=as_json)


@member.command("list", epilog=example("hashpact member list --profile lotus-forum"))
@reading_side_options
@json_option
def list_(side: Access, *, as_json: bool) -> None:
    """List the members and their keys."""
    members = side.members()
    registry = _registry(members)
    if as_json:
        for each in members:
            emit(_shown(each, registry))
        return
    show_table(
        ("member", "roles", "state", "enrolled in leaf", "keys in use"),
        (
            (
                each.member.id,
                ", ".join(sorted(role.value for role in each.member.roles)),
                _state(each),
                str(each.member.enrolled_index),
                ", ".join(
                    f"{key.name} until {rfc3339(key.expires)}"
                    for key in each.keys
                    if key.use is Use.SIGN and registry.state(key) in {"in use", "waiting"}
                ),
            )
            for each in members
        ),
    )


@member.command(epilog=example("hashpact member show acme-video --profile lotus-forum"))
@_id_argument
@reading_side_options
@json_option
def show(member_id: str, side: Access, *, as_json: bool) -> None:
    """Show a member and every key that it ever had."""
    members = side.members()
    registry = _registry(members)
    found = next((each for each in members if each.member.id == member_id), None)
    if found is None:
        msg = f"there is no member {member_id!r}"
        raise NotFoundError(msg, resource=f"members/{member_id}")
    if as_json:
        emit(_shown(found, registry))
        return
    roles = ", ".join(sorted(role.value for role in found.member.roles))
    click.echo(f"{member_id}: {roles}; {_state(found)}; enrolled in leaf {found.member.enrolled_index}")
    show_table(
        ("key", "id", "use", "state", "enrolled in leaf", "expires"),
        (
            (
                key.name,
                key.id.hex(),
                key.use.value,
                registry.state(key),
                str(key.enrolled_index),
                rfc3339(key.expires),
            )
            for key in found.keys
        ),
    )


@member.command(
    epilog=example("hashpact member suspend acme-video --reason keys-stolen --home /srv/hashpact")
)
@_id_argument
@reason_option
@side_options
@acting_options
@json_option
def suspend(member_id: str, reason: str, side: Access, *, as_json: bool, **acting: object) -> None:
    """Suspend a member at once: it can say and ask nothing until administrators resume it.

    A member does so for itself; one administrator alone for any member, with a profile or at the home.
    """
    body = MemberSuspend(member_id, reason)
    say(side, body, SigningOptions(**acting, needed=1), as_json=as_json)  # type: ignore[arg-type]  # click's values


@member.command(
    epilog=example("hashpact member resume acme-video --reason keys-replaced --home /srv/hashpact")
)
@_id_argument
@reason_option
@side_options
@acting_options
@json_option
def resume(member_id: str, reason: str, side: Access, *, as_json: bool, **acting: object) -> None:
    """Lift the suspension of a member, as administrators."""
    body = MemberResume(member_id, reason)
    say(side, body, SigningOptions(**acting), as_json=as_json)  # type: ignore[arg-type]  # click's values


@member.command(
    epilog=example("hashpact member roles acme-video --roles check,audit --reason asked --home /srv/hashpact")
)
@_id_argument
@_roles_option
@reason_option
@side_options
@acting_options
@json_option
def roles(
    member_id: str, roles: frozenset[Role], reason: str, side: Access, *, as_json: bool, **acting: object
) -> None:
    """Replace the roles of a member, as administrators.

    Its open streams end within a second; it may call again for what its new roles allow.
    """
    body = MemberRoles(member_id, roles, reason)
    say(side, body, SigningOptions(**acting), as_json=as_json)  # type: ignore[arg-type]  # click's values


def _registry(members: Iterable[MemberDetail]) -> Registry:
    return Registry((key for each in members for key in each.keys), int(time.time()))


def _state(detail: MemberDetail) -> str:
    return "in good standing" if detail.member.suspended_index is None else "suspended"


def _shown(detail: MemberDetail, registry: Registry) -> dict[str, object]:
    return {
        "member": detail.member.id,
        "roles": sorted(role.value for role in detail.member.roles),
        "enrolled_index": detail.member.enrolled_index,
        "suspended_index": detail.member.suspended_index,
        "keys": [key_shown(key, registry) for key in detail.keys],
    }
