"""The command that reports which past uploads match entries that arrived later."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashpact.cli import exits
from hashpact.cli.hooks import flush, hooked, secret_option, webhook_option
from hashpact.cli.matches import said_fields
from hashpact.cli.options import example, json_option, passphrases
from hashpact.cli.output import complain, emit, one_line, rfc3339

if TYPE_CHECKING:
    from hashpact.member.watching.webhook import Webhook
    from hashpact.mirror.retro.matching import RetroMatch


class _Since(click.ParamType[int | dt.datetime]):
    """A log index, or a time as RFC 3339 writes it."""

    name = "since"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | dt.datetime:
        """The one or the other."""
        text = str(value)
        if text.isascii() and text.isdigit() and len(text) < 19:  # noqa: PLR2004 - as many as an index has
            return int(text)
        try:
            time = dt.datetime.fromisoformat(text)
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            self.fail(f"{text!r} is neither a log index nor a time such as 2026-11-21T18:30:00Z", param, ctx)
        return time


@click.command(
    epilog=example(
        "hashpact mirror retro /srv/mirror --json",
        "hashpact mirror retro /srv/mirror --since 2026-11-21T18:30:00Z",
    )
)
@click.argument("home", metavar="HOME", type=Path)
@click.option(
    "--since",
    metavar="POSITION|TIME",
    type=_Since(),
    help="Report all entries from that log index or time on, also those reported before.",
)
@webhook_option
@secret_option
@json_option
def retro(
    home: Path,
    since: int | dt.datetime | None,
    webhook: str | None,
    secret_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Report which past uploads match entries that arrived later.

    HOME is that of a mirror whose mirror.toml has a [retro] table: the fingerprints that it has checked are
    kept there for so many days and in so many bytes, encrypted. Each of them is compared with the entries
    that were shared after its check and after the last run. There is a line, or with --json an object, for
    each upload and entry, with the caller's reference. One may come twice, with the same id; none is left
    out.

    With --since nothing is marked as reported. The exit status is 0 if there were any, 1 if there were none,
    and 6 if a segment is damaged: it is named and passed over.
    """
    from hashpact.mirror.local import Mirror

    with hooked(webhook, secret_file) as hook, Mirror(home, passphrases=passphrases()) as mirror:
        start = mirror.first_at(int(since.timestamp())) if isinstance(since, dt.datetime) else since

        def tell(match: RetroMatch) -> None:
            _tell(match, hook, as_json=as_json)

        run = mirror.retro(tell, lambda: None if hook is None else flush(hook), start)
    for segment in run.damaged:
        complain(f"damaged, and passed over: {segment}")
    if not as_json:
        click.echo(f"{run.matches} matches in {run.uploads} uploads, at position {run.position}")
    if run.damaged:
        raise click.exceptions.Exit(exits.CORRUPT)
    if not run.matches:
        raise click.exceptions.Exit(exits.NO)


def _tell(match: RetroMatch, hook: Webhook | None, *, as_json: bool) -> None:
    """Print a match, and post it if there is a webhook."""
    event = event_of(match)
    if hook is not None:
        if not hook.room:
            flush(hook)
        hook.post(event, match.id)
    if as_json:
        emit(event)
        return
    nearest = match.near.nearest
    strength = "" if nearest.strength is None else f" {nearest.strength.value}"
    text = (
        f"{rfc3339(match.checked_at)} {match.reference or '-'} entry {match.near.entry}{strength} "
        f"{','.join(nearest.labels)} {nearest.type} {nearest.score:g}"
    )
    click.echo(one_line(text))


def event_of(match: RetroMatch) -> dict[str, object]:
    """A retroactive match for JSON, as docs/formats/retro.md has it."""
    return {
        "id": match.id,
        "type": "retro.match",
        "reference": match.reference,
        "checked_at": rfc3339(match.checked_at),
        "entry": match.near.entry,
        **said_fields(match.near.nearest),
        "truncated": match.truncated,
        "matches": [
            {
                "type": one.type,
                "score": one.score,
                "view": one.view.value,
                "strength": None if one.strength is None else one.strength.value,
                "reason": one.reason,
                "benign": None if one.benign is None else one.benign.entry,
                "contradicted": None if one.contradicted is None else one.contradicted.type,
            }
            for one in match.near.matches
        ],
    }
