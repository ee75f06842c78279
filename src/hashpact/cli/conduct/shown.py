"""How matters of the code of conduct are shown: times in UTC and in a zone, words, and what was stated."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import sys
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

from hashpact.cli.options import Connect, moment
from hashpact.cli.output import emit, one_line, receipt_fields, rfc3339
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.kinds.conduct.words import parse_words
from hashpact.errors import ConfigError, MalformedError

if TYPE_CHECKING:
    from hashpact.domain.conduct.answers import FiledDetail
    from hashpact.member.author import Paper

Command = TypeVar("Command", bound=Callable[..., Any])

ZONE: Final = "Asia/Ho_Chi_Minh"
"""The zone in which times are shown beside UTC, unless another is asked for."""

zone_option: Final = click.option(
    "--zone",
    metavar="ZONE",
    default=ZONE,
    show_default=True,
    help="Show times in this zone too, such as Europe/Berlin.",
)
standing_option: Final = click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([standing.value for standing in Standing]),
    help="Only those in this state; may be repeated.",
)
due_option: Final = click.option(
    "--due-before", metavar="TIME", type=moment, help="Only those due before then: RFC 3339, or Unix."
)


def explanation_options(command: Command) -> Command:
    """``--explanation`` and ``--explanation-file``; the command gets the text as ``explanation``."""

    @functools.wraps(command)
    def explained(
        *,
        explanation: str | None,
        explanation_file: Path | None,
        **rest: Any,  # noqa: ANN401  # click's
    ) -> Any:  # noqa: ANN401  # click's
        if explanation is not None and explanation_file is not None:
            msg = "give --explanation or --explanation-file, not both"
            raise click.UsageError(msg)
        text = explanation if explanation_file is None else read_text(explanation_file)
        return command(explanation=text, **rest)

    for option in (
        click.option("--explanation", metavar="TEXT", help="Why; only those whom it concerns read it."),
        click.option(
            "--explanation-file", metavar="FILE", type=Path, help="Read it from there; - is standard input."
        ),
    ):
        explained = option(explained)
    return cast("Command", explained)


def read_text(path: Path) -> str:
    """The text of a file. Raises ConfigError, MalformedError."""
    try:
        return read_file(path).decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path} is not a text in UTF-8"
        raise MalformedError(msg, field="explanation") from error


def read_file(path: Path) -> bytes:
    """The bytes of a file; ``-`` is standard input. Raises ConfigError."""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        raise ConfigError(msg) from error


def local(unix: int, zone: str) -> str:
    """A time in that zone, such as 2026-11-30 17:00:00 +0700. Raises click.UsageError for no zone."""
    named = zone_named(zone)
    try:
        return dt.datetime.fromtimestamp(unix, named).strftime("%Y-%m-%d %H:%M:%S %z")
    except (ValueError, OverflowError, OSError):  # past the year 9999
        return str(unix)


def zone_named(zone: str) -> zoneinfo.ZoneInfo:
    """The time zone of that name. Raises click.UsageError if this machine has none."""
    try:
        return zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        msg = (
            f"no time zone {zone!r} on this machine; name another with --zone, or install the zones (tzdata)"
        )
        raise click.UsageError(msg) from None


def times(name: str, unix: int | None, zone: str) -> dict[str, object]:
    """A time for JSON: in UTC, and in the zone."""
    if unix is None:
        return {name: None, f"{name}_local": None}
    return {name: rfc3339(unix), f"{name}_local": local(unix, zone)}


def words_of(detail: FiledDetail) -> dict[str, object]:
    """The words of a statement; none if they are withheld, or there are none."""
    for part in reversed(detail.private):
        if part.startswith(b"hashpact/words/"):
            words = parse_words(part)
            return {name: getattr(words, name) for name in sorted(words.given())}
    return {"words_withheld": True} if detail.withheld else {}


def state(connect: Connect, paper: Paper, what: str, *, as_json: bool) -> None:
    """State something, and say where it is in the log."""
    with connect() as client:
        receipt = client.state(paper)
    if as_json:
        emit({"stated": what, **receipt_fields(receipt)})
    else:
        click.echo(f"{what}: leaf {receipt.index}")


def show(fields: dict[str, object]) -> None:
    """Fields for people, one a line."""
    for name, value in fields.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(value, bool):
            text = "yes" if value else "no"
        click.echo(f"{name.replace('_', ' '):18}{'-' if text in (None, '') else text}")


def show_document(document: bytes, *, as_json: bool) -> None:
    """A document that a member wrote: its bytes into a pipe or a file, its lines at a terminal."""
    if as_json:
        digest = hashlib.sha256(document).hexdigest()
        emit({"sha256": digest, "text": document.decode("utf-8", "replace")})
    elif sys.stdout.isatty():  # it must not move the terminal's cursor
        for line in document.decode("utf-8", "replace").splitlines():
            click.echo(one_line(line))
    else:
        click.echo(document, nl=False)
