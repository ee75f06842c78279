"""Commands on keys: key list, expiring, rotate, suspend, resume, revoke, new, protect."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import click

from hashpact.cli import exits
from hashpact.cli.admin.acting import SigningOptions, acting_options, say
from hashpact.cli.options import (
    Access,
    example,
    json_option,
    passphrases,
    profile_option,
    reading_side_options,
    reason_option,
    side_options,
    timeout_option,
    unencrypted_option,
)
from hashpact.cli.output import emit, one_line, receipt_fields, rfc3339, show_table
from hashpact.domain.keys import key_id
from hashpact.domain.kinds import KeyResume, KeyRevoke, KeySuspend
from hashpact.domain.state import Key
from hashpact.errors import NotFoundError
from hashpact.keys.expiry import Registry

_DAY: Final = 24 * 3600
_MAX_OVERLAP: Final = 30
_SHORT: Final = 16

_member_option = click.option("--member", metavar="ID", help="The member whose key it is. [one's own]")
_name_argument = click.argument("name", metavar="NAME")


def _origin(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """The name of a log."""
    from hashpact.domain.statements import LOG

    try:
        return None if text is None else LOG.spelling.read(text)
    except ValueError as error:
        msg = f"{text!r}: {error}"
        raise click.BadParameter(msg) from error


@click.group()
def key() -> None:
    """See to the keys that sign: list, replace, suspend and revoke them."""


@key.command(
    "list", epilog=example("hashpact key list --profile acme-video", "hashpact key list --home HOME")
)
@click.option("--member", metavar="ID", help="Only this member's.")
@reading_side_options
@json_option
def list_(side: Access, member: str | None, *, as_json: bool) -> None:
    """List members' keys, and what each is good for now."""
    now = int(time.time())
    members = side.members()
    if member is not None and member not in {each.member.id for each in members}:
        msg = f"there is no member {member!r}"
        raise NotFoundError(msg, resource=f"members/{member}")
    found = [key for each in members for key in each.keys]
    registry = Registry(found, now)
    found = [key for key in found if member in {None, key.member}]
    if as_json:
        for each in found:
            emit(shown(each, registry))
        return
    show_table(
        ("key", "id", "use", "state", "expires"),
        (
            (
                f"{each.member}/{each.name}",
                each.id.hex()[:_SHORT],
                each.use.value,
                registry.state(each),
                rfc3339(each.expires),
            )
            for each in found
        ),
    )


@key.command(epilog=example("hashpact key expiring --home /srv/hashpact || mail -s 'keys' admin@example.org"))
@reading_side_options
@json_option
def expiring(side: Access, *, as_json: bool) -> None:
    """List what ends soon: keys in use, and certificates of the home.

    A key is listed from 60 days before its end as notice, from 30 as warning, from 7 as urgent. The exit
    status is 0 if nothing is listed, 1 if something is.
    """
    now = int(time.time())
    found = list(Registry((key for each in side.members() for key in each.keys), now).endings())
    if side.home is not None:
        from hashpact.home.enrolling import ending_certificates  # a member's command does without it

        found += ending_certificates(side.home, now)
    for each in found:
        if as_json:
            row = {
                "what": each.what,
                "level": each.level,
                "days": each.days,
                "expires": rfc3339(each.expires),
            }
            emit(row)
        else:
            click.echo(f"{each.level}: {each.text}")
    if found:
        raise click.exceptions.Exit(exits.NO)


@key.command(epilog=example("hashpact key rotate --profile acme-video --overlap 7"))
@profile_option
@timeout_option
@click.option(
    "--overlap",
    metavar="DAYS",
    type=click.IntRange(0, _MAX_OVERLAP),
    default=1,
    show_default=True,
    help="How long the old key goes on, for other machines that have it.",
)
@click.option(
    "--recovery", metavar="FILE", type=Path, help="Sign with this recovery key; the old key ends at once."
)
@unencrypted_option
@json_option
def rotate(  # noqa: PLR0913 - an argument for each option
    profile: Path, timeout: float, overlap: int, recovery: Path | None, *, unencrypted: bool, as_json: bool
) -> None:
    """Replace the statement key of a profile by a new one; no administrator is needed.

    If it is interrupted, run it again: it goes on where it stopped. Until the log has taken the new key, the
    old one stays in use.
    """
    from hashpact.member.keys import Rotation

    rotation = Rotation(
        profile,
        passphrases(),
        overlap * _DAY,
        unencrypted=unencrypted,
        recovery=recovery,
        timeout=timeout,
    )
    name, receipt = rotation.run()
    if as_json:
        emit({"key": name, **receipt_fields(receipt)})
    else:
        click.echo(f"the key is now {name}, from leaf {receipt.index} on")


@key.command(epilog=example("hashpact key suspend 2 --reason laptop-lost --profile acme-video"))
@_name_argument
@reason_option
@_member_option
@side_options
@acting_options
@json_option
def suspend(
    name: str, reason: str, member: str | None, side: Access, *, as_json: bool, **acting: object
) -> None:
    """Suspend a key at once: it signs nothing until administrators resume it.

    A member does so for its own keys; one administrator alone for any key, with a profile or at the home.
    """
    target = _target(side, member, name)
    body = KeySuspend(target.member, target.id, reason)
    say(side, body, SigningOptions(**acting, needed=1), as_json=as_json)  # type: ignore[arg-type]  # click's values


@key.command(
    epilog=example("hashpact key resume 2 --reason laptop-found --member acme-video --home /srv/hashpact")
)
@_name_argument
@reason_option
@_member_option
@side_options
@acting_options
@json_option
def resume(
    name: str, reason: str, member: str | None, side: Access, *, as_json: bool, **acting: object
) -> None:
    """Lift the suspension of a key, as administrators."""
    target = _target(side, member, name)
    body = KeyResume(target.member, target.id, reason)
    say(side, body, SigningOptions(**acting), as_json=as_json)  # type: ignore[arg-type]  # click's values


@key.command(
    epilog=example(
        "hashpact key revoke 2 --reason stolen --cutoff 120 --profile acme-video",
        "hashpact key revoke 2 --reason stolen --member acme-video --home HOME --draft revoke.note",
    )
)
@_name_argument
@reason_option
@click.option(
    "--cutoff",
    metavar="INDEX",
    type=click.IntRange(min=0),
    help="What it signed at this leaf or later does not stand. [nothing so far is undone]",
)
@_member_option
@side_options
@acting_options
@json_option
def revoke(  # noqa: PLR0913 - an argument for each option
    name: str,
    reason: str,
    cutoff: int | None,
    member: str | None,
    side: Access,
    *,
    as_json: bool,
    **acting: object,
) -> None:
    """Revoke a key permanently, and from which leaf on its statements do not stand.

    A member does so for its own keys; administrators for any key, with a profile or at the home.
    """
    target = _target(side, member, name)
    body = KeyRevoke(target.member, target.id, _size(side) if cutoff is None else cutoff, reason)
    say(side, body, SigningOptions(**acting), as_json=as_json)  # type: ignore[arg-type]  # click's values


@key.command(
    epilog=example(
        "hashpact key new admin-alice.key",
        "hashpact key new new-log-mldsa.key --mldsa example.org/hashpact",
    )
)
@click.argument("file", metavar="FILE", type=Path)
@click.option(
    "--mldsa",
    "origin",
    metavar="ORIGIN",
    callback=_origin,
    help="An ML-DSA-44 key of the log of that name; prints its verifier key.",
)
@unencrypted_option
@json_option
def new(file: Path, origin: str | None, *, unencrypted: bool, as_json: bool) -> None:
    """Make a key of an administrator, or of the log, on the machine that is to have it.

    Prints its public half, which the proposer of the next root needs.
    """
    from hashpact.member.keys import make_key, make_mldsa_key

    passphrase = passphrases().for_new_keys(unencrypted=unencrypted)
    if origin is not None:
        named = make_mldsa_key(file, origin, passphrase)
        if as_json:
            emit({"file": str(file), "key": named.key})
        else:
            click.echo(f"made {one_line(str(file))}; its verifier key is {named.key}")
        return
    public = make_key(file, passphrase)
    if as_json:
        emit({"file": str(file), "public": public.hex(), "id": key_id(public).hex()})
    else:
        click.echo(f"made {one_line(str(file))}; its public key is {public.hex()}")


@key.command(epilog=example("hashpact key protect admin-2.key"))
@click.argument("file", metavar="FILE", type=Path)
@unencrypted_option
@json_option
def protect(file: Path, *, unencrypted: bool, as_json: bool) -> None:
    """Give the file of a private key another passphrase.

    At a terminal; elsewhere the old passphrase comes from the environment, and `--unencrypted` takes it away.
    """
    from hashpact.member.keys import protect_key

    protect_key(file, passphrases(), unencrypted=unencrypted)
    if as_json:
        emit({"file": str(file), "encrypted": not unencrypted})
    else:
        click.echo(f"{one_line(str(file))} is {'not encrypted any more' if unencrypted else 'encrypted'}")


def shown(key: Key, registry: Registry) -> dict[str, object]:
    """A key in JSON."""
    return {
        "member": key.member,
        "name": key.name,
        "id": key.id.hex(),
        "use": key.use.value,
        "state": registry.state(key),
        "expires": rfc3339(key.expires),
        "enrolled_index": key.enrolled_index,
        "rotated_index": key.rotated_index,
        "retires": rfc3339(key.retires) if key.retires else None,
        "suspended_index": key.suspended_index,
        "revoked_index": key.revoked_index,
        "cutoff": key.cutoff,
    }


def _target(side: Access, member: str | None, name: str) -> Key:
    """The key of that name: of the member that is named, else of the one whose profile it is."""
    owner = member or side.own
    if owner is None:
        msg = "say whose key it is: --member ID"
        raise click.UsageError(msg)
    for each in side.members():
        for found in each.keys:
            if (found.member, found.name) == (owner, name):
                return found
    msg = f"there is no key {owner}/{name}"
    raise NotFoundError(msg, resource=f"members/{owner}")


def _size(side: Access) -> int:
    """How many leaves the log has."""
    if side.connect is not None:
        with side.connect() as client:
            return client.checkpoint().checkpoint.size
    from hashpact.home.opening import open_home  # a member's command does without it

    assert side.home is not None  # noqa: S101 - one of them is given
    with open_home(side.home) as opened:
        return opened.ledger.head().size
