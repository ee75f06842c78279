"""The commands that show which entries a mirror has in quarantine, and take them out."""

from __future__ import annotations

from pathlib import Path

import click

from hashpact.cli.options import entry_argument, example, home_argument, json_option
from hashpact.cli.output import emit, rfc3339, show_table


@click.group()
def quarantine() -> None:
    """Entries that match far more often than they did, until somebody confirms them."""


@quarantine.command(
    "list",
    epilog=example("hashpact mirror quarantine list /srv/mirror"),
)
@home_argument
@json_option
def list_held(home: Path, *, as_json: bool) -> None:
    """List the entries in quarantine, each with its matches in a window and how many were expected.

    The numbers may be reported; nothing else is kept of what was checked.
    """
    from hashpact.home.paths import MirrorPaths
    from hashpact.mirror.flooding.quarantine import read_state
    from hashpact.mirror.home import configured

    configured(home)
    state = read_state(MirrorPaths(home).quarantine)
    held = sorted(state.held.items(), key=lambda one: (one[1].since, one[0]))
    if as_json:
        for entry, one in held:
            expected = round(one.expected, 1)
            emit({"entry": entry, "since": rfc3339(one.since), "matches": one.matches, "expected": expected})
        return
    if held:
        show_table(
            ("entry", "since", "matches", "expected"),
            (
                [str(entry), rfc3339(one.since), str(one.matches), f"{one.expected:.0f}"]
                for entry, one in held
            ),
        )
    click.echo(f"{len(held)} in quarantine, {len(state.confirmed)} confirmed")


@quarantine.command(epilog=example("hashpact mirror quarantine confirm /srv/mirror 12"))
@home_argument
@entry_argument
@json_option
def confirm(home: Path, entry: int, *, as_json: bool) -> None:
    """Take an entry out of quarantine, after a look at it: as many matches are expected of it from now on.

    A mirror that runs takes it over with the next check. An entry that is wrong stays in quarantine; dispute
    it: hashpact opinion ENTRY --stance dispute.
    """
    from hashpact.clock import unix_time
    from hashpact.home.paths import MirrorPaths
    from hashpact.mirror.flooding.quarantine import confirm as confirm_entry
    from hashpact.mirror.home import configured

    configured(home)
    done = confirm_entry(MirrorPaths(home).quarantine, entry, unix_time)
    if as_json:
        emit({"entry": entry, "confirmed": rfc3339(done.at), "matches": done.matches})
    else:
        click.echo(f"entry {entry} confirmed: {done.matches} matches in a window are expected from now on")
