"""The command list-local: the private lists of a profile."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import click

from hashpact.cli.options import Connect, example, json_option, reading_options
from hashpact.cli.output import emit, show_table
from hashpact.cli.platform.content import show_warnings
from hashpact.errors import NotFoundError
from hashpact.exchange.formats import FORMATS
from hashpact.exchange.mapping import ClassMap
from hashpact.exchange.rows import Delete, Put, Row
from hashpact.fingerprint.content import fingerprints_of
from hashpact.lists import staging
from hashpact.lists.staging import ImportReport, Staging, Taking
from hashpact.lists.table import RowTable, listed, sizes

if TYPE_CHECKING:
    from hashpact.lists.local import PrivateLists
    from hashpact.member.clients import Client

_SOURCE = "local"


@click.group(name="list-local", epilog=example("hashpact list-local show --profile acme-video"))
def list_local() -> None:
    """Private lists: hashes on this machine, encrypted, which checks consult beside the clearinghouse.

    Nothing of them is ever sent. `hashpact import` fills them from files of other programs.
    """


@list_local.command(
    epilog=example("hashpact list-local add reviewed --label hate --profile acme-video removed.jpg")
)
@click.argument("name", metavar="NAME")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--label", "labels", metavar="LABEL", multiple=True, help="What it is; may be repeated.")
@reading_options
@json_option
def add(
    name: str, files: tuple[str, ...], labels: tuple[str, ...], connect: Connect, *, as_json: bool
) -> None:
    """Add the fingerprints of files to a list, which is made if there is none."""
    rows: list[Row] = []
    for file in files:
        made = fingerprints_of(file)
        show_warnings(file, made)
        single = tuple(one for one in made.fingerprints if not one.type.is_set)
        digest = next(one.value for one in single if one.type.name == "sha256/1")
        rows.append(Put(f"file-{digest.hex()}", single, updated=int(time.time())))
    with connect() as client, _lists(client).table(name, make=True) as table:
        report = _changed(table, _SOURCE, rows, ClassMap().with_default(labels))
    if as_json:
        emit({"list": name, "added": report.added, "updated": report.updated, "unchanged": report.unchanged})
    else:
        click.echo(f"{name}: {report.added} added, {report.updated} updated, {report.unchanged} unchanged")


@list_local.command(epilog=example("hashpact list-local show reviewed --profile acme-video"))
@click.argument("name", metavar="[NAME]", required=False)
@reading_options
@json_option
def show(name: str | None, connect: Connect, *, as_json: bool) -> None:
    """List the private lists, or the rows of one by their keys, labels and types; never their hashes."""
    with connect() as client:
        lists = _lists(client)
        if name is not None:
            with lists.table(name) as table:
                _show_rows(table, as_json=as_json)
            return
        found = []
        for each in lists.names():
            with lists.table(each) as table:
                found.append((each, sizes(table)))
    if as_json:
        for each, counts in found:
            emit({"list": each, "rows": sum(counts.values()), "sources": counts})
    else:
        show_table(
            ("list", "rows", "sources"),
            [(each, str(sum(counts.values())), ", ".join(counts)) for each, counts in found],
        )


@list_local.command(
    epilog=example(
        "hashpact list-local remove reviewed --key 101 --profile acme-video",
        "hashpact list-local remove reviewed --all --profile acme-video",
    )
)
@click.argument("name", metavar="NAME")
@click.option("--key", "keys", metavar="KEY", multiple=True, help="A row, by its key; may be repeated.")
@click.option("--all", "whole", is_flag=True, help="The whole list.")
@reading_options
@json_option
def remove(name: str, keys: tuple[str, ...], connect: Connect, *, whole: bool, as_json: bool) -> None:
    """Remove rows of a list, or the list with its file."""
    if whole == bool(keys):
        msg = "name rows with --key, or the whole list with --all"
        raise click.UsageError(msg)
    with connect() as client:
        lists, removed = _lists(client), 0
        if whole:
            with lists.table(name) as table:
                removed = sum(sizes(table).values())
            lists.remove(name)
        else:
            with lists.table(name) as table:
                for source in sizes(table):
                    removed += _changed(table, source, [Delete(key) for key in keys], ClassMap()).deleted
            if removed == 0:
                msg = f"the list {name} has no row of that key; see: hashpact list-local show {name}"
                raise NotFoundError(msg, list=name)
    if as_json:
        emit({"list": name, "removed": removed})
    else:
        click.echo(f"{name}: {removed} removed")


def _lists(client: Client) -> PrivateLists:
    lists = client.profile.lists
    assert lists is not None  # noqa: S101 - a profile from --profile has a directory
    return lists


def _changed(table: RowTable, source: str, rows: list[Row], classes: ClassMap) -> ImportReport:
    report = ImportReport()
    with table.writing():
        for _ in Staging(table, source, Taking(FORMATS["csv"], classes, mapped=False), report).take(rows):
            pass
        staging.count(table, report)
        staging.apply(table, source)
    return report


def _show_rows(table: RowTable, *, as_json: bool) -> None:
    rows = (row for row in listed(table) if not row.deleted)
    if as_json:
        for row in rows:
            types = [made.type.name for made in row.fingerprints]
            emit({"key": row.key, "labels": list(row.labels), "types": types})
        return
    show_table(
        ("key", "labels", "types"),
        (
            (row.key, ", ".join(row.labels), ", ".join(Counter(made.type.name for made in row.fingerprints)))
            for row in rows
        ),
    )
