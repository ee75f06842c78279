"""The commands list, entries in the order of the log, and log changes, what has changed about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import click

from hashpact.cli.options import Connect, entry_index, example, json_option, moment, reading_options
from hashpact.cli.output import emit, rfc3339, show_table
from hashpact.cli.platform.entry import shown
from hashpact.domain.messages import EntryDetail
from hashpact.domain.state import Stance

_PAGE = 50


@click.command(
    "list",
    epilog=example(
        "hashpact list --mine --profile acme-video",
        "hashpact list --disputed --since 2026-11-01T00:00:00Z --profile lotus-forum",
    ),
)
@click.option("--mine", is_flag=True, help="Only this member's own.")
@click.option("--since", metavar="TIME", type=moment, help="Only those shared since then: RFC 3339, or Unix.")
@click.option("--label", "labels", metavar="LABEL", multiple=True, help="Only with it; may be repeated.")
@click.option("--disputed", is_flag=True, help="Only those that a member disputes.")
@click.option("--withdrawn", is_flag=True, help="Only those that stand no more: withdrawn, struck, undone.")
@click.option("--after", metavar="ENTRY", type=entry_index, help="Only those after it, for the next page.")
@click.option("--limit", type=click.IntRange(1), default=_PAGE, show_default=True, help="Entries of a page.")
@reading_options
@json_option
def list_entries(  # noqa: PLR0913 - an argument for each option
    since: int | None,
    labels: tuple[str, ...],
    after: int | None,
    limit: int,
    connect: Connect,
    *,
    mine: bool,
    disputed: bool,
    withdrawn: bool,
    as_json: bool,
) -> None:
    """List entries in the order of the log, with what members say of them.

    Without --withdrawn only entries that stand are listed.
    """
    with connect() as client:
        member = client.profile.member
        wanted: list[Callable[[EntryDetail], bool]] = [lambda each: each.stands is not withdrawn]
        if mine:
            wanted.append(lambda each: each.entry.member == member)
        if since is not None:
            wanted.append(lambda each: each.entry.shared_at >= since)
        if labels:
            wanted.append(lambda each: not set(labels).isdisjoint(each.entry.labels))
        if disputed:
            wanted.append(lambda each: any(given.stance is Stance.DISPUTE for given in each.opinions))
        entries = client.entries(0 if after is None else after + 1)
        page, more = _page((each for each in entries if all(keeps(each) for keeps in wanted)), limit)
    if as_json:
        for each in page:
            emit(shown(each))
        return
    show_table(("entry", "shared at", "member", "labels", "opinions"), [_cells(each) for each in page])
    if more:
        click.echo(f"more follow: --after {page[-1].entry.index}", err=True)


@click.command(
    epilog=example(
        "hashpact log changes --since 1200 --profile lotus-forum",
        "hashpact log changes --since 1200 --json --profile lotus-forum | tail -1    (the next --since)",
    )
)
@click.option(
    "--since",
    metavar="SIZE",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The size of the log up to which the entries are known.",
)
@reading_options
@json_option
def changes(since: int, connect: Connect, *, as_json: bool) -> None:
    """List the entries that changed since the log had a size, as they stand now.

    Shows entries that were shared, withdrawn or voided since then, or got opinions. After the revocation of
    a key these are all that it may undo or restore. A mirror answers this, too.
    """
    found: dict[int, Sequence[str]] = {}
    with connect() as client:
        for page in client.changes(since):
            since = page.next
            for each in page.entries:
                if as_json:
                    emit({name: value for name, value in shown(each).items() if name != "types"})
                else:
                    found[each.entry.index] = _changed(each)
    if as_json:
        emit({"position": since})
        return
    columns = ("entry", "stands", "shared at", "member", "labels", "opinions")
    show_table(columns, [cells for _, cells in sorted(found.items())])
    click.echo(f"up to a log of size {since}: go on with --since {since}", err=True)


def _changed(detail: EntryDetail) -> Sequence[str]:
    entry, *others = _cells(detail)
    return entry, "yes" if detail.stands else "no", *others


def _page(entries: Iterator[EntryDetail], limit: int) -> tuple[list[EntryDetail], bool]:
    """The first entries, and whether another follows."""
    page: list[EntryDetail] = []
    for each in entries:
        if len(page) == limit:
            return page, True
        page.append(each)
    return page, False


def _cells(detail: EntryDetail) -> Sequence[str]:
    entry = detail.entry
    opinions = ", ".join(
        f"{given.member} {given.stance.value}" + (f" ({given.reason})" if given.reason else "")
        for given in detail.opinions
    )
    return str(entry.index), rfc3339(entry.shared_at), entry.member, ", ".join(entry.labels), opinions
