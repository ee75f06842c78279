"""The command import: a list of hashes becomes a private list, or entries of one's own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hashpact.cli.options import Connect, client_options, example, json_option, moment
from hashpact.cli.output import emit, one_line, progress_of
from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.state import Basis, Receipt
from hashpact.durable import read_bytes
from hashpact.errors import InvalidInputError, MalformedError, UnknownLabelError
from hashpact.exchange.formats import FORMATS, Format, ReadChoices
from hashpact.exchange.mapping import ClassMap
from hashpact.exchange.rows import Row
from hashpact.lists import sharing, staging
from hashpact.lists.staging import ImportReport, Staging, Taking
from hashpact.lists.table import RowTable

if TYPE_CHECKING:
    from hashpact.lists.local import PrivateLists
    from hashpact.member.clients import Client

_MAX_MAP: Final = 1024 * 1024

map_option: Final = click.option(
    "--map", "map_file", metavar="FILE", type=Path, help="What classes and columns are here, in TOML."
)


@dataclass(frozen=True, slots=True)
class _Terms:
    """On which terms entries are made; a `sharing.Sharer`."""

    client: Client
    basis: str
    authority: str | None
    article: str | None
    jurisdictions: tuple[str, ...]
    removed: int | None

    def submit(
        self, fingerprints: Iterable[Fingerprint], labels: Iterable[str], removed: int | None
    ) -> Receipt:
        """As `Client.submit`."""
        return self.client.submit(
            fingerprints,
            labels=labels,
            basis=self.basis,
            authority=self.authority,
            article=self.article,
            jurisdictions=self.jurisdictions,
            removed=removed or self.removed,
        )

    def withdraw(self, entry: int, reason: str) -> Receipt:
        """As `Client.withdraw`."""
        return self.client.withdraw(entry, reason)


@dataclass(frozen=True, slots=True)
class _Import:
    """One run: what is read, and whether it is only tried."""

    files: Sequence[Path]
    form: Format
    source: str
    taking: Taking
    choices: ReadChoices
    complete: bool
    dry: bool

    def stage(self, table: RowTable, report: ImportReport) -> None:
        """Read all files into the stage of a table."""
        stage = Staging(table, self.source, self.taking, report)
        with progress_of("records") as progress:
            for done in stage.take(_rows(self.files, self.form, self.choices)):
                progress(done, 0)
        if self.complete:
            staging.missing(table, self.source)
        staging.count(table, report)

    def keep(self, lists: PrivateLists, name: str, report: ImportReport) -> None:
        """Bring a private list to what the files say: all of it, or nothing."""
        with lists.table(name, make=True) as table, _transaction(table, dry=self.dry):
            self.stage(table, report)
            staging.apply(table, self.source)
        if not self.dry:
            with progress_of("blocks indexed") as progress:
                lists.index(name, progress)

    def share(self, lists: PrivateLists, sharer: _Terms, report: ImportReport) -> None:
        """Bring one's own entries to what the files say; what is done already is not done again."""
        with lists.ledger() as table:
            with _transaction(table, dry=self.dry):
                self.stage(table, report)
            if not self.dry:
                total = report.added + report.updated + report.deleted
                with progress_of("statements") as progress:
                    for done in sharing.share(table, self.source, sharer):
                        progress(done, total)


@click.command(
    name="import",
    epilog=example(
        "hashpact import ncmec page-1.xml page-2.xml --private ncmec --map map.toml --profile acme-video",
        "hashpact import csv removed.csv --share --map map.toml --dry-run --profile acme-video",
    ),
)
@click.argument("name", metavar="FORMAT", type=click.Choice(list(FORMATS)))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=Path)
@click.option("--private", metavar="NAME", help="Fill this private list. [the format's name]")
@click.option("--share", is_flag=True, help="Make signed entries: only of content this member removed.")
@click.option(
    "--i-am-the-source",
    "own",
    metavar="MEMBER_ID",
    help="With --share: the list's own id of this member; only its rows are taken.",
)
@click.option("--label", "labels", metavar="LABEL", multiple=True, help="Of rows without one by the map.")
@map_option
@click.option("--source", metavar="NAME", help="Which list it is, if there are several. [the format's name]")
@click.option("--complete", is_flag=True, help="The files are the whole list: take back what is missing.")
@click.option("--received", is_flag=True, help="Of StopNCII also what nobody has looked at.")
@click.option(
    "--min-category",
    type=click.Choice(["positive", "seed"]),
    default="positive",
    show_default=True,
    help="Of ThreatExchange and tx also what nobody has judged.",
)
@click.option("--skip-disputed", is_flag=True, help="Leave out what anybody disputes.")
@click.option("--min-affirmed", metavar="N", type=click.IntRange(min=0), default=0, help="Only so affirmed.")
@click.option(
    "--basis",
    type=click.Choice([each.value for each in Basis]),
    default=Basis.GUIDELINE.value,
    show_default=True,
    help="With --share: why it was removed.",
)
@click.option("--authority", metavar="MEMBER", help="With --basis law: the member that ordered it.")
@click.option("--article", metavar="SLUG", help="With --basis law: the provision.")
@click.option("--jurisdiction", "jurisdictions", metavar="CC", multiple=True, help="ISO 3166-1.")
@click.option("--removed", metavar="TIME", type=moment, help="With --share: when it was removed. [now]")
@click.option("--dry-run", is_flag=True, help="Read all of it, report, and change nothing.")
@client_options
@json_option
def import_list(  # noqa: PLR0913, PLR0917 - an argument for each option
    name: str,
    files: tuple[Path, ...],
    private: str | None,
    own: str | None,
    labels: tuple[str, ...],
    map_file: Path | None,
    source: str | None,
    connect: Connect,
    min_affirmed: int,
    *,
    share: bool,
    complete: bool,
    received: bool,
    min_category: str,
    skip_disputed: bool,
    dry_run: bool,
    as_json: bool,
    **terms: Any,  # noqa: ANN401 - the fields of _Terms
) -> None:
    """Import a list of hashes: into a private list on this machine, or as entries of one's own.

    Without --share nothing is sent: the hashes go into a private list, encrypted in the profile, which checks
    consult beside the clearinghouse. With --share each row becomes an entry, which says with this member's
    key that it removed that content. Lists of NCMEC, ThreatExchange, StopNCII, TCAP and Project VIC may not
    be passed on, so their rows are shared only by their source.

    Several files are pages of one list. A broken file changes nothing. What was imported before and has not
    changed is neither written nor sent again; records that the list took back are removed, or withdrawn.
    Records that are not taken are counted by reason, and named by their keys.
    """
    form = FORMATS[name]
    _check_options(form, private, own, share=share)
    classes = read_map(map_file).with_default(labels)
    mapped = share or map_file is not None or bool(labels)
    run = _Import(
        files,
        form,
        source or name,
        Taking(form, classes, mapped and bool(classes.every or share), own, skip_disputed, min_affirmed),
        ReadChoices(classes, received, min_category == "seed"),
        complete,
        dry_run,
    )
    report = ImportReport()
    with connect() as client:
        lists = client.profile.lists
        assert lists is not None  # noqa: S101 - a profile from --profile has a directory
        if share:
            _check_labels(client, classes)
            run.share(lists, _Terms(client, **terms), report)
        else:
            run.keep(lists, private or name, report)
    _show(report, None if share else private or name, dry=dry_run, as_json=as_json)


def read_map(file: Path | None) -> ClassMap:
    """The map in a file; an empty one if there is none. Raises ConfigError."""
    return ClassMap() if file is None else ClassMap.parse(read_bytes(file, _MAX_MAP))


def _check_options(form: Format, private: str | None, own: str | None, *, share: bool) -> None:
    if share and private is not None:
        msg = "name --private or --share, not both"
    elif own is not None and not share:
        msg = "--i-am-the-source is for --share"
    elif share and form.of_others and own is None:
        msg = (
            f"{form.what} is of others, under agreements, and is not passed on: import it with --private; "
            "or with --i-am-the-source MEMBER_ID, to share the rows that are this member's own"
        )
    else:
        return
    raise click.UsageError(msg)


def _check_labels(client: Client, classes: ClassMap) -> None:
    """Raise UnknownLabelError before anything is sent, for a label that the policy does not have."""
    known = client.policy().labels
    unknown = sorted(classes.every - set(known))
    if unknown:
        msg = f"the map gives the label {unknown[0]}, which the policy does not have; see: hashpact labels"
        raise UnknownLabelError(msg, field="label", known=", ".join(known))


def _rows(files: Sequence[Path], form: Format, choices: ReadChoices) -> Iterator[Row]:
    """The rows of all files. Raises MalformedError, naming the file, for one that is broken."""
    for path in files:
        try:
            with path.open("rb") as file:
                yield from form.read(file, choices)
        except MalformedError as error:
            msg = f"{one_line(str(path))}: {error.message}; nothing was imported"
            raise MalformedError(msg, **error.details) from error
        except io.UnsupportedOperation as error:  # a pipe
            msg = f"{one_line(str(path))} cannot be read twice; write it to a file first"
            raise InvalidInputError(msg, field="file") from error


class _DryError(Exception):
    """Ends a transaction that was only tried."""


@contextlib.contextmanager
def _transaction(table: RowTable, *, dry: bool) -> Iterator[None]:
    with contextlib.suppress(_DryError), table.writing():
        yield
        if dry:
            raise _DryError


def _show(report: ImportReport, private: str | None, *, dry: bool, as_json: bool) -> None:
    if as_json:
        emit({"list": private, "dry_run": dry, **report.fields()})
        return
    where = "entries" if private is None else f"private list {private}"
    click.echo(
        f"{report.read} records read{' (dry run)' if dry else ''}; {where}: {report.added} added, "
        f"{report.updated} updated, {report.deleted} removed, {report.unchanged} unchanged"
    )
    for count, what in (
        (report.older, "older than what is known"),
        (report.unknown, "taken back, never known"),
    ):
        if count:
            click.echo(f"{count} {what}")
    for reason, count in sorted(report.skipped.items()):
        some = report.named.get(reason, [])
        named = f": {', '.join(map(one_line, some[:5]))}{', ...' if count > 5 else ''}" if some else ""  # noqa: PLR2004 - as many as a line has
        click.echo(f"{count} skipped, {reason}{named}")
    for what, count in sorted(report.dropped.items()):
        click.echo(f"{count} fingerprints left out, {one_line(what)}")
