"""Commands on one entry: entry, withdraw, opinion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hashpact.cli.options import (
    Connect,
    client_options,
    entry_argument,
    example,
    json_option,
    reading_options,
)
from hashpact.cli.output import complain, emit, receipt_fields, rfc3339
from hashpact.domain.fingerprints import parse_private
from hashpact.domain.messages import EntryDetail
from hashpact.domain.state import Receipt, Stance
from hashpact.errors import HashpactError

if TYPE_CHECKING:
    from hashpact.member.clients import Client


@click.command(epilog=example("hashpact entry 12 --profile lotus-forum"))
@entry_argument
@reading_options
@json_option
def entry(entry: int, connect: Connect, *, as_json: bool) -> None:
    """Show an entry and what members say of it."""
    with connect() as client:
        found = shown(client.entry(entry))
    if as_json:
        emit(found)
        return
    for name, value in found.items():
        text = value
        if name == "opinions" and isinstance(value, list):
            text = ", ".join(map(_opinion_text, value))
        elif isinstance(value, list):
            text = ", ".join(map(str, value))
        elif isinstance(value, bool):
            text = "yes" if value else "no"
        elif name in {"withdrawn_index", "voided_index"} and value is not None:
            text = f"leaf {value}"
        click.echo(f"{name.replace('_', ' '):18}{'-' if text in (None, '') else text}")


@click.command(epilog=example("hashpact withdraw 12 --reason appeal-upheld --profile acme-video"))
@entry_argument
@click.option(
    "--reason", metavar="SLUG", required=True, help="Lower-case letters, digits and hyphens; it is public."
)
@client_options
@json_option
def withdraw(entry: int, reason: str, connect: Connect, *, as_json: bool) -> None:
    """Take back an entry of one's own: it stops matching and stays in the log."""
    with connect() as client:
        receipt = client.withdraw(entry, reason)
        others = _others(client, entry)
    _tell(entry, "withdrawn", receipt, as_json=as_json, **({"others": list(others)} if others else {}))
    for other in others:
        complain(f"entry {other} shares the same content and still stands")


@click.command(
    epilog=example("hashpact opinion 12 --stance dispute --reason news-report --profile lotus-forum")
)
@entry_argument
@click.option(
    "--stance",
    type=click.Choice([stance.value for stance in Stance]),
    required=True,
    help="What to say of it.",
)
@click.option(
    "--reason", metavar="SLUG", help="Why: lower-case letters, digits and hyphens; everybody sees it."
)
@click.option("--replace", is_flag=True, help="With seen: take back an endorsement or dispute.")
@client_options
@json_option
def opinion(  # noqa: PLR0913 - an argument for each option
    entry: int, stance: str, reason: str | None, connect: Connect, *, replace: bool, as_json: bool
) -> None:
    """Endorse or dispute another member's entry, or say that its content was seen.

    A member's newest opinion of an entry replaces the one before; both stay in the log. But seen does not
    replace an endorsement or a dispute without --replace.
    """
    if replace and stance != Stance.SEEN.value:
        msg = f"--replace goes with --stance seen; {stance} replaces an opinion anyway"
        raise click.UsageError(msg)
    with connect() as client:
        receipt = client.opinion(entry, stance, reason, replace=replace)
    _tell(entry, stance, receipt, as_json=as_json)


def _others(client: Client, entry: int) -> tuple[int, ...]:
    """Own entries of the same content; the withdrawal stands, whether they can be found or not."""
    try:
        return client.duplicates(entry)
    except HashpactError as error:
        complain(f"cannot look for other entries of the same content: {error.message}")
        return ()


def _tell(entry: int, what: str, receipt: Receipt, *, as_json: bool, **more: object) -> None:
    if as_json:
        emit({"entry": entry, **receipt_fields(receipt), **more})
    else:
        click.echo(f"entry {entry}: {what}, leaf {receipt.index}")


def _opinion_text(opinion: dict[str, str | None]) -> str:
    why = "" if opinion["reason"] is None else f" ({opinion['reason']})"
    return f"{opinion['member']} {opinion['stance']}{why}"


def shown(detail: EntryDetail) -> dict[str, object]:
    """An entry for people and programs: with the types of its fingerprints, never their values."""
    entry = detail.entry
    return {
        "entry": entry.index,
        "member": entry.member,
        "types": [parse_private(part).fingerprint.type.name for part in detail.private],
        **({"private_withheld": True} if detail.withheld else {}),
        "labels": list(entry.labels),
        "basis": entry.basis.value,
        "authority": entry.authority,
        "article": entry.article,
        "jurisdictions": list(entry.jurisdictions),
        "removed_at": rfc3339(entry.removed_at),
        "shared_at": rfc3339(entry.shared_at),
        "opinions": [
            {"member": each.member, "stance": each.stance.value, "reason": each.reason}
            for each in detail.opinions
        ],
        "withdrawn_index": entry.withdrawn_index,
        "withdrawn_reason": entry.withdrawn_reason,
        "voided_index": entry.voided_index,
        "voided_reason": entry.voided_reason,
        "stands": detail.stands,
    }
