"""The command report: a quarter's figures, from a log alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hashpact.cli.conduct.shown import zone_named, zone_option
from hashpact.cli.options import example, json_option, passphrases
from hashpact.cli.output import complain, emit, progress_of, rfc3339, show_table
from hashpact.errors import ConfigError, CorruptError

if TYPE_CHECKING:
    from hashpact.report.gathering import Gathered
    from hashpact.report.report import QuarterReport

_FORMATS: Final = ("text", "json", "csv", "html", "pdf")
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
"""Browsers that print a page as PDF without a window."""
_PRINTING: Final = 60.0
"""Seconds that printing may take."""


@click.command(
    epilog=example(
        "hashpact report 2026Q4 /srv/hashpact --format html --out 2026Q4.html",
        "hashpact report 2026Q4 /mirror/example.org --format json",
        "hashpact report 2026Q4 hashpact.example.org:8443 --profile acme-video --explain all/notices.overdue",
    )
)
@click.argument("quarter")
@click.argument("source", metavar="HOME|DIR|ADDRESS")
@click.option("--profile", metavar="DIR", type=Path, envvar="HASHPACT_PROFILE", show_envvar=True)
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--lang", "language", type=click.Choice(["en", "vi"]), default="en", show_default=True)
@click.option(
    "--size", metavar="N", type=click.IntRange(1), help="Of the first N leaves. [all that are signed]"
)
@click.option("--out", metavar="FILE", type=Path, help="Write it there. [standard output]")
@click.option("--explain", metavar="FIGURE", help="List the statements behind a figure instead.")
@click.option("--verify", is_flag=True, help="Recount every figure from the leaves behind it.")
@zone_option
@json_option
def report(  # noqa: PLR0913, PLR0917 - an argument for each option
    quarter: str,
    source: str,
    profile: Path | None,
    form: str,
    language: str,
    size: int | None,
    out: Path | None,
    explain: str | None,
    zone: str,
    *,
    verify: bool,
    as_json: bool,
) -> None:
    """Report on a quarter such as 2026Q4, from the leaves of a log and nothing else.

    The same leaves give the same bytes, whether they are read from a home, published tiles (DIR or URL) or a
    server. The report says of how many leaves it is; --size makes it again when the log has grown.
    """
    from hashpact.report import recount
    from hashpact.report.report import named

    made, gathered = _made(quarter, source, profile, size)
    if verify:
        wrong = list(recount.disagreements(made, gathered))
        for line in wrong:
            complain(line)
        if as_json:
            emit({"figures": len(made.figures), "wrong": wrong})
        else:
            click.echo(f"{len(made.figures)} figures recounted, {len(wrong)} wrong")
        if wrong:
            raise click.exceptions.Exit(1)
        return
    if explain is not None:
        _explain(named(made, explain).leaves, gathered, as_json=as_json)
        return
    data = _written(made, "json" if as_json else form, language, zone)
    if data is None:
        _show(made, language)
    elif out is None:
        # JSON is ASCII. The others are UTF-8, whatever the terminal's encoding is.
        click.echo(data.decode("ascii") if data.isascii() else data, nl=False)
    else:
        from hashpact.durable import write_public

        write_public(out, data, replace=True)
        click.echo(f"{out}: {made.quarter}, {made.size} leaves", err=True)


def _made(
    quarter: str, source: str, profile: Path | None, size: int | None
) -> tuple[QuarterReport, Gathered]:
    """The report, of leaves whose tree is the one that is signed."""
    from hashpact.audit.leaves import signed_leaves
    from hashpact.report.quarter import Quarter
    from hashpact.report.report import make

    asked = Quarter.parse(quarter)
    with signed_leaves(source, profile, passphrases()) as (signed, leaves):
        count = signed.size if size is None else size
        first = leaves(0, count)
        with progress_of("leaves") as progress:

            def counted(some: Iterable[bytes], after: int) -> Iterator[bytes]:
                for number, leaf in enumerate(some, after):
                    progress(number, signed.size)
                    yield leaf

            made, gathered = make(counted(first, 1), asked)
            # The signature is under the whole tree, so a report of fewer leaves needs the others too.
            rest = leaves(count, signed.size) if count < signed.size else ()
            root = gathered.root_with(counted(rest, count + 1))
    if root != signed.root:
        msg = f"the {signed.size} leaves are not those of the signed checkpoint; audit the log"
        raise CorruptError(msg)
    return made, gathered


def _written(made: QuarterReport, form: str, language: str, zone: str) -> bytes | None:
    """The report in a format; None for a table."""
    from hashpact.report import page, serial

    if form == "json":
        return serial.to_json(made)
    if form == "csv":
        return serial.to_csv(made)
    if form == "text":
        return None
    zone_named(zone)
    html = page.to_html(made, language, zone)
    return _printed(html) if form == "pdf" else html


def _printed(html: bytes) -> bytes:
    """The page as PDF, printed by a browser. Raises ConfigError if there is none, or it fails."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        msg = f"PDF is printed by a browser: install one of {', '.join(_BROWSERS)}, or print the HTML"
        raise ConfigError(msg, field="format")
    with tempfile.TemporaryDirectory(prefix="hashpact-report-") as name:
        page, printed = Path(name, "report.html"), Path(name, "report.pdf")
        page.write_bytes(html)
        sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium has none for root
        command = [
            browser,
            "--headless",
            *sandbox,
            "--no-pdf-header-footer",
            f"--user-data-dir={name}/profile",
        ]
        try:
            subprocess.run(  # noqa: S603  # a browser of the system, on a page of ours
                [*command, f"--print-to-pdf={printed}", page.as_uri()],
                check=True,
                capture_output=True,
                timeout=_PRINTING,
            )
            return printed.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            msg = f"{browser} did not print the page: {error}"
            raise ConfigError(msg, field="format") from error


def _show(made: QuarterReport, language: str) -> None:
    """The figures of all members together, as a table."""
    from hashpact.report.figures import OVERALL, of_scope
    from hashpact.report.wording import figure_name, text

    heads = [text(key, language) for key in ("figure", "value", "source")]
    rows = [
        (
            figure_name(one.name, language),
            str(one.value) if one.unit == "count" else f"{one.value} {text(one.unit, language)}",
            text("reported" if one.reported else "derived", language),
        )
        for one in of_scope(made.figures, OVERALL)
    ]
    show_table(heads, rows)


def _explain(leaves: tuple[int, ...], gathered: Gathered, *, as_json: bool) -> None:
    """The statements at these leaves, each once."""
    stated = {one.index: one for one in gathered.stated}
    wanted = [stated[leaf] for leaf in dict.fromkeys(leaves)]
    if as_json:
        for one in wanted:
            emit(
                {
                    "index": one.index,
                    "moment": rfc3339(one.moment),
                    "member": one.member,
                    "kind": one.body.kind,
                    "summary": one.body.summary(),
                }
            )
        return
    show_table(
        ("leaf", "moment", "member", "kind", "what"),
        [
            (str(one.index), rfc3339(one.moment), one.member, one.body.kind, one.body.summary())
            for one in wanted
        ],
    )
