"""The commands contact: list, set, confirm, procedure."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import click

from hashpact.cli.conduct.shown import local, read_file, show_document, state, times, words_of, zone_option
from hashpact.cli.options import Connect, client_options, example, json_option, moment, reading_options
from hashpact.cli.output import emit, rfc3339, show_table
from hashpact.domain.kinds.conduct.spelling import Point
from hashpact.errors import NotFoundError

_LASTS: Final = 365 * 24 * 3600
"""Seconds for which a contact point is valid unless another end is given."""

_point = click.argument("point", type=click.Choice([point.value for point in Point]))


@click.group()
def contact() -> None:
    """Name contact points, confirm them, and see those of others."""


@contact.command("list", epilog=example("hashpact contact list --profile rights-watch"))
@click.option("--member", metavar="ID", help="Only this member's.")
@click.option("--overdue", is_flag=True, help="Only those that were not confirmed for 90 days.")
@zone_option
@reading_options
@json_option
def list_contacts(member: str | None, zone: str, connect: Connect, *, overdue: bool, as_json: bool) -> None:
    """List the contact points of all members."""
    with connect() as client:
        found = [
            one
            for one in client.contacts()
            if (member is None or one.contact.filing.member == member) and (one.point.overdue or not overdue)
        ]
    if as_json:
        for one in found:
            point = one.point
            emit(
                {
                    "member": one.contact.filing.member,
                    "point": point.contact.point.value,
                    **words_of(one.contact),
                    "live": point.live,
                    "overdue": point.overdue,
                    "valid_from": rfc3339(point.contact.valid_from),
                    **times("valid_to", point.contact.valid_to, zone),
                    **times("confirmed_at", point.confirmed_at, zone),
                    "languages": list(point.contact.languages),
                    "hours": list(point.contact.hours),
                    "procedure": None if (of := point.contact.procedure) is None else of.hex(),
                }
            )
        return
    rows = [
        (
            one.contact.filing.member,
            one.point.contact.point.value,
            str(words_of(one.contact).get("address", "-")),
            "confirm it" if one.point.overdue else "live" if one.point.live else "not valid",
            local(one.point.confirmed_at, zone),
        )
        for one in found
    ]
    show_table(("member", "for", "address", "state", "confirmed"), rows)


@contact.command(
    "set",
    epilog=example("hashpact contact set notices --at desk@acme.example --language vi --profile acme-video"),
)
@_point
@click.option(
    "--at", "reached", metavar="TEXT", required=True, help="Where it is reached; members alone see it."
)
@click.option(
    "--language", "languages", metavar="CODE", multiple=True, required=True, help="Such as vi or en."
)
@click.option(
    "--hours", metavar="SLUG", multiple=True, default=("always",), help="Such as mon-fri-0800-1700. [always]"
)
@click.option("--from", "valid_from", metavar="TIME", type=moment, help="Valid from then on. [now]")
@click.option("--to", "valid_to", metavar="TIME", type=moment, help="Valid until then. [a year later]")
@click.option("--procedure", metavar="FILE", type=Path, help="The document that says how to submit a notice.")
@client_options
@json_option
def set_contact(  # noqa: PLR0913, PLR0917 - an argument for each option
    point: str,
    reached: str,
    languages: tuple[str, ...],
    hours: tuple[str, ...],
    valid_from: int | None,
    valid_to: int | None,
    procedure: Path | None,
    connect: Connect,
    *,
    as_json: bool,
) -> None:
    """Name a contact point, in the place of the one before."""
    from hashpact.member import papers

    start = int(time.time()) if valid_from is None else valid_from
    paper = papers.contact(
        point,
        reached,
        valid_from=start,
        valid_to=start + _LASTS if valid_to is None else valid_to,
        languages=languages,
        hours=hours,
        procedure=None if procedure is None else read_file(procedure),
    )
    state(connect, paper, f"contact point for {point} set", as_json=as_json)


@contact.command(epilog=example("hashpact contact confirm notices --profile acme-video"))
@_point
@client_options
@json_option
def confirm(point: str, connect: Connect, *, as_json: bool) -> None:
    """Confirm that a contact point is still the right one; every 90 days."""
    from hashpact.member import papers

    state(connect, papers.contact_confirmed(point), f"contact point for {point} confirmed", as_json=as_json)


@contact.command(epilog=example("hashpact contact procedure acme-video --profile rights-watch"))
@click.argument("member")
@reading_options
@json_option
def procedure(member: str, connect: Connect, *, as_json: bool) -> None:
    """Print how a member wants notices to be submitted, as its contact point for notices has it."""
    with connect() as client:
        for one in client.contacts():
            named = one.point.contact.procedure
            if (one.contact.filing.member, one.point.contact.point) == (member, Point.NOTICES) and named:
                document = client.document(named)
                break
        else:
            msg = f"{member!r} has published no procedure for notices"
            raise NotFoundError(msg, resource=f"members/{member}")
    show_document(document, as_json=as_json)
