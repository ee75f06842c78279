"""The command that looks for shared entries that files are copies of."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import click

from hashpact.cli import exits
from hashpact.cli.accountable import Accountable, accountable_options
from hashpact.cli.found import age_of, emit_result, explained, show_result
from hashpact.cli.narrowing import narrowing_options
from hashpact.cli.options import Connect, checking_options, example, json_option
from hashpact.cli.output import with_progress
from hashpact.cli.platform.content import TYPE_CHOICE, ocr_option, show_unread, show_warnings
from hashpact.cli.platform.partial import PartialCheck
from hashpact.cli.platform.pieces import STDIN
from hashpact.cli.platform.walking import below
from hashpact.domain.checks import DEFAULT_LIMIT, MAX_LIMIT, Filter, Query
from hashpact.domain.fingerprints import Measure
from hashpact.domain.matching.strength import Strength
from hashpact.domain.matching.views import DERIVED, PictureView, views_named
from hashpact.errors import HashpactError, InvalidInputError, UnusableContentError
from hashpact.fingerprint.content import Fingerprinted
from hashpact.fingerprint.source import Content

if TYPE_CHECKING:
    from hashpact.member.checking.results import CheckResult
    from hashpact.member.clients import Client

_ALL: Final = "all"
_NONE: Final = "none"


@dataclass(slots=True)
class _Work:
    """The names that a command was given, with all files below the directories among them.

    ``read`` and ``matched`` count files, and ``unread`` what could not be read, directories among it.
    """

    given: Sequence[str]
    as_json: bool
    read: int = 0
    matched: int = 0
    unread: int = 0
    position: int = 0
    old: str = ""
    directories: bool = field(init=False)

    def __post_init__(self) -> None:
        """Look at the names."""
        self.directories = any(map(os.path.isdir, self.given))

    def contents(self) -> Iterator[Content]:
        """Each file's path, or standard input, with a progress bar."""
        total = None
        if sys.stderr.isatty():
            total = sum(1 for _ in self._names(lambda _: None))
        few = self.directories and not self.as_json
        for name in with_progress(self._names(self._unlisted), "files", total, few=few):
            yield sys.stdin.buffer if name == STDIN else name

    def count(self, result: CheckResult) -> None:
        """A file was checked."""
        self.read += 1
        self.matched += bool(result.matches)
        self.position = max(self.position, result.position)
        self.old = age_of(result)

    def summary(self) -> str:
        """How many files there were, in a line."""
        files = "1 file" if self.read == 1 else f"{self.read} files"
        where = f" at position {self.position}{self.old}" if self.read else ""
        unread = f", {self.unread} could not be read" if self.unread else ""
        return f"{files} checked{where}: {self.matched} matched{unread}"

    def failed(self, name: str, error: HashpactError) -> None:
        """Something could not be read."""
        self.unread += 1
        show_unread(name, error, as_json=self.as_json)

    def status(self) -> int:
        """The exit status."""
        return exits.MISUSED if self.unread else exits.OK if self.matched else exits.NO

    def _names(self, failed: Callable[[OSError], None]) -> Iterator[str]:
        for name in self.given:
            yield from below(name, failed) if os.path.isdir(name) else (name,)  # noqa: PTH112 - any bytes

    def _unlisted(self, error: OSError) -> None:
        name = os.fsdecode(error.filename)
        msg = f"{name!r}: cannot be listed: {error.strerror}"
        self.failed(name, UnusableContentError(msg, field="content"))


@dataclass(slots=True)
class _Looking:
    """What is looked for of each file: within the thresholds of options, and by parts if asked for."""

    max_distance: int | None
    min_similarity: float | None
    min_share: float | None
    parts: bool
    waiting: deque[tuple[PartialCheck, int]] = field(default_factory=deque)
    """The partial checks of files whose results are still to come, with their numbers of queries."""

    def queries(self, content: Content, made: Fingerprinted) -> Iterable[Query]:
        """The queries of a file."""
        found = [*made.queries]
        if self.parts:
            partial = PartialCheck(name_of(content), content, made.kind)
            found += partial.queries
            self.waiting.append((partial, len(found)))
        return [self._within(each) for each in found]

    def compared(self, client: Client, result: CheckResult) -> tuple[CheckResult, dict[int, float]]:
        """The next file that was read with the matches that its pixels leave, and what they say of these."""
        if not self.parts:
            return result, {}
        partial, queries = self.waiting.popleft()
        found = partial.compared(client, result.matches, queries - 1)
        answer = replace(result.answer, matches=tuple(found.matches))
        return replace(result, answer=answer), found.agreed

    def forget(self, result: CheckResult) -> None:
        """The next file was not checked: its partial check is not needed, if it was read."""
        if self.parts and result.made is not None:
            self.waiting.popleft()

    def _within(self, query: Query) -> Query:
        """The query within an option's threshold, at most its type's ceiling; views keep one that is less."""
        kind = query.fingerprint.type
        match kind.measure:
            case Measure.HAMMING if self.max_distance is not None:
                widest = kind.ceiling if query.view is PictureView.WHOLE else kind.threshold(query.threshold)
                return replace(query, threshold=min(self.max_distance, widest))
            case Measure.JACCARD if self.min_similarity is not None:
                return replace(query, threshold=max(self.min_similarity, kind.ceiling))
            case Measure.CONTAINMENT if self.min_share is not None:
                return replace(query, threshold=max(self.min_share, kind.ceiling))
            case _:
                return query


@click.command(
    epilog=example(
        "hashpact check --json --without-disputed --profile lotus-forum upload.jpg",
        "hashpact check --profile lotus-forum /srv/uploads",
        "hashpact check --mirror /srv/mirror upload.jpg",
    )
)
@click.argument("files", metavar="FILE|DIR...", nargs=-1, required=True)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="Matches a file.",
)
@narrowing_options
@click.option(
    "--min-position",
    metavar="SIZE",
    type=click.IntRange(min=0),
    default=0,
    help="A receipt's tree_size to reflect.",
)
@click.option(
    "--reference",
    metavar="NAME",
    default="",
    help="For a mirror that keeps a window: your name for the one file, in at most 64 bytes.",
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
@click.option("--type", "types", type=TYPE_CHOICE, multiple=True, help="Only this type; may be repeated.")
@click.option(
    "--views",
    metavar="NAMES",
    default=_ALL,
    callback=lambda _context, _option, value: _views(value),
    help=f"Views of a picture, with commas between: {', '.join(view.value for view in DERIVED)}. [all]",
)
@click.option("--parts", is_flag=True, help="Find pictures that a picture shows a part of, or has inside.")
@ocr_option
@click.option(
    "--strength",
    type=click.Choice([each.value for each in Strength]),
    default=Strength.POSSIBLE.value,
    show_default=True,
    help="The weakest matches to show.",
)
@click.option("--explain", is_flag=True, help="Say of each match what is alike, and what that means.")
@accountable_options
@checking_options
@json_option
def check(  # noqa: PLR0913, PLR0917 - an argument for each option
    files: tuple[str, ...],
    limit: int,
    min_position: int,
    reference: str,
    max_distance: int | None,
    min_similarity: float | None,
    min_share: float | None,
    types: tuple[str, ...],
    views: frozenset[PictureView],
    strength: str,
    connect: Connect,
    accountable: Accountable,
    narrow: Filter,
    *,
    mirrored: bool,
    parts: bool,
    ocr: bool,
    explain: bool,
    as_json: bool,
) -> None:
    """Look for shared entries that files are copies of; - is one piece of content on standard input.

    Only fingerprints are sent, each with the view that it is of, and the server keeps none of them. A picture
    is also looked for as it was before somebody may have framed, cropped, turned or screenshotted it: in
    views. A match is a signal, never a verdict. The exit status is 0 if anything matched, 1 if nothing did,
    and 2 if a file could not be read.

    Of a directory, every file below it is checked. Names that begin with a dot, and links that lead out of
    the directory, are passed over. Each file with a match has a line, with its nearest entry, and the last
    line counts the files; --json shows every file. A file that cannot be read does not stop the others.

    A match of parts/1 is a possible partial copy: so many points agree. Then the removed picture's keypoints
    are read, and compared at the pixels: a copy has an agreement of at least 1 - points/16, and at least 0.4.
    With fewer than 8 points, nothing else is shown.

    With --ocr, the text in a picture is looked for too, as submit --ocr has shared it: screenshots of one
    layout differ in little else.
    """
    if parts and STDIN in files:
        msg = "--parts reads a picture twice, and standard input only once; name a file"
        raise click.UsageError(msg)
    if mirrored and accountable.asked:
        msg = "a mirror signs nothing: leave out --mirror, or --attest, --answers and --prove"
        raise click.UsageError(msg)
    work = _Work(files, as_json)
    looking = _Looking(max_distance, min_similarity, min_share, parts)
    with connect() as client:
        results = client.check_files(
            work.contents(),
            types=types or None,
            views=views,
            ocr=ocr,
            queries=accountable.watching(looking.queries),
            filter=narrow,
            limit=limit,
            min_position=min_position,
            strength=strength,
            keep=accountable.store(client),
            reference=reference,
        )
        for result in results:
            name = name_of(result.content)
            if result.made is None or result.error is not None:
                assert result.error is not None  # noqa: S101 - else it would have been read
                looking.forget(result)
                work.failed(name, result.error)
                continue
            show_warnings(name, result.made)
            accountable.prove(client, result)
            result, agreed = looking.compared(client, result)  # noqa: PLW2901 - with fewer matches
            work.count(result)
            if as_json:
                emit_result(name, result, agreed)
            else:
                show_result(name, result, agreed, rows=work.directories)
                for each in result.matches if explain else ():
                    click.echo(explained(each))
    if work.directories and not as_json:
        click.echo(work.summary())
    raise click.exceptions.Exit(work.status())


def name_of(content: Content) -> str:
    """The name by which content was given."""
    return content if isinstance(content, str) else STDIN


def _views(names: str) -> frozenset[PictureView]:
    """The views that an option names: with commas between, or all, or none."""
    if names in (_ALL, _NONE):
        return frozenset(DERIVED if names == _ALL else ())
    try:
        return views_named(names.replace(" ", "").split(","))
    except InvalidInputError as error:
        msg = f"{error.message}, or {_ALL} or {_NONE}"
        raise click.BadParameter(msg) from error
