"""The commands methods: show the methods statement, and publish it in the log."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from hashpact.cli.conduct.shown import show
from hashpact.cli.options import Connect, example, home_argument, json_option, reading_options
from hashpact.cli.output import emit, one_line
from hashpact.domain.kinds import Methods
from hashpact.errors import NotFoundError


class _ShownFirst(click.Group):
    """A group that without the name of a command shows what there is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = any(arg in self.commands or arg in ctx.help_option_names for arg in args)
        return super().parse_args(ctx, args if named else ["show", *args])


@click.group(cls=_ShownFirst)
def methods() -> None:
    """See how content is found and what is kept, as it is published in the log.

    Without a command it shows the methods statement in force.
    """


@methods.command(
    "show",
    epilog=example("hashpact methods --profile acme-video", "hashpact methods show --lang vi --json"),
)
@click.option("--lang", "language", type=click.Choice(["en", "vi"]), default="en", show_default=True)
@reading_options
@json_option
def show_methods(language: str, connect: Connect, *, as_json: bool) -> None:
    """Show the methods statement in force."""
    from hashpact.report.methods import parse_methods

    with connect() as client:
        newest = max(client.filings(Methods.kind), key=lambda one: one.filing.index, default=None)
        if newest is None:
            msg = (
                "no methods statement is published yet; an administrator runs: hashpact methods publish HOME"
            )
            raise NotFoundError(msg, resource="methods")
        value = parse_methods(client.document(Methods.read(newest.filing).document))
    if as_json:
        emit({"index": newest.filing.index, **value})
        return
    for one in value["fingerprints"]:
        measured = one["measured"]
        found = "" if measured is None else f", {_share(measured)}"
        click.echo(f"{one['type']:18}{one['compared_by']}, within {one['threshold']:g}{found}")
    for name in ("policy", "quorums", "keys", "settings"):
        show({key: str(part) for key, part in value[name].items()})
    for note in value["notes"].values():
        click.echo(note[language])


@methods.command(
    "publish",
    epilog=example(
        "hashpact methods publish /srv/hashpact",
        "hashpact methods publish /srv/hashpact --out methods.json      (then: hashpact statement draft)",
    ),
)
@home_argument
@click.option(
    "--out", metavar="FILE", type=Path, help="Write the document there, a new file, and sign nothing."
)
@json_option
def publish_methods(home: Path, out: Path | None, *, as_json: bool) -> None:
    """Sign the methods statement of this version and configuration into the log, if it is a new one.

    One administrator's key, at the home, is enough. If it is elsewhere, write the document with --out, then
    draft the statement: hashpact statement draft HOME methods document=@FILE
    """
    from hashpact.durable import write_public
    from hashpact.governance.publishing import publish, published
    from hashpact.home.enrolling import administrators
    from hashpact.home.opening import open_home

    with open_home(home) as opened:
        with opened.ledger.snapshot() as view:
            document, found = published(view, opened.published_settings)
        if out is not None:
            write_public(out, document)
            index = None if found is None else found.index
        else:
            index = publish(administrators(opened, needed=1), document) if found is None else found.index
    digest = hashlib.sha256(document).hexdigest()
    if as_json:
        emit({"index": index, "sha256": digest, "new": found is None})
    elif index is None:
        click.echo(f"methods statement {digest}: in {one_line(str(out))}, not in the log yet")
    else:
        click.echo(f"methods statement {digest}: leaf {index}{'' if found is None else ', as before'}")


def _share(measured: dict[str, int]) -> str:
    copies = 100 * measured["found"] / measured["copies"]
    return (
        f"{copies:.1f} % of altered copies, {measured['matched']} of {measured['unrelated']} unrelated pairs"
    )
