"""The commands practice, training, tally and review: what members report and publish."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from hashpact.cli.conduct.shown import read_file, show_document, state, times, zone_option
from hashpact.cli.options import (
    Connect,
    client_options,
    entry_index,
    example,
    json_option,
    moment,
    reading_options,
)
from hashpact.cli.output import emit, show_table
from hashpact.domain.conduct.answers import FiledDetail
from hashpact.domain.kinds import KINDS
from hashpact.domain.kinds.conduct.filed import Filed
from hashpact.domain.kinds.conduct.spelling import Heads

_COUNT: Final = re.compile(r"(\S+) +([0-9]{1,18}) +([0-9]{1,18}) +([0-9]{1,18})", re.ASCII)
"""A label and three numbers."""

_topics = click.option(
    "--topic", "topics", metavar="SLUG", multiple=True, required=True, help="May be repeated."
)


@click.group()
def practice() -> None:
    """Share documents about what works, with the members."""


@practice.command(epilog=example("hashpact practice share guide.txt --topic review --profile river-social"))
@click.argument("file", type=Path)
@_topics
@client_options
@json_option
def share(file: Path, topics: tuple[str, ...], connect: Connect, *, as_json: bool) -> None:
    """Share a document of at most 256 KiB."""
    from hashpact.member import papers

    state(connect, papers.practice(topics, read_file(file)), "practice shared", as_json=as_json)


@practice.command("show", epilog=example(f"hashpact practice show {'0' * 64} --profile acme-video"))
@click.argument("digest", metavar="SHA256")
@reading_options
@json_option
def show_practice(digest: str, connect: Connect, *, as_json: bool) -> None:
    """Print a document that a statement names, by the SHA-256 that the list has."""
    try:
        named = bytes.fromhex(digest)
    except ValueError:
        msg = f"{digest!r} is not a SHA-256 in hex"
        raise click.BadParameter(msg) from None
    with connect() as client:
        document = client.document(named)
    show_document(document, as_json=as_json)


@click.group()
def training() -> None:
    """Record that reviewers were trained."""


@training.command(
    epilog=example(
        "hashpact training record --topic children --month 2026-10 --heads 10-49 --profile acme-video"
    )
)
@_topics
@click.option("--month", metavar="YYYY-MM", required=True)
@click.option(
    "--heads", type=click.Choice([one.value for one in Heads]), required=True, help="About how many."
)
@client_options
@json_option
def record(topics: tuple[str, ...], month: str, heads: str, connect: Connect, *, as_json: bool) -> None:
    """Record a training."""
    from hashpact.member import papers

    state(connect, papers.training(topics, month, heads), f"training of {month} recorded", as_json=as_json)


@click.group()
def tally() -> None:
    """Report how many uploads were checked, and what became of the matches."""


@tally.command(
    "report",
    epilog=example(
        "hashpact tally report --month 2026-10 --checked 9000 --count 'hate 30 20 10' --profile acme-video"
    ),
)
@click.option("--month", metavar="YYYY-MM", required=True)
@click.option("--checked", type=click.IntRange(0), required=True, help="Uploads checked.")
@click.option(
    "--count",
    "counts",
    metavar="'LABEL N N N'",
    multiple=True,
    help="Of a label: uploads that matched, were acted on, were let stand; may be repeated.",
)
@click.option("--quarantined", type=click.IntRange(0), help="Entries that the mirror put into quarantine.")
@client_options
@json_option
def report_tally(  # noqa: PLR0913 - an argument for each option
    month: str,
    checked: int,
    counts: tuple[str, ...],
    quarantined: int | None,
    connect: Connect,
    *,
    as_json: bool,
) -> None:
    """Report a month, in the place of an earlier report of it."""
    from hashpact.member import papers

    by_label: dict[str, tuple[int, int, int]] = {}
    for count in counts:
        found = _COUNT.fullmatch(count)
        if found is None:
            msg = f"{count!r} is not a label and three numbers, such as 'hate 300 200 100'"
            raise click.BadParameter(msg)
        label, matched, acted, stood = found.groups()
        if label in by_label:
            msg = f"the label {label!r} is counted twice; add its numbers up"
            raise click.BadParameter(msg)
        by_label[label] = (int(matched), int(acted), int(stood))
    paper = papers.tally(month, checked, by_label, quarantined)
    state(connect, paper, f"tally of {month} reported", as_json=as_json)


@click.group()
def review() -> None:
    """Sign the joint review of a quarter, and state what was done."""


@review.command(
    epilog=example(
        "hashpact review sign 2026Q4 minutes.txt --action 'publish-methods 2027-02-01T00:00:00Z' "
        "--profile acme-video"
    )
)
@click.argument("quarter")
@click.argument("minutes", type=Path)
@click.option("--action", "actions", metavar="'SLUG TIME'", multiple=True, help="Agreed, and until when.")
@client_options
@json_option
def sign(quarter: str, minutes: Path, actions: tuple[str, ...], connect: Connect, *, as_json: bool) -> None:
    """Sign a review. Each member and authority that took part signs the same minutes and actions."""
    from hashpact.member import papers

    agreed: dict[str, int] = {}
    for action in actions:
        slug, _, until = action.partition(" ")
        if slug in agreed:
            msg = f"the action {slug!r} is named twice"
            raise click.BadParameter(msg)
        agreed[slug] = moment(until)
    state(
        connect,
        papers.review(quarter, read_file(minutes), agreed),
        f"review of {quarter} signed",
        as_json=as_json,
    )


@review.command(epilog=example("hashpact review done 80 publish-methods --by 91 --profile acme-video"))
@click.argument("review", metavar="REVIEW", type=entry_index)
@click.argument("action")
@click.option("--by", metavar="INDEX", type=entry_index, help="The statement that did it.")
@client_options
@json_option
def done(review: int, action: str, by: int | None, connect: Connect, *, as_json: bool) -> None:
    """State that an agreed action is done."""
    from hashpact.member import papers

    state(connect, papers.action_done(review, action, by=by), f"{action} done", as_json=as_json)


def _listing(group: click.Group, kind: str, many: str) -> None:
    """Add the command ``list`` for the statements of a kind."""

    @group.command("list", epilog=example(f"hashpact {group.name} list --profile acme-video"))
    @zone_option
    @reading_options
    @json_option
    def list_filings(zone: str, connect: Connect, *, as_json: bool) -> None:
        with connect() as client:
            found = list(client.filings(kind))
        if as_json:
            for one in found:
                emit(_fields(one, zone))
            return
        show_table(
            ("leaf", "member", "what"),
            [(str(one.filing.index), one.filing.member, _body(one).summary()) for one in found],
        )

    list_filings.help = f"List the {many} of all members."


def _body(detail: FiledDetail) -> Filed:
    kind = KINDS[detail.filing.kind]
    assert issubclass(kind, Filed)  # noqa: S101  # only such are listed
    return kind.read(detail.filing)


def _fields(detail: FiledDetail, zone: str) -> dict[str, object]:
    body = _body(detail)
    return {
        "index": detail.filing.index,
        "kind": detail.filing.kind,
        "member": detail.filing.member,
        "stands": detail.stands,
        **times("stated_at", detail.filing.moment, zone),
        "summary": body.summary(),
        "documents": [digest.hex() for digest in body.documents()],
    }


_listing(practice, "practice", "documents about what works")
_listing(training, "training", "trainings")
_listing(tally, "tally", "tallies")
_listing(review, "review", "signatures under reviews")
