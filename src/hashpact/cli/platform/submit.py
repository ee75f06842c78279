"""The command submit: a member shares the fingerprints of content that it has removed."""

from __future__ import annotations

import click

from hashpact.cli.options import Connect, client_options, example, files_argument, json_option, moment
from hashpact.cli.output import complain, emit, one_line, receipt_fields, with_progress
from hashpact.domain.state import Basis
from hashpact.errors import InvalidInputError
from hashpact.fingerprint.content import fingerprints_of


@click.command(epilog=example("hashpact submit --label fraud --profile acme-video removed.jpg"))
@files_argument
@click.option(
    "--label", "labels", metavar="LABEL", multiple=True, required=True, help="Of the policy; may be repeated."
)
@click.option(
    "--basis",
    type=click.Choice([each.value for each in Basis]),
    default=Basis.GUIDELINE.value,
    show_default=True,
    help="Why it was removed.",
)
@click.option("--authority", metavar="MEMBER", help="With --basis law: the member that ordered it.")
@click.option("--article", metavar="SLUG", help="With --basis law: the provision, such as art-16-2.")
@click.option(
    "--jurisdiction", "jurisdictions", metavar="CC", multiple=True, help="ISO 3166-1; may be repeated."
)
@click.option(
    "--removed", metavar="TIME", type=moment, help="When it was removed: RFC 3339, or Unix seconds. [now]"
)
@client_options
@json_option
def submit(  # noqa: PLR0913, PLR0917 - an argument for each option
    files: tuple[str, ...],
    labels: tuple[str, ...],
    basis: str,
    authority: str | None,
    article: str | None,
    jurisdictions: tuple[str, ...],
    removed: int | None,
    connect: Connect,
    *,
    as_json: bool,
) -> None:
    """Share fingerprints of removed files: one entry for each file.

    Only the fingerprints are sent. Prints the receipt: where the entry stands in the log.
    """
    if (basis == Basis.LAW.value) != (authority is not None) or (authority is None) != (article is None):
        msg = "--basis law, and only it, takes --authority and --article"
        raise click.UsageError(msg)
    failed = False
    with connect() as client:
        for path in with_progress(files, "files", len(files)):
            try:
                found = fingerprints_of(path)
            except InvalidInputError as error:
                complain(error.message)
                failed = True
                continue
            receipt = client.submit(
                found.fingerprints,
                labels=labels,
                basis=basis,
                authority=authority,
                article=article,
                jurisdictions=jurisdictions,
                removed=removed,
            )
            names = [each.type.name for each in found.fingerprints]
            if as_json:
                emit({"file": path, "entry": receipt.index, "types": names, **receipt_fields(receipt)})
                continue
            click.echo(f"{one_line(path)}: entry {receipt.index} with {', '.join(names)}")
            for _, reason in found.refused:
                complain(f"{path!r}: {reason}")
    if failed:
        raise click.exceptions.Exit(1)
