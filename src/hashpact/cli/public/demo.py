"""The command demo: prints the story that hashpact.demo plays."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click

from hashpact.cli.options import example, json_option
from hashpact.cli.output import emit, progress_of, show_table, with_progress
from hashpact.demo.story import Row, play


@click.command(
    epilog=example(
        "hashpact demo", "hashpact demo photo.jpg another.jpg", "hashpact demo --quarter --keep DIR"
    )
)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=Path)
@click.option("--quarter", "of_quarter", is_flag=True, help="Play a quarter of the code of conduct instead.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the quarter.")
@click.option("--keep", metavar="DIR", type=Path, help="A new directory for the quarter's log and reports.")
@json_option
def demo(files: tuple[Path, ...], seed: int, keep: Path | None, *, of_quarter: bool, as_json: bool) -> None:
    """Play the whole path on this machine: a real server, three members, copies, and what is unrelated.

    Originals are drawn and written for the purpose, or they are the pictures and texts in the files given.
    Everything happens in a temporary directory. The exit status is 0 only if all is as expected.

    --quarter plays three months with a simulated clock in seconds: platforms, authorities and notifiers,
    notices and decisions, appeals, a stolen key. It writes the log and the reports on it.
    """
    if of_quarter:
        _quarter(seed, keep or Path(tempfile.mkdtemp(prefix="hashpact-quarter-")), as_json=as_json)
        return
    rows = []
    with closing(play(files)) as playing:
        for row in with_progress(playing, "checks"):
            rows.append(row)
            if as_json:
                emit(asdict(row))
    as_expected = sum(row.as_expected for row in rows)
    if as_json:
        emit({"checks": len(rows), "as_expected": as_expected})
    else:
        _show(rows)
        click.echo(f"demo: {len(rows)} checks, {as_expected} as expected")
    if as_expected < len(rows):
        raise click.exceptions.Exit(1)


def _quarter(seed: int, directory: Path, *, as_json: bool) -> None:
    """Play a quarter into a directory, and write its reports."""
    from hashpact.demo.quarter.playing import QUARTER, play_quarter, write_reports

    with progress_of("quarter") as progress:
        for part in play_quarter(directory, QUARTER, seed):
            progress(int(part * 1000), 1000)
    size, digest, files = write_reports(directory, QUARTER)
    if as_json:
        emit({"statements": size, "report_sha256": digest, "files": list(map(str, files))})
        return
    for file in files:
        click.echo(str(file))
    click.echo(f"quarter: {size} statements, report SHA-256 {digest}")


def _show(rows: Sequence[Row]) -> None:
    """One table; each act has a line of its own above its checks."""
    show_table(("checked", "expected", "found", "distance or similarity", ""), _lines(rows))


def _lines(rows: Sequence[Row]) -> Iterator[tuple[str, str, str, str, str]]:
    act = ""
    for row in rows:
        if row.act != act:
            act = row.act
            yield f"{act}:", "", "", "", ""
        verdict = "ok" if row.as_expected else "NOT AS EXPECTED"
        yield f"  {row.checked}", row.expected, row.found, row.nearest, verdict
