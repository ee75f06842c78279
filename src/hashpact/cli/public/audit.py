"""The commands that check a log: audit, for anybody, and log verify, at its home."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from hashpact.cli import exits
from hashpact.cli.options import example, home_argument, json_option, passphrases
from hashpact.cli.output import complain, emit, one_line, progress_of, rfc3339
from hashpact.cli.public.known import digest

if TYPE_CHECKING:
    from hashpact.audit.findings import Progress, Report
    from hashpact.audit.run import AuditSettings

Command = TypeVar("Command", bound=Callable[..., Any])

MOST_CANARIES: Final = 1000
"""Canaries of an audit, at most."""
_SHOWN: Final = 20
"""As many faults are shown; the evidence has them all."""


genesis_option = click.option(
    "--genesis", metavar="SHA256", callback=digest, help="The SHA-256 of leaf 0, as it was published."
)


def evidence_option(default: str) -> Callable[[Command], Command]:
    """The option --evidence, with what its help says of the default."""
    help_ = f"A new directory for the evidence if anything is wrong. [{default}]"
    return click.option("--evidence", metavar="DIR", type=Path, help=help_)


max_age_option = click.option(
    "--max-age",
    metavar="SECONDS",
    type=click.IntRange(min=1),
    help="How long ago witnesses may have cosigned; without witnesses, how old the newest statement may be. "
    "[24 hours with witnesses]",
)


@click.command(
    epilog=example(
        "hashpact audit hashpact.example.org:8443 --profile lotus-forum",
        "hashpact audit localhost:8443 --profile lotus-forum --answers lotus-forum/answers --canaries 20",
        "hashpact audit --answers lotus-forum/answers --mirror /srv/mirror",
        "hashpact audit /mirror/example.org --genesis 9c1f... --from last-checkpoint",
        "hashpact audit https://log.example.org --genesis 9c1f... --from last-checkpoint",
    )
)
@click.argument("source", metavar="ADDRESS|URL|DIR", required=False)
@click.option(
    "--profile",
    metavar="DIR",
    type=Path,
    envvar="HASHPACT_PROFILE",
    show_envvar=True,
    help="For a server: the profile of a member.",
)
@genesis_option
@click.option(
    "--from",
    "last",
    metavar="CHECKPOINT",
    type=Path,
    help="The file of the checkpoint audited last; the new one is kept there. [in the profile]",
)
@max_age_option
@click.option(
    "--answers",
    metavar="DIR",
    type=Path,
    help="Compare the attested answers that are kept there with the log, each at its position.",
)
@click.option(
    "--mirror",
    "copy",
    metavar="HOME",
    type=Path,
    help="With --answers: compare them with this mirror's copy of the log. Nothing is downloaded.",
)
@click.option(
    "--canaries",
    metavar="N",
    type=click.IntRange(0, MOST_CANARIES),
    default=0,
    help="Check for so many of one's own entries, which must be found. [0]",
)
@click.option("--seed", metavar="N", type=int, help="Draws the canaries; the same ones again. [random]")
@evidence_option(
    "evidence/TIME-RANDOM below the mirror or the profile; with neither, below hashpact in $XDG_STATE_HOME, "
    "or in ~/.local/state"
)
@json_option
def audit(  # noqa: PLR0913, PLR0917 - an argument for each option
    source: str | None,
    profile: Path | None,
    genesis: bytes | None,
    last: Path | None,
    max_age: int | None,
    answers: Path | None,
    copy: Path | None,
    canaries: int,
    seed: int | None,
    evidence: Path | None,
    *,
    as_json: bool,
) -> None:
    """Derive a whole log again from its leaves, and compare it with what its server or mirror says.

    ADDRESS is a server's HOST:PORT, URL where its log is published, DIR a directory of tiles. Enough of the
    witnesses that the log names, and of those that a profile demands, must have cosigned the newest
    checkpoint, lately.
    The exit status is 1 if anything is wrong. --answers and --canaries need a server, and a member
    with the role check or audit. With --mirror no server is asked: the copy in HOME is derived again, and
    answers are compared with that. The exit status is 4 if nothing is wrong, and some attest positions that
    the copy does not have yet.
    """
    from hashpact.audit import run
    from hashpact.audit.remote import is_url
    from hashpact.member.trusting.answers import AnswerStore

    known = run.AuditSettings(
        evidence or run.new_evidence(_kept_at(copy, profile) / "evidence"),
        genesis,
        last,
        max_age,
        answers=None if answers is None else AnswerStore(answers, passphrases()),
        canaries=canaries,
        seed=secrets.randbelow(1 << 32) if seed is None else seed,
    )
    if copy is not None:
        store = known.answers
        if store is None or source is not None or canaries:
            msg = "--mirror takes --answers, and neither an address nor --canaries"
            raise click.UsageError(msg)
        report = _run(lambda progress: run.audit_copy(copy, store, known, progress), known, as_json=as_json)
        if report.ahead:
            complain(f"{report.ahead} answers attest positions ahead of the copy's {report.size} leaves")
            raise click.exceptions.Exit(exits.UNAVAILABLE)
        return
    if source is None:
        msg = "name a server, a URL or a directory; or --answers and --mirror"
        raise click.UsageError(msg)
    if is_url(source) or Path(source).is_dir():
        if answers is not None or canaries:
            msg = "--answers and --canaries ask a server; name its HOST:PORT"
            raise click.UsageError(msg)
        _run(lambda progress: run.audit_mirror(source, known, progress), known, as_json=as_json)
        return
    if profile is None:
        msg = f"{source} is no directory or URL, so it is a server: name a member's profile with --profile"
        raise click.UsageError(msg)
    _run(
        lambda progress: run.audit_server(profile, source, passphrases(), known, progress),
        known,
        as_json=as_json,
    )


@click.command(epilog=example("hashpact log verify /srv/hashpact"))
@home_argument
@genesis_option
@evidence_option("HOME/evidence/TIME-RANDOM")
@json_option
def verify(home: Path, genesis: bytes | None, evidence: Path | None, *, as_json: bool) -> None:
    """Derive the whole log of a home again, and compare it with everything that is stored in the home.

    Tree, checkpoints, private parts, every row of the state, and that the saved index finds every shared
    item. What the home has published is read as by hashpact audit: enough of the witnesses that the log
    names must have cosigned the newest checkpoint, in the last 24 hours. The server of the home may run
    meanwhile.
    The exit status is 1 if anything is wrong.
    """
    from hashpact.audit import run

    known = run.AuditSettings(evidence or run.new_evidence(home / "evidence"), genesis)
    _run(
        lambda progress: run.verify_home(home, known, progress),
        known,
        earlier="published",
        as_json=as_json,
    )


def _kept_at(copy: Path | None, profile: Path | None) -> Path:
    """What an audit keeps its evidence below: the mirror, the profile, or the user's directory for state.

    The last is that of the XDG Base Directory Specification, which has a relative path ignored.
    """
    if copy is not None:
        return copy
    if profile is not None:
        return profile.expanduser()
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        state = named if named.is_absolute() else Path("~/.local/state").expanduser()
    except RuntimeError:  # neither HOME nor an entry of this user
        state = Path()
    if not state.is_absolute():
        msg = "this user has no home directory: name a place for the evidence with --evidence"
        raise click.UsageError(msg)
    return state / "hashpact"


def _run(
    work: Callable[[Progress], Report], known: AuditSettings, *, earlier: str = "audited last", as_json: bool
) -> Report:
    from hashpact.audit.run import NOT_KEPT, summary

    with progress_of("leaves") as progress:
        report = work(progress)
    kept = report.findings and all(one.topic != NOT_KEPT for one in report.findings)
    if as_json:
        drawn = {"canaries": known.canaries, "seed": known.seed} if known.canaries else {}
        emit({**summary(report), **drawn, "evidence": str(known.evidence) if kept else None})
    else:
        _show(report, earlier)
        if known.canaries:
            click.echo(f"up to {known.canaries} canaries were drawn by --seed {known.seed}")
        if kept:
            click.echo(f"evidence in {one_line(str(known.evidence))}")
    if report.findings:
        faults = len(report.findings)
        complain(f"{'1 fault was' if faults == 1 else f'{faults} faults were'} found")
        raise click.exceptions.Exit(1)
    return report


def _show(report: Report, what: str) -> None:
    click.echo(f"{report.origin}: {report.size} leaves, root {report.root.hex()}")
    click.echo(f"genesis {report.genesis.hex()}")
    signed = f"signed up to size {report.signed}" if report.signed else "nothing is signed yet"
    earlier = f", and begins with the {report.audited} leaves {what}" if report.audited else ""
    click.echo(f"{signed}{earlier if not report.findings else ''}")
    click.echo(", ".join(f"{count} {kind}" for kind, count in report.counts.items()))
    click.echo(f"newest statement {rfc3339(report.newest)}")
    if report.answers:
        click.echo(f"{report.answers} attested answers compared")
    alone = "; one alone may change who is a member" if report.threshold == 1 else ""
    click.echo(f"governed by {report.threshold} of {report.administrators} administrators{alone}")
    if report.withheld:
        click.echo("private parts of others were not compared: it takes the role check or audit to read them")
    for finding in report.findings[:_SHOWN]:
        click.echo(f"FAULT {one_line(finding.message)}")
    if len(report.findings) > _SHOWN:
        click.echo(f"... and {len(report.findings) - _SHOWN} more")
    if not report.findings:
        click.echo("nothing is wrong")
