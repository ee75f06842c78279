"""The command submit: a member shares the fingerprints of content that it has removed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from hashpact.cli import exits
from hashpact.cli.options import Connect, client_options, example, json_option, moment
from hashpact.cli.output import complain, emit, error_fields, one_line, receipt_fields, with_progress
from hashpact.cli.platform import pieces
from hashpact.cli.platform.content import limits_of, ocr_option, show_warnings
from hashpact.cli.platform.pieces import Piece, Terms
from hashpact.domain import statements
from hashpact.domain.fingerprints import PARTS, TYPES, parse_private
from hashpact.domain.kinds import Submit
from hashpact.domain.messages import EntryDetail, Submission
from hashpact.domain.state import Basis, Receipt
from hashpact.errors import (
    AlreadySharedError,
    ClockSkewError,
    ConflictError,
    HashpactError,
    InvalidInputError,
    NotFoundError,
)
from hashpact.fingerprint.content import Fingerprinted

if TYPE_CHECKING:
    from hashpact.member.clients import Client

_TYPES: Final = click.Choice([name for name in TYPES if name != PARTS.name])

_OF_ONE: Final = (InvalidInputError, NotFoundError, ConflictError)
"""Errors of one row of a table, after which the others are shared all the same."""

_NO_OPTIONS: Final[dict[str, Any]] = {
    **dict.fromkeys(("labels", "jurisdictions", "types"), ()),
    **dict.fromkeys(("authority", "article", "removed")),
    **dict.fromkeys(("again", "dry_run", "parts", "ocr"), False),
    "basis": Basis.GUIDELINE.value,
}
"""What the options about new statements are if none is given."""


@click.command(
    epilog=example(
        "hashpact submit --label fraud --profile acme-video removed.jpg",
        "hashpact submit --label fraud --dry-run --profile acme-video removed/",
        "hashpact submit --csv removed.csv --profile acme-video",
    )
)
@click.argument("files", metavar="[FILE|DIR|-]...", nargs=-1)
@click.option("--csv", "table", metavar="FILE", help="Share the rows of a table; see above.")
@click.option("--label", "labels", metavar="LABEL", multiple=True, help="Of the policy; may be repeated.")
@click.option(
    "--basis",
    type=click.Choice([each.value for each in Basis]),
    default=Basis.GUIDELINE.value,
    show_default=True,
    help="Why it was removed; or benign, of harmless content.",
)
@click.option("--authority", metavar="MEMBER", help="With --basis law: the member that ordered it.")
@click.option("--article", metavar="SLUG", help="With --basis law: the provision, such as art-16-2.")
@click.option(
    "--jurisdiction", "jurisdictions", metavar="CC", multiple=True, help="ISO 3166-1; may be repeated."
)
@click.option(
    "--removed", metavar="TIME", type=moment, help="When it was removed: RFC 3339, or Unix seconds. [now]"
)
@click.option("--type", "types", type=_TYPES, multiple=True, help="Only this type; may be repeated.")
@click.option("--parts", is_flag=True, help="Of pictures also parts/1, where the policy allows it.")
@ocr_option
@click.option("--again", is_flag=True, help="Make another entry of what this profile shares already.")
@click.option(
    "--dry-run", is_flag=True, help="Show what would be shared, and send nothing; labels are not looked up."
)
@click.option("--resume", is_flag=True, help="Send what was signed before, and has no receipt yet.")
@client_options
@json_option
def submit(
    files: tuple[str, ...],
    table: str | None,
    connect: Connect,
    *,
    resume: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - the other options, as `_share` takes them
) -> None:
    """Share fingerprints of removed files: one entry for each file.

    Only the fingerprints are sent. Prints the receipt: where the entry stands in the log. A directory stands
    for the files below it, and for those that links there point to, without names that begin with a dot; -
    is one piece of content on standard input. What this profile shares already is named and left as it is,
    so a run that was interrupted goes on when the same command is given again. On other terms, such as
    another label, that is an error.

    With --parts, pictures are also shared by their keypoints, which find crops and collages of them and
    reveal more of them than other types do. The policy says for which labels (hashpact labels).

    With --ocr, the text in a picture is read on this machine, and its fingerprints are shared in the same
    entry: minhash/1 and winnow/1, which find the text elsewhere too. A check finds them in a picture if it is
    made with --ocr.

    A table (--csv) is UTF-8 with a header, and each row is one entry: the column path names a file, or type
    and value (in hex) give fingerprints. The columns label, basis, authority, article, jurisdiction and
    removed stand in place of the options, and type beside a path chooses what is shared of the file; several
    values of a cell have spaces or semicolons between them. A row that cannot be shared is reported, and the
    others are.

    The exit status is 0 if all were shared, and 1 if some of several could not be.
    """
    if resume and (files or table or options != _NO_OPTIONS):
        msg = "--resume sends what is kept in the profile as it was signed, and takes no files and no terms"
        raise click.UsageError(msg)
    if not resume and bool(files) == bool(table):
        msg = "name files, directories or -, or else --csv FILE"
        raise click.UsageError(msg)
    run = _Run(as_json=as_json)
    if resume:
        run.resume(connect)
    else:
        _share(run, files, table, connect, **options)
    if run.failed:
        raise click.exceptions.Exit(exits.NO)


def _share(  # noqa: PLR0913 - an argument for each option
    run: _Run,
    files: Sequence[str],
    table: str | None,
    connect: Connect,
    *,
    types: Sequence[str],
    parts: bool,
    ocr: bool,
    again: bool,
    dry_run: bool,
    **options: Any,  # noqa: ANN401 - the fields of Terms
) -> None:
    terms = Terms(**options)
    if table is not None and (parts or ocr):
        msg = "--parts and --ocr are for files; a table has no column for them"
        raise click.UsageError(msg)
    if table is None and not terms.labels:
        msg = "Missing option '--label'."
        raise click.UsageError(msg)
    if table is None:
        try:
            terms.check()
        except InvalidInputError as error:
            raise click.UsageError(error.message) from error
        found = pieces.named(files, types or None, terms, run.fail, parts=parts, ocr=ocr)
    else:
        found = pieces.rows(table, types or None, terms)
    with connect() as client:
        run.share(client, found, again=again, dry=dry_run, separate=table is not None)


class _Run:
    """One run of the command: what it has done, and whether anything failed."""

    def __init__(self, *, as_json: bool) -> None:
        self.failed = False
        self._as_json = as_json

    def fail(self, error: OSError | HashpactError, name: str = "") -> None:
        """Report what failed, and go on."""
        self.failed = True
        if isinstance(error, OSError):
            complain(f"{error.filename}: {error.strerror}")
        elif self._as_json:
            emit({"file": name or None, "error": error_fields(error)})
        else:
            complain(error.message if not name or repr(name) in error.message else f"{name}: {error.message}")

    def share(
        self, client: Client, found: Sequence[Piece], *, again: bool, dry: bool, separate: bool
    ) -> None:
        """Share pieces of content. ``separate`` goes on after a refusal: others are on other terms."""
        if not found:
            complain("there is nothing to share: no file, or no row, was found")
        for number, piece in enumerate(with_progress(found, "pieces", len(found))):
            try:
                content, terms = piece.read(client.profile.genesis), piece.terms()
            except InvalidInputError as error:
                if len(found) == 1:
                    raise
                self.fail(error, piece.name)
                continue
            show_warnings(piece.name, content)
            try:
                if dry:
                    self._foresee(client, piece.name, content, terms, again=again)
                else:
                    self._submit(client, piece.name, content, terms, again=again)
            except HashpactError as error:
                if separate and isinstance(error, _OF_ONE) and not isinstance(error, ClockSkewError):
                    self.fail(error, piece.name)
                    continue
                if len(found) > 1:
                    complain(f"stopped at {number + 1} of {len(found)}; the same command goes on from there")
                raise

    def resume(self, connect: Connect) -> None:
        """Send what is kept in the profile; what is refused is reported."""

        def refused(error: HashpactError) -> None:
            if not isinstance(error, _OF_ONE):
                raise error
            self.fail(error)

        with connect() as client:
            for kept, receipt in client.resume(on_refused=refused):
                self._tell_resumed(kept, receipt)

    def _submit(
        self, client: Client, name: str, content: Fingerprinted, terms: Terms, *, again: bool
    ) -> None:
        try:
            receipt = client.submit(
                content.fingerprints,
                labels=terms.labels,
                basis=terms.basis,
                authority=terms.authority,
                article=terms.article,
                jurisdictions=terms.jurisdictions,
                removed=terms.removed,
                again=again,
            )
        except AlreadySharedError as error:
            self._tell_already(name, content, error)
            return
        types = _types(content)
        if self._as_json:
            shared = {"file": name, "entry": receipt.index, "types": types, **limits_of(content)}
            emit(shared | receipt_fields(receipt))
        else:
            click.echo(f"{one_line(name)}: entry {receipt.index} with {', '.join(types)}")

    def _foresee(
        self, client: Client, name: str, content: Fingerprinted, terms: Terms, *, again: bool
    ) -> None:
        """Do all of it but the sending: what breaks a format is found, what breaks the policy is not."""
        from hashpact.member.author import Reason
        from hashpact.member.operations import already_shared

        basis, where = Basis(terms.basis), frozenset(terms.jurisdictions)
        reason = Reason(frozenset(terms.labels), basis, terms.authority, terms.article, where)
        fresh = client.author.submit(content.fingerprints, reason, terms.removed)
        found = [] if again else _found(client, client.profile.shared(content.fingerprints))
        already = already_shared([each for each in found if each.stands], fresh)
        if already is not None:
            self._tell_already(name, content, already)
        elif self._as_json:
            emit({"file": name, "entry": None, "types": _types(content), **limits_of(content)})
        else:
            click.echo(f"{one_line(name)}: to be shared with {', '.join(_types(content))}")

    def _tell_already(self, name: str, content: Fingerprinted, error: AlreadySharedError) -> None:
        """Name the entry that shares this content; on other terms, what was asked for is not done."""
        entry = int(error.details["entry"])
        if "differs" in error.details:
            self.fail(error, name)
        elif self._as_json:
            emit({"file": name, "entry": entry, "types": _types(content), "already": True})
        else:
            click.echo(f"{one_line(name)}: already entry {entry}")

    def _tell_resumed(self, kept: Submission, receipt: Receipt) -> None:
        body = statements.parse(kept.statement).statement.body
        entry = receipt.index if isinstance(body, Submit) else getattr(body, "entry", None)
        if self._as_json:
            emit({"resumed": body.kind, "entry": entry, **receipt_fields(receipt)})
        elif isinstance(body, Submit):
            types = [parse_private(part).fingerprint.type.name for part in kept.private]
            click.echo(f"resumed: entry {entry} with {', '.join(types)}")
        else:
            click.echo(f"resumed: {body.kind} of entry {entry}, leaf {receipt.index}")


def _found(client: Client, entries: Sequence[int]) -> list[EntryDetail]:
    found = []
    for index in entries:
        with contextlib.suppress(NotFoundError):  # of a log that the profile followed before
            found.append(client.entry(index))
    return found


def _types(content: Fingerprinted) -> list[str]:
    return [each.type.name for each in content.fingerprints]
