"""The commands notice: list, show, open, confirm, decide, watch."""

from __future__ import annotations

import time
from pathlib import Path

import click

from hashpact.cli.conduct.shown import (
    due_option,
    explanation_options,
    local,
    show,
    standing_option,
    state,
    times,
    words_of,
    zone_option,
)
from hashpact.cli.hooks import flush, hooked, secret_option, webhook_option
from hashpact.cli.options import (
    Connect,
    client_options,
    entry_index,
    example,
    json_option,
    moment,
    reading_options,
)
from hashpact.cli.output import emit, show_table
from hashpact.domain.conduct.answers import FiledDetail, MattersRequest, NoticeDetail
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.fingerprints import parse_private
from hashpact.domain.kinds import Decision
from hashpact.domain.kinds.conduct.spelling import Channel, Outcome
from hashpact.errors import NotFoundError

_notice = click.argument("notice", metavar="NOTICE", type=entry_index)


@click.group()
def notice() -> None:
    """Give notice of content, and work through the notices one has got."""


@notice.command(
    "list",
    epilog=example(
        "hashpact notice list --mine --state due-soon --state overdue --profile acme-video",
        "hashpact notice list --given --json --profile rights-watch",
    ),
)
@click.option("--mine", is_flag=True, help="Only those to this member.")
@click.option("--given", is_flag=True, help="Only those by this member.")
@click.option("--to", metavar="ID", help="Only those to this member.")
@click.option("--label", "labels", metavar="LABEL", multiple=True, help="Only with it; may be repeated.")
@standing_option
@due_option
@zone_option
@reading_options
@json_option
def list_notices(  # noqa: PLR0913, PLR0917 - an argument for each option
    to: str | None,
    labels: tuple[str, ...],
    states: tuple[str, ...],
    due_before: int | None,
    zone: str,
    connect: Connect,
    *,
    mine: bool,
    given: bool,
    as_json: bool,
) -> None:
    """List the notices that concern this member: those with priority first, then by when they are due."""
    with connect() as client:
        own = client.profile.member
        asked = MattersRequest(
            standings=frozenset(map(Standing, states)),
            to=own if mine else to,
            by=own if given else None,
            labels=frozenset(labels),
            due_before=due_before,
        )
        found = sorted(client.notices(asked), key=lambda one: one.case.order)
    if as_json:
        for one in found:
            emit(_fields(one, zone))
        return
    rows = [
        (
            str(one.notice.filing.index),
            one.case.member,
            ", ".join(one.case.notice.labels),
            one.case.standing.value + (", priority" if one.case.priority else ""),
            local(one.case.due, zone),
        )
        for one in found
    ]
    show_table(("notice", "to", "labels", "state", "due"), rows)


@notice.command("show", epilog=example("hashpact notice show 41 --profile acme-video"))
@_notice
@zone_option
@reading_options
@json_option
def show_notice(notice: int, zone: str, connect: Connect, *, as_json: bool) -> None:
    """Show a notice with its words, and how it stands for each addressee."""
    with connect() as client:
        found = list(client.notices(MattersRequest(index=notice)))
    if not found:
        msg = f"there is no notice {notice} that concerns this member"
        raise NotFoundError(msg, resource=f"notices/{notice}")
    for number, one in enumerate(found):
        if as_json:
            emit(_fields(one, zone))
            continue
        if number:
            click.echo()
        show({name: value for name, value in _fields(one, zone).items() if name != "decisions"})
        for decided in one.decisions:
            body = Decision.read(decided.filing)
            click.echo(f"{'decision':18}leaf {decided.filing.index}: {body.summary()}")
            told = None if body.notified is None else f"{local(body.notified, zone)}, by {body.notified_by}"
            show(
                {
                    "guidelines": ", ".join(filter(None, (body.guidelines.value, body.clause))),
                    "law": ", ".join(filter(None, (body.law.value, body.article))),
                    "acted": None if body.acted is None else local(body.acted, zone),
                    "notifier informed": told,
                }
            )


@notice.command(
    "open",
    epilog=example(
        "hashpact notice open --to acme-video --entry 12 --label hate --channel flagger --clock code "
        "--reference 'case 7' --explanation-file why.txt --profile rights-watch",
        "hashpact notice open --to acme-video photo.jpg --label ncii --channel civil-society --clock urgent "
        "--reference 'case 8' --explanation 'shared without consent' --profile rights-watch",
    ),
)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=Path)
@click.option("--to", "to", metavar="ID", multiple=True, help="An addressee; may be repeated.")
@click.option("--entry", metavar="ENTRY", type=entry_index, help="The entry that it is about.")
@click.option(
    "--label", "labels", metavar="LABEL", multiple=True, help="A label of the policy; may be repeated."
)
@click.option("--basis", type=click.Choice(["guideline", "law"]), default="guideline", show_default=True)
@click.option("--authority", metavar="ID", help="With --basis law: the authority that asks for it.")
@click.option("--article", metavar="SLUG", help="With --basis law: the provision.")
@click.option("--channel", type=click.Choice([one.value for one in Channel]), help="On whose behalf.")
@click.option("--clock", metavar="CLASS", help="A clock class of the policy, such as code or urgent.")
@click.option("--reference", metavar="TEXT", help="Where the evidence is kept; addressees alone read it.")
@explanation_options
@client_options
@json_option
def open_notice(  # noqa: PLR0913, PLR0917 - an argument for each option
    files: tuple[Path, ...],
    to: tuple[str, ...],
    entry: int | None,
    labels: tuple[str, ...],
    basis: str,
    authority: str | None,
    article: str | None,
    channel: str | None,
    clock: str | None,
    reference: str | None,
    explanation: str | None,
    connect: Connect,
    *,
    as_json: bool,
) -> None:
    """Give notice about an entry, or about content like that of FILEs, which stay on this machine.

    An incomplete notice is not sent; the error names every field that is missing.
    """
    from hashpact.fingerprint.content import fingerprints_of  # it loads image libraries
    from hashpact.member import papers

    shared = [one for path in files for one in fingerprints_of(path).fingerprints if not one.type.opt_in]
    paper = papers.notice(
        to,
        entry=entry,
        fingerprints=[one.shared() for one in shared],
        labels=labels,
        basis=basis,
        authority=authority,
        article=article,
        channel=channel,
        clock=clock,
        reference=reference,
        explanation=explanation,
    )
    state(connect, paper, "notice given", as_json=as_json)


@notice.command(epilog=example("hashpact notice confirm 41 --profile acme-video"))
@_notice
@client_options
@json_option
def confirm(notice: int, connect: Connect, *, as_json: bool) -> None:
    """Confirm that a notice has arrived."""
    from hashpact.member import papers

    state(connect, papers.receipt_confirmed(notice), f"receipt of notice {notice} confirmed", as_json=as_json)


@notice.command(
    epilog=example(
        "hashpact notice decide 41 --outcome removed --clause hate-3 --notified-by mail --profile acme-video",
        "hashpact notice decide 41 --outcome kept --profile acme-video",
    )
)
@_notice
@click.option("--outcome", type=click.Choice([one.value for one in Outcome]), required=True)
@click.option("--clause", metavar="SLUG", help="The guideline that is breached.")
@click.option("--article", metavar="SLUG", help="The provision of the law that is breached.")
@click.option("--law-judged", is_flag=True, help="It was judged by the law too, and breaches none.")
@click.option("--acted", metavar="TIME", type=moment, help="When it was removed or restricted. [now]")
@click.option("--notified-by", metavar="SLUG", help="By which channel the notifier was informed.")
@click.option("--notified", metavar="TIME", type=moment, help="When it was. [now]")
@client_options
@json_option
def decide(  # noqa: PLR0913, PLR0917 - an argument for each option
    notice: int,
    outcome: str,
    clause: str | None,
    article: str | None,
    acted: int | None,
    notified_by: str | None,
    notified: int | None,
    connect: Connect,
    *,
    law_judged: bool,
    as_json: bool,
) -> None:
    """Decide on a notice: what was done, and how it was judged by the guidelines and by the law."""
    from hashpact.member import papers

    now = int(time.time())
    done = Outcome(outcome).acted
    paper = papers.decision(
        notice,
        outcome,
        clause=clause,
        article=article,
        judged_by_law=law_judged,
        acted=(now if acted is None else acted) if done else acted,
        notified=(now if notified is None else notified) if notified_by is not None else notified,
        notified_by=notified_by,
    )
    state(connect, paper, f"notice {notice} decided: {outcome}", as_json=as_json)


@notice.command(
    epilog=example(
        "hashpact notice watch --profile acme-video",
        "hashpact notice watch --webhook https://acme.example/hook --secret-file secret --resume seen.json "
        "--profile acme-video",
    )
)
@webhook_option
@secret_option
@click.option(
    "--resume", metavar="FILE", type=Path, help="Go on from what this file has, and keep it up to date."
)
@click.option("--once", is_flag=True, help="Look once, and end.")
@zone_option
@reading_options
@json_option
def watch(  # noqa: PLR0913 - an argument for each option
    webhook: str | None,
    secret_file: Path | None,
    resume: Path | None,
    zone: str,
    connect: Connect,
    *,
    once: bool,
    as_json: bool,
) -> None:
    """Say which notices to this member are new, due soon, overdue, or answered, as it happens.

    Those that wait come first. An event has no fingerprint and no words in it; `notice show` has.
    """
    from hashpact.member.watching.progress import load, save

    with connect() as client, hooked(webhook, secret_file) as hook:
        for change in client.watch_notices(load(resume), follow=not once):
            if change.detail is None:
                if hook is not None and once:
                    flush(hook)
                if resume is not None and (hook is None or hook.all_taken):
                    save(resume, change.seen)
                continue
            case = change.detail.case
            event = "new" if change.before is None else case.standing.value
            fields = {
                "type": f"notice.{event}",
                "notice": case.filing.index,
                "by": case.filing.member,
                "labels": list(case.notice.labels),
                "state": case.standing.value,
                "priority": case.priority,
                **times("due", case.due, zone),
            }
            if hook is not None:
                if once and not hook.room:
                    flush(hook)
                # The same event has the same id when it is posted again after a break.
                first = case.decisions[0].index if case.decisions else None
                genesis = client.profile.genesis.hex()
                hook.post(fields, f"{genesis} {case.filing.index} {case.member} {event} {first}")
            if as_json:
                emit(fields)
            else:
                click.echo(f"notice {case.filing.index}: {event}, due {local(case.due, zone)}")


def _fields(detail: NoticeDetail, zone: str) -> dict[str, object]:
    """A notice for people and programs: with the types of its fingerprints, never their values."""
    case, given = detail.case, detail.case.notice
    items = detail.notice.private[: len(given.items)]
    return {
        "notice": detail.notice.filing.index,
        "by": detail.notice.filing.member,
        "to": case.member,
        "state": case.standing.value,
        "priority": case.priority,
        **times("given_at", detail.notice.filing.moment, zone),
        **times("due", case.due, zone),
        **times("confirmed_at", case.confirmed_at, zone),
        "entry": given.entry,
        "types": [parse_private(part).fingerprint.type.name for part in items],
        "labels": list(given.labels),
        "basis": given.basis.value,
        "authority": given.authority,
        "article": given.article,
        "channel": given.channel.value,
        "clock": given.clock,
        **words_of(detail.notice),
        "outcome": None if case.decision is None else case.decision.outcome.value,
        "decisions": [_decided(one, zone) for one in detail.decisions],
    }


def _decided(detail: FiledDetail, zone: str) -> dict[str, object]:
    """A decision for programs: by the guidelines and by the law, and whether the notifier knows."""
    body = Decision.read(detail.filing)
    return {
        "index": detail.filing.index,
        "outcome": body.outcome.value,
        **times("decided_at", detail.filing.moment, zone),
        "guidelines": body.guidelines.value,
        "clause": body.clause,
        "law": body.law.value,
        "article": body.article,
        **times("acted_at", body.acted, zone),
        **times("notified_at", body.notified, zone),
        "notified_by": body.notified_by,
    }
