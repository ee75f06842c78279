"""The commands appeal, question and reply."""

from __future__ import annotations

import click

from hashpact.cli.conduct.shown import (
    explanation_options,
    local,
    show,
    standing_option,
    state,
    times,
    words_of,
    zone_option,
)
from hashpact.cli.options import (
    Connect,
    client_options,
    entry_index,
    example,
    json_option,
    reading_options,
    reason_option,
)
from hashpact.cli.output import emit, show_table
from hashpact.domain.conduct.answers import AppealDetail, MattersRequest, ReplyDetail
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.kinds import Ruling
from hashpact.errors import NotFoundError


@click.group()
def appeal() -> None:
    """Appeal against entries and decisions, and rule on appeals."""


@appeal.command("list", epilog=example("hashpact appeal list --mine --state open --profile acme-video"))
@click.option("--mine", is_flag=True, help="Only those on which this member rules first.")
@standing_option
@zone_option
@reading_options
@json_option
def list_appeals(states: tuple[str, ...], zone: str, connect: Connect, *, mine: bool, as_json: bool) -> None:
    """List appeals, and whose turn it is."""
    with connect() as client:
        asked = MattersRequest(standings=frozenset(map(Standing, states)))
        own = client.profile.member
        found = [one for one in client.appeals(asked) if not mine or one.case.owner == own]
    if as_json:
        for one in found:
            emit(_fields(one, zone))
        return
    rows = [
        (
            str(one.appeal.filing.index),
            one.case.appeal.summary(),
            one.case.owner or "-",
            one.case.stage.value,
            local(one.case.due, zone),
        )
        for one in found
    ]
    show_table(("appeal", "about", "owner", "stage", "due"), rows)


@appeal.command("show", epilog=example("hashpact appeal show 57 --profile acme-video"))
@click.argument("appeal", metavar="APPEAL", type=entry_index)
@zone_option
@reading_options
@json_option
def show_appeal(appeal: int, zone: str, connect: Connect, *, as_json: bool) -> None:
    """Show an appeal and its rulings."""
    with connect() as client:
        found = list(client.appeals(MattersRequest(index=appeal)))
    if not found:
        msg = f"there is no appeal {appeal}"
        raise NotFoundError(msg, resource=f"appeals/{appeal}")
    fields = _fields(found[0], zone)
    if as_json:
        emit(fields)
        return
    show({name: value for name, value in fields.items() if name != "rulings"})
    for ruled in found[0].rulings:
        ruling = Ruling.read(ruled.filing)
        click.echo(f"{'ruling':18}{ruled.filing.member}: {ruling.summary()}")


@appeal.command(
    "open",
    epilog=example("hashpact appeal open --entry 12 --reason satire --profile rights-watch"),
)
@click.option("--entry", metavar="ENTRY", type=entry_index, help="The entry that it is about.")
@click.option("--decision", metavar="INDEX", type=entry_index, help="The decision that it is about.")
@reason_option
@explanation_options
@client_options
@json_option
def open_appeal(  # noqa: PLR0913 - an argument for each option
    entry: int | None,
    decision: int | None,
    reason: str,
    explanation: str | None,
    connect: Connect,
    *,
    as_json: bool,
) -> None:
    """Appeal against an entry or a decision, for a person who is affected. Do not say who that is."""
    from hashpact.member import papers

    paper = papers.appeal(reason, entry=entry, decision=decision, explanation=explanation)
    state(connect, paper, "appeal made", as_json=as_json)


@appeal.command(
    epilog=example(
        "hashpact appeal rule 57 --outcome upheld --entry 12 --reason satire --profile acme-video",
        "hashpact appeal rule 57 --outcome rejected --reason looked-again --profile acme-video",
    )
)
@click.argument("appeal", metavar="APPEAL", type=entry_index)
@click.option("--outcome", type=click.Choice(["upheld", "rejected"]), required=True)
@click.option("--entry", metavar="ENTRY", type=entry_index, help="With upheld: the entry that it ends.")
@reason_option
@explanation_options
@client_options
@json_option
def rule(  # noqa: PLR0913, PLR0917 - an argument for each option
    appeal: int,
    outcome: str,
    entry: int | None,
    reason: str,
    explanation: str | None,
    connect: Connect,
    *,
    as_json: bool,
) -> None:
    """Rule on an appeal, as the member whom it concerns or as one of the panel."""
    from hashpact.member import papers

    paper = papers.ruling(appeal, outcome, reason, entry=entry, explanation=explanation)
    state(connect, paper, f"appeal {appeal}: {outcome}", as_json=as_json)


@click.group()
def question() -> None:
    """Ask authorities."""


@question.command(
    epilog=example(
        "hashpact question ask cyber-office --notice 41 --reason which-article "
        "--explanation 'Which article applies?' --profile acme-video"
    )
)
@click.argument("authority")
@click.option("--notice", metavar="NOTICE", type=entry_index, help="The notice that it is about.")
@reason_option
@explanation_options
@client_options
@json_option
def ask(  # noqa: PLR0913 - an argument for each option
    authority: str,
    notice: int | None,
    reason: str,
    explanation: str | None,
    connect: Connect,
    *,
    as_json: bool,
) -> None:
    """Ask an authority something; it has 15 days to reply."""
    from hashpact.member import papers

    paper = papers.question(authority, reason, explanation or "", notice=notice)
    state(connect, paper, f"question to {authority}", as_json=as_json)


@click.group()
def reply() -> None:
    """See which replies are awaited from authorities, and give them."""


@reply.command("list", epilog=example("hashpact reply list --mine --state overdue --profile cyber-office"))
@click.option("--mine", is_flag=True, help="Only those awaited from this member.")
@standing_option
@zone_option
@reading_options
@json_option
def list_replies(states: tuple[str, ...], zone: str, connect: Connect, *, mine: bool, as_json: bool) -> None:
    """List the replies that are awaited, or were given."""
    with connect() as client:
        own = client.profile.member
        asked = MattersRequest(standings=frozenset(map(Standing, states)))
        found = [one for one in client.replies(asked) if not mine or one.awaited.authority == own]
    if as_json:
        for one in found:
            emit(_reply_fields(one, zone))
        return
    rows = [
        (
            str(one.matter.filing.index),
            f"{one.matter.filing.kind} by {one.matter.filing.member}",
            one.awaited.authority,
            one.awaited.standing.value,
            local(one.awaited.due, zone),
        )
        for one in found
    ]
    show_table(("to", "what", "authority", "state", "due"), rows)


@reply.command(epilog=example("hashpact reply give 63 --reason explained --profile cyber-office"))
@click.argument("index", metavar="INDEX", type=entry_index)
@reason_option
@explanation_options
@client_options
@json_option
def give(index: int, reason: str, explanation: str | None, connect: Connect, *, as_json: bool) -> None:
    """Reply to a question, a decision or an appeal, as the authority that it names."""
    from hashpact.member import papers

    state(connect, papers.reply(index, reason, explanation=explanation), f"reply to {index}", as_json=as_json)


def _fields(detail: AppealDetail, zone: str) -> dict[str, object]:
    case = detail.case
    return {
        "appeal": detail.appeal.filing.index,
        "by": detail.appeal.filing.member,
        "entry": case.appeal.entry,
        "decision": case.appeal.decision,
        "reason": case.appeal.reason,
        "owner": case.owner,
        "stage": case.stage.value,
        "state": case.standing.value,
        **times("made_at", detail.appeal.filing.moment, zone),
        **times("due", case.due, zone),
        **words_of(detail.appeal),
        "rulings": [
            {
                "index": one.filing.index,
                "member": one.filing.member,
                "outcome": Ruling.read(one.filing).outcome.value,
                **words_of(one),
            }
            for one in detail.rulings
        ],
    }


def _reply_fields(detail: ReplyDetail, zone: str) -> dict[str, object]:
    return {
        "to": detail.matter.filing.index,
        "kind": detail.matter.filing.kind,
        "by": detail.matter.filing.member,
        **words_of(detail.matter),
        "authority": detail.awaited.authority,
        "state": detail.awaited.standing.value,
        **times("due", detail.awaited.due, zone),
        "reply": None if detail.reply is None else detail.reply.filing.index,
        **({} if detail.reply is None else {"reply_words": words_of(detail.reply)}),
    }
