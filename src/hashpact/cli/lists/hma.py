"""The command that copies the contents of a Hasher-Matcher-Actioner into a file."""

from __future__ import annotations

import contextlib
import json
import os
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from hashpact.cli.options import example, json_option
from hashpact.cli.output import emit, one_line, progress_of
from hashpact.durable import claimed
from hashpact.errors import ConfigError, InvalidInputError, MalformedError
from hashpact.settings import URL

_BEGINNING: Final = b'{"id":'
"""How every line of a copy begins."""
_MAX_LINE: Final = 16 << 20
"""Bytes of a line: escapes make an answer of 4 MiB at most three times as long."""


@click.command(
    "copy",
    epilog=example(
        "hashpact hma copy http://127.0.0.1:5000 contents.jsonl",
        "hashpact import hma contents.jsonl --private ours --profile acme-video      (then)",
    ),
)
@click.argument("url", metavar="URL")
@click.argument("file", metavar="FILE", type=Path)
@json_option
def copy_hma(url: str, file: Path, *, as_json: bool) -> None:
    """Copy the contents of an HMA into a file, for: hashpact import hma.

    HMA has no route that lists contents, so this asks for one id after another. Signals, banks and the names
    of exchanges are copied; notes and other metadata are not. A file that is there already is continued
    after its last content, so a copy that was interrupted goes on.
    """
    from hashpact.http.hma import HmaContents

    if not URL.fullmatch(url):
        msg = (
            "URL is an http or https address without user, query and fragment, such as http://127.0.0.1:5000"
        )
        raise InvalidInputError(msg, field="url")
    with _extended(file) as out, closing(HmaContents(url)) as contents, progress_of("contents") as progress:
        before, copied = _continued(out, file)
        count, last = before, copied[-1]["id"] if copied else 0
        for content in contents.after(copied):
            count, last = count + 1, content["id"]
            out.write(json.dumps(content, separators=(",", ":")).encode() + b"\n")
            progress(count, 0)
    if as_json:
        emit({"file": str(file), "contents": count, "new": count - before, "last": last})
    else:
        click.echo(f"{count} contents in {one_line(str(file))}, {count - before} of them new")


@contextlib.contextmanager
def _extended(file: Path) -> Iterator[BinaryIO]:
    """A file to read and extend, for its owner if it is new; on the disk when the block ends well.

    Raises ConfigError if it cannot be opened or written, or if another process extends it.
    """
    with claimed(file) as mine:
        if not mine:
            msg = f"another process is copying into {file}; wait until it is done"
            raise ConfigError(msg, field="file")
        try:
            with file.open("r+b") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            msg = f"cannot write {file}: {error.strerror}; check the disk"
            raise ConfigError(msg, field="file") from error


def _continued(out: BinaryIO, file: Path) -> tuple[int, list[dict[str, Any]]]:
    """How many contents a file has, and the last of them; a last line that is broken off is removed."""
    from hashpact.http.hma import LATEST, copy_of

    count = whole = 0
    latest: deque[dict[str, Any]] = deque(maxlen=LATEST)
    while line := out.readline(_MAX_LINE):
        try:
            found = copy_of(json.loads(line))
            if latest and found["id"] <= latest[-1]["id"]:
                raise ValueError  # noqa: TRY301 - the error below is that of all such lines
        except (ValueError, RecursionError) as error:
            if isinstance(error, json.JSONDecodeError) and _is_broken_off(line):
                break
            msg = (
                f"line {count + 1} of {one_line(str(file))} is no content of an HMA, or not in the order of "
                "their ids: name another file"
            )
            raise MalformedError(msg, field="file") from error
        if not line.endswith(b"\n"):
            break
        latest.append(found)
        count, whole = count + 1, whole + len(line)
    out.seek(whole)
    out.truncate()
    return count, list(latest)


def _is_broken_off(line: bytes) -> bool:
    """Whether a line is the beginning of one that a copy writes."""
    begins = line.startswith(_BEGINNING) or _BEGINNING.startswith(line)
    return begins and not line.endswith(b"\n") and len(line) < _MAX_LINE
