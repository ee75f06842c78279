"""The command monitor: watches a log for a member."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hashpact.cli import exits
from hashpact.cli.hooks import flush, hooked, secret_option, webhook_option
from hashpact.cli.options import example, json_option, passphrases
from hashpact.cli.output import complain, emit, one_line, progress_of, rfc3339
from hashpact.cli.public.audit import evidence_option, genesis_option, max_age_option
from hashpact.errors import UnavailableError

if TYPE_CHECKING:
    from hashpact.audit.monitoring.monitor import Look, Monitor
    from hashpact.audit.monitoring.news import Event
    from hashpact.member.watching.webhook import Webhook

_JURISDICTION: Final = re.compile("[A-Z]{2}")
_DAY: Final = 24 * 3600
_APART: Final = frozenset({"id", "type", "time", "leaf"})
"""What a line of text has in a place of its own, or not at all."""


def _jurisdictions(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> frozenset[str]:
    for one in given:
        if not _JURISDICTION.fullmatch(one):
            msg = f"{one!r} is not two capitals such as VN"
            raise click.BadParameter(msg)
    return frozenset(given)


@click.command(
    epilog=example(
        "hashpact monitor hashpact.example.org:8443 --profile lotus-forum --state lotus.state --json",
        "hashpact monitor /mirror/example.org --state log.state --member lotus-forum --once",
    )
)
@click.argument("source", metavar="ADDRESS|URL|DIR")
@click.option(
    "--state",
    metavar="FILE",
    type=Path,
    required=True,
    help="Where it keeps what it has derived; made at first.",
)
@click.option(
    "--profile",
    metavar="DIR",
    type=Path,
    envvar="HASHPACT_PROFILE",
    show_envvar=True,
    help="For a server: the profile of a member, who is watched for.",
)
@click.option("--member", metavar="ID", help="The member to watch for. [that of the profile]")
@click.option(
    "--jurisdiction",
    "jurisdictions",
    metavar="CC",
    multiple=True,
    callback=_jurisdictions,
    help="Report law-based entries for it, such as VN; may be repeated.",
)
@genesis_option
@max_age_option
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1, max=_DAY),
    default=60.0,
    show_default=True,
    help="How long it waits between two looks.",
)
@evidence_option("FILE-evidence/TIME-RANDOM, FILE being that of --state")
@click.option("--once", is_flag=True, help="Look once, and end; the exit status says what there was.")
@click.option("--history", is_flag=True, help="Report what the log has before the first look, too.")
@webhook_option
@secret_option
@json_option
def monitor(  # noqa: PLR0913, PLR0917 - an argument for each option
    source: str,
    state: Path,
    profile: Path | None,
    member: str | None,
    jurisdictions: frozenset[str],
    genesis: bytes | None,
    max_age: int | None,
    evidence: Path | None,
    every: float,
    webhook: str | None,
    secret_file: Path | None,
    *,
    once: bool,
    history: bool,
    as_json: bool,
) -> None:
    """Audit a log, then only what is new in it, and report what concerns a member.

    ADDRESS is a server's HOST:PORT, DIR a directory of tiles, URL where such are published. What was derived
    stays in the file. Each event is delivered at least once: after a crash one may come again, with the same
    id.

    With --once the exit status is 0 if there is nothing new, 10 for news, 11 for a log that is too old, 12
    for a log that contradicts itself, and 1 for any other fault.
    """
    from hashpact.audit.leaves import open_source
    from hashpact.audit.monitoring.monitor import MonitorSettings, opened_monitor
    from hashpact.audit.monitoring.news import Interest
    from hashpact.clock import unix_time
    from hashpact.member.paths import ProfilePaths
    from hashpact.member.profile import config_of
    from hashpact.member.trusting import kept

    demands = None
    if profile is not None:
        paths = ProfilePaths(profile.expanduser())
        config, demands = config_of(paths), kept.demands(paths)
        member, genesis = member or config.member, genesis or config.genesis
    watched = Interest(member, jurisdictions)
    settings = MonitorSettings(watched, genesis, max_age, demands, history)
    opening = passphrases()
    beside = evidence or state.with_name(f"{state.name}-evidence")

    def look(watching: Monitor) -> Look:
        with open_source(source, profile, opening) as log, progress_of("leaves") as progress:
            return watching.look(log, progress)

    with hooked(webhook, secret_file) as hook, opened_monitor(state, settings, unix_time) as watching:
        tell = _Teller(hook, as_json=as_json)
        if once:
            try:
                found = look(watching)
            finally:
                while watching.deliver(tell):
                    tell.flush()
            _keep(found, beside)
            raise click.exceptions.Exit(_status(found))
        _follow(watching, look, tell, beside, every)


class _Teller:
    """Prints each event, and posts it if there is a webhook."""

    def __init__(self, hook: Webhook | None, *, as_json: bool) -> None:
        self._hook = hook
        self._as_json = as_json

    def tell(self, event: Event) -> None:
        """Print an event, and post it."""
        if self._hook is not None:
            self._hook.post(event, event["id"])
        if self._as_json:
            emit(event)
        else:
            click.echo(one_line(_text(event)))

    def room(self) -> bool:
        """Whether another event can be posted now."""
        return self._hook is None or self._hook.room

    def taken(self) -> bool:
        """Whether all events were accepted, or given up."""
        return self._hook is None or not self._hook.waiting

    def flush(self) -> None:
        """Wait until they were. Raises UnavailableError if that takes too long; a later run posts them."""
        if self._hook is not None:
            flush(self._hook)


def _follow(
    watching: Monitor, look: Callable[[Monitor], Look], tell: _Teller, beside: Path, every: float
) -> None:
    """Look again and again, until the process is ended. It complains once of a log that it cannot reach."""
    waiting, complained = threading.Event(), ""
    while True:
        try:
            _keep(look(watching), beside)
            complained = ""
        except UnavailableError as error:
            if error.message != complained:
                complain(f"{error.message}; it looks again every {every:g} s")
                complained = error.message
        watching.deliver(tell)
        waiting.wait(every)


def _keep(found: Look, beside: Path) -> None:
    """Write the evidence of faults that are new."""
    from hashpact.audit.run import new_evidence, write_evidence

    if found.fresh:
        place = new_evidence(beside)
        write_evidence(place, found.report)
        complain(f"evidence in {place}")


def _status(found: Look) -> int:
    """The exit status of one look: the gravest of what it has found."""
    statuses = (
        ("log.forked", exits.FORKED),
        ("log.faulty", exits.NO),
        ("log.stale", exits.STALE),
    )
    alert = next((status for kind, status in statuses if kind in found.alerts), None)
    return alert or (exits.NEWS if found.news else exits.OK)


def _text(event: Event) -> str:
    """An event as a line for people."""
    leaf = "" if event.get("leaf") is None else f" leaf {event['leaf']}"
    facts = (
        f"{name} {','.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in event.items()
        if name not in _APART and value is not None
    )
    said = event.get("message") or ", ".join(facts)
    return f"{rfc3339(event['time'])} {event['type']}{leaf}: {said}"
