"""Commands that only look at files: fingerprint, check."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final

import click

from hashpact.cli import exits
from hashpact.cli.options import Connect, client_options, example, files_argument, json_option
from hashpact.cli.output import complain, emit, error_fields, one_line, rfc3339, show_table, with_progress
from hashpact.cli.platform.partial import PartialCheck
from hashpact.cli.platform.pieces import STDIN
from hashpact.domain.checks import DEFAULT_LIMIT, MAX_LIMIT, Answer, Filter, Match, Query
from hashpact.domain.fingerprints import PARTS, TYPES, Fingerprint, Measure
from hashpact.domain.matching.strength import Strength
from hashpact.domain.matching.views import DERIVED, PictureView, views_named
from hashpact.domain.state import Basis
from hashpact.errors import InvalidInputError
from hashpact.fingerprint.content import Fingerprinted, fingerprints_of
from hashpact.fingerprint.sniff import Kind

_BASES: Final = click.Choice([basis.value for basis in Basis])
_TYPES: Final = click.Choice([name for name in TYPES if name != PARTS.name])
_SHARES: Final = {Measure.JACCARD: "similarity", Measure.CONTAINMENT: "share"}
_SCORES: Final = {**_SHARES, Measure.POINTS: "points"}
_ALL: Final = "all"
_NONE: Final = "none"


class _Files:
    """The fingerprints of one piece of content after the other; one without any is reported and skipped."""

    def __init__(
        self,
        names: Sequence[str],
        types: Sequence[str] | None,
        views: Collection[PictureView] = (),
        *,
        as_json: bool,
    ) -> None:
        self._names = names
        self._types = types or None
        self._views = views
        self._as_json = as_json
        self.key: bytes | None = None
        """The key of the log that is asked, for folded/1."""
        self.failed = False

    def __iter__(self) -> Iterator[tuple[str, Fingerprinted]]:
        for name in with_progress(self._names, "files", len(self._names)):
            content = sys.stdin.buffer if name == STDIN else name
            try:
                found = fingerprints_of(content, self._types, views=self._views, key=self.key)
            except InvalidInputError as error:
                self.failed = True
                if self._as_json:
                    emit({"file": name, "error": error_fields(error)})
                else:
                    complain(error.message)
            else:
                show_warnings(name, found)
                yield name, found


@click.command(epilog=example("hashpact fingerprint --type pdq/1 photo.jpg"))
@files_argument
@click.option("--type", "types", type=_TYPES, multiple=True, help="Only this type; may be repeated.")
@json_option
def fingerprint(files: tuple[str, ...], types: tuple[str, ...], *, as_json: bool) -> None:
    """Fingerprint files; nothing leaves this machine.

    A picture has pdq/1 and phash/1, a text minhash/1 and winnow/1, every file sha256/1 and md5/1. Of winnow/1
    all hashes are shown that a check has; an entry holds the first 128. A type that this content cannot have
    is named with the reason.
    """
    work = _Files(files, types, as_json=as_json)
    for path, found in work:
        if as_json:
            shown = [_shown(each) for each in found.fingerprints]
            emit({"file": path, "fingerprints": shown, **limits_of(found)})
            continue
        for each in found.fingerprints:
            quality = "" if each.quality is None else f" quality {each.quality}"
            click.echo(f"{one_line(path)}: {each.type.name} {each.value.hex()}{quality}")
    if work.failed:
        raise click.exceptions.Exit(exits.MISUSED)


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
@click.option("--without-disowned", is_flag=True, help="Leave out entries that their authority disowns.")
@click.option(
    "--min-position",
    metavar="SIZE",
    type=click.IntRange(min=0),
    default=0,
    help="A receipt's tree_size to reflect.",
)
@click.option(
    "--max-distance",
    metavar="BITS",
    type=click.IntRange(min=0),
    help="Of pdq/1 and phash/1, how many bits may differ. [31 and 6]",
)
@click.option(
    "--min-similarity",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    help="Of minhash/1, how much must be alike. [0.6, of short texts 0.4 to 0.5]",
)
@click.option(
    "--min-share",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    help="Of winnow/1, how much of the shared text the file must contain. [0.5]",
)
@click.option("--type", "types", type=_TYPES, multiple=True, help="Only this type; may be repeated.")
@click.option(
    "--views",
    metavar="NAMES",
    default=_ALL,
    callback=lambda _context, _option, value: _views(value),
    help=f"Views of a picture, with commas between: {', '.join(view.value for view in DERIVED)}. [all]",
)
@click.option("--parts", is_flag=True, help="Find pictures that a picture shows a part of, or has inside.")
@click.option(
    "--strength",
    type=click.Choice([each.value for each in Strength]),
    default=Strength.POSSIBLE.value,
    show_default=True,
    help="The weakest matches to show.",
)
@click.option("--explain", is_flag=True, help="Say of each match what is alike, and what that means.")
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
    max_distance: int | None,
    min_similarity: float | None,
    min_share: float | None,
    types: tuple[str, ...],
    views: frozenset[PictureView],
    strength: str,
    connect: Connect,
    *,
    without_disputed: bool,
    without_disowned: bool,
    parts: bool,
    explain: bool,
    as_json: bool,
) -> None:
    """Look for shared entries that files are copies of; - is one piece of content on standard input.

    Only fingerprints are sent, and the server keeps none of them. A picture is also looked for as it was
    before somebody may have framed, cropped, turned or screenshotted it: in views. A match is a signal, never
    a verdict. The exit status is 0 if anything matched, 1 if nothing did, and 2 if a file could not be read.

    A match of parts/1 is a possible partial copy: so many points agree. Then the removed picture's keypoints
    are read, and compared at the pixels: with an agreement under one half, it is another picture.
    """
    narrow = Filter(
        frozenset(labels),
        frozenset(bases),
        frozenset(jurisdictions),
        min_endorsed_by,
        without_disputed,
        without_disowned,
    )
    if parts and STDIN in files:
        msg = "--parts reads a picture twice, and standard input only once; name a file"
        raise click.UsageError(msg)
    work = _Files(files, types, views, as_json=as_json)
    matched = False
    with connect() as client:
        work.key = client.profile.genesis
        for path, found in work:
            partial = PartialCheck(path, path, found.kind if parts else Kind.OTHER)
            looked_for = (*found.queries, *map(Query, partial.queries))
            queries = [_within(each, max_distance, min_similarity, min_share) for each in looked_for]
            answer = client.check(
                queries, filter=narrow, limit=limit, min_position=min_position, strength=strength
            )
            matched = matched or bool(answer.matches)
            agreed = partial.agreements(client, answer.matches, len(looked_for) - 1)
            if as_json:
                matches = [_match(each, agreed) for each in answer.matches]
                bounded = {"truncated": True} if answer.truncated else {}
                emit(
                    {
                        "file": path,
                        "position": answer.position,
                        "matches": matches,
                        **bounded,
                        **limits_of(found),
                    }
                )
            else:
                _show_answer(path, answer, agreed)
                for each in answer.matches if explain else ():
                    click.echo(f"{each.entry} by {each.type}, {each.strength}: {each.reason}")
    if work.failed or not matched:
        raise click.exceptions.Exit(exits.MISUSED if work.failed else exits.NO)


def show_warnings(name: str, found: Fingerprinted) -> None:
    """Print, on stderr, which types content cannot have, and as what it could not be read."""
    for message in (*found.warnings, *(reason for _, reason in found.refused)):
        complain(f"{name!r}: {message}")


def limits_of(found: Fingerprinted) -> dict[str, object]:
    """The same for JSON: only what there is."""
    shown: dict[str, object] = {}
    if found.refused:
        shown["refused"] = [{"type": name, "reason": reason} for name, reason in found.refused]
    if found.warnings:
        shown["warnings"] = list(found.warnings)
    return shown


def _views(names: str) -> frozenset[PictureView]:
    """The views that an option names: with commas between, or all, or none."""
    if names in (_ALL, _NONE):
        return frozenset(DERIVED if names == _ALL else ())
    try:
        return views_named(names.replace(" ", "").split(","))
    except InvalidInputError as error:
        msg = f"{error.message}, or {_ALL} or {_NONE}"
        raise click.BadParameter(msg) from error


def _within(query: Query, distance: int | None, similarity: float | None, share: float | None) -> Query:
    """The query with the threshold of an option, at most its type's ceiling; views keep one that is less."""
    kind = query.fingerprint.type
    match kind.measure:
        case Measure.HAMMING if distance is not None:
            widest = kind.ceiling if query.view is PictureView.WHOLE else kind.threshold(query.threshold)
            return replace(query, threshold=min(distance, widest))
        case Measure.JACCARD if similarity is not None:
            return replace(query, threshold=max(similarity, kind.ceiling))
        case Measure.CONTAINMENT if share is not None:
            return replace(query, threshold=max(share, kind.ceiling))
        case _:
            return query


def _shown(fingerprint: Fingerprint) -> dict[str, object]:
    shown: dict[str, object] = {"type": fingerprint.type.name, "value": fingerprint.value.hex()}
    if fingerprint.quality is not None:
        shown["quality"] = fingerprint.quality
    return shown


def _match(match: Match, agreed: Mapping[int, float]) -> dict[str, object]:
    name = _SCORES.get(match.measure, "distance")
    place = {} if match.transform is None else {"transform": asdict(match.transform)}
    seen = {"agreement": round(agreed[match.entry], 4)} if place and match.entry in agreed else {}
    return {
        "entry": match.entry,
        "type": match.type,
        name: round(match.score, 4) if match.measure in _SHARES else int(match.score),
        **place,
        **seen,
        "view": match.view.value,
        **({} if match.strength is None else {"strength": match.strength.value, "reason": match.reason}),
        "labels": list(match.labels),
        "basis": match.basis,
        "member": match.member,
        "endorsed_by": match.endorsed_by,
        "disputed_by": match.disputed_by,
        "shared_at": rfc3339(match.shared_at),
        **({"disowned": True} if match.disowned else {}),
    }


def _show_answer(path: str, answer: Answer, agreed: Mapping[int, float]) -> None:
    entries: dict[int, list[Match]] = {}
    for match in answer.matches:  # nearest first
        entries.setdefault(match.entry, []).append(match)
    count = len(entries)
    what = "no match" if not count else "1 entry" if count == 1 else f"{count} entries"
    click.echo(f"{one_line(path)}: {what} at position {answer.position}")
    if answer.truncated:
        complain(f"{one_line(path)!r}: too much is near it to consider all; there may be further matches")
    if entries:
        show_table(
            ("entry", "strength", "near by", "labels", "basis", "member", "for", "against"),
            ([str(cell) for cell in _cells(matches, agreed)] for matches in entries.values()),
        )


def _cells(matches: Sequence[Match], agreed: Mapping[int, float]) -> tuple[object, ...]:
    """An entry's row: the nearest match of each type, and what members say of the entry."""
    first = matches[0]
    near: dict[str, str] = {}
    for match in matches:
        score = f"{match.score:.2f}" if match.measure in _SHARES else str(int(match.score))
        if match.transform is not None and match.entry in agreed:
            score += f" ({agreed[match.entry]:.0%} at the pixels)"
        view = "" if match.view is PictureView.WHOLE else f" {match.view.value}"
        near.setdefault(match.type, view if match.measure is Measure.EQUALITY else f" {score}{view}")
    strengths = [match.strength for match in matches if match.strength is not None]
    return (
        first.entry,
        next((each.value for each in Strength if each in strengths), ""),
        ", ".join(f"{name}{score}" for name, score in near.items()),
        ", ".join(first.labels),
        first.basis,
        first.member,
        first.endorsed_by,
        f"{first.disputed_by}, disowned" if first.disowned else first.disputed_by,
    )
