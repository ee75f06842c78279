"""Commands that only look at files: fingerprint, check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import click

from hashpact.cli.options import Connect, client_options, example, files_argument, json_option
from hashpact.cli.output import complain, emit, one_line, rfc3339, show_table, with_progress
from hashpact.domain.checks import DEFAULT_LIMIT, MAX_LIMIT, Answer, Filter, Match
from hashpact.domain.fingerprints import TYPES, Fingerprint, Measure
from hashpact.domain.state import Basis
from hashpact.errors import InvalidInputError
from hashpact.fingerprint.content import Fingerprinted, fingerprints_of

_BASES: Final = click.Choice([basis.value for basis in Basis])
_TYPES: Final = click.Choice(list(TYPES))


class _Files:
    """The fingerprints of one file after the other; a file that has none is complained of and passed over."""

    def __init__(
        self, paths: Sequence[str], types: Sequence[str] | None = None, *, variants: bool = False
    ) -> None:
        self._paths = paths
        self._types = types
        self._variants = variants
        self.failed = False

    def __iter__(self) -> Iterator[tuple[str, Fingerprinted]]:
        for path in with_progress(self._paths, "files", len(self._paths)):
            try:
                found = fingerprints_of(path, self._types, variants=self._variants)
            except InvalidInputError as error:
                complain(error.message)
                self.failed = True
            else:
                yield path, found

    def close(self) -> None:
        """End the command: with exit status 1 if a file was passed over."""
        if self.failed:
            raise click.exceptions.Exit(1)


@click.command(epilog=example("hashpact fingerprint --type pdq/1 photo.jpg"))
@files_argument
@click.option("--type", "types", type=_TYPES, multiple=True, help="Only this type; may be repeated.")
@json_option
def fingerprint(files: tuple[str, ...], types: tuple[str, ...], *, as_json: bool) -> None:
    """Fingerprint files; nothing leaves this machine.

    A picture has pdq/1 and phash/1, a text minhash/1, every file sha256/1 and md5/1. A type that this
    content cannot have is named with the reason.
    """
    work = _Files(files, types or None)
    for path, found in work:
        if as_json:
            line: dict[str, object] = {
                "file": path,
                "fingerprints": [_shown(each) for each in found.fingerprints],
            }
            if found.refused:
                line["refused"] = [{"type": name, "reason": reason} for name, reason in found.refused]
            emit(line)
            continue
        for each in found.fingerprints:
            quality = "" if each.quality is None else f" quality {each.quality}"
            click.echo(f"{one_line(path)}: {each.type.name} {each.value.hex()}{quality}")
        _tell_refused(path, found)
    work.close()


@click.command(epilog=example("hashpact check --json --without-disputed --profile lotus-forum upload.jpg"))
@files_argument
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="Matches a file.",
)
@click.option(
    "--label", "labels", metavar="LABEL", multiple=True, help="Only entries with it; may be repeated."
)
@click.option("--basis", "bases", type=_BASES, multiple=True, help="Only entries removed on this basis.")
@click.option(
    "--jurisdiction", "jurisdictions", metavar="CC", multiple=True, help="Only entries that name it."
)
@click.option(
    "--min-endorsed-by", metavar="N", type=click.IntRange(min=0), default=0, help="Only entries so endorsed."
)
@click.option("--without-disputed", is_flag=True, help="Leave out entries that any member disputes.")
@click.option(
    "--min-position",
    metavar="SIZE",
    type=click.IntRange(min=0),
    default=0,
    help="A receipt's tree_size to reflect.",
)
@click.option("--variants", is_flag=True, help="Find a picture's copies that were mirrored or turned, too.")
@client_options
@json_option
def check(  # noqa: PLR0913, PLR0917 - an argument for each option
    files: tuple[str, ...],
    limit: int,
    labels: tuple[str, ...],
    bases: tuple[str, ...],
    jurisdictions: tuple[str, ...],
    min_endorsed_by: int,
    min_position: int,
    connect: Connect,
    *,
    without_disputed: bool,
    variants: bool,
    as_json: bool,
) -> None:
    """Look for shared entries that files are copies of.

    Only fingerprints are sent, and the server keeps none of them. A match is a signal, never a verdict: the
    exit status is 0 with matches and without.
    """
    narrow = Filter(
        frozenset(labels), frozenset(bases), frozenset(jurisdictions), min_endorsed_by, without_disputed
    )
    work = _Files(files, variants=variants)
    with connect() as client:
        for path, found in work:
            queries = (*found.fingerprints, *found.variants)
            answer = client.check(queries, filter=narrow, limit=limit, min_position=min_position)
            if as_json:
                matches = [_match(each) for each in answer.matches]
                emit({"file": path, "position": answer.position, "matches": matches})
            else:
                _show_answer(path, answer)
    work.close()


def _shown(fingerprint: Fingerprint) -> dict[str, object]:
    shown: dict[str, object] = {"type": fingerprint.type.name, "value": fingerprint.value.hex()}
    if fingerprint.quality is not None:
        shown["quality"] = fingerprint.quality
    return shown


def _tell_refused(path: str, found: Fingerprinted) -> None:
    for _, reason in found.refused:
        complain(f"{path!r}: {reason}")


def _match(match: Match) -> dict[str, object]:
    alike = match.measure is Measure.JACCARD
    return {
        "entry": match.entry,
        "type": match.type,
        **({"similarity": round(match.score, 4)} if alike else {"distance": int(match.score)}),
        "labels": list(match.labels),
        "basis": match.basis,
        "member": match.member,
        "endorsed_by": match.endorsed_by,
        "disputed_by": match.disputed_by,
        "shared_at": rfc3339(match.shared_at),
    }


def _show_answer(path: str, answer: Answer) -> None:
    count = len(answer.matches)
    told = "no match" if not count else "1 match" if count == 1 else f"{count} matches"
    click.echo(f"{one_line(path)}: {told} at position {answer.position}")
    if count:
        show_table(
            ("entry", "type", "nearness", "labels", "basis", "member", "endorsed", "disputed", "shared at"),
            ([str(cell) for cell in _cells(match)] for match in answer.matches),
        )


def _cells(match: Match) -> tuple[object, ...]:
    alike = match.measure is Measure.JACCARD
    return (
        match.entry,
        match.type,
        f"similarity {match.score:.2f}" if alike else f"distance {int(match.score)}",
        ", ".join(match.labels),
        match.basis,
        match.member,
        match.endorsed_by,
        match.disputed_by,
        rfc3339(match.shared_at),
    )
