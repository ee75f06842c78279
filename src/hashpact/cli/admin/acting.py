"""What administrators' commands have in common: they sign with the keys at hand, or draft for others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hashpact.cli.options import Access, passphrases
from hashpact.cli.output import emit, one_line, receipt_fields
from hashpact.domain.kinds import ADMIN, AnyBody
from hashpact.governance.drafts import name_of, parse

if TYPE_CHECKING:
    from hashpact.governance.drafts import Draft
    from hashpact.member.clients import Client

NAME_DIGITS: Final = 12
"""Hex digits that are shown of the name of a proposal; it is found by any that fit one only."""

key_option: Final = click.option(
    "--key",
    "keys",
    metavar="FILE",
    type=Path,
    multiple=True,
    help="Sign with this administrator's key; may be repeated. [those in the home]",
)
draft_option: Final = click.option(
    "--draft",
    metavar="FILE",
    type=Path,
    help="Write the statement there for others to sign, and append nothing.",
)
named_option: Final = click.option(
    "--as", "named", metavar="NAME", help="In a draft: the administrator who certainly signs. [the first one]"
)


def acting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of statements by administrators; a command gets them as ``keys, draft, named``."""
    for option in (named_option, draft_option, key_option):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class SigningOptions:
    """How administrators make a statement: ``needed`` of them sign (None: the threshold), or draft it."""

    keys: Sequence[Path] = ()
    draft: Path | None = None
    named: str | None = None
    needed: int | None = None

    def say(self, home: Path, body: AnyBody, *, as_json: bool) -> None:
        """Append a statement of that body, or write its draft, and tell so."""
        from hashpact.home.enrolling import administrators, drafter
        from hashpact.home.opening import open_home

        with open_home(home, passphrases()) as opened:
            if self.draft is not None:
                write_draft(self.draft, [drafter(opened, self.named).draft(body)], as_json=as_json)
                return
            (leaf,) = administrators(opened, self.keys, self.needed).say(body)
        if as_json:
            emit({"kind": body.kind, "index": leaf.index, "leaf_hash": leaf.hash.hex()})
        else:
            click.echo(f"{body.kind}: leaf {leaf.index}")


def write_draft(file: Path, drafts: Sequence[Draft], *, as_json: bool) -> None:
    """Write a new file of statements, and tell what it is for."""
    from hashpact.governance.exchange import write_statements

    write_statements(file, drafts)
    kinds = [draft.statement.body.kind for draft in drafts]
    if as_json:
        emit({"file": str(file), "kinds": kinds})
        return
    shown = one_line(str(file))
    click.echo(f"drafted {', '.join(kinds)} in {shown}; nothing is signed yet. Next:")
    click.echo(
        f"- hashpact statement sign {shown} --key FILE       (each who signs, on a machine of their own)"
    )
    click.echo(f"- hashpact statement submit {shown} --home HOME    (within 7 days)")
    _tell_of_documents(drafts)


def say(side: Access, body: AnyBody, acting: SigningOptions, *, as_json: bool) -> None:
    """State it as administrators at a home, or over a channel: as the member itself, or an administrator."""
    if side.home is not None:
        acting.say(side.home, body, as_json=as_json)
        return
    if acting.keys or acting.draft is not None or acting.named is not None:
        msg = "--key, --draft and --as are for a home; a profile signs with its own key"
        raise click.UsageError(msg)
    assert side.connect is not None  # noqa: S101 - one of them is given
    with side.connect() as client:
        said = client.author.say(body)
        if side.own == ADMIN:
            propose(client, parse(said.statement), as_json=as_json)
            return
        receipt = client.append(said)
    if as_json:
        emit({"kind": body.kind, **receipt_fields(receipt)})
    else:
        click.echo(f"{body.kind}: leaf {receipt.index}")


def propose(
    client: Client, proposal: Sequence[Draft], documents: Sequence[bytes] = (), *, as_json: bool
) -> None:
    """Propose statements as an administrator, and print where they are in the log, or that they wait."""
    appended = client.propose(proposal, documents=documents)
    for draft, one in zip(proposal, appended, strict=False):
        kind = draft.statement.body.kind
        if as_json:
            emit({"kind": kind, **receipt_fields(one.receipt)})
        else:
            click.echo(f"{kind}: leaf {one.receipt.index}")
    if appended:
        return
    name, kinds = name_of(proposal)[:NAME_DIGITS], [draft.statement.body.kind for draft in proposal]
    if as_json:
        emit({"waiting": name, "kinds": kinds})
        return
    click.echo(f"{', '.join(kinds)}: waits for more signatures, as {name}. Other administrators:")
    click.echo(f"- hashpact statement fetch {name} --out FILE --profile DIR")
    click.echo("- hashpact statement sign FILE --profile DIR")
    click.echo("- hashpact statement submit FILE --profile DIR     (within 7 days)")
    _tell_of_documents(proposal)


def _tell_of_documents(drafts: Sequence[Draft]) -> None:
    if any(draft.statement.body.documents() for draft in drafts):
        click.echo(
            "  The last of them encloses what the statements name, unless the log has it: --document FILE"
        )
